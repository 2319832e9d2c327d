/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/listen_queue.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel fills at most this much of a dump at once. */
#define ANSWER_BYTES (32u * 1024u)
/* The answer is there when the question was sent; this is for a kernel that is in trouble. */
#define ANSWER_TIMEOUT_MS 200

struct listen_queue {
    int fd;
    uint32_t sequence;
    _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES];
};

struct asked {
    const struct address *services;
    uint32_t service_count;
    struct listen_queue_state state;
};

enum err listen_queue_open(struct listen_queue **ret)
{
    struct listen_queue *q = calloc(1, sizeof *q);
    if (q == NULL)
        return ERR_MEMORY;
    const struct timeval timeout = {.tv_usec = ANSWER_TIMEOUT_MS * 1000};
    q->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (q->fd < 0 || setsockopt(q->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0) {
        int saved = errno;
        listen_queue_close(q);
        errno = saved;
        return ERR_IO;
    }
    *ret = q;
    return ERR_OK;
}

struct listen_queue *listen_queue_close(struct listen_queue *q)
{
    if (q != NULL && q->fd >= 0)
        close(q->fd);
    free(q);
    return NULL;
}

static enum err ask(struct listen_queue *q, uint8_t family)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 request;
    } message = {
        .head = {.nlmsg_len = sizeof message,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = ++q->sequence},
        .request = {.sdiag_family = family,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = 1u << TCP_LISTEN},
    };
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent =
        sendto(q->fd, &message, sizeof message, 0, (const struct sockaddr *)&kernel, sizeof kernel);
    return sent == (ssize_t)sizeof message ? ERR_OK : ERR_IO;
}

/* Whether the socket takes IPv6 only; the kernel says so of all listeners of IPv6. */
static bool is_v6_only(const struct inet_diag_msg *socket, size_t attributes_bytes)
{
    const struct rtattr *a = (const struct rtattr *)(const void *)(socket + 1);
    unsigned rest = (unsigned)attributes_bytes;
    while (RTA_OK(a, rest)) {
        if (a->rta_type == INET_DIAG_SKV6ONLY && RTA_PAYLOAD(a) == 1)
            return *((const uint8_t *)a + RTA_LENGTH(0)) != 0;
        size_t step = RTA_ALIGN(a->rta_len);
        if (step > rest)
            break;
        rest -= (unsigned)step;
        a = (const struct rtattr *)(const void *)((const uint8_t *)a + step);
    }
    return false;
}

static bool takes(const struct inet_diag_msg *socket, bool v6_only, const struct address *service)
{
    static const uint8_t none[16];
    const void *bound = socket->id.idiag_src;
    bool v6_socket = socket->idiag_family == AF_INET6;
    bool any = memcmp(bound, none, v6_socket ? 16 : 4) == 0;
    if (service->sa.any.sa_family == AF_INET6)
        return v6_socket && service->sa.v6.sin6_port == socket->id.idiag_sport &&
               (any || memcmp(bound, &service->sa.v6.sin6_addr, 16) == 0);
    if (service->sa.v4.sin_port != socket->id.idiag_sport)
        return false;
    const void *wanted = &service->sa.v4.sin_addr;
    if (!v6_socket)
        return any || memcmp(bound, wanted, 4) == 0;
    struct in6_addr mapped;
    memcpy(&mapped, bound, sizeof mapped);
    return !v6_only &&
           (any || (IN6_IS_ADDR_V4MAPPED(&mapped) && memcmp(&mapped.s6_addr[12], wanted, 4) == 0));
}

static void count_socket(struct asked *asked, const struct inet_diag_msg *socket,
                         size_t attributes_bytes)
{
    bool v6_only = is_v6_only(socket, attributes_bytes);
    bool ours = false;
    for (uint32_t i = 0; i < asked->service_count && !ours; i++)
        ours = takes(socket, v6_only, &asked->services[i]);
    if (!ours)
        return;
    /* Of a listener: what waits to be accepted, and how much may. */
    uint32_t waiting = socket->idiag_rqueue;
    uint32_t room = socket->idiag_wqueue > waiting ? socket->idiag_wqueue - waiting : 0;
    struct listen_queue_state *s = &asked->state;
    s->room = s->listeners == 0 || room < s->room ? room : s->room;
    s->listeners++;
    s->waiting += waiting;
    s->longest = waiting > s->longest ? waiting : s->longest;
}

/* The macros of the kernel's headers take const away. */
static const void *message_data(const struct nlmsghdr *head)
{
    return (const uint8_t *)head + NLMSG_HDRLEN;
}

/* One message of the answer. ERR_STOPPED: it was the last one. */
static enum err take_message(struct asked *asked, const struct nlmsghdr *head)
{
    if (head->nlmsg_type == NLMSG_DONE)
        return ERR_STOPPED;
    if (head->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = message_data(head);
        if (head->nlmsg_len < NLMSG_LENGTH(sizeof *error))
            return ERR_MALFORMED;
        errno = -error->error;
        return ERR_IO;
    }
    if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return ERR_OK;
    const struct inet_diag_msg *socket = message_data(head);
    if (head->nlmsg_len < NLMSG_LENGTH(sizeof *socket))
        return ERR_MALFORMED;
    if (socket->idiag_state == TCP_LISTEN)
        count_socket(asked, socket, head->nlmsg_len - NLMSG_LENGTH(sizeof *socket));
    return ERR_OK;
}

/* All messages of one datagram. ERR_STOPPED: the last one of the answer was among them. */
static enum err take_messages(const struct listen_queue *q, struct asked *asked, size_t size)
{
    const uint8_t *at = q->answer;
    for (;;) {
        const struct nlmsghdr *head = (const struct nlmsghdr *)(const void *)at;
        if (!NLMSG_OK(head, size))
            return ERR_OK;
        if (head->nlmsg_seq == q->sequence) /* else of a question that was given up */
            TRY(take_message(asked, head));
        size_t step = NLMSG_ALIGN(head->nlmsg_len);
        if (step >= size)
            return ERR_OK;
        at += step;
        size -= step;
    }
}

static enum err take_answer(struct listen_queue *q, struct asked *asked)
{
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t from_size = sizeof from;
        ssize_t size = recvfrom(q->fd, q->answer, sizeof q->answer, MSG_TRUNC,
                                (struct sockaddr *)&from, &from_size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return ERR_IO;
        if ((size_t)size > sizeof q->answer)
            return ERR_MALFORMED;
        if (from.nl_pid != 0)
            continue; /* not the kernel's */
        enum err err = take_messages(q, asked, (size_t)size);
        if (err != ERR_OK)
            return err == ERR_STOPPED ? ERR_OK : err;
    }
}

enum err listen_queue_read(struct listen_queue *q, const struct address *services,
                           uint32_t service_count, struct listen_queue_state *ret)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct asked asked = {.services = services, .service_count = service_count};
    for (unsigned i = 0; i < 2; i++) {
        TRY(ask(q, families[i]));
        TRY(take_answer(q, &asked));
    }
    *ret = asked.state;
    return ERR_OK;
}

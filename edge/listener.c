/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* These are inherited by what is accepted. */
static bool set_for_accepted(int fd)
{
    const int on = 1;
    const unsigned unsent_bytes = LISTENER_UNSENT_BYTES;
    const unsigned patience_ms = LISTENER_UNACKNOWLEDGED_S * 1000;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes) ==
               0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms) == 0;
}

static int listener_open(const struct address *address)
{
    const int on = 1;
    int fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* IPv6 sockets do not take IPv4: an address is what it says. */
    bool done = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
                set_for_accepted(fd) &&
                (address->sa.any.sa_family != AF_INET6 ||
                 setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
                bind(fd, &address->sa.any, address->size) == 0 && listen(fd, LISTEN_BACKLOG) == 0;
    if (done)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool same_address(const struct address *a, const struct address *b)
{
    return a->size == b->size && memcmp(&a->sa, &b->sa, a->size) == 0;
}

/* One that has this address and is not taken yet. */
static struct listener *find(struct listener_set *old, const struct address *address)
{
    for (unsigned i = 0; old != NULL && i < old->count; i++) {
        struct listener *listener = &old->listeners[i];
        if (listener->fd >= 0 && !listener->taken && same_address(&listener->address, address))
            return listener;
    }
    return NULL;
}

/* Without SO_REUSEPORT, which would let two edges share an address and each get a half. */
static bool is_free(const struct address *address)
{
    const int on = 1;
    int fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool done = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                (address->sa.any.sa_family != AF_INET6 ||
                 setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
                bind(fd, &address->sa.any, address->size) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return done;
}

/* For the first worker of an address with port 0: the port that the others must share. */
static void learn_port(const struct listener *listener, struct address *address)
{
    struct address bound = *address;
    if (getsockname(listener->fd, &bound.sa.any, &bound.size) == 0)
        *address = bound;
}

static struct listener *add(struct listener_set *set, const struct address *addresses,
                            unsigned address_no, unsigned worker_no, struct listener *kept)
{
    const struct address *address = &addresses[address_no];
    struct listener *listener = &set->listeners[set->count];
    *listener = (struct listener){
        .address = *address, .address_no = address_no, .worker_no = worker_no, .fd = -1};
    if (kept != NULL) {
        listener->fd = kept->fd;
        kept->taken = true;
    } else if (worker_no > 0 || is_free(address)) {
        listener->fd = listener_open(address);
    }
    if (listener->fd >= 0)
        set->count++;
    return listener;
}

static enum err fill(struct listener_set *old, struct listener_set *set, struct address *addresses,
                     struct address *ret_failed)
{
    for (unsigned worker = 0; worker < set->worker_count; worker++) {
        for (unsigned i = 0; i < set->address_count; i++) {
            struct listener *listener = add(set, addresses, i, worker, find(old, &addresses[i]));
            if (listener->fd < 0) {
                *ret_failed = addresses[i];
                return ERR_IO;
            }
            if (worker == 0)
                learn_port(listener, &addresses[i]);
            listener->address = addresses[i];
        }
    }
    return ERR_OK;
}

/* Workers that stay take what is left of the addresses that stay, one after another. */
static void fill_surplus(struct listener_set *old, struct listener_set *set,
                         const struct address *addresses)
{
    const unsigned max = LISTENERS_PER_WORKER_MAX * set->worker_count;
    unsigned worker = 0;
    for (unsigned i = 0; i < set->address_count; i++) {
        struct listener *kept = NULL;
        while (set->count < max && (kept = find(old, &addresses[i])) != NULL)
            add(set, addresses, i, worker++ % set->worker_count, kept);
    }
}

static void mark_untaken(struct listener_set *old)
{
    for (unsigned i = 0; old != NULL && i < old->count; i++)
        old->listeners[i].taken = false;
}

static bool is_from(const struct listener_set *old, int fd)
{
    for (unsigned i = 0; old != NULL && i < old->count; i++) {
        if (old->listeners[i].taken && old->listeners[i].fd == fd)
            return true;
    }
    return false;
}

static void forget_taken(struct listener_set *old)
{
    for (unsigned i = 0; old != NULL && i < old->count; i++) {
        if (old->listeners[i].taken)
            old->listeners[i].fd = -1;
    }
}

enum err listener_set_make(struct listener_set *old, const struct address *addresses,
                           unsigned address_count, unsigned worker_count, struct listener_set *ret,
                           struct address *ret_failed)
{
    struct listener_set set = {.address_count = address_count, .worker_count = worker_count};
    struct address *wanted = malloc(address_count * sizeof *wanted);
    size_t count_max = (size_t)address_count * worker_count + (old != NULL ? old->count : 0);
    set.listeners = calloc(count_max, sizeof *set.listeners);
    enum err err = ERR_MEMORY;
    if (wanted != NULL && set.listeners != NULL) {
        memcpy(wanted, addresses, address_count * sizeof *wanted);
        mark_untaken(old);
        err = fill(old, &set, wanted, ret_failed);
        if (err == ERR_OK)
            fill_surplus(old, &set, wanted);
    }
    int saved = errno;
    free(wanted);
    if (err == ERR_OK) {
        forget_taken(old);
        *ret = set;
        return ERR_OK;
    }
    for (unsigned i = 0; i < set.count; i++) {
        if (!is_from(old, set.listeners[i].fd))
            close(set.listeners[i].fd);
    }
    free(set.listeners);
    errno = saved;
    return err;
}

enum err listener_set_copy(const struct listener_set *set, struct listener_set *ret)
{
    struct listener_set copy = *set;
    copy.listeners = calloc((size_t)set->count + 1, sizeof *copy.listeners);
    if (copy.listeners == NULL)
        return ERR_MEMORY;
    for (copy.count = 0; copy.count < set->count; copy.count++) {
        struct listener *listener = &copy.listeners[copy.count];
        *listener = set->listeners[copy.count];
        if (listener->fd < 0)
            continue;
        listener->fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
        if (listener->fd < 0) {
            int saved = errno;
            listener_set_done(&copy);
            errno = saved;
            return ERR_IO;
        }
    }
    *ret = copy;
    return ERR_OK;
}

unsigned listener_set_of_worker(const struct listener_set *set, unsigned worker_no,
                                struct listener_socket ret[static LISTENERS_PER_WORKER_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < set->count && count < LISTENERS_PER_WORKER_MAX; i++) {
        const struct listener *listener = &set->listeners[i];
        bool is_relay = listener->address_no >= set->address_count - set->relay_count;
        if (listener->worker_no == worker_no)
            ret[count++] = (struct listener_socket){.fd = listener->fd, .is_relay = is_relay};
    }
    return count;
}

void listener_set_done(struct listener_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (set->listeners[i].fd >= 0)
            close(set->listeners[i].fd);
    }
    free(set->listeners);
    *set = (struct listener_set){0};
}

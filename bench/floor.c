/* SPDX-License-Identifier: Apache-2.0 */
/* The floor under every comparison: a server of the edge's shape (one io_uring, multishot accept
 * and receive, provided buffers, deferred task work) that answers everything up to an empty line
 * with the same 200. What the edge takes beyond this is the edge's.
 *
 *   statim-floor PORT BODY_BYTES [close]     on 127.0.0.1, one thread, until it is killed
 * With "close" each connection is read once, answered and closed.
 * For measuring only: nothing is limited or timed out, and answers to a client that does not read
 * them may arrive in the wrong order. */
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER_COUNT    1024u
#define BUFFER_BYTES    2048u
#define BUFFER_GROUP    1
#define CONNECTIONS_MAX 65536 /* by descriptor */
#define BODY_MAX        65536u
#define PIPELINE_MAX    (BUFFER_BYTES / 4) /* heads that may end in one buffer */

enum op { OP_ACCEPT, OP_RECEIVE, OP_SEND, OP_CLOSE };

static struct io_uring uring;
static struct io_uring_buf_ring *buffer_ring;
static char buffers[BUFFER_COUNT][BUFFER_BYTES];
static char *answers; /* PIPELINE_MAX copies of the answer, so that several go out in one send */
static size_t answer_bytes;
static bool closes;
static unsigned char matched[CONNECTIONS_MAX]; /* octets of the empty line seen so far */

_Noreturn static void fail(const char *what, int error)
{
    fprintf(stderr, "statim-floor: %s: %s\n", what, strerror(error));
    exit(1);
}

static struct io_uring_sqe *entry_for(enum op op, int fd)
{
    struct io_uring_sqe *entry;
    while ((entry = io_uring_get_sqe(&uring)) == NULL)
        io_uring_submit(&uring);
    /* The prep that follows writes all of the entry but this. */
    entry->user_data = (uint64_t)op << 32 | (uint32_t)fd;
    return entry;
}

static void arm_receive(int fd)
{
    struct io_uring_sqe *entry = entry_for(OP_RECEIVE, fd);
    if (closes) /* a receive that goes on would keep the socket open */
        io_uring_prep_recv(entry, fd, NULL, BUFFER_BYTES, 0);
    else
        io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = BUFFER_GROUP;
}

static size_t count_heads(int fd, const char *octets, size_t size)
{
    static const char empty_line[4] = "\r\n\r\n";
    size_t count = 0;
    unsigned at = matched[fd];
    for (size_t i = 0; i < size; i++) {
        at = octets[i] == empty_line[at] ? at + 1 : octets[i] == '\r';
        count += at == sizeof empty_line;
        at %= sizeof empty_line;
    }
    matched[fd] = (unsigned char)at;
    return count;
}

static void give_back(unsigned buffer_no)
{
    io_uring_buf_ring_add(buffer_ring, buffers[buffer_no], BUFFER_BYTES, (unsigned short)buffer_no,
                          io_uring_buf_ring_mask(BUFFER_COUNT), 0);
    io_uring_buf_ring_advance(buffer_ring, 1);
}

static void answer(int fd, size_t count)
{
    struct io_uring_sqe *entry = entry_for(OP_SEND, fd);
    io_uring_prep_send(entry, fd, answers, count * answer_bytes, MSG_NOSIGNAL | MSG_WAITALL);
    if (closes) {
        entry->flags |= IOSQE_IO_LINK;
        io_uring_prep_close(entry_for(OP_CLOSE, fd), fd);
    }
}

static void received(int fd, const struct io_uring_cqe *cqe)
{
    size_t count = 0;
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        unsigned buffer_no = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        count = cqe->res > 0 ? count_heads(fd, buffers[buffer_no], (size_t)cqe->res) : 0;
        if (count > 0)
            answer(fd, count);
        give_back(buffer_no);
    }
    if ((cqe->flags & IORING_CQE_F_MORE) || (closes && count > 0))
        return;
    if (cqe->res > 0 || cqe->res == -ENOBUFS)
        arm_receive(fd);
    else
        io_uring_prep_close(entry_for(OP_CLOSE, fd), fd);
}

static void accepted(int listener, const struct io_uring_cqe *cqe)
{
    if (cqe->res >= CONNECTIONS_MAX) {
        close(cqe->res);
    } else if (cqe->res >= 0) {
        matched[cqe->res] = 0;
        arm_receive(cqe->res);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        io_uring_prep_multishot_accept(entry_for(OP_ACCEPT, listener), listener, NULL, NULL, 0);
}

static void turn(void)
{
    struct io_uring_cqe *cqe = NULL;
    unsigned head = 0;
    unsigned count = 0;
    int result = io_uring_submit_and_wait(&uring, 1);
    if (result < 0 && result != -EINTR)
        fail("io_uring_enter", -result);
    io_uring_for_each_cqe(&uring, head, cqe)
    {
        int fd = (int)(uint32_t)cqe->user_data;
        if (cqe->user_data >> 32 == OP_ACCEPT)
            accepted(fd, cqe);
        else if (cqe->user_data >> 32 == OP_RECEIVE)
            received(fd, cqe); /* a failed send shows here as well */
        count++;
    }
    io_uring_cq_advance(&uring, count);
}

static int listen_on(unsigned port)
{
    const int on = 1;
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0)
        fail("listen", errno);
    return fd;
}

static void make_ring(void)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE,
        .cq_entries = 32768,
    };
    int result = io_uring_queue_init_params(4096, &uring, &params);
    if (result < 0)
        fail("io_uring_setup", -result);
    buffer_ring = mmap(NULL, BUFFER_COUNT * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer_ring == MAP_FAILED)
        fail("mmap", errno);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)buffer_ring, .ring_entries = BUFFER_COUNT, .bgid = BUFFER_GROUP};
    result = io_uring_register_buf_ring(&uring, &registration, 0);
    if (result < 0)
        fail("receive buffers", -result);
    for (unsigned i = 0; i < BUFFER_COUNT; i++)
        give_back(i);
}

static void make_answers(unsigned body_bytes)
{
    char head[128];
    size_t size =
        (size_t)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n%s\r\n",
                         body_bytes, closes ? "Connection: close\r\n" : "");
    answer_bytes = size + body_bytes;
    answers = malloc(PIPELINE_MAX * answer_bytes);
    if (answers == NULL)
        fail("memory", errno);
    memset(answers, 'x', PIPELINE_MAX * answer_bytes);
    for (size_t i = 0; i < PIPELINE_MAX; i++)
        memcpy(answers + i * answer_bytes, head, size);
}

int main(int argc, char **argv)
{
    unsigned port = 0;
    unsigned body_bytes = 0;
    char rest = '\0';
    closes = argc == 4 && strcmp(argv[3], "close") == 0;
    if (argc != 3 + closes || sscanf(argv[1], "%u%c", &port, &rest) != 1 || port == 0 ||
        port > 65535 || sscanf(argv[2], "%u%c", &body_bytes, &rest) != 1 || body_bytes > BODY_MAX) {
        fprintf(stderr, "usage: statim-floor PORT BODY_BYTES [close]\n");
        return 2;
    }
    make_answers(body_bytes);
    make_ring();
    int fd = listen_on(port);
    io_uring_prep_multishot_accept(entry_for(OP_ACCEPT, fd), fd, NULL, NULL, 0);
    printf("ready http://127.0.0.1:%u\n", port);
    fflush(stdout);
    for (;;)
        turn();
}

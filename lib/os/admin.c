/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/admin.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/http_request.h"
#include "lib/http_response.h"
#include "lib/http_target.h"
#include "lib/os/clock.h"

#define NS_PER_S  1000000000u
#define NS_PER_MS 1000000u
/* Out of descriptors: accepting again at once would only spin. */
#define ACCEPT_PAUSE_NS (100u * NS_PER_MS)
#define BACKLOG         64

enum state { STATE_FREE, STATE_READ, STATE_WRITE, STATE_DRAIN };

struct connection {
    enum state state;
    int fd;
    uint64_t deadline_ns;
    size_t in_size, sent;
    struct {
        uint8_t *data;
        size_t size;
    } out;
    uint8_t in[HTTP_HEAD_BYTES_MAX];
};

struct admin {
    int listener, stop;
    pthread_t thread;
    const struct admin_page *pages;
    void *context;
    uint64_t accept_after_ns;
    uint64_t stop_ns; /* when it ends at the latest; 0: nobody has asked for it */
    char *body;       /* ADMIN_RESPONSE_BYTES_MAX: where a page is written */
    struct connection connections[ADMIN_CONNECTIONS_MAX];
};

static void connection_close(struct connection *c)
{
    close(c->fd);
    free(c->out.data);
    c->out.data = NULL;
    c->state = STATE_FREE;
}

static void write_error(struct text_writer *w, unsigned status)
{
    text_writer_format(w, "%u %s\n", status, http_status_reason((uint16_t)status));
}

/* The head and, unless it answers HEAD, the body; they live until the connection closes. */
static enum err respond(struct admin *a, struct connection *c, unsigned status, const char *type,
                        size_t body_size, bool send_body)
{
    struct http_writer w;
    size_t head_size;
    uint8_t head[HTTP_RESPONSE_HEAD_MAX];
    http_writer_start(&w, (uint16_t)status, head, sizeof head);
    http_writer_date(&w, "Date", clock_wall_s());
    http_writer_field(&w, "Content-Type", span_text(type));
    http_writer_number(&w, "Content-Length", body_size);
    http_writer_field(&w, "Cache-Control", span_text("no-store"));
    if (status == 405)
        http_writer_field(&w, "Allow", span_text("GET, HEAD"));
    http_writer_field(&w, "Connection", span_text("close"));
    TRY(http_writer_finish(&w, &head_size));
    size_t size = head_size + (send_body ? body_size : 0);
    c->out.data = malloc(size);
    if (c->out.data == NULL)
        return ERR_MEMORY;
    memcpy(c->out.data, head, head_size);
    memcpy(c->out.data + head_size, a->body, size - head_size);
    c->out.size = size;
    c->sent = 0;
    c->state = STATE_WRITE;
    return ERR_OK;
}

static const struct admin_page *find_page(const struct admin *a, struct span target)
{
    struct span path;
    if (!http_target_path(target, &path))
        return NULL;
    const uint8_t *query = memchr(path.data, '?', path.size);
    if (query != NULL)
        path.size = (size_t)(query - path.data);
    for (const struct admin_page *page = a->pages; page->path != NULL; page++)
        if (span_equal(path, span_text(page->path)))
            return page;
    return NULL;
}

static enum err answer(struct admin *a, struct connection *c, enum http_verdict verdict,
                       const struct http_request *request)
{
    struct text_writer w;
    const char *type = "text/plain; charset=utf-8";
    unsigned status;
    text_writer_start(&w, a->body, ADMIN_RESPONSE_BYTES_MAX);
    if (verdict != HTTP_REQUEST)
        status = http_verdict_status(verdict);
    else if (request->method != HTTP_GET && request->method != HTTP_HEAD)
        status = 405;
    else {
        const struct admin_page *page = find_page(a, request->target);
        status = page ? page->write(a->context, &w) : 404;
        type = page ? page->content_type : type;
    }
    if (w.err != ERR_OK) { /* half a page is none */
        text_writer_start(&w, a->body, ADMIN_RESPONSE_BYTES_MAX);
        status = 500;
        type = "text/plain; charset=utf-8";
    }
    if (w.size == 0)
        write_error(&w, status);
    bool send_body = verdict != HTTP_REQUEST || request->method != HTTP_HEAD;
    return respond(a, c, status, type, w.size, send_body);
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static void connection_write(struct connection *c)
{
    while (c->sent < c->out.size) {
        ssize_t n = send(c->fd, c->out.data + c->sent, c->out.size - c->sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (!would_block())
                connection_close(c);
            return;
        }
        c->sent += (size_t)n;
    }
    /* Closing with unread input would reset the connection before the client read the answer. */
    if (shutdown(c->fd, SHUT_WR) != 0) {
        connection_close(c);
        return;
    }
    c->state = STATE_DRAIN;
    c->deadline_ns = clock_monotonic_ns() + NS_PER_S;
}

static void connection_read(struct admin *a, struct connection *c)
{
    struct http_request request;
    ssize_t n = recv(c->fd, c->in + c->in_size, sizeof c->in - c->in_size, 0);
    if (n <= 0) {
        if (n == 0 || !would_block())
            connection_close(c);
        return;
    }
    size_t seen = c->in_size;
    c->in_size += (size_t)n;
    enum http_verdict verdict = http_request_parse(span_of(c->in, c->in_size), seen, &request);
    if (verdict == HTTP_MORE)
        return;
    if (answer(a, c, verdict, &request) != ERR_OK)
        connection_close(c);
}

static void connection_drain(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in, sizeof c->in, 0);
    if (n == 0 || (n < 0 && !would_block()))
        connection_close(c);
}

static void connection_ready(struct admin *a, struct connection *c)
{
    switch (c->state) {
    case STATE_READ:
        connection_read(a, c);
        if (c->state == STATE_WRITE)
            connection_write(c);
        break;
    case STATE_WRITE:
        connection_write(c);
        break;
    case STATE_DRAIN:
        connection_drain(c);
        break;
    case STATE_FREE:
        break;
    }
}

static struct connection *find_free(struct admin *a)
{
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        if (a->connections[i].state == STATE_FREE)
            return &a->connections[i];
    return NULL;
}

static void accept_one(struct admin *a, uint64_t now_ns)
{
    struct connection *c = find_free(a);
    if (c == NULL)
        return;
    int fd = accept4(a->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            a->accept_after_ns = now_ns + ACCEPT_PAUSE_NS;
        return;
    }
    c->state = STATE_READ;
    c->fd = fd;
    c->in_size = 0;
    c->deadline_ns = now_ns + ADMIN_TIMEOUT_S * (uint64_t)NS_PER_S;
}

/* One turn's poll set; owners[i] is the connection of fds[i], NULL for the two of the server. */
struct turn {
    struct pollfd fds[ADMIN_CONNECTIONS_MAX + 2];
    struct connection *owners[ADMIN_CONNECTIONS_MAX + 2];
    nfds_t count;
    uint64_t wake_ns;
};

static void turn_add(struct turn *t, int fd, short events, struct connection *owner)
{
    t->fds[t->count] = (struct pollfd){.fd = fd, .events = events};
    t->owners[t->count++] = owner;
}

/* Closes what is late and collects what to wait for. */
static void turn_prepare(struct admin *a, struct turn *t, uint64_t now_ns)
{
    t->count = 0;
    t->wake_ns = a->stop_ns != 0 ? a->stop_ns : UINT64_MAX;
    turn_add(t, a->stop_ns != 0 ? -1 : a->stop, POLLIN, NULL); /* poll() passes over -1 */
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        struct connection *c = &a->connections[i];
        if (c->state != STATE_FREE && now_ns >= c->deadline_ns)
            connection_close(c);
        if (c->state == STATE_FREE)
            continue;
        turn_add(t, c->fd, c->state == STATE_WRITE ? POLLOUT : POLLIN, c);
        if (c->deadline_ns < t->wake_ns)
            t->wake_ns = c->deadline_ns;
    }
    if (a->stop_ns != 0)
        return;
    if (now_ns < a->accept_after_ns) {
        if (a->accept_after_ns < t->wake_ns)
            t->wake_ns = a->accept_after_ns;
    } else if (find_free(a) != NULL) {
        turn_add(t, a->listener, POLLIN, NULL);
    }
}

static int wait_ms(uint64_t now_ns, uint64_t wake_ns)
{
    if (wake_ns == UINT64_MAX)
        return -1;
    return wake_ns <= now_ns ? 0 : (int)((wake_ns - now_ns) / NS_PER_MS) + 1;
}

static void *admin_run(void *argument)
{
    struct admin *a = argument;
    struct turn t;
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        /* One more turn all the same: a request that is here is answered, however late we are. */
        bool is_last = a->stop_ns != 0 && now_ns >= a->stop_ns;
        turn_prepare(a, &t, now_ns);
        if (a->stop_ns != 0 && t.count == 1)
            return NULL;
        if (poll(t.fds, t.count, wait_ms(now_ns, t.wake_ns)) < 0) {
            CHECK(errno == EINTR || errno == ENOMEM);
            continue;
        }
        if (t.fds[0].revents != 0)
            a->stop_ns = clock_monotonic_ns() + ADMIN_STOP_MS * NS_PER_MS;
        for (nfds_t i = 1; i < t.count; i++) {
            if (t.fds[i].revents == 0)
                continue;
            if (t.owners[i] != NULL)
                connection_ready(a, t.owners[i]);
            else
                accept_one(a, clock_monotonic_ns());
        }
        if (is_last)
            return NULL;
    }
}

enum err admin_listen(const struct address *address, int *ret_fd)
{
    int on = 1;
    int fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    bool v6 = address->sa.any.sa_family == AF_INET6;
    /* "[::]" means IPv6 only, so that "0.0.0.0" can have the same port. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(fd, &address->sa.any, address->size) != 0 || listen(fd, BACKLOG) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return ERR_IO;
    }
    *ret_fd = fd;
    return ERR_OK;
}

/* Signals belong to the program's own threads. */
static enum err start_thread(struct admin *a)
{
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int error = pthread_create(&a->thread, NULL, admin_run, a);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    errno = error;
    return error == 0 ? ERR_OK : ERR_IO;
}

static void admin_free(struct admin *a)
{
    int saved = errno;
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        if (a->connections[i].state != STATE_FREE)
            connection_close(&a->connections[i]);
    if (a->listener >= 0)
        close(a->listener);
    if (a->stop >= 0)
        close(a->stop);
    free(a->body);
    free(a);
    errno = saved;
}

enum err admin_start_on(int listener, const struct admin_page *pages, void *context,
                        struct admin **ret)
{
    struct admin *a = calloc(1, sizeof *a);
    if (a == NULL) {
        close(listener);
        return ERR_MEMORY;
    }
    a->pages = pages;
    a->context = context;
    a->listener = listener;
    a->stop = eventfd(0, EFD_CLOEXEC);
    a->body = malloc(ADMIN_RESPONSE_BYTES_MAX);
    enum err err = a->body == NULL ? ERR_MEMORY : a->stop < 0 ? ERR_IO : ERR_OK;
    if (err == ERR_OK)
        err = start_thread(a);
    if (err != ERR_OK) {
        admin_free(a);
        return err;
    }
    *ret = a;
    return ERR_OK;
}

enum err admin_start(const struct address *address, const struct admin_page *pages, void *context,
                     struct admin **ret)
{
    int listener = -1;
    TRY(admin_listen(address, &listener));
    return admin_start_on(listener, pages, context, ret);
}

void admin_address(const struct admin *admin, struct address *ret)
{
    ret->size = sizeof ret->sa;
    CHECK(getsockname(admin->listener, &ret->sa.any, &ret->size) == 0);
}

struct admin *admin_stop(struct admin *admin)
{
    uint64_t one = 1;
    if (admin == NULL)
        return NULL;
    CHECK(write(admin->stop, &one, sizeof one) == sizeof one);
    CHECK(pthread_join(admin->thread, NULL) == 0);
    admin_free(admin);
    return NULL;
}

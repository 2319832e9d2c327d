/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, reloading and stopping: what other threads do to the loop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "issuer/https_loop.h"
#include "issuer/https_tls.h"
#include "lib/check.h"
#include "lib/os/admin.h"
#include "lib/os/clock.h"

#define NS_PER_MS 1000000u
/* Connections that come while the loop is busy; the kernel's own limit may be lower. */
#define BACKLOG 1024

struct https_server {
    struct https_loop loop;
    pthread_t thread;
    bool is_running;
};

__attribute__((format(printf, 3, 4))) static enum err fail(struct https_error *error, enum err err,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return err;
}

static enum err open_socket(struct https_gate *gate, struct https_error *error)
{
    char text[ADDRESS_TEXT_BYTES];
    address_to_text(&gate->options->address, text);
    /* The same kind of socket, with a longer queue. */
    if (admin_listen(&gate->options->address, &gate->fd) != ERR_OK)
        return fail(error, ERR_IO, "cannot listen at %s: %s", text, strerror(errno));
    if (listen(gate->fd, BACKLOG) != 0)
        return fail(error, ERR_IO, "cannot listen at %s: %s", text, strerror(errno));
    return ERR_OK;
}

static enum err open_gate(struct https_loop *loop, struct https_gate *gate,
                          struct https_error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &gate->watch};
    gate->watch.kind = WATCH_GATE;
    TRY(https_tls_open(&gate->options->tls, &gate->tls, &gate->not_after_s, error));
    if (https_sources_make(gate->options->connections_max, &gate->sources) != ERR_OK)
        return fail(error, ERR_MEMORY, "out of memory");
    TRY(open_socket(gate, error));
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, gate->fd, &event) != 0)
        return fail(error, ERR_IO, "epoll: %s", strerror(errno));
    return ERR_OK;
}

static void loop_init(struct https_loop *loop, const struct https_options *options)
{
    CHECK(options->listener_count <= HTTPS_LISTENERS_MAX);
    loop->options = options;
    loop->epoll_fd = loop->wake_fd = -1;
    loop->recall_ns = UINT64_MAX;
    loop->wake.kind = WATCH_WAKE;
    TAILQ_INIT(&loop->ready);
    for (enum https_phase phase = 0; phase < PHASE_COUNT; phase++)
        TAILQ_INIT(&loop->phases[phase]);
    for (uint32_t i = 0; i < HTTPS_LISTENERS_MAX; i++) {
        struct https_gate *gate = &loop->gates[i];
        gate->fd = -1;
        gate->index = i;
        gate->options = i < options->listener_count ? &options->listeners[i] : NULL;
        CHECK(pthread_mutex_init(&gate->lock, NULL) == 0);
    }
}

static enum err loop_open(struct https_loop *loop, struct https_error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &loop->wake};
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0)
        return fail(error, ERR_IO, "epoll: %s", strerror(errno));
    for (uint32_t i = 0; i < loop->options->listener_count; i++)
        TRY(open_gate(loop, &loop->gates[i], error));
    enum err err = https_pool_start(loop->options, loop->wake_fd, &loop->pool);
    return err == ERR_OK ? ERR_OK : fail(error, err, "a worker cannot start: %s", err_text(err));
}

static void *run(void *argument)
{
    https_loop_run(argument);
    return NULL;
}

/* Signals belong to the program's own threads; SIGPIPE to nobody. */
static enum err start_thread(struct https_server *server, struct https_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int failed = pthread_create(&server->thread, NULL, run, &server->loop);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    server->is_running = failed == 0;
    return failed == 0 ? ERR_OK : fail(error, ERR_IO, "no thread: %s", strerror(failed));
}

enum err https_server_start(const struct https_options *options, struct https_server **ret,
                            struct https_error *ret_error)
{
    struct https_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return fail(ret_error, ERR_MEMORY, "out of memory");
    loop_init(&server->loop, options);
    enum err err = loop_open(&server->loop, ret_error);
    if (err == ERR_OK)
        err = start_thread(server, ret_error);
    if (err != ERR_OK) {
        https_server_stop(server, 0);
        return err;
    }
    *ret = server;
    return ERR_OK;
}

void https_server_address(const struct https_server *server, uint32_t listener, struct address *ret)
{
    ret->size = sizeof ret->sa;
    CHECK(getsockname(server->loop.gates[listener].fd, &ret->sa.any, &ret->size) == 0);
}

static void wake(struct https_loop *loop)
{
    uint64_t one = 1;
    CHECK(write(loop->wake_fd, &one, sizeof one) == sizeof one);
}

void https_server_ring(struct https_server *server)
{
    https_pool_ring(server->loop.pool);
}

enum err https_server_reload(struct https_server *server, uint32_t listener,
                             const struct https_tls *tls, struct https_error *ret_error)
{
    CHECK(listener < server->loop.options->listener_count);
    struct https_gate *gate = &server->loop.gates[listener];
    SSL_CTX *fresh = NULL;
    uint64_t not_after_s;
    TRY(https_tls_open(tls != NULL ? tls : &gate->options->tls, &fresh, &not_after_s, ret_error));
    CHECK(pthread_mutex_lock(&gate->lock) == 0);
    SSL_CTX *old = gate->tls;
    gate->tls = fresh;
    gate->not_after_s = not_after_s;
    CHECK(pthread_mutex_unlock(&gate->lock) == 0);
    SSL_CTX_free(old); /* connections that live hold it, too */
    __atomic_add_fetch(&gate->reloads, 1, __ATOMIC_RELEASE);
    wake(&server->loop);
    return ERR_OK;
}

uint64_t https_server_not_after_s(struct https_server *server, uint32_t listener)
{
    struct https_gate *gate = &server->loop.gates[listener];
    CHECK(pthread_mutex_lock(&gate->lock) == 0);
    uint64_t not_after_s = gate->not_after_s;
    CHECK(pthread_mutex_unlock(&gate->lock) == 0);
    return not_after_s;
}

uint64_t https_server_counter(const struct https_server *server, enum https_counter counter)
{
    uint64_t queued, busy;
    if (counter != HTTPS_COUNTER_queued && counter != HTTPS_COUNTER_busy)
        return counter_get(&server->loop.counters[counter]);
    https_pool_load(server->loop.pool, &queued, &busy);
    return counter == HTTPS_COUNTER_queued ? queued : busy;
}

static void stop_loop(struct https_server *server, uint32_t wait_ms)
{
    uint64_t stop_ns = clock_monotonic_ns() + wait_ms * (uint64_t)NS_PER_MS;
    __atomic_store_n(&server->loop.stop_ns, stop_ns, __ATOMIC_RELEASE);
    wake(&server->loop);
    CHECK(pthread_join(server->thread, NULL) == 0);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

struct https_server *https_server_stop(struct https_server *server, uint32_t wait_ms)
{
    if (server == NULL)
        return NULL;
    struct https_loop *loop = &server->loop;
    if (server->is_running)
        stop_loop(server, wait_ms);
    https_pool_stop(loop->pool);
    https_loop_clear(loop);
    for (uint32_t i = 0; i < HTTPS_LISTENERS_MAX; i++) {
        struct https_gate *gate = &loop->gates[i];
        https_gate_close(gate);
        https_sources_free(gate->sources);
        SSL_CTX_free(gate->tls);
        pthread_mutex_destroy(&gate->lock);
    }
    close_fd(loop->wake_fd);
    close_fd(loop->epoll_fd);
    free(server);
    return NULL;
}

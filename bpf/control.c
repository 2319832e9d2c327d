/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/control.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpf/control_request.h"
#include "lib/check.h"
#include "lib/limit.h"
#include "lib/os/file.h"
#include "lib/os/lock.h"

#define NS_PER_S    1000000000u
#define BACKLOG     16
#define EVENTS_MAX  (CONTROL_CONNECTIONS_MAX + 1)
#define SOCKET_MODE 0177 /* umask: 0600 is left */
#define FOLDER_MODE 0755
#define LOCK_SUFFIX ".lock"
/* Requests of one connection in one turn: whoever writes without end waits like others. */
#define REQUESTS_A_TURN 4

struct connection {
    int fd; /* -1: free */
    uint64_t deadline_ns;
    char in[CONTROL_REQUEST_BYTES_MAX];
    size_t in_size;
    char *out; /* NULL: nothing to send */
    size_t out_size, sent;
    bool ended; /* the client sends no more */
};

struct control {
    int listener, epoll;
    int lock;       /* of the path; -1: not taken */
    bool listening; /* the listener is watched: there is a free connection */
    control_answer answer;
    void *context;
    struct connection connections[CONTROL_CONNECTIONS_MAX];
    struct sockaddr_un address;
};

static bool watch(struct control *c, int operation, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    return epoll_ctl(c->epoll, operation, fd, &event) == 0;
}

static void watch_listener(struct control *c, bool on)
{
    if (c->listening == on)
        return;
    CHECK(watch(c, EPOLL_CTL_MOD, c->listener, on ? EPOLLIN : 0, c));
    c->listening = on;
}

static void hang_up(struct control *c, struct connection *k)
{
    close(k->fd);
    free(k->out);
    k->out = NULL;
    k->fd = -1;
    watch_listener(c, true);
}

static struct connection *find_free(struct control *c)
{
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        if (c->connections[i].fd < 0)
            return &c->connections[i];
    return NULL;
}

static void accept_all(struct control *c, uint64_t now_ns)
{
    for (;;) {
        struct connection *k = find_free(c);
        if (k == NULL) {
            watch_listener(c, false);
            return;
        }
        int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            /* Out of descriptors: until the next turn, or it would be the next turn at once. */
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                watch_listener(c, false);
            return;
        }
        if (!watch(c, EPOLL_CTL_ADD, fd, EPOLLIN, k)) {
            close(fd);
            return;
        }
        k->fd = fd;
        k->in_size = k->out_size = k->sent = 0;
        k->ended = false;
        k->deadline_ns = now_ns + CONTROL_TIMEOUT_S * (uint64_t)NS_PER_S;
    }
}

static json_t *refusal(const char *text)
{
    return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

static json_t *answer_line(struct control *c, struct span line)
{
    json_t *request = NULL;
    if (control_request_read(line, &request) != ERR_OK)
        return refusal("a request is a JSON object in one line");
    json_t *answer = c->answer(c->context, request);
    json_decref(request);
    return answer;
}

/* The answer as one line. false: no memory, or nothing that can be sent. */
static bool keep_answer(struct connection *k, json_t *answer)
{
    size_t size = json_dumpb(answer, NULL, 0, JSON_COMPACT);
    if (size == 0 || size > CONTROL_ANSWER_BYTES_MAX)
        return false;
    k->out = malloc(size + 1);
    if (k->out == NULL)
        return false;
    (void)json_dumpb(answer, k->out, size, JSON_COMPACT);
    k->out[size] = '\n';
    k->out_size = size + 1;
    k->sent = 0;
    return true;
}

/* Answers the first whole line. false: there is none, or the connection has ended. */
static bool answer_next(struct control *c, struct connection *k, uint64_t now_ns)
{
    struct span line;
    size_t used = k->in_size;
    bool whole = control_line(span_of(k->in, k->in_size), &line, &used);
    if (!whole && k->in_size < sizeof k->in)
        return false;
    json_t *answer = whole ? answer_line(c, line) : refusal("a request of more than its limit");
    bool kept = answer != NULL && keep_answer(k, answer);
    json_decref(answer);
    if (!kept) {
        hang_up(c, k);
        return false;
    }
    k->ended = k->ended || !whole; /* where its next request begins nobody knows */
    memmove(k->in, k->in + used, k->in_size - used);
    k->in_size -= used;
    k->deadline_ns = now_ns + CONTROL_TIMEOUT_S * (uint64_t)NS_PER_S;
    return true;
}

/* Sends what there is. false: not all of it went, or the connection has ended. */
static bool send_out(struct control *c, struct connection *k, uint64_t now_ns)
{
    while (k->sent < k->out_size) {
        ssize_t n = send(k->fd, k->out + k->sent, k->out_size - k->sent, MSG_NOSIGNAL);
        if (n > 0) {
            k->sent += (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || !watch(c, EPOLL_CTL_MOD, k->fd, EPOLLOUT, k))
            hang_up(c, k);
        return false;
    }
    free(k->out);
    k->out = NULL;
    k->out_size = k->sent = 0;
    k->deadline_ns =
        now_ns + (k->in_size > 0 ? CONTROL_TIMEOUT_S : CONTROL_IDLE_S) * (uint64_t)NS_PER_S;
    if (k->ended && memchr(k->in, '\n', k->in_size) == NULL) {
        hang_up(c, k);
        return false;
    }
    return true;
}

/* Takes what is there to read. false: the connection has ended. */
static bool receive(struct control *c, struct connection *k, uint64_t now_ns)
{
    if (k->ended || k->in_size == sizeof k->in)
        return true;
    ssize_t n = recv(k->fd, k->in + k->in_size, sizeof k->in - k->in_size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n < 0 || (n == 0 && memchr(k->in, '\n', k->in_size) == NULL)) {
        hang_up(c, k);
        return false;
    }
    k->ended = n == 0;
    if (k->in_size == 0)
        k->deadline_ns = now_ns + CONTROL_TIMEOUT_S * (uint64_t)NS_PER_S;
    k->in_size += (size_t)n;
    return true;
}

static void serve(struct control *c, struct connection *k, uint64_t now_ns)
{
    if (k->out != NULL) {
        if (!send_out(c, k, now_ns))
            return;
    } else if (!receive(c, k, now_ns)) {
        return;
    }
    for (unsigned i = 0; i < REQUESTS_A_TURN; i++) {
        if (!answer_next(c, k, now_ns)) {
            if (k->fd >= 0 && !watch(c, EPOLL_CTL_MOD, k->fd, EPOLLIN, k))
                hang_up(c, k);
            return;
        }
        if (!send_out(c, k, now_ns))
            return;
    }
    /* Writable at once: that is what brings it back here for the rest. */
    if (!watch(c, EPOLL_CTL_MOD, k->fd, EPOLLIN | EPOLLOUT, k))
        hang_up(c, k);
}

void control_run(struct control *c, uint64_t now_ns)
{
    struct epoll_event events[EVENTS_MAX];
    watch_listener(c, find_free(c) != NULL);
    int count = epoll_wait(c->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == c) {
            accept_all(c, now_ns);
            continue;
        }
        struct connection *k = events[i].data.ptr;
        if (k->fd >= 0)
            serve(c, k, now_ns);
    }
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        if (c->connections[i].fd >= 0 && now_ns >= c->connections[i].deadline_ns)
            hang_up(c, &c->connections[i]);
}

/* Whether somebody listens at the path. A file that is no such socket is not ours to replace. */
static enum err clear_path(const struct sockaddr_un *address)
{
    struct stat info;
    if (lstat(address->sun_path, &info) != 0)
        return errno == ENOENT ? ERR_OK : ERR_IO;
    if (!S_ISSOCK(info.st_mode))
        return ERR_EXISTS;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    int status = connect(fd, (const struct sockaddr *)address, sizeof *address);
    int saved = errno;
    close(fd);
    if (status == 0 || saved == EAGAIN)
        return ERR_BUSY;
    return unlink(address->sun_path) == 0 ? ERR_OK : ERR_IO;
}

static enum err make_folder(const char *path)
{
    char folder[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return ERR_OK;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return directory_make(folder, FOLDER_MODE);
}

/* Between bind() and listen() a socket looks like one that was left: whoever starts at the same
 * moment would remove it. */
static enum err take_lock(struct control *c)
{
    char path[sizeof c->address.sun_path + sizeof LOCK_SUFFIX];
    snprintf(path, sizeof path, "%s" LOCK_SUFFIX, c->address.sun_path);
    return lock_file_take(path, "statim-shed", "with this control socket", &c->lock);
}

static enum err start_listening(struct control *c)
{
    const struct sockaddr *address = (const struct sockaddr *)&c->address;
    TRY(make_folder(c->address.sun_path));
    TRY(take_lock(c));
    TRY(clear_path(&c->address));
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->listener < 0 || c->epoll < 0)
        return ERR_IO;
    mode_t before = umask(SOCKET_MODE);
    int status = bind(c->listener, address, sizeof c->address);
    umask(before);
    if (status != 0 || listen(c->listener, BACKLOG) != 0 ||
        !watch(c, EPOLL_CTL_ADD, c->listener, EPOLLIN, c))
        return ERR_IO;
    c->listening = true;
    return ERR_OK;
}

static void control_free(struct control *c)
{
    int saved = errno;
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        if (c->connections[i].fd >= 0)
            close(c->connections[i].fd);
        free(c->connections[i].out);
    }
    if (c->listener >= 0)
        close(c->listener);
    if (c->epoll >= 0)
        close(c->epoll);
    lock_drop(c->lock);
    free(c);
    errno = saved;
}

enum err control_open(const char *path, control_answer answer, void *context, struct control **ret,
                      char message[static CONTROL_MESSAGE_BYTES])
{
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_MEMORY;
    c->listener = c->epoll = c->lock = -1;
    c->answer = answer;
    c->context = context;
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        c->connections[i].fd = -1;
    c->address.sun_family = AF_UNIX;
    bool fits = strlen(path) < sizeof c->address.sun_path;
    enum err err = fits ? ERR_OK : ERR_LIMIT;
    if (fits) {
        memcpy(c->address.sun_path, path, strlen(path) + 1);
        err = start_listening(c);
    }
    if (err == ERR_OK) {
        *ret = c;
        return ERR_OK;
    }
    snprintf(message, CONTROL_MESSAGE_BYTES, "control_socket: %.180s: %s", path,
             err == ERR_BUSY     ? "another agent listens there"
             : err == ERR_EXISTS ? "is there, and is no socket"
             : err == ERR_IO     ? strerror(errno)
                                 : err_text(err));
    control_free(c);
    return err;
}

int control_fd(const struct control *c)
{
    return c->epoll;
}

struct control *control_close(struct control *c)
{
    if (c == NULL)
        return NULL;
    /* Best effort: one that stays is replaced at the next start. */
    (void)unlink(c->address.sun_path);
    control_free(c);
    return NULL;
}

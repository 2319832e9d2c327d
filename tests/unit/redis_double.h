/* SPDX-License-Identifier: Apache-2.0 */
/* A Redis that says what the test wants: a unix socket, one connection at a time. It never waits
 * for long: what is to happen happens within a second, or the test fails. */
#pragma once

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/check.h"

#define REDIS_DOUBLE_WAIT_MS 10000

struct redis_double {
    char path[108];
    int listener;
    int fd; /* the connection; -1: none */
    char in[1 << 22];
    size_t in_size;
};

static inline void redis_double_start(struct redis_double *r, const char *dir, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(r->path, sizeof r->path, "%s/%s", dir, name);
    CHECK(size > 0 && (size_t)size < sizeof address.sun_path);
    memcpy(address.sun_path, r->path, (size_t)size);
    r->fd = -1;
    r->in_size = 0;
    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(r->listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(r->listener, 8) == 0);
}

static inline void redis_double_hang_up(struct redis_double *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    r->in_size = 0;
}

/* Nobody listens there any more. */
static inline void redis_double_stop(struct redis_double *r)
{
    redis_double_hang_up(r);
    if (r->listener >= 0)
        close(r->listener);
    r->listener = -1;
    unlink(r->path);
}

static inline void redis_double_accept(struct redis_double *r)
{
    struct pollfd p = {.fd = r->listener, .events = POLLIN};
    CHECK(poll(&p, 1, REDIS_DOUBLE_WAIT_MS) == 1);
    redis_double_hang_up(r);
    r->fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK(r->fd >= 0);
}

/* To a client that has gone in the meantime nothing is said: redis_double_hear() tells. */
static inline void redis_double_say_octets(struct redis_double *r, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t sent = send(r->fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        CHECK(sent > 0);
        at += sent;
        size -= (size_t)sent;
    }
}

static inline void redis_double_say(struct redis_double *r, const char *text)
{
    redis_double_say_octets(r, text, strlen(text));
}

/* One "$size\r\noctets\r\n" or "*count\r\n" at the place; false: not all of it is there. */
static inline bool redis_double_header(const struct redis_double *r, size_t *at, char kind,
                                       size_t *ret)
{
    const char *end = memmem(r->in + *at, r->in_size - *at, "\r\n", 2);
    if (end == NULL)
        return false;
    CHECK(r->in[*at] == kind);
    *ret = strtoul(r->in + *at + 1, NULL, 10);
    *at = (size_t)(end + 2 - r->in);
    return true;
}

#define REDIS_DOUBLE_WORDS_MAX 16
struct redis_double_command {
    size_t count;
    const char *words[REDIS_DOUBLE_WORDS_MAX]; /* into the buffer, until the next is taken */
    size_t sizes[REDIS_DOUBLE_WORDS_MAX];
    size_t end;
};

static inline bool redis_double_parse(const struct redis_double *r, struct redis_double_command *c)
{
    size_t at = 0;
    if (!redis_double_header(r, &at, '*', &c->count))
        return false;
    CHECK(c->count <= REDIS_DOUBLE_WORDS_MAX);
    for (size_t i = 0; i < c->count; i++) {
        if (!redis_double_header(r, &at, '$', &c->sizes[i]) || r->in_size - at < c->sizes[i] + 2)
            return false;
        c->words[i] = r->in + at;
        at += c->sizes[i] + 2;
    }
    c->end = at;
    return true;
}

/* The next command, if one comes within that time. */
static inline bool redis_double_hear(struct redis_double *r, int wait_ms,
                                     struct redis_double_command *c)
{
    while (!redis_double_parse(r, c)) {
        struct pollfd p = {.fd = r->fd, .events = POLLIN};
        CHECK(r->in_size < sizeof r->in);
        if (poll(&p, 1, wait_ms) != 1)
            return false;
        ssize_t size = recv(r->fd, r->in + r->in_size, sizeof r->in - r->in_size, 0);
        if (size <= 0)
            return false;
        r->in_size += (size_t)size;
    }
    return true;
}

/* The one that was heard is over. */
static inline void redis_double_heard(struct redis_double *r, const struct redis_double_command *c)
{
    memmove(r->in, r->in + c->end, r->in_size - c->end);
    r->in_size -= c->end;
}

static inline bool redis_double_is(const struct redis_double_command *c, size_t i, const char *word)
{
    return i < c->count && c->sizes[i] == strlen(word) &&
           memcmp(c->words[i], word, c->sizes[i]) == 0;
}

/* A command of these words, separated by spaces. */
static inline void redis_double_expect(struct redis_double *r, const char *words)
{
    struct redis_double_command c;
    char text[512];
    size_t size = 0;
    CHECK(redis_double_hear(r, REDIS_DOUBLE_WAIT_MS, &c));
    for (size_t i = 0; i < c.count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%.*s", i == 0 ? "" : " ",
                                 (int)c.sizes[i], c.words[i]);
    if (strcmp(text, words) != 0) {
        fprintf(stderr, "heard \"%s\", not \"%s\"\n", text, words);
        abort();
    }
    redis_double_heard(r, &c);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/bird.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpf/bird_reply.h"
#include "lib/os/clock.h"

#define NS_PER_MS     UINT64_C(1000000)
#define COMMAND_BYTES (BIRD_PROTOCOL_BYTES_MAX + 32)
/* Between two looks at a protocol that is changing. */
#define AGAIN_MS 10

struct names {
    char normal[BIRD_PROTOCOL_BYTES_MAX + 1]; /* "": none */
    char low[BIRD_PROTOCOL_BYTES_MAX + 1];
};

struct bird {
    struct route_driver driver;
    struct sockaddr_un address;
    struct names names[BIRD_VERSIONS];
};

/* One connection; a new one each time, so that a BIRD that was restarted is found. */
struct talk {
    int fd;
    uint64_t deadline_ns;
    char *message; /* ROUTE_MESSAGE_BYTES */
    struct bird_reply reply;
};

/* --- octets --- */

static enum err failed(struct talk *t, const char *what)
{
    snprintf(t->message, ROUTE_MESSAGE_BYTES, "BIRD: %s: %s", what, strerror(errno));
    return ERR_IO;
}

/* Waits for `events`, or only for time to pass where there are none; at most until the deadline. */
static enum err await(struct talk *t, short events, int at_most_ms)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns >= t->deadline_ns) {
        snprintf(t->message, ROUTE_MESSAGE_BYTES, "BIRD: not done within %d ms", ROUTE_TIMEOUT_MS);
        return ERR_IO;
    }
    int left_ms = (int)((t->deadline_ns - now_ns) / NS_PER_MS) + 1;
    struct pollfd wait = {.fd = t->fd, .events = events};
    if (poll(&wait, 1, left_ms < at_most_ms ? left_ms : at_most_ms) < 0 && errno != EINTR)
        return failed(t, "poll");
    return ERR_OK;
}

static enum err put(struct talk *t, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(t->fd, text, size, MSG_NOSIGNAL);
        if (sent >= 0) {
            text += sent;
            size -= (size_t)sent;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return failed(t, "send");
        TRY(await(t, POLLOUT, ROUTE_TIMEOUT_MS));
    }
    return ERR_OK;
}

static enum err get_reply(struct talk *t, const char *protocol)
{
    bird_reply_begin(&t->reply, protocol);
    while (!t->reply.ended) {
        uint8_t octets[1024];
        ssize_t size = recv(t->fd, octets, sizeof octets, 0);
        if (size == 0) {
            snprintf(t->message, ROUTE_MESSAGE_BYTES, "BIRD: closed the connection");
            return ERR_IO;
        }
        if (size > 0) {
            enum err err = bird_reply_feed(&t->reply, span_of(octets, (size_t)size));
            if (err != ERR_OK) {
                snprintf(t->message, ROUTE_MESSAGE_BYTES, "BIRD: its reply: %s", err_text(err));
                return err;
            }
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return failed(t, "recv");
        TRY(await(t, POLLIN, ROUTE_TIMEOUT_MS));
    }
    return ERR_OK;
}

static enum err open_talk(struct talk *t, const struct sockaddr_un *address)
{
    t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->fd < 0)
        return failed(t, "socket");
    /* A local socket connects at once; EAGAIN says that too many wait before us. */
    if (connect(t->fd, (const struct sockaddr *)address, sizeof *address) != 0)
        return failed(t, address->sun_path);
    return get_reply(t, NULL); /* "0001 BIRD ... ready." */
}

/* --- commands --- */

static enum err command(struct talk *t, const char *verb, const char *protocol)
{
    char line[COMMAND_BYTES];
    /* Quoted it is a pattern, and a name that is not there a refusal instead of a syntax error. */
    int size = snprintf(line, sizeof line, "%s \"%s\"\n", verb, protocol);
    TRY(put(t, line, (size_t)size));
    TRY(get_reply(t, protocol));
    enum err err = bird_reply_result(&t->reply);
    if (err != ERR_OK)
        snprintf(t->message, ROUTE_MESSAGE_BYTES, "BIRD: %s \"%s\": %s", verb, protocol,
                 t->reply.text);
    return err;
}

static enum err look(struct talk *t, const char *protocol)
{
    TRY(command(t, "show protocols", protocol));
    if (t->reply.state != BIRD_NOT_TOLD)
        return ERR_OK;
    snprintf(t->message, ROUTE_MESSAGE_BYTES, "BIRD: no state of %s in its reply", protocol);
    return ERR_MALFORMED;
}

/* One protocol as it is wanted; told only where it is not so already. */
static enum err bring(struct talk *t, const char *protocol, bool up)
{
    const enum bird_state wanted = up ? BIRD_UP : BIRD_DOWN;
    if (protocol[0] == '\0')
        return ERR_OK;
    TRY(look(t, protocol));
    if (t->reply.state == wanted)
        return ERR_OK;
    TRY(command(t, up ? "enable" : "disable", protocol));
    TRY(look(t, protocol));
    while (t->reply.state != wanted) {
        TRY(await(t, 0, AGAIN_MS));
        TRY(look(t, protocol));
    }
    return ERR_OK;
}

/* What is wanted comes first, and what is not goes only when that is there. */
static enum err bring_version(struct talk *t, const struct names *n, enum route_action action)
{
    bool low = action == ROUTE_DEPREFER && n->low[0] != '\0';
    bool normal = action != ROUTE_WITHDRAW && !low;
    if (low)
        TRY(bring(t, n->low, true));
    TRY(bring(t, n->normal, normal));
    return low ? ERR_OK : bring(t, n->low, false);
}

/* The connection is in order, and what comes next may be told. */
static bool goes_on(enum err err)
{
    return err == ERR_OK || err == ERR_NOT_FOUND || err == ERR_CONFLICT;
}

static enum err set(struct route_driver *driver, enum route_action action,
                    char message[static ROUTE_MESSAGE_BYTES])
{
    struct bird *b = (struct bird *)driver;
    struct talk t = {.deadline_ns = clock_monotonic_ns() + ROUTE_TIMEOUT_MS * NS_PER_MS,
                     .message = message};
    enum err err = open_talk(&t, &b->address);
    /* A refusal in one IP version is none in the other. */
    enum err worst = err;
    for (unsigned i = 0; i < BIRD_VERSIONS && goes_on(err); i++) {
        err = bring_version(&t, &b->names[i], action);
        if (err != ERR_OK)
            worst = err;
    }
    if (t.fd >= 0)
        close(t.fd);
    return worst;
}

/* --- making and ending --- */

static void free_bird(struct route_driver *driver)
{
    free(driver);
}

/* NULL is "". */
static bool copy(char *to, size_t room, const char *text)
{
    if (text == NULL)
        text = "";
    size_t size = strlen(text);
    if (size >= room)
        return false;
    memcpy(to, text, size + 1);
    return true;
}

enum err bird_route_new(const struct bird_config *config, struct route_driver **ret)
{
    struct bird *b = calloc(1, sizeof *b);
    if (b == NULL)
        return ERR_MEMORY;
    b->driver = (struct route_driver){.set = set, .free = free_bird};
    b->address.sun_family = AF_UNIX;
    bool fits = copy(b->address.sun_path, sizeof b->address.sun_path, config->socket);
    for (unsigned i = 0; i < BIRD_VERSIONS; i++) {
        const struct bird_protocols *p = &config->protocols[i];
        struct names *n = &b->names[i];
        fits = fits && copy(n->normal, sizeof n->normal, p->normal) &&
               copy(n->low, sizeof n->low, p->low);
    }
    if (!fits) {
        free(b);
        return ERR_LIMIT;
    }
    *ret = &b->driver;
    return ERR_OK;
}

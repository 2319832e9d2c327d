/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/exabgp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/os/clock.h"

#define NS_PER_MS UINT64_C(1000000)

struct exabgp {
    struct route_driver driver;
    struct prefix prefixes[EXABGP_PREFIXES_MAX];
    uint32_t prefix_count;
    char hop[EXABGP_HOP_BYTES_MAX + 1];
    char attributes[2][EXABGP_ATTRIBUTES_BYTES_MAX + 1]; /* announce, deprefer */
    int commands_fd, answers_fd;
    struct exabgp_reader reader;
    uint32_t owed; /* answers to commands of calls that have given up waiting */
    bool stopped;  /* it has ended, or said that it will */
    bool done;     /* `action` is in force */
    enum route_action action;
    uint64_t deadline_ns;
};

/* --- octets --- */

static enum err await(const struct exabgp *e, int fd, short events,
                      char message[static ROUTE_MESSAGE_BYTES])
{
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= e->deadline_ns) {
            snprintf(message, ROUTE_MESSAGE_BYTES, "ExaBGP: %s within %d ms",
                     events == POLLIN ? "no answer (is api.ack on?)" : "takes no command",
                     ROUTE_TIMEOUT_MS);
            return ERR_IO;
        }
        struct pollfd wait = {.fd = fd, .events = events};
        int ready = poll(&wait, 1, (int)((e->deadline_ns - now_ns) / NS_PER_MS) + 1);
        if (ready > 0)
            return ERR_OK;
        if (ready < 0 && errno != EINTR) {
            snprintf(message, ROUTE_MESSAGE_BYTES, "ExaBGP: poll: %s", strerror(errno));
            return ERR_IO;
        }
    }
}

/* A pipe that is ready takes PIPE_BUF octets without blocking, and no line is longer. */
static enum err put_line(struct exabgp *e, const char *line, size_t size,
                         char message[static ROUTE_MESSAGE_BYTES])
{
    TRY(await(e, e->commands_fd, POLLOUT, message));
    ssize_t written = write(e->commands_fd, line, size);
    if (written == (ssize_t)size)
        return ERR_OK;
    if (written < 0 && errno == EPIPE) {
        e->stopped = true;
        snprintf(message, ROUTE_MESSAGE_BYTES, "ExaBGP: has ended");
        return ERR_STOPPED;
    }
    snprintf(message, ROUTE_MESSAGE_BYTES, "ExaBGP: write: %s",
             written < 0 ? strerror(errno) : "a part of a line only");
    return ERR_IO;
}

/* Octets that are there. `*ret_errors` grows by the answers that say error, not counting those to
 * commands nobody waits for any more; `*waited` shrinks by all that count. */
static enum err take(struct exabgp *e, uint32_t *waited, uint32_t *ret_errors)
{
    uint8_t octets[1024];
    ssize_t size = read(e->answers_fd, octets, sizeof octets);
    if (size < 0)
        return errno == EINTR || errno == EAGAIN ? ERR_OK : ERR_IO;
    e->stopped = e->stopped || size == 0;
    struct span left = span_of(octets, (size_t)size);
    while (left.size > 0) {
        enum exabgp_answer answer = EXABGP_NOTHING;
        size_t used = exabgp_answer(&e->reader, left, &answer);
        left = span_of(left.data + used, left.size - used);
        if (answer == EXABGP_SHUTDOWN)
            e->stopped = true;
        if (answer != EXABGP_DONE && answer != EXABGP_ERROR)
            continue;
        if (e->owed > 0) {
            e->owed--;
        } else if (*waited > 0) {
            --*waited;
            *ret_errors += answer == EXABGP_ERROR;
        }
    }
    return e->stopped ? ERR_STOPPED : ERR_OK;
}

/* --- route_driver --- */

static enum err watch(struct route_driver *driver)
{
    struct exabgp *e = (struct exabgp *)driver;
    uint32_t waited = 0, errors = 0;
    struct pollfd ready = {.fd = e->answers_fd, .events = POLLIN};
    while (!e->stopped && poll(&ready, 1, 0) > 0)
        TRY(take(e, &waited, &errors));
    return e->stopped ? ERR_STOPPED : ERR_OK;
}

static enum err tell_all(struct exabgp *e, enum route_action action, uint32_t *waited,
                         char message[static ROUTE_MESSAGE_BYTES])
{
    const char *attributes = e->attributes[action == ROUTE_DEPREFER];
    for (uint32_t i = 0; i < e->prefix_count; i++) {
        char line[EXABGP_LINE_BYTES];
        size_t size = exabgp_line(&e->prefixes[i], action, e->hop, attributes, line);
        TRY(put_line(e, line, size, message));
        ++*waited;
    }
    return ERR_OK;
}

static enum err hear_all(struct exabgp *e, uint32_t *waited,
                         char message[static ROUTE_MESSAGE_BYTES])
{
    uint32_t errors = 0;
    while (*waited > 0) {
        TRY(await(e, e->answers_fd, POLLIN, message));
        enum err err = take(e, waited, &errors);
        if (err != ERR_OK) {
            snprintf(message, ROUTE_MESSAGE_BYTES, "ExaBGP: %s",
                     err == ERR_STOPPED ? "has ended" : strerror(errno));
            return err;
        }
    }
    if (errors == 0)
        return ERR_OK;
    snprintf(message, ROUTE_MESSAGE_BYTES, "ExaBGP: refused %u of %u commands: see its log", errors,
             e->prefix_count);
    return ERR_CONFLICT;
}

static enum err set(struct route_driver *driver, enum route_action action,
                    char message[static ROUTE_MESSAGE_BYTES])
{
    struct exabgp *e = (struct exabgp *)driver;
    e->deadline_ns = clock_monotonic_ns() + ROUTE_TIMEOUT_MS * NS_PER_MS;
    enum err err = watch(driver);
    if (err != ERR_OK) {
        snprintf(message, ROUTE_MESSAGE_BYTES, "ExaBGP: %s",
                 err == ERR_STOPPED ? "has ended" : strerror(errno));
        return err;
    }
    /* It forgets nothing while it lives, and the agent does not outlive it. */
    if (e->done && e->action == action)
        return ERR_OK;
    e->done = false;
    /* Before it has answered the last commands, more of them would only pile up in its pipe. */
    uint32_t waited = 0;
    if (e->owed > 0) {
        snprintf(message, ROUTE_MESSAGE_BYTES, "ExaBGP: %u answers are owed (is api.ack on?)",
                 e->owed);
        return ERR_BUSY;
    }
    err = tell_all(e, action, &waited, message);
    if (err == ERR_OK)
        err = hear_all(e, &waited, message);
    e->owed = waited;
    e->done = err == ERR_OK;
    e->action = action;
    return err;
}

static void free_exabgp(struct route_driver *driver)
{
    free(driver);
}

/* --- making --- */

/* NULL is "". */
static enum err copy(char *to, size_t bytes_max, const char *text)
{
    if (text == NULL)
        text = "";
    size_t size = strlen(text);
    if (size > bytes_max)
        return ERR_LIMIT;
    if (!exabgp_is_words(text))
        return ERR_MALFORMED;
    memcpy(to, text, size + 1);
    return ERR_OK;
}

static enum err copy_config(struct exabgp *e, const struct exabgp_config *config)
{
    if (config->prefix_count == 0 || config->prefix_count > EXABGP_PREFIXES_MAX)
        return ERR_LIMIT;
    memcpy(e->prefixes, config->prefixes, config->prefix_count * sizeof *e->prefixes);
    e->prefix_count = config->prefix_count;
    TRY(copy(e->hop, EXABGP_HOP_BYTES_MAX, config->hop));
    TRY(copy(e->attributes[0], EXABGP_ATTRIBUTES_BYTES_MAX, config->normal_attributes));
    return copy(e->attributes[1], EXABGP_ATTRIBUTES_BYTES_MAX, config->low_attributes);
}

enum err exabgp_route_new(const struct exabgp_config *config, struct route_driver **ret)
{
    struct exabgp *e = calloc(1, sizeof *e);
    if (e == NULL)
        return ERR_MEMORY;
    e->driver = (struct route_driver){.set = set, .watch = watch, .free = free_exabgp};
    e->commands_fd = config->commands_fd;
    e->answers_fd = config->answers_fd;
    enum err err = copy_config(e, config);
    if (err != ERR_OK) {
        free(e);
        return err;
    }
    *ret = &e->driver;
    return ERR_OK;
}

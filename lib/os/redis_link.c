/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/redis_link.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/limit.h"
#include "lib/os/file.h"
#include "lib/os/log.h"
#include "lib/os/redis_dial.h"
#include "lib/os/redis_reader.h"
#include "lib/random.h"

#define NS_PER_MS UINT64_C(1000000)
/* Arguments of one command. */
#define ARGUMENTS_MAX 32
/* AUTH and PING. */
#define GREETINGS_MAX 2

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_GREETING, LINK_UP };

struct redis_link {
    struct redis_address addresses[REDIS_LINK_ADDRESSES_MAX];
    size_t address_count;
    size_t at;    /* the address in use, or tried next */
    size_t tried; /* failures in a row, one an address */
    char user[REDIS_LINK_SECRET_BYTES];
    char password_file[PATH_BYTES_MAX];
    bool has_user, has_password;
    size_t reply_bytes_max;
    uint64_t random;

    enum link_state state;
    int fd;
    uint64_t retry_ns; /* down: when to try again */
    uint64_t pause_ms;
    uint64_t deadline_ns; /* of the greeting, then of the first command's answer */
    uint64_t up_ns;
    bool proven;  /* a command was answered on this connection */
    bool settled; /* and it lasted */
    uint64_t session;

    struct buffer out;
    size_t out_sent;
    unsigned timeouts_ms[REDIS_LINK_COMMANDS_MAX + GREETINGS_MAX]; /* a ring */
    size_t first, pending;

    struct redis_reader reader;

    bool told_down;
    size_t told_address;
    char trouble[REDIS_LINK_TEXT_BYTES];
    struct redis_link_counts counts;
};

#define RING_SIZE (sizeof((struct redis_link *)NULL)->timeouts_ms / sizeof(unsigned))

enum err redis_link_address_check(const char *text)
{
    struct redis_address address;
    return redis_address_read(text, &address);
}

/* --- Ends of connections --- */

static void hang_up(struct redis_link *l)
{
    if (l->fd >= 0)
        close(l->fd);
    redis_reader_done(&l->reader);
    if (l->out.data != NULL)
        explicit_bzero(l->out.data, l->out.capacity);
    l->fd = -1;
    l->out.size = l->out_sent = 0;
    l->first = l->pending = 0;
    l->state = LINK_DOWN;
    l->proven = l->settled = false;
}

/* All were tried: from the first again, after a pause of which every program draws its own. */
static void pause_begin(struct redis_link *l, uint64_t now_ns)
{
    uint64_t pause_ns = l->pause_ms * NS_PER_MS;
    l->retry_ns = now_ns + pause_ns * 3 / 4 + random_next(&l->random) % (pause_ns / 2 + 1);
    l->pause_ms *= 2;
    if (l->pause_ms > REDIS_LINK_PAUSE_LAST_MS)
        l->pause_ms = REDIS_LINK_PAUSE_LAST_MS;
    l->tried = 0;
    l->at = 0;
}

__attribute__((format(printf, 3, 4))) static void give_up(struct redis_link *l, uint64_t now_ns,
                                                          const char *format, ...)
{
    char what[REDIS_LINK_TEXT_BYTES - REDIS_ADDRESS_TEXT_BYTES - 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(l->trouble, sizeof l->trouble, "%s: %s", l->addresses[l->at].text, what);
    l->counts.failures++;
    bool worked = l->settled;
    hang_up(l);
    l->tried++;
    l->at = (l->at + 1) % l->address_count;
    l->retry_ns = now_ns;
    bool all = l->tried >= l->address_count;
    if (all)
        pause_begin(l, now_ns);
    if ((worked || all) && !l->told_down) {
        log_warning("redis: %s", l->trouble);
        l->told_down = true;
    }
}

void redis_link_fail(struct redis_link *l, uint64_t now_ns, const char *why)
{
    if (l->state != LINK_DOWN)
        give_up(l, now_ns, "%s", why);
}

/* --- Sending --- */

static enum err flush(struct redis_link *l)
{
    while (l->out_sent < l->out.size) {
        ssize_t sent = send(l->fd, l->out.data + l->out_sent, l->out.size - l->out_sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_OK : ERR_IO;
        l->out_sent += (size_t)sent;
    }
    l->out.size = l->out_sent = 0;
    return ERR_OK;
}

static enum err append(struct redis_link *l, struct span command)
{
    if (l->out_sent > 0) {
        memmove(l->out.data, l->out.data + l->out_sent, l->out.size - l->out_sent);
        l->out.size -= l->out_sent;
        l->out_sent = 0;
    }
    return buffer_append(&l->out, command);
}

static enum err queue(struct redis_link *l, uint64_t now_ns, size_t argc, const struct span *argv,
                      unsigned timeout_ms)
{
    const char *arguments[ARGUMENTS_MAX];
    size_t sizes[ARGUMENTS_MAX];
    char *command = NULL;
    CHECK(argc > 0 && argc <= ARGUMENTS_MAX && l->pending < RING_SIZE);
    for (size_t i = 0; i < argc; i++) {
        arguments[i] = argv[i].size > 0 ? (const char *)argv[i].data : "";
        sizes[i] = argv[i].size;
    }
    int size = redisFormatCommandArgv(&command, (int)argc, arguments, sizes);
    if (size < 0)
        return ERR_MEMORY;
    enum err err = append(l, span_of(command, (size_t)size));
    /* It may have been AUTH. */
    explicit_bzero(command, (size_t)size);
    redisFreeCommand(command);
    TRY(err);
    if (l->pending == 0)
        l->deadline_ns = now_ns + timeout_ms * NS_PER_MS;
    l->timeouts_ms[(l->first + l->pending++) % RING_SIZE] = timeout_ms;
    return ERR_OK;
}

static size_t octets_of(size_t argc, const struct span *argv)
{
    size_t octets = 0;
    for (size_t i = 0; i < argc; i++)
        octets += argv[i].size;
    return octets;
}

enum err redis_link_send(struct redis_link *l, uint64_t now_ns, size_t argc,
                         const struct span *argv, unsigned timeout_ms)
{
    if (l->state != LINK_UP)
        return ERR_NOT_FOUND;
    size_t octets = octets_of(argc, argv);
    size_t unsent = l->out.size - l->out_sent;
    if (octets > REDIS_LINK_QUEUE_BYTES_MAX)
        return ERR_LIMIT;
    if (l->pending >= REDIS_LINK_COMMANDS_MAX ||
        (unsent > 0 && unsent + octets > REDIS_LINK_QUEUE_BYTES_MAX))
        return ERR_BUSY;
    TRY(queue(l, now_ns, argc, argv, timeout_ms));
    if (flush(l) == ERR_OK)
        return ERR_OK;
    give_up(l, now_ns, "%s", strerror(errno));
    return ERR_NOT_FOUND;
}

/* --- Receiving --- */

static void accept_reply(struct redis_link *l, uint64_t now_ns)
{
    l->first = (l->first + 1) % RING_SIZE;
    l->pending--;
    if (l->pending > 0)
        l->deadline_ns = now_ns + l->timeouts_ms[l->first] * NS_PER_MS;
}

/* ERR_NOT_FOUND: none yet, or the connection was given up. */
static enum err take_reply(struct redis_link *l, uint64_t now_ns, redisReply **ret)
{
    redisReply *reply = NULL;
    enum err err = redis_reader_next(&l->reader, l->fd, &reply);
    if (err == ERR_BUSY)
        return ERR_NOT_FOUND;
    if (err == ERR_OK && l->pending == 0) {
        freeReplyObject(reply);
        err = ERR_MALFORMED;
    }
    if (err != ERR_OK) {
        give_up(l, now_ns, "%s", redis_reader_trouble(err));
        return ERR_NOT_FOUND;
    }
    accept_reply(l, now_ns);
    *ret = reply;
    return ERR_OK;
}

enum err redis_link_reply(struct redis_link *l, uint64_t now_ns, redisReply **ret)
{
    redisReply *reply = NULL;
    if (l->state != LINK_UP)
        return ERR_NOT_FOUND;
    TRY(take_reply(l, now_ns, &reply));
    if (redis_reply_refuses(reply)) {
        give_up(l, now_ns, "%s", reply->str);
        freeReplyObject(reply);
        return ERR_NOT_FOUND;
    }
    if (!l->proven)
        l->counts.connections++;
    l->proven = true;
    *ret = reply;
    return ERR_OK;
}

/* --- Beginnings of connections --- */

static enum err greet_auth(struct redis_link *l, uint64_t now_ns)
{
    struct buffer secret = {0};
    struct span argv[3] = {span_text("AUTH"), span_text(l->user)};
    size_t argc = l->has_user ? 2 : 1;
    TRY(file_read(l->password_file, REDIS_LINK_SECRET_BYTES, &secret));
    const uint8_t *end = secret.size > 0 ? memchr(secret.data, '\n', secret.size) : NULL;
    argv[argc++] = span_of(secret.data, end == NULL ? secret.size : (size_t)(end - secret.data));
    enum err err = queue(l, now_ns, argc, argv, REDIS_LINK_CONNECT_MS);
    if (secret.data != NULL)
        explicit_bzero(secret.data, secret.capacity);
    buffer_done(&secret);
    return err;
}

static void greet(struct redis_link *l, uint64_t now_ns)
{
    uint64_t deadline_ns = l->deadline_ns;
    struct span ping = span_text("PING");
    l->state = LINK_GREETING;
    enum err err = l->has_password ? greet_auth(l, now_ns) : ERR_OK;
    if (err != ERR_OK) {
        give_up(l, now_ns, "%s: %s", l->password_file, err_text(err));
        return;
    }
    err = queue(l, now_ns, 1, &ping, REDIS_LINK_CONNECT_MS);
    l->deadline_ns = deadline_ns;
    if (err != ERR_OK || flush(l) != ERR_OK)
        give_up(l, now_ns, "%s", err != ERR_OK ? err_text(err) : strerror(errno));
}

static void hear_greeting(struct redis_link *l, uint64_t now_ns)
{
    uint64_t deadline_ns = l->deadline_ns;
    redisReply *reply = NULL;
    while (l->pending > 0) {
        if (take_reply(l, now_ns, &reply) != ERR_OK)
            return;
        l->deadline_ns = deadline_ns;
        bool good = reply->type == REDIS_REPLY_STATUS;
        if (!good)
            give_up(l, now_ns, "%s", reply->type == REDIS_REPLY_ERROR ? reply->str : "no Redis");
        freeReplyObject(reply);
        if (!good)
            return;
    }
    if (l->out.data != NULL)
        explicit_bzero(l->out.data, l->out.capacity);
    l->state = LINK_UP;
    l->up_ns = now_ns;
    l->session++;
}

static void dial(struct redis_link *l, uint64_t now_ns)
{
    l->deadline_ns = now_ns + REDIS_LINK_CONNECT_MS * NS_PER_MS;
    if (redis_reader_make(&l->reader, l->reply_bytes_max) != ERR_OK) {
        give_up(l, now_ns, "%s", err_text(ERR_MEMORY));
    } else if (redis_dial(&l->addresses[l->at], &l->fd) != ERR_OK) {
        give_up(l, now_ns, "%s", strerror(errno));
    } else {
        l->state = LINK_CONNECTING;
    }
}

static void connecting(struct redis_link *l, uint64_t now_ns)
{
    enum err err = redis_dial_result(l->fd);
    if (err == ERR_OK)
        greet(l, now_ns);
    else if (err != ERR_BUSY)
        give_up(l, now_ns, "%s", strerror(errno));
}

/* --- The link --- */

static uint64_t settle_ns(const struct redis_link *l)
{
    return l->up_ns + REDIS_LINK_SETTLE_MS * NS_PER_MS;
}

static uint64_t prefer_ns(const struct redis_link *l)
{
    return l->at == 0 ? UINT64_MAX : l->up_ns + REDIS_LINK_PREFER_S * 1000 * NS_PER_MS;
}

static void settle(struct redis_link *l)
{
    l->settled = true;
    l->tried = 0;
    l->pause_ms = REDIS_LINK_PAUSE_FIRST_MS;
    if (l->told_down || l->told_address != l->at)
        log_info("redis: connected to %s", l->addresses[l->at].text);
    l->told_down = false;
    l->told_address = l->at;
}

static void stay_up(struct redis_link *l, uint64_t now_ns)
{
    if (l->proven && !l->settled && now_ns >= settle_ns(l))
        settle(l);
    if (flush(l) != ERR_OK) {
        give_up(l, now_ns, "%s", strerror(errno));
    } else if (now_ns >= prefer_ns(l)) {
        hang_up(l);
        l->at = l->tried = 0;
        l->retry_ns = now_ns;
        dial(l, now_ns);
    }
}

void redis_link_step(struct redis_link *l, uint64_t now_ns)
{
    if (l->state == LINK_DOWN && now_ns >= l->retry_ns)
        dial(l, now_ns);
    if (l->state == LINK_CONNECTING)
        connecting(l, now_ns);
    if (l->state == LINK_GREETING) {
        if (flush(l) != ERR_OK)
            give_up(l, now_ns, "%s", strerror(errno));
        else
            hear_greeting(l, now_ns);
    }
    if (l->state == LINK_UP)
        stay_up(l, now_ns);
    bool waits = l->state == LINK_CONNECTING || l->pending > 0;
    if (waits && now_ns >= l->deadline_ns)
        give_up(l, now_ns, "no answer in time");
}

static enum err copy_text(const char *from, char *to, size_t to_size, bool *ret_has)
{
    size_t size = from == NULL ? 0 : strlen(from);
    if (size >= to_size)
        return ERR_LIMIT;
    if (size > 0)
        memcpy(to, from, size);
    to[size] = '\0';
    *ret_has = from != NULL;
    return ERR_OK;
}

static enum err configure(struct redis_link *l, const struct redis_link_config *config)
{
    if (config->address_count == 0 || config->address_count > REDIS_LINK_ADDRESSES_MAX)
        return ERR_LIMIT;
    l->address_count = config->address_count;
    for (size_t i = 0; i < config->address_count; i++)
        TRY(redis_address_read(config->addresses[i], &l->addresses[i]));
    TRY(copy_text(config->user, l->user, sizeof l->user, &l->has_user));
    return copy_text(config->password_file, l->password_file, sizeof l->password_file,
                     &l->has_password);
}

enum err redis_link_new(const struct redis_link_config *config, struct redis_link **ret)
{
    struct redis_link *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ERR_MEMORY;
    l->fd = -1;
    l->pause_ms = REDIS_LINK_PAUSE_FIRST_MS;
    l->reply_bytes_max = config->reply_bytes_max;
    l->random = config->seed;
    l->told_address = REDIS_LINK_ADDRESSES_MAX;
    enum err err = configure(l, config);
    if (err != ERR_OK) {
        free(l);
        return err;
    }
    *ret = l;
    return ERR_OK;
}

struct redis_link *redis_link_free(struct redis_link *l)
{
    if (l == NULL)
        return NULL;
    hang_up(l);
    buffer_done(&l->out);
    free(l);
    return NULL;
}

uint64_t redis_link_session(const struct redis_link *l)
{
    return l->state == LINK_UP ? l->session : 0;
}

size_t redis_link_pending(const struct redis_link *l)
{
    return l->state == LINK_UP ? l->pending : 0;
}

int redis_link_fd(const struct redis_link *l)
{
    return l->fd;
}

short redis_link_events(const struct redis_link *l)
{
    if (l->fd < 0)
        return 0;
    bool writes = l->state == LINK_CONNECTING || l->out_sent < l->out.size;
    return writes ? POLLIN | POLLOUT : POLLIN;
}

uint64_t redis_link_wake_ns(const struct redis_link *l)
{
    if (l->state == LINK_DOWN)
        return l->retry_ns;
    uint64_t wake_ns = l->state == LINK_UP ? prefer_ns(l) : l->deadline_ns;
    if (l->pending > 0 && l->deadline_ns < wake_ns)
        wake_ns = l->deadline_ns;
    if (l->proven && !l->settled && settle_ns(l) < wake_ns)
        wake_ns = settle_ns(l);
    return wake_ns;
}

const char *redis_link_trouble(const struct redis_link *l)
{
    return l->trouble;
}

const char *redis_link_address(const struct redis_link *l)
{
    return l->addresses[l->at].text;
}

struct redis_link_counts redis_link_counts(const struct redis_link *l)
{
    return l->counts;
}

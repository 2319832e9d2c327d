/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_owner.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "issuer/sql.h"
#include "lib/hex.h"
#include "lib/os/clock.h"
#include "lib/os/lock.h"
#include "lib/os/log.h"

#define PAUSE_MS     50
#define TOKEN_BYTES  33 /* 32 hex digits, NUL */
#define SESSION_NAME "statim-issuer "

struct registry_owner {
    int lock;        /* of SQLite; -1: none */
    struct sql *sql; /* of PostgreSQL: the session with the lock */
    uint32_t timeout_ms;
    bool is_ours;
    char token[TOKEN_BYTES]; /* in the session's name: whether one that has the lock is ours */
};

/* --- SQLite --- */

/* Of the file behind the links; one that is not there yet has none. */
static enum err take_file(const char *database, int *ret_lock)
{
    char real[PATH_MAX], path[PATH_MAX + 8];
    const char *name = realpath(database, real) != NULL ? real : database;
    int size = snprintf(path, sizeof path, "%s.lock", name);
    if (size < 0 || (size_t)size >= sizeof path)
        return ERR_LIMIT;
    return lock_file_take(path, "statim-issuer", "with this registry", ret_lock);
}

/* --- PostgreSQL --- */

/* One lock a schema, the high half of its number "stat". */
#define LOCK_CLASS "1937006964"
static const char lock_text[] =
    "SELECT pg_try_advisory_lock((" LOCK_CLASS "::bigint << 32) | oid::bigint)::int"
    " FROM pg_namespace WHERE nspname = current_schema()";
static const char holder_text[] =
    "SELECT l.pid, a.application_name FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.classid::bigint = " LOCK_CLASS
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.objid = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";

/* It is idle for ever; and the server is to notice within 25 s that nobody is there any more. */
#define SETTINGS_TEXT                                                                             \
    "SELECT count(set_config(s.name, v.value, false)) FROM (VALUES ('idle_session_timeout', "     \
    "'0'), ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'),"                      \
    " ('tcp_keepalives_count', '3'), ('application_name', '" SESSION_NAME "%s')) v (name, value)" \
    " JOIN pg_settings s ON s.name = v.name"

/* ERR_BUSY is said of the lock alone, and means another issuer: a statement whose time is over is
 * nobody's answer. */
static enum err not_busy(enum err err)
{
    return err == ERR_BUSY ? ERR_IO : err;
}

static enum err ask(struct registry_owner *o, const char *text, sql_row_function row, void *context)
{
    return not_busy(sql_query(o->sql, text, row, context));
}

static enum err read_number(void *context, struct sql_row *row)
{
    *(uint64_t *)context = sql_get_number(row);
    return sql_row_end(row);
}

struct holder {
    uint64_t pid; /* of the server's process; 0: it is gone meanwhile */
    bool is_ours;
    const struct registry_owner *owner;
};

static enum err read_holder(void *context, struct sql_row *row)
{
    char ours[sizeof SESSION_NAME + TOKEN_BYTES];
    struct holder *holder = context;
    snprintf(ours, sizeof ours, SESSION_NAME "%s", holder->owner->token);
    holder->pid = sql_get_number(row);
    holder->is_ours = span_equal(sql_get_text(row), span_text(ours));
    return sql_row_end(row);
}

static enum err end_session(struct registry_owner *o, uint64_t pid)
{
    char text[80];
    uint64_t done = 0;
    snprintf(text, sizeof text, "SELECT pg_terminate_backend(%" PRIu64 ")::int", pid);
    return ask(o, text, read_number, &done);
}

/* Somebody has it. Our own lost session, which the server has not noticed, is ended: ERR_IO. */
static enum err judge_holder(struct registry_owner *o, struct holder *ret)
{
    struct holder holder = {.owner = o};
    TRY(ask(o, holder_text, read_holder, &holder));
    *ret = holder;
    if (!holder.is_ours)
        return holder.pid == 0 ? ERR_IO : ERR_BUSY;
    TRY(end_session(o, holder.pid));
    return ERR_IO;
}

static enum err configure(struct registry_owner *o)
{
    char text[sizeof SETTINGS_TEXT + TOKEN_BYTES];
    uint64_t count = 0;
    snprintf(text, sizeof text, SETTINGS_TEXT, o->token);
    return ask(o, text, read_number, &count);
}

static enum err try_lock(struct registry_owner *o, struct holder *ret)
{
    uint64_t taken = 0;
    TRY(ask(o, lock_text, read_number, &taken));
    if (sql_row_count(o->sql) == 0) {
        log_error("registry: there is no schema to work in (search_path)");
        return ERR_CONFIG;
    }
    o->is_ours = taken == 1;
    return o->is_ours ? ERR_OK : judge_holder(o, ret);
}

static enum err busy(const struct holder *holder)
{
    log_error("registry: another statim-issuer (PostgreSQL's process %" PRIu64
              ") works with this registry",
              holder->pid);
    return ERR_BUSY;
}

static enum err take_patiently(struct registry_owner *o)
{
    struct holder holder = {0};
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)o->timeout_ms * 1000000u;
    for (;;) {
        enum err err = try_lock(o, &holder);
        bool may_change = err == ERR_BUSY || (err == ERR_IO && sql_connected(o->sql));
        if (!may_change)
            return err;
        if (clock_monotonic_ns() >= deadline_ns)
            return err == ERR_BUSY ? busy(&holder) : err;
        poll(NULL, 0, PAUSE_MS);
    }
}

static enum err open_session(struct registry_owner *o, const struct registry_options *options)
{
    uint8_t octets[(TOKEN_BYTES - 1) / 2];
    const struct sql_options sql_options = {
        .postgresql = options->postgresql,
        .statement_timeout_ms = o->timeout_ms,
        .connect_timeout_ms = o->timeout_ms,
    };
    if (RAND_bytes(octets, sizeof octets) != 1)
        return ERR_CRYPTO;
    TRY(hex_encode(span_of(octets, sizeof octets), o->token, sizeof o->token));
    TRY(not_busy(sql_open(&sql_options, &o->sql)));
    TRY(configure(o));
    return take_patiently(o);
}

/* --- Both --- */

enum err registry_owner_take(const struct registry_options *options, struct registry_owner **ret)
{
    struct registry_owner *o = calloc(1, sizeof *o);
    if (o == NULL)
        return ERR_MEMORY;
    o->lock = -1;
    o->timeout_ms =
        options->connect_timeout_ms == 0 ? REGISTRY_TIMEOUT_MS : options->connect_timeout_ms;
    enum err err = options->sqlite_path != NULL ? take_file(options->sqlite_path, &o->lock)
                                                : open_session(o, options);
    if (err != ERR_OK) {
        registry_owner_drop(o);
        return err;
    }
    *ret = o;
    return ERR_OK;
}

enum err registry_owner_keep(struct registry_owner *o)
{
    struct holder holder = {0};
    uint64_t one = 0;
    if (o->sql == NULL)
        return ERR_OK; /* the kernel takes nothing away */
    /* An answer that is late is not a session that is lost. */
    (void)!ask(o, "SELECT 1::bigint", read_number, &one);
    if (o->is_ours && sql_connected(o->sql))
        return ERR_OK;
    o->is_ours = false;
    if (!sql_connected(o->sql)) {
        TRY(not_busy(sql_reconnect(o->sql)));
        TRY(configure(o));
    }
    enum err err = try_lock(o, &holder);
    return err == ERR_BUSY ? busy(&holder) : err;
}

struct registry_owner *registry_owner_drop(struct registry_owner *o)
{
    if (o == NULL)
        return NULL;
    sql_close(o->sql);
    lock_drop(o->lock);
    free(o);
    return NULL;
}

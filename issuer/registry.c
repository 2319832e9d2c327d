/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "issuer/registry_internal.h"
#include "issuer/registry_migrations.h"
#include "lib/check.h"
#include "lib/hex.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"

/* Rows of connections that are gone stay for this long: a commit's fate is asked for at once. */
#define WRITER_KEEP_S (30u * 86400)

const struct sql_statement registry_statements[STATEMENT_COUNT] = {
#define X(name, kind, params, text) {#name, SQL_##kind, params, text},
    REGISTRY_STATEMENT_TABLE(X)
#undef X
};

static enum err make_writer_id(char ret[static REGISTRY_WRITER_BYTES])
{
    uint8_t octets[(REGISTRY_WRITER_BYTES - 1) / 2];
    if (RAND_bytes(octets, sizeof octets) != 1)
        return ERR_CRYPTO;
    return hex_encode(span_of(octets, sizeof octets), ret, REGISTRY_WRITER_BYTES);
}

enum err registry_open(const struct registry_options *options, struct registry **ret)
{
    struct sql_options sql_options = {
        .sqlite_path = options->sqlite_path,
        .postgresql = options->postgresql,
        .statement_timeout_ms = options->statement_timeout_ms,
        .connect_timeout_ms = options->connect_timeout_ms,
        .statements = registry_statements,
        .statement_count = STATEMENT_COUNT,
    };
    if (sql_options.statement_timeout_ms == 0)
        sql_options.statement_timeout_ms = REGISTRY_TIMEOUT_MS;
    if (sql_options.connect_timeout_ms == 0)
        sql_options.connect_timeout_ms = REGISTRY_TIMEOUT_MS;
    struct registry *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ERR_MEMORY;
    enum err err = make_writer_id(r->writer);
    if (err == ERR_OK)
        err = sql_open(&sql_options, &r->sql);
    if (err != ERR_OK) {
        registry_close(r);
        return err;
    }
    *ret = r;
    return ERR_OK;
}

static enum err delete_writer(struct registry *r, void *context)
{
    (void)context;
    return registry_run(r, STATEMENT_WRITER_DELETE,
                        REGISTRY_PARAMS(sql_text(span_text(r->writer), SIZE_MAX)), NULL, NULL);
}

struct registry *registry_close(struct registry *r)
{
    if (r == NULL)
        return NULL;
    registry_rollback(r);
    /* Else it goes with the next tidying. */
    if (r->has_writer && !r->unsettled && sql_connected(r->sql) &&
        registry_transaction(r, delete_writer, NULL) != ERR_OK)
        log_debug("registry: a writer's row stays");
    sql_close(r->sql);
    free(r);
    return NULL;
}

const char *registry_version(const struct registry *r)
{
    return sql_version(r->sql);
}

static enum err tidy_writers(struct registry *r, void *context)
{
    (void)context;
    return registry_run(r, STATEMENT_WRITER_TIDY,
                        REGISTRY_PARAMS(sql_number(clock_wall_s() - WRITER_KEEP_S)), NULL, NULL);
}

enum err registry_migrate(struct registry *r)
{
    TRY(registry_schema_migrate(r->sql));
    return registry_transaction(r, tidy_writers, NULL);
}

enum err registry_schema_check(struct registry *r)
{
    uint64_t version = 0;
    TRY(registry_schema_version(r->sql, &version));
    if (version == REGISTRY_SCHEMA_VERSION)
        return ERR_OK;
    log_error("registry: the schema is version %" PRIu64 ", and this program needs %d", version,
              REGISTRY_SCHEMA_VERSION);
    return version < REGISTRY_SCHEMA_VERSION ? ERR_NOT_FOUND : ERR_UNSUPPORTED;
}

/* Waits until the database has decided on the last transaction: its lock on the writer's row is
 * what this one waits for. SQLite has no such wait, and needs the write: see sqlite_commit(). */
static enum err settle(struct registry *r, bool *ret_committed)
{
    char text[160];
    uint64_t transactions = 0;
    snprintf(text, sizeof text, "UPDATE writer SET settled = settled + 1 WHERE id = '%s'",
             r->writer);
    TRY(sql_begin(r->sql, text));
    enum err err =
        registry_number(r, STATEMENT_WRITER_GET,
                        REGISTRY_PARAMS(sql_text(span_text(r->writer), SIZE_MAX)), &transactions);
    /* No row: its first transaction, and another server, which never had that. */
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        sql_rollback(r->sql);
        return err;
    }
    TRY(sql_commit(r->sql));
    r->unsettled = false;
    *ret_committed = transactions == r->transactions;
    log_warning("registry: a transaction whose commit was cut short %s",
                *ret_committed ? "is done" : "did not happen");
    return ERR_OK;
}

/* By all registries of the process: a number for /metrics. */
static uint64_t reconnects;

uint64_t registry_reconnects(void)
{
    return __atomic_load_n(&reconnects, __ATOMIC_RELAXED);
}

static enum err reconnect(struct registry *r, enum err (*how)(struct sql *))
{
    if (sql_connected(r->sql))
        return ERR_OK;
    TRY(how(r->sql));
    __atomic_fetch_add(&reconnects, 1, __ATOMIC_RELAXED);
    log_info("registry: connected again to %s", sql_version(r->sql));
    return registry_schema_check(r);
}

enum err registry_ready(struct registry *r)
{
    bool committed = false;
    CHECK(!sql_in_transaction(r->sql));
    TRY(reconnect(r, sql_reconnect));
    if (!r->unsettled)
        return ERR_OK;
    enum err err = settle(r, &committed);
    return err == ERR_OK ? ERR_OK : ERR_IO;
}

static enum err add_writer(struct registry *r)
{
    TRY(sql_begin(r->sql, "SELECT 1"));
    enum err err = registry_run(
        r, STATEMENT_WRITER_ADD,
        REGISTRY_PARAMS(sql_text(span_text(r->writer), SIZE_MAX), sql_number(clock_wall_s())), NULL,
        NULL);
    if (err != ERR_OK) {
        sql_rollback(r->sql);
        return err == ERR_EXISTS ? ERR_OK : err;
    }
    err = sql_commit(r->sql);
    /* Whether it is there is seen by who uses it. */
    r->has_writer = err == ERR_OK || err == ERR_IO;
    return err;
}

static enum err begin(struct registry *r)
{
    char text[200];
    snprintf(text, sizeof text,
             "UPDATE writer SET transactions = %" PRIu64 ", used_at = %" PRIu64 " WHERE id = '%s'",
             r->transactions + 1, clock_wall_s(), r->writer);
    if (!r->has_writer)
        TRY(add_writer(r));
    TRY(sql_begin(r->sql, text));
    if (sql_row_count(r->sql) == 0) {
        /* Tidied away, or never written. */
        sql_rollback(r->sql);
        TRY(add_writer(r));
        TRY(sql_begin(r->sql, text));
    }
    r->transactions++;
    r->events_owed = 0;
    return ERR_OK;
}

enum err registry_begin(struct registry *r)
{
    CHECK(!sql_in_transaction(r->sql));
    TRY(registry_ready(r));
    enum err err = begin(r);
    if (err != ERR_IO)
        return err;
    TRY(registry_ready(r));
    return begin(r);
}

enum err registry_commit(struct registry *r)
{
    bool committed = false;
    /* A certificate without its event would never be heard of by the presigner. */
    CHECK(r->events_owed == 0);
    enum err err = sql_commit(r->sql);
    if (err != ERR_IO)
        return err;
    r->unsettled = true;
    if (reconnect(r, sql_reconnect_patiently) != ERR_OK || settle(r, &committed) != ERR_OK)
        return ERR_IO;
    return committed ? ERR_OK : ERR_BUSY;
}

void registry_rollback(struct registry *r)
{
    r->events_owed = 0;
    if (r->sql != NULL)
        sql_rollback(r->sql);
}

/* Whether it may be done again; the connection may have been lost before the commit. */
static enum err try_once(struct registry *r, registry_work work, void *context, bool *ret_again)
{
    enum err err = registry_begin(r);
    *ret_again = err == ERR_BUSY;
    if (err != ERR_OK)
        return err;
    err = work(r, context);
    if (err == ERR_OK) {
        err = registry_commit(r);
        *ret_again = err == ERR_BUSY;
        return err;
    }
    *ret_again = err == ERR_BUSY || (err == ERR_IO && !sql_connected(r->sql));
    registry_rollback(r);
    return err;
}

enum err registry_transaction(struct registry *r, registry_work work, void *context)
{
    enum err err = ERR_BUSY;
    bool again = true;
    for (int i = 0; i < REGISTRY_TRIES && again; i++)
        err = try_once(r, work, context, &again);
    return err;
}

enum err registry_run(struct registry *r, enum registry_statement statement,
                      const struct sql_param *params, size_t param_count, sql_row_function row,
                      void *context)
{
    r->kept_size = 0;
    /* No question is answered while one is open. */
    if (r->unsettled && !sql_in_transaction(r->sql))
        TRY(registry_ready(r));
    return sql_run(r->sql, statement, params, param_count, row, context);
}

enum err registry_change(struct registry *r, enum registry_statement statement,
                         const struct sql_param *params, size_t param_count, enum err none)
{
    TRY(registry_run(r, statement, params, param_count, NULL, NULL));
    return sql_row_count(r->sql) > 0 ? ERR_OK : none;
}

enum err registry_one(struct registry *r, enum registry_statement statement,
                      const struct sql_param *params, size_t param_count, sql_row_function row,
                      void *context)
{
    TRY(registry_run(r, statement, params, param_count, row, context));
    return sql_row_count(r->sql) > 0 ? ERR_OK : ERR_NOT_FOUND;
}

static enum err read_number(void *context, struct sql_row *row)
{
    uint64_t number = sql_get_number(row);
    TRY(sql_row_end(row));
    *(uint64_t *)context = number;
    return ERR_OK;
}

enum err registry_number(struct registry *r, enum registry_statement statement,
                         const struct sql_param *params, size_t param_count, uint64_t *ret)
{
    return registry_one(r, statement, params, param_count, read_number, ret);
}

enum err registry_keep(struct registry *r, struct span *span)
{
    if (span->size > sizeof r->kept - r->kept_size)
        return ERR_STORE;
    uint8_t *room = r->kept + r->kept_size;
    if (span->size > 0)
        memcpy(room, span->data, span->size);
    r->kept_size += span->size;
    *span = span_of(room, span->size);
    return ERR_OK;
}

enum err registry_next_id(struct registry *r, const char *kind, uint64_t *ret)
{
    return registry_number(r, STATEMENT_COUNTER_NEXT, REGISTRY_PARAMS(param_word(span_text(kind))),
                           ret);
}

enum err registry_check_limit(size_t limit)
{
    return limit >= 1 && limit <= REGISTRY_PAGE_MAX ? ERR_OK : ERR_RANGE;
}

enum err registry_retention_set(struct registry *r, uint64_t retention_s)
{
    uint64_t is = 0;
    TRY(registry_retention(r, &is));
    if (retention_s < is)
        return ERR_CONFLICT;
    return registry_change(r, STATEMENT_RETENTION_SET, REGISTRY_PARAMS(sql_number(retention_s)),
                           ERR_STORE);
}

enum err registry_retention(struct registry *r, uint64_t *ret_s)
{
    return registry_number(r, STATEMENT_RETENTION_GET, NULL, 0, ret_s);
}

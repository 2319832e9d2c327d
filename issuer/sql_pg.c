/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL, through libpq: binary parameters and results, read committed. */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/sql_backend.h"
#include "issuer/sql_pg_link.h"
#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"
#include "lib/wire.h"

/* pg_type.oid of the types that the registry has; fixed for ever. */
#define OID_BYTEA 17
#define OID_INT8  20
#define OID_TEXT  25

/* All that the statements and the planner's settings need. */
#define SERVER_VERSION_MIN 130000
/* The server ends a statement at its time; who hears nothing for this much longer, has lost it. */
#define GRACE_MS 2000
/* Of a transaction of ours that hangs with its locks held, in the end by the server. */
#define IDLE_IN_TRANSACTION_MS 60000
#define STATEMENT_TEXT_MAX     4096

struct pg_connection {
    PGconn *conn;
    bool lost;
    bool prepared[];
};

static struct pg_connection *connection_of(const struct sql *sql)
{
    return sql->native;
}

static uint64_t statement_deadline(const struct sql *sql)
{
    return clock_monotonic_ns() + (uint64_t)(sql->statement_timeout_ms + GRACE_MS) * 1000000u;
}

/* By SQLSTATE, which has five characters; a row stands for all that begin so. */
static const struct {
    const char *state;
    enum err err;
} states[] = {
    {"23505", ERR_EXISTS},    /* unique_violation */
    {"23001", ERR_CONFLICT},  /* restrict_violation: our triggers */
    {"40", ERR_BUSY},         /* serialization_failure, deadlock_detected */
    {"55P03", ERR_BUSY},      /* lock_not_available */
    {"57014", ERR_BUSY},      /* query_canceled: statement_timeout */
    {"57P", ERR_IO},          /* the server or an administrator ends the session */
    {"25P03", ERR_IO},        /* idle_in_transaction_session_timeout */
    {"08", ERR_IO},           /* connection_exception */
    {"53100", ERR_DISK_FULL}, /* disk_full */
    {"53200", ERR_MEMORY},    /* out_of_memory */
};

static enum err err_of_state(const char *state)
{
    for (size_t i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++) {
        if (strncmp(state, states[i].state, strlen(states[i].state)) == 0)
            return states[i].err;
    }
    return ERR_STORE;
}

/* The primary message alone: the detail quotes values. */
static void complain(const char *what, const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    message = message == NULL ? "no message" : message;
    log_error("registry: %s: %.*s (%s)", what, (int)strcspn(message, "\r\n"), message,
              state == NULL ? "-" : state);
}

/* Waits for what was sent, and judges. A result that comes out is the caller's. */
static enum err finish(struct sql *sql, int sent, const char *what, PGresult **ret)
{
    struct pg_connection *c = connection_of(sql);
    PGresult *result = NULL;
    enum err err = pg_link_finish(c->conn, sent, statement_deadline(sql), &result);
    if (err != ERR_OK) {
        c->lost = true;
        log_error("registry: %s: the connection to PostgreSQL is lost", what);
        return err;
    }
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        err = err_of_state(PQresultErrorField(result, PG_DIAG_SQLSTATE));
        c->lost = err == ERR_IO || PQstatus(c->conn) == CONNECTION_BAD;
        err = c->lost ? ERR_IO : err;
        if (err != ERR_EXISTS && err != ERR_BUSY && err != ERR_CONFLICT)
            complain(what, result);
        PQclear(result);
        return err;
    }
    sql->row_count = (uint64_t)PQntuples(result);
    if (status == PGRES_COMMAND_OK)
        sql->row_count = strtoull(PQcmdTuples(result), NULL, 10);
    *ret = result;
    return ERR_OK;
}

static enum err give_rows(PGresult *result, sql_row_function row, void *context)
{
    enum err err = ERR_OK;
    int count = row == NULL ? 0 : PQntuples(result);
    for (int i = 0; i < count && err == ERR_OK; i++) {
        struct sql_row r = {.backend = &sql_postgresql_backend, .native = result, .row = i};
        err = row(context, &r);
    }
    PQclear(result);
    return err;
}

static enum err pg_script(struct sql *sql, const char *text)
{
    PGresult *result;
    TRY(finish(sql, PQsendQuery(connection_of(sql)->conn, text), "script", &result));
    PQclear(result);
    return ERR_OK;
}

static enum err pg_query(struct sql *sql, const char *text, sql_row_function row, void *context)
{
    PGresult *result;
    int sent = PQsendQueryParams(connection_of(sql)->conn, text, 0, NULL, NULL, NULL, NULL,
                                 1 /* binary */);
    TRY(finish(sql, sent, text, &result));
    return give_rows(result, row, context);
}

static enum err prepare(struct sql *sql, size_t number)
{
    struct pg_connection *c = connection_of(sql);
    const struct sql_statement *s = &sql->statements[number];
    Oid types[SQL_PARAMS_MAX];
    char text[STATEMENT_TEXT_MAX];
    if (c->prepared[number])
        return ERR_OK;
    size_t count = strlen(s->params);
    for (size_t i = 0; i < count; i++)
        types[i] = s->params[i] == SQL_NUMBER ? OID_INT8
                   : s->params[i] == SQL_TEXT ? OID_TEXT
                                              : OID_BYTEA;
    int size = snprintf(text, sizeof text, "%s%s", s->text,
                        s->kind == SQL_LOCK ? sql->backend->lock_suffix : "");
    CHECK(size > 0 && (size_t)size < sizeof text);
    PGresult *result;
    TRY(finish(sql, PQsendPrepare(c->conn, s->name, text, (int)count, types), s->name, &result));
    PQclear(result);
    c->prepared[number] = true;
    return ERR_OK;
}

static enum err pg_run(struct sql *sql, size_t number, const struct sql_param *params,
                       size_t param_count, sql_row_function row, void *context)
{
    const char *name = sql->statements[number].name;
    const char *values[SQL_PARAMS_MAX];
    int sizes[SQL_PARAMS_MAX];
    int formats[SQL_PARAMS_MAX];
    uint8_t numbers[SQL_PARAMS_MAX][8];
    TRY(prepare(sql, number));
    for (size_t i = 0; i < param_count; i++) {
        struct span value = params[i].octets;
        if (params[i].type == SQL_NUMBER) {
            be64_store(numbers[i], (uint64_t)params[i].number);
            value = span_of(numbers[i], sizeof numbers[i]);
        }
        /* libpq takes a NULL pointer for NULL. */
        values[i] = value.size == 0 ? "" : (const char *)value.data;
        sizes[i] = (int)value.size;
        formats[i] = 1;
    }
    PGresult *result;
    int sent = PQsendQueryPrepared(connection_of(sql)->conn, name, (int)param_count, values, sizes,
                                   formats, 1);
    TRY(finish(sql, sent, name, &result));
    return give_rows(result, row, context);
}

/* A transaction that failed before answers COMMIT with ROLLBACK, and that is no error to libpq. An
 * error with the connection intact is the server's word that nothing happened. */
static enum err pg_commit(struct sql *sql)
{
    PGresult *result;
    TRY(finish(sql, PQsendQuery(connection_of(sql)->conn, "COMMIT"), "commit", &result));
    bool done = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    return done ? ERR_OK : ERR_STORE;
}

static bool pg_connected(const struct sql *sql)
{
    const struct pg_connection *c = connection_of(sql);
    return c != NULL && !c->lost && PQstatus(c->conn) == CONNECTION_OK;
}

static void pg_rollback(struct sql *sql)
{
    if (!pg_connected(sql) || PQtransactionStatus(connection_of(sql)->conn) == PQTRANS_IDLE)
        return;
    if (pg_script(sql, "ROLLBACK") != ERR_OK)
        connection_of(sql)->lost = true;
}

static enum err pg_begin(struct sql *sql, const char *first)
{
    char text[512];
    int size =
        snprintf(text, sizeof text, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; %s", first);
    CHECK(size > 0 && (size_t)size < sizeof text);
    enum err err = pg_script(sql, text);
    if (err != ERR_OK)
        pg_rollback(sql);
    return err;
}

static void pg_disconnect(struct sql *sql)
{
    struct pg_connection *c = connection_of(sql);
    if (c == NULL)
        return;
    PQfinish(c->conn);
    free(c);
    sql->native = NULL;
}

struct settings {
    bool ok;
    bool weak; /* synchronous_commit is off for us */
};

static enum err read_settings(void *context, struct sql_row *row)
{
    struct settings *settings = context;
    struct span encoding = sql_get_text(row);
    struct span fsync = sql_get_text(row);
    struct span pages = sql_get_text(row);
    struct span commit = sql_get_text(row);
    TRY(sql_row_end(row));
    if (!span_equal(encoding, span_text("UTF8")))
        log_error("registry: the PostgreSQL database has another encoding than UTF8");
    else if (!span_equal(fsync, span_text("on")) || !span_equal(pages, span_text("on")))
        log_error("registry: PostgreSQL runs with fsync or full_page_writes off: a power failure "
                  "would take certificates with it");
    else
        settings->ok = true;
    settings->weak = span_equal(commit, span_text("off"));
    return ERR_OK;
}

/* Every statement is made for an index, in its order (tests/unit/test_registry_plan.c). A planner
 * that knows little of a table, or not how few rows a page has, would rather read and sort all of
 * it. */
#define PLANNER_SETTINGS                                                            \
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;" \
    "SET enable_incremental_sort = off; SET enable_material = off; SET jit = off;"  \
    "SET enable_hashjoin = off; SET enable_mergejoin = off;"                        \
    "SET max_parallel_workers_per_gather = 0;"

static enum err pg_limit(struct sql *sql)
{
    char text[96];
    snprintf(text, sizeof text, "SET statement_timeout = %u; SET lock_timeout = %u",
             sql->statement_timeout_ms, sql->statement_timeout_ms);
    return pg_script(sql, text);
}

/* Advisory locks end with the transaction, when what it did can be seen. */
static enum err pg_hold(struct sql *sql, enum sql_hold how, uint64_t number)
{
    char text[80];
    snprintf(text, sizeof text, "SELECT pg_advisory_xact_lock%s(%" PRId64 ")",
             how == SQL_SHARED ? "_shared" : "", (int64_t)number);
    return pg_script(sql, text);
}

static enum err configure(struct sql *sql)
{
    char text[1024];
    struct settings settings = {0};
    snprintf(text, sizeof text, PLANNER_SETTINGS "SET idle_in_transaction_session_timeout = %d%s",
             IDLE_IN_TRANSACTION_MS,
             PQserverVersion(connection_of(sql)->conn) >= 140000
                 ? "; SET client_connection_check_interval = 1000"
                 : "");
    TRY(pg_script(sql, text));
    TRY(pg_limit(sql));
    TRY(pg_query(sql,
                 "SELECT current_setting('server_encoding'), current_setting('fsync'),"
                 " current_setting('full_page_writes'), current_setting('synchronous_commit')",
                 read_settings, &settings));
    if (!settings.ok)
        return ERR_CONFIG;
    return settings.weak ? pg_script(sql, "SET synchronous_commit = on") : ERR_OK;
}

static enum err pg_connect(struct sql *sql)
{
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)sql->connect_timeout_ms * 1000000u;
    PGconn *conn;
    TRY(pg_target_check(sql->target));
    enum err err = pg_link_connect(sql->target, deadline_ns, sql->is_down, &conn);
    sql->is_down = err != ERR_OK;
    TRY(err);
    struct pg_connection *c = calloc(1, sizeof *c + sql->statement_count * sizeof c->prepared[0]);
    if (c == NULL) {
        PQfinish(conn);
        return ERR_MEMORY;
    }
    c->conn = conn;
    sql->native = c;
    int version = PQserverVersion(conn);
    snprintf(sql->version, sizeof sql->version, "PostgreSQL %d.%d", version / 10000,
             version % 10000);
    err = version >= SERVER_VERSION_MIN ? configure(sql) : ERR_CONFIG;
    if (err != ERR_OK)
        pg_disconnect(sql);
    return err;
}

static enum err pg_number(const struct sql_row *row, int64_t *ret)
{
    if (PQgetisnull(row->native, row->row, row->column)) {
        *ret = 0;
        return ERR_OK;
    }
    const uint8_t *data = (const uint8_t *)PQgetvalue(row->native, row->row, row->column);
    switch (PQgetlength(row->native, row->row, row->column)) {
    case 2:
        *ret = (int16_t)be16_load(data);
        return ERR_OK;
    case 4:
        *ret = (int32_t)be32_load(data);
        return ERR_OK;
    case 8:
        *ret = (int64_t)be64_load(data);
        return ERR_OK;
    default:
        return ERR_STORE;
    }
}

static enum err pg_octets(const struct sql_row *row, enum sql_type type, struct span *ret)
{
    Oid oid = PQftype(row->native, row->column);
    if (oid != (type == SQL_TEXT ? OID_TEXT : OID_BYTEA))
        return ERR_STORE;
    *ret = span_of(PQgetvalue(row->native, row->row, row->column),
                   (size_t)PQgetlength(row->native, row->row, row->column));
    return ERR_OK;
}

static int pg_columns(const struct sql_row *row)
{
    return PQnfields(row->native);
}

const struct sql_backend sql_postgresql_backend = {
    .dialect = SQL_POSTGRESQL,
    .is_server = true,
    .lock_suffix = " FOR NO KEY UPDATE",
    .connect = pg_connect,
    .disconnect = pg_disconnect,
    .connected = pg_connected,
    .script = pg_script,
    .query = pg_query,
    .run = pg_run,
    .begin = pg_begin,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .limit = pg_limit,
    .hold = pg_hold,
    .number = pg_number,
    .octets = pg_octets,
    .columns = pg_columns,
};

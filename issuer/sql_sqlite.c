/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite: write-ahead log, fsync at each commit, one writer at a time. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/sql_backend.h"
#include "issuer/sqlite_gate.h"
#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"

/* The deadline of a statement is looked at each so many steps of SQLite's machine: about 1 ms. */
#define STEPS_PER_LOOK 50000
/* Of pages, a connection: the upper levels of the indexes of a million certificates. */
#define CACHE_KIB 32768

struct sqlite_connection {
    sqlite3 *db;
    uint64_t deadline_ns; /* of the statement that runs; 0: none */
    bool lost;            /* an input or output error: nothing that it has in memory counts */
    bool is_inside;       /* the gate */
    struct sqlite_gate *gate;
    sqlite3_stmt *prepared[];
};

static struct sqlite_connection *connection_of(const struct sql *sql)
{
    return sql->native;
}

static enum err err_of_constraint(int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return ERR_EXISTS;
    case SQLITE_CONSTRAINT_TRIGGER:
        return ERR_CONFLICT;
    default:
        return ERR_STORE;
    }
}

static enum err err_of(int code)
{
    switch (code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_CONSTRAINT:
        return err_of_constraint(code);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
        return ERR_BUSY;
    case SQLITE_FULL:
        return ERR_DISK_FULL;
    case SQLITE_NOMEM:
        return ERR_MEMORY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return ERR_IO;
    default:
        return ERR_STORE;
    }
}

/* The result of a call of SQLite, for `what`. Those that are part of the day are not logged. */
static enum err result(struct sqlite_connection *c, int code, const char *what)
{
    enum err err = err_of(code);
    if (err == ERR_IO)
        c->lost = true;
    if (err != ERR_OK && err != ERR_EXISTS && err != ERR_BUSY && err != ERR_CONFLICT)
        log_error("registry: %s: %s (%d)", what, sqlite3_errmsg(c->db), code);
    return err;
}

static int look_at_clock(void *context)
{
    const struct sqlite_connection *c = context;
    return c->deadline_ns != 0 && clock_monotonic_ns() > c->deadline_ns;
}

static void start_clock(struct sql *sql)
{
    connection_of(sql)->deadline_ns =
        clock_monotonic_ns() + (uint64_t)sql->statement_timeout_ms * 1000000u;
}

/* After the end of a transaction, if there was one. */
static void leave_gate(struct sqlite_connection *c)
{
    if (c->is_inside)
        sqlite_gate_leave(c->gate);
    c->is_inside = false;
}

static void sqlite_disconnect(struct sql *sql)
{
    struct sqlite_connection *c = connection_of(sql);
    if (c == NULL)
        return;
    for (size_t i = 0; i < sql->statement_count; i++)
        sqlite3_finalize(c->prepared[i]);
    sqlite3_close(c->db);
    leave_gate(c);
    sqlite_gate_close(c->gate);
    free(c);
    sql->native = NULL;
}

static bool sqlite_connected(const struct sql *sql)
{
    return sql->native != NULL && !connection_of(sql)->lost;
}

static enum err sqlite_script(struct sql *sql, const char *text)
{
    struct sqlite_connection *c = connection_of(sql);
    start_clock(sql);
    enum err err = result(c, sqlite3_exec(c->db, text, NULL, NULL, NULL), text);
    sql->row_count = (uint64_t)sqlite3_changes(c->db);
    return err;
}

/* Rows of a statement with its values bound. */
static enum err step_all(struct sql *sql, sqlite3_stmt *statement, const char *name,
                         sql_row_function row, void *context)
{
    struct sqlite_connection *c = connection_of(sql);
    enum err err = ERR_OK;
    int code;
    uint64_t row_count = 0;
    start_clock(sql);
    while (err == ERR_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct sql_row r = {.backend = &sql_sqlite_backend, .native = statement};
        row_count++;
        if (row != NULL)
            err = row(context, &r);
    }
    if (err == ERR_OK)
        err = result(c, code, name);
    /* A write that gives no rows says how many it changed. */
    bool is_write = !sqlite3_stmt_readonly(statement);
    sql->row_count = is_write ? (uint64_t)sqlite3_changes(c->db) : row_count;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return err;
}

static enum err sqlite_query(struct sql *sql, const char *text, sql_row_function row, void *context)
{
    struct sqlite_connection *c = connection_of(sql);
    sqlite3_stmt *statement;
    TRY(result(c, sqlite3_prepare_v2(c->db, text, -1, &statement, NULL), text));
    enum err err = step_all(sql, statement, text, row, context);
    sqlite3_finalize(statement);
    return err;
}

static enum err prepare(struct sql *sql, size_t number, sqlite3_stmt **ret)
{
    struct sqlite_connection *c = connection_of(sql);
    const struct sql_statement *s = &sql->statements[number];
    if (c->prepared[number] == NULL)
        TRY(result(c,
                   sqlite3_prepare_v3(c->db, s->text, -1, SQLITE_PREPARE_PERSISTENT,
                                      &c->prepared[number], NULL),
                   s->name));
    *ret = c->prepared[number];
    return ERR_OK;
}

static int bind(sqlite3_stmt *statement, size_t number, const struct sql_param *param)
{
    char name[24];
    snprintf(name, sizeof name, "$%zu", number);
    int index = sqlite3_bind_parameter_index(statement, name);
    CHECK(index > 0);
    /* SQLite takes a NULL pointer for NULL, and no column of ours may be that. */
    const void *data = param->octets.size == 0 ? "" : (const void *)param->octets.data;
    switch (param->type) {
    case SQL_NUMBER:
        return sqlite3_bind_int64(statement, index, param->number);
    case SQL_TEXT:
        return sqlite3_bind_text64(statement, index, data, param->octets.size, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case SQL_OCTETS:
        return sqlite3_bind_blob64(statement, index, data, param->octets.size, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static enum err sqlite_run(struct sql *sql, size_t number, const struct sql_param *params,
                           size_t param_count, sql_row_function row, void *context)
{
    struct sqlite_connection *c = connection_of(sql);
    const char *name = sql->statements[number].name;
    sqlite3_stmt *statement;
    TRY(prepare(sql, number, &statement));
    for (size_t i = 0; i < param_count; i++)
        TRY(result(c, bind(statement, i + 1, &params[i]), name));
    return step_all(sql, statement, name, row, context);
}

static void sqlite_rollback(struct sql *sql)
{
    struct sqlite_connection *c = connection_of(sql);
    if (c == NULL)
        return;
    c->deadline_ns = 0;
    /* Some errors have done it already. */
    if (!sqlite3_get_autocommit(c->db) &&
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        c->lost = true;
    leave_gate(c);
}

static enum err sqlite_begin(struct sql *sql, const char *first)
{
    struct sqlite_connection *c = connection_of(sql);
    start_clock(sql);
    TRY(sqlite_gate_enter(c->gate, c->deadline_ns));
    c->is_inside = true;
    enum err err = sqlite_script(sql, "BEGIN IMMEDIATE");
    if (err == ERR_OK)
        err = sqlite_script(sql, first);
    if (err != ERR_OK)
        sqlite_rollback(sql);
    return err;
}

/* When the fsync of the log fails, the frames may lie there complete: this process does not see
 * them, but one that opens the file after a crash would. So that is ERR_IO, the unknown outcome;
 * the next transaction that commits writes over them. */
static enum err sqlite_commit(struct sql *sql)
{
    struct sqlite_connection *c = connection_of(sql);
    c->deadline_ns = 0;
    enum err err = result(c, sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL), "commit");
    if (err == ERR_OK)
        leave_gate(c);
    return err;
}

static enum err expect_wal(void *context, struct sql_row *row)
{
    (void)context;
    struct span mode = sql_get_text(row);
    TRY(sql_row_end(row));
    return span_equal(mode, span_text("wal")) ? ERR_OK : ERR_CONFIG;
}

static enum err sqlite_limit(struct sql *sql)
{
    sqlite3_busy_timeout(connection_of(sql)->db, (int)sql->statement_timeout_ms);
    return ERR_OK;
}

static enum err configure(struct sql *sql)
{
    struct sqlite_connection *c = connection_of(sql);
    char settings[512];
    int on = 0;
    sqlite3_extended_result_codes(c->db, 1);
    TRY(sqlite_limit(sql));
    sqlite3_progress_handler(c->db, STEPS_PER_LOOK, look_at_clock, c);
    /* No statement may write into SQLite's own tables, and so past the triggers. */
    TRY(result(c, sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on), "defensive"));
    enum err err = sqlite_query(sql, "PRAGMA journal_mode = WAL", expect_wal, NULL);
    if (err == ERR_CONFIG)
        log_error("registry: %s: the file system does not allow a write-ahead log", sql->target);
    TRY(err);
    /* recursive_triggers: a row that REPLACE deletes is deleted for the triggers, too. */
    snprintf(settings, sizeof settings,
             "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON;"
             "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -%d",
             CACHE_KIB);
    return sqlite_script(sql, settings);
}

static enum err sqlite_connect(struct sql *sql)
{
    struct sqlite_connection *c =
        calloc(1, sizeof *c + sql->statement_count * sizeof c->prepared[0]);
    if (c == NULL)
        return ERR_MEMORY;
    sql->native = c;
    snprintf(sql->version, sizeof sql->version, "SQLite %s", sqlite3_libversion());
    /* A handle belongs to one thread. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(sql->target, &c->db, flags, NULL);
    enum err err = c->db == NULL ? ERR_MEMORY : result(c, code, sql->target);
    if (err == ERR_OK)
        err = configure(sql);
    if (err == ERR_OK)
        err = sqlite_gate_open(sql->target, &c->gate);
    if (err != ERR_OK)
        sqlite_disconnect(sql);
    return err;
}

static enum err sqlite_number(const struct sql_row *row, int64_t *ret)
{
    int type = sqlite3_column_type(row->native, row->column);
    if (type != SQLITE_INTEGER && type != SQLITE_NULL)
        return ERR_STORE;
    *ret = sqlite3_column_int64(row->native, row->column);
    return ERR_OK;
}

static enum err sqlite_octets(const struct sql_row *row, enum sql_type type, struct span *ret)
{
    int is = sqlite3_column_type(row->native, row->column);
    if (is != (type == SQL_TEXT ? SQLITE_TEXT : SQLITE_BLOB) && is != SQLITE_NULL)
        return ERR_STORE;
    const void *data = sqlite3_column_blob(row->native, row->column);
    *ret = span_of(data, (size_t)sqlite3_column_bytes(row->native, row->column));
    return ERR_OK;
}

static int sqlite_columns(const struct sql_row *row)
{
    return sqlite3_data_count(row->native);
}

const struct sql_backend sql_sqlite_backend = {
    .dialect = SQL_SQLITE,
    .is_server = false,
    .lock_suffix = "",
    .connect = sqlite_connect,
    .disconnect = sqlite_disconnect,
    .connected = sqlite_connected,
    .script = sqlite_script,
    .query = sqlite_query,
    .run = sqlite_run,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .limit = sqlite_limit,
    .number = sqlite_number,
    .octets = sqlite_octets,
    .columns = sqlite_columns,
};

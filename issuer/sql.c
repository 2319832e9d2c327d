/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/sql.h"

#include <poll.h>
#include <stdlib.h>

#include "issuer/sql_backend.h"
#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/utf8.h"

/* Between two tries to connect. */
#define CONNECT_PAUSE_MS 50

struct sql_param sql_text(struct span text, size_t size_max)
{
    struct sql_param param = {.type = SQL_TEXT, .octets = text};
    if (text.size > size_max)
        param.err = ERR_LIMIT;
    else if (text.size > 0 && (memchr(text.data, 0, text.size) != NULL || !utf8_is_valid(text)))
        param.err = ERR_MALFORMED;
    return param;
}

static enum err connect_patiently(struct sql *sql)
{
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)sql->connect_timeout_ms * 1000000u;
    enum err err;
    while ((err = sql->backend->connect(sql)) == ERR_IO && sql->backend->is_server &&
           clock_monotonic_ns() < deadline_ns)
        poll(NULL, 0, CONNECT_PAUSE_MS);
    return err;
}

enum err sql_open(const struct sql_options *options, struct sql **ret)
{
    if ((options->sqlite_path == NULL) == (options->postgresql == NULL))
        return ERR_CONFIG;
    struct sql *sql = calloc(1, sizeof *sql);
    if (sql == NULL)
        return ERR_MEMORY;
    bool is_file = options->sqlite_path != NULL;
    sql->backend = is_file ? &sql_sqlite_backend : &sql_postgresql_backend;
    sql->target = strdup(is_file ? options->sqlite_path : options->postgresql);
    sql->statement_timeout_ms = options->statement_timeout_ms;
    sql->connect_timeout_ms = options->connect_timeout_ms;
    sql->statements = options->statements;
    sql->statement_count = options->statement_count;
    enum err err = sql->target == NULL ? ERR_MEMORY : connect_patiently(sql);
    if (err != ERR_OK) {
        sql_close(sql);
        return err;
    }
    *ret = sql;
    return ERR_OK;
}

struct sql *sql_close(struct sql *sql)
{
    if (sql == NULL)
        return NULL;
    sql_rollback(sql);
    sql->backend->disconnect(sql);
    free(sql->target);
    free(sql);
    return NULL;
}

enum sql_dialect sql_dialect(const struct sql *sql)
{
    return sql->backend->dialect;
}

const char *sql_version(const struct sql *sql)
{
    return sql->version;
}

bool sql_connected(const struct sql *sql)
{
    return sql->backend->connected(sql);
}

enum err sql_reconnect(struct sql *sql)
{
    CHECK(!sql->in_transaction);
    sql->backend->disconnect(sql);
    return sql->backend->connect(sql);
}

enum err sql_reconnect_patiently(struct sql *sql)
{
    CHECK(!sql->in_transaction);
    sql->backend->disconnect(sql);
    return connect_patiently(sql);
}

bool sql_in_transaction(const struct sql *sql)
{
    return sql->in_transaction;
}

enum err sql_begin(struct sql *sql, const char *first)
{
    CHECK(!sql->in_transaction);
    if (!sql_connected(sql))
        return ERR_IO;
    TRY(sql->backend->begin(sql, first));
    sql->in_transaction = true;
    sql->lost = false;
    return ERR_OK;
}

enum err sql_commit(struct sql *sql)
{
    CHECK(sql->in_transaction);
    if (sql->lost || !sql_connected(sql)) {
        sql_rollback(sql);
        return ERR_STORE;
    }
    enum err err = sql->backend->commit(sql);
    sql->in_transaction = false;
    if (err != ERR_OK)
        sql->backend->rollback(sql);
    return err;
}

void sql_rollback(struct sql *sql)
{
    if (!sql->in_transaction)
        return;
    sql->in_transaction = false;
    sql->backend->rollback(sql);
}

/* What a statement came to: a transaction in which one failed is lost. */
static enum err note(struct sql *sql, enum err err)
{
    if (err != ERR_OK && sql->in_transaction)
        sql->lost = true;
    return err;
}

void sql_limit(struct sql *sql, uint32_t statement_timeout_ms)
{
    CHECK(!sql->in_transaction);
    sql->statement_timeout_ms = statement_timeout_ms;
    if (sql_connected(sql) && sql->backend->limit(sql) != ERR_OK)
        sql->backend->disconnect(sql);
}

uint32_t sql_limit_ms(const struct sql *sql)
{
    return sql->statement_timeout_ms;
}

enum err sql_hold(struct sql *sql, enum sql_hold how, uint64_t number)
{
    CHECK(sql->in_transaction);
    if (sql->lost)
        return ERR_STORE;
    return sql->backend->hold == NULL ? ERR_OK : note(sql, sql->backend->hold(sql, how, number));
}

enum err sql_script(struct sql *sql, const char *text)
{
    CHECK(sql->in_transaction);
    if (sql->lost)
        return ERR_STORE;
    return note(sql, sql->backend->script(sql, text));
}

enum err sql_query(struct sql *sql, const char *text, sql_row_function row, void *context)
{
    if (sql->in_transaction && sql->lost)
        return ERR_STORE;
    if (!sql_connected(sql))
        return ERR_IO;
    return note(sql, sql->backend->query(sql, text, row, context));
}

/* A callback that ends a list has no quarrel with the database. */
struct row_guard {
    sql_row_function row;
    void *context;
    enum err err;
};

static enum err guard_row(void *context, struct sql_row *row)
{
    struct row_guard *guard = context;
    guard->err = guard->row(guard->context, row);
    return guard->err;
}

static enum err check_params(const struct sql_statement *statement, const struct sql_param *params,
                             size_t count)
{
    CHECK(strlen(statement->params) == count && count <= SQL_PARAMS_MAX);
    for (size_t i = 0; i < count; i++) {
        CHECK(params[i].type == (enum sql_type)statement->params[i]);
        TRY(params[i].err);
    }
    return ERR_OK;
}

enum err sql_run(struct sql *sql, size_t statement, const struct sql_param *params,
                 size_t param_count, sql_row_function row, void *context)
{
    CHECK(statement < sql->statement_count);
    CHECK(sql->in_transaction || sql->statements[statement].kind != SQL_WRITE);
    TRY(check_params(&sql->statements[statement], params, param_count));
    if (sql->in_transaction && sql->lost)
        return ERR_STORE;
    struct row_guard guard = {.row = row, .context = context, .err = ERR_OK};
    enum err err = ERR_IO;
    if (sql_connected(sql))
        err = sql->backend->run(sql, statement, params, param_count, row == NULL ? NULL : guard_row,
                                &guard);
    /* Nobody has seen a row, and nothing is changed: once more, on a new connection. */
    if (err == ERR_IO && guard.err == ERR_OK && !sql->in_transaction) {
        TRY(sql_reconnect(sql));
        err = sql->backend->run(sql, statement, params, param_count, row == NULL ? NULL : guard_row,
                                &guard);
    }
    return guard.err != ERR_OK ? guard.err : note(sql, err);
}

uint64_t sql_row_count(const struct sql *sql)
{
    return sql->row_count;
}

static void row_fail(struct sql_row *row, enum err err)
{
    if (row->err == ERR_OK)
        row->err = err;
}

uint64_t sql_get_bits(struct sql_row *row)
{
    int64_t number = 0;
    row_fail(row, row->backend->number(row, &number));
    row->column++;
    return (uint64_t)number;
}

uint64_t sql_get_number_to(struct sql_row *row, uint64_t max)
{
    uint64_t number = sql_get_bits(row);
    if (number <= max)
        return number;
    row_fail(row, ERR_STORE);
    return 0;
}

uint64_t sql_get_number(struct sql_row *row)
{
    return sql_get_number_to(row, INT64_MAX);
}

static struct span get_octets(struct sql_row *row, enum sql_type type)
{
    struct span octets = SPAN_EMPTY;
    row_fail(row, row->backend->octets(row, type, &octets));
    row->column++;
    return octets;
}

struct span sql_get_octets(struct sql_row *row)
{
    return get_octets(row, SQL_OCTETS);
}

struct span sql_get_text(struct sql_row *row)
{
    return get_octets(row, SQL_TEXT);
}

struct sha256 sql_get_hash(struct sql_row *row)
{
    struct sha256 hash = {{0}};
    struct span octets = sql_get_octets(row);
    if (octets.size == SHA256_BYTES)
        memcpy(hash.octets, octets.data, SHA256_BYTES);
    else
        row_fail(row, ERR_STORE);
    return hash;
}

struct serial sql_get_serial(struct sql_row *row)
{
    struct serial serial = {.size = 0};
    struct span octets = sql_get_octets(row);
    if (octets.size > SERIAL_BYTES_MAX) {
        row_fail(row, ERR_STORE);
    } else if (octets.size > 0) {
        serial.size = (uint8_t)octets.size;
        memcpy(serial.octets, octets.data, octets.size);
    }
    return serial;
}

enum err sql_row_end(const struct sql_row *row)
{
    if (row->err == ERR_OK && row->column != row->backend->columns(row))
        return ERR_STORE;
    return row->err;
}

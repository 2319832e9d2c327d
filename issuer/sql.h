/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to an SQL database, SQLite or PostgreSQL, with the statements a program has. For
 * issuer/registry*.c only.
 *
 * Statements have numbers, and are prepared when first used on a connection. Values are bound and
 * never become a part of a statement's text. Parameters are $1, $2 ... in both databases.
 *
 * Transactions: after a statement that the database refused the transaction is lost: every other
 * statement in it fails with ERR_STORE without being sent, and so does the commit. Both databases
 * get the same rule, though SQLite would go on.
 *
 * Errors: ERR_BUSY (lock, deadlock, serialization, the statement's time is over), ERR_EXISTS (a
 * unique key is taken), ERR_CONFLICT (a trigger refuses), ERR_IO (the connection is lost),
 * ERR_DISK_FULL, ERR_MEMORY, ERR_STORE (all else; logged). */
#pragma once

#include "lib/digest.h"
#include "lib/serial.h"

enum sql_dialect { SQL_SQLITE, SQL_POSTGRESQL };

enum sql_kind {
    SQL_READ,
    SQL_LOCK, /* a SELECT of one table; in a transaction its rows stay as they are to its end */
    SQL_WRITE /* only in a transaction */
};

struct sql_statement {
    const char *name; /* of the prepared statement, and for the log */
    enum sql_kind kind;
    const char *params; /* a letter each: enum sql_type */
    const char *text;
};

enum sql_type { SQL_NUMBER = 'n', SQL_TEXT = 't', SQL_OCTETS = 'o' };

#define SQL_PARAMS_MAX 16

struct sql_param {
    enum sql_type type;
    enum err err; /* of a value that must not reach the database: sql_run() returns it */
    int64_t number;
    struct span octets;
};

/** ERR_LIMIT above INT64_MAX: the databases have signed 64 bits. */
static inline struct sql_param sql_number(uint64_t number)
{
    return (struct sql_param){.type = SQL_NUMBER,
                              .err = number > INT64_MAX ? ERR_LIMIT : ERR_OK,
                              .number = (int64_t)number};
}

/** All 64 bits, as two's complement. */
static inline struct sql_param sql_bits(uint64_t bits)
{
    return (struct sql_param){.type = SQL_NUMBER, .number = (int64_t)bits};
}

static inline struct sql_param sql_octets(struct span octets, size_t size_max)
{
    return (struct sql_param){
        .type = SQL_OCTETS, .err = octets.size > size_max ? ERR_LIMIT : ERR_OK, .octets = octets};
}

/** ERR_MALFORMED when it is no UTF-8 or has a NUL: PostgreSQL would refuse it, SQLite spoil it. */
struct sql_param sql_text(struct span text, size_t size_max);

static inline struct sql_param sql_hash(const struct sha256 *hash)
{
    return sql_octets(span_of(hash->octets, SHA256_BYTES), SHA256_BYTES);
}

static inline struct sql_param sql_serial(const struct serial *serial)
{
    return sql_octets(span_of(serial->octets, serial->size), SERIAL_BYTES_MAX);
}

/* A row is read from left to right. Errors are sticky, as with struct wire_reader: sql_row_end()
 * has the first. NULL is 0 or nothing. Spans are good until the row callback returns. */
struct sql_row {
    const struct sql_backend *backend;
    void *native;
    int row;
    int column; /* the next */
    enum err err;
};

/** ERR_STORE when it is negative or no number. */
uint64_t sql_get_number(struct sql_row *row);
/** As sql_number(), up to `max`. */
uint64_t sql_get_number_to(struct sql_row *row, uint64_t max);
uint64_t sql_get_bits(struct sql_row *row);
struct span sql_get_octets(struct sql_row *row);
struct span sql_get_text(struct sql_row *row);
/** ERR_STORE when it has another size. */
struct sha256 sql_get_hash(struct sql_row *row);
/** Of SERIAL_BYTES_MAX octets at most; none is a serial of size 0. */
struct serial sql_get_serial(struct sql_row *row);
/** The row's error, or ERR_STORE when columns are left. */
MUST_CHECK enum err sql_row_end(const struct sql_row *row);

/* ERR_OK: go on. Anything else ends the statement and becomes its result. */
typedef enum err (*sql_row_function)(void *context, struct sql_row *row);

struct sql_options {
    const char *sqlite_path; /* one of the two; copied */
    const char *postgresql;
    uint32_t statement_timeout_ms;
    uint32_t connect_timeout_ms;
    const struct sql_statement *statements; /* borrowed */
    size_t statement_count;
};

struct sql;

/** Connects, patiently. ERR_CONFIG, ERR_IO, ERR_MEMORY; logged. */
MUST_CHECK enum err sql_open(const struct sql_options *options, struct sql **ret);
/** Takes NULL, returns NULL. */
struct sql *sql_close(struct sql *sql);

enum sql_dialect sql_dialect(const struct sql *sql);
/** "SQLite 3.40.1"; good as long as the connection. */
const char *sql_version(const struct sql *sql);
/** Whether there is a connection as far as we know. */
bool sql_connected(const struct sql *sql);
/** Drops what is left of the connection, and tries once to make a new one, which takes no longer
 * than connect_timeout_ms. Not in a transaction. ERR_IO, ERR_CONFIG. */
MUST_CHECK enum err sql_reconnect(struct sql *sql);
/** As above, again and again until connect_timeout_ms are over: a server that restarts refuses
 * connections for a while. */
MUST_CHECK enum err sql_reconnect_patiently(struct sql *sql);

/** BEGIN, and `first`, a statement without parameters, in one go. */
MUST_CHECK enum err sql_begin(struct sql *sql, const char *first);
/** ERR_IO: the outcome is unknown. Other errors: nothing happened. Ends the transaction. */
MUST_CHECK enum err sql_commit(struct sql *sql);
/** Does nothing outside a transaction. */
void sql_rollback(struct sql *sql);
bool sql_in_transaction(const struct sql *sql);

/** Another statement_timeout_ms, from the next statement on. Not in a transaction. A connection
 * that does not take it is given up: the next one has it. */
void sql_limit(struct sql *sql, uint32_t statement_timeout_ms);
uint32_t sql_limit_ms(const struct sql *sql);

/* How a transaction holds a number: others may hold it as well, or nobody. */
enum sql_hold { SQL_SHARED, SQL_ALONE };
/** Holds a number until the transaction ends, and waits for who holds it otherwise. What it stands
 * for is for its users to agree on. Of SQLite's transactions there is only one at a time, so that
 * it has all numbers alone. In a transaction. */
MUST_CHECK enum err sql_hold(struct sql *sql, enum sql_hold how, uint64_t number);

/** Statements without parameters or rows, for migrations. In a transaction. */
MUST_CHECK enum err sql_script(struct sql *sql, const char *text);
/** A SELECT without parameters, read by `row`, for what comes before the schema is known. */
MUST_CHECK enum err sql_query(struct sql *sql, const char *text, sql_row_function row,
                              void *context);
/** Runs a statement of the table. `row` may be NULL when it gives none. */
MUST_CHECK enum err sql_run(struct sql *sql, size_t statement, const struct sql_param *params,
                            size_t param_count, sql_row_function row, void *context);
/** Rows that the last statement gave or changed. */
uint64_t sql_row_count(const struct sql *sql);

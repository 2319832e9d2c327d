/* SPDX-License-Identifier: Apache-2.0 */
/* What the two databases implement. For issuer/sql*.c only. A backend knows nothing of the rules of
 * transactions (issuer/sql.c): it sends what it is given. */
#pragma once

#include "issuer/sql.h"

struct sql_backend {
    enum sql_dialect dialect;
    bool is_server;          /* it may be there in a moment */
    const char *lock_suffix; /* what makes a SELECT lock its rows */
    /* A connection, ready for statements, or an error and none. */
    enum err (*connect)(struct sql *sql);
    /* Frees what there is of one; ends its transaction. */
    void (*disconnect)(struct sql *sql);
    bool (*connected)(const struct sql *sql);
    /* Statements without parameters; the last one's count of rows. */
    enum err (*script)(struct sql *sql, const char *text);
    enum err (*query)(struct sql *sql, const char *text, sql_row_function row, void *context);
    enum err (*run)(struct sql *sql, size_t statement, const struct sql_param *params,
                    size_t param_count, sql_row_function row, void *context);
    /* Begins a transaction for writing, with its first statement; on failure there is none. */
    enum err (*begin)(struct sql *sql, const char *first);
    /* ERR_IO: nobody knows. */
    enum err (*commit)(struct sql *sql);
    void (*rollback)(struct sql *sql);
    /* Tells a connection of the statement_timeout_ms that sql has. */
    enum err (*limit)(struct sql *sql);
    /* NULL: a transaction is alone anyway. */
    enum err (*hold)(struct sql *sql, enum sql_hold how, uint64_t number);
    /* Columns: ERR_STORE when the value is of another type. NULL is 0 or nothing. */
    enum err (*number)(const struct sql_row *row, int64_t *ret);
    enum err (*octets)(const struct sql_row *row, enum sql_type type, struct span *ret);
    int (*columns)(const struct sql_row *row);
};

extern const struct sql_backend sql_sqlite_backend;
extern const struct sql_backend sql_postgresql_backend;

struct sql {
    const struct sql_backend *backend;
    char *target; /* path, or connection string */
    uint32_t statement_timeout_ms;
    uint32_t connect_timeout_ms;
    const struct sql_statement *statements;
    size_t statement_count;
    bool in_transaction;
    bool lost;    /* the transaction cannot be committed */
    bool is_down; /* and the log knows: an outage is one line, not one for each try */
    uint64_t row_count;
    char version[64];
    void *native; /* the backend's; NULL: no connection */
};

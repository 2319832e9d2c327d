/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the registry share. For issuer/registry*.c only. */
#pragma once

#include "issuer/registry.h"
#include "issuer/registry_statements.h"

#define REGISTRY_WRITER_BYTES 33
/* What one row may have in its spans: two DER and some texts. */
#define REGISTRY_KEPT_BYTES (2 * REGISTRY_DER_MAX + 4 * REGISTRY_TEXT_MAX + 1024)

struct registry {
    struct sql *sql;
    /* The row of table `writer` of this connection's transactions, and the number of the last one.
     * A transaction begins by writing its number there: so who writes that row after it waits until
     * the database has decided on it, and then reads what it decided. */
    char writer[REGISTRY_WRITER_BYTES];
    uint64_t transactions;
    bool has_writer;
    bool unsettled; /* nobody knows what became of the last commit */
    /* Final certificates stored in this transaction less events of theirs. */
    unsigned events_owed;
    size_t kept_size;
    uint8_t kept[REGISTRY_KEPT_BYTES]; /* the spans of the last row */
};

#define REGISTRY_PARAMS(...)                 \
    (const struct sql_param[]){__VA_ARGS__}, \
        sizeof((const struct sql_param[]){__VA_ARGS__}) / sizeof(struct sql_param)

/** Runs a statement whose parameters are given as `REGISTRY_PARAMS(...)`. What was kept is gone. */
MUST_CHECK enum err registry_run(struct registry *r, enum registry_statement statement,
                                 const struct sql_param *params, size_t param_count,
                                 sql_row_function row, void *context);
/** As above, for a write without rows: ERR_OK when it changed one, else `none`. */
MUST_CHECK enum err registry_change(struct registry *r, enum registry_statement statement,
                                    const struct sql_param *params, size_t param_count,
                                    enum err none);
/** As registry_run(), for a statement that gives one row or none, which is ERR_NOT_FOUND. */
MUST_CHECK enum err registry_one(struct registry *r, enum registry_statement statement,
                                 const struct sql_param *params, size_t param_count,
                                 sql_row_function row, void *context);
/** One number. */
MUST_CHECK enum err registry_number(struct registry *r, enum registry_statement statement,
                                    const struct sql_param *params, size_t param_count,
                                    uint64_t *ret);

/** Makes a span of a row the registry's, until its next call. ERR_STORE: there is no room, so the
 * row is none of ours. */
MUST_CHECK enum err registry_keep(struct registry *r, struct span *span);

/** The next number of a kind of thing, for who holds the transaction. */
MUST_CHECK enum err registry_next_id(struct registry *r, const char *kind, uint64_t *ret);

/** ERR_RANGE unless 1..REGISTRY_PAGE_MAX. */
MUST_CHECK enum err registry_check_limit(size_t limit);

/* Shorthands for the texts of parameters, with their limits. */
static inline struct sql_param param_word(struct span text)
{
    return sql_text(text, REGISTRY_WORD_MAX);
}
static inline struct sql_param param_customer(struct span text)
{
    return sql_text(text, REGISTRY_CUSTOMER_MAX);
}
static inline struct sql_param param_order_id(struct span text)
{
    return sql_text(text, REGISTRY_ORDER_ID_MAX);
}
static inline struct sql_param param_name(struct span text)
{
    return sql_text(text, REGISTRY_NAME_MAX);
}
static inline struct sql_param param_text(struct span text)
{
    return sql_text(text, REGISTRY_TEXT_MAX);
}

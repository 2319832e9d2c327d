/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_outbox.h"

#include "issuer/registry_internal.h"

static struct span log_octets(const struct sha256 *log)
{
    return span_of(log->octets, sizeof log->octets);
}

struct same_event {
    struct span event;
    bool same;
};

static enum err compare_event(void *context, struct sql_row *row)
{
    struct same_event *s = context;
    struct span event = sql_get_octets(row);
    s->same = span_equal(event, s->event);
    return sql_row_end(row);
}

enum err registry_outbox_add(struct registry *r, const struct registry_leaf *leaf)
{
    struct same_event s = {.event = leaf->event};
    enum err err = registry_change(r, STATEMENT_OUTBOX_ADD,
                                   REGISTRY_PARAMS(sql_octets(log_octets(&leaf->log), SHA256_BYTES),
                                                   sql_number(leaf->leaf_index),
                                                   sql_octets(leaf->event, REGISTRY_EVENT_MAX)),
                                   ERR_EXISTS);
    if (err != ERR_EXISTS)
        return err;
    TRY(registry_one(r, STATEMENT_OUTBOX_GET,
                     REGISTRY_PARAMS(sql_octets(log_octets(&leaf->log), SHA256_BYTES),
                                     sql_number(leaf->leaf_index)),
                     compare_event, &s));
    return s.same ? ERR_OK : ERR_CONFLICT;
}

struct leaf_list {
    registry_leaf_row row;
    void *context;
};

static void take_leaf(struct sql_row *row, struct registry_leaf *ret)
{
    ret->log = sql_get_hash(row);
    ret->leaf_index = sql_get_number(row);
    ret->event = sql_get_octets(row);
}

static enum err give_leaf(void *context, struct sql_row *row)
{
    const struct leaf_list *list = context;
    struct registry_leaf leaf;
    take_leaf(row, &leaf);
    TRY(sql_row_end(row));
    return list->row(list->context, &leaf);
}

enum err registry_outbox_next(struct registry *r, size_t limit, registry_leaf_row row,
                              void *context)
{
    struct leaf_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(r, STATEMENT_OUTBOX_NEXT, REGISTRY_PARAMS(sql_number(limit)), give_leaf,
                        &list);
}

enum err registry_outbox_shipped(struct registry *r, const struct registry_leaf *leaf,
                                 uint64_t at_s)
{
    if (at_s == 0)
        return ERR_RANGE;
    return registry_change(r, STATEMENT_OUTBOX_SHIPPED,
                           REGISTRY_PARAMS(sql_octets(log_octets(&leaf->log), SHA256_BYTES),
                                           sql_number(leaf->leaf_index), sql_number(at_s)),
                           ERR_NOT_FOUND);
}

struct one_leaf {
    struct registry *r;
    struct registry_leaf leaf;
};

static enum err keep_leaf(void *context, struct sql_row *row)
{
    struct one_leaf *one = context;
    take_leaf(row, &one->leaf);
    TRY(sql_row_end(row));
    return registry_keep(one->r, &one->leaf.event);
}

enum err registry_outbox_last(struct registry *r, const struct sha256 *log,
                              struct registry_leaf *ret)
{
    struct one_leaf one = {.r = r};
    TRY(registry_one(r, STATEMENT_OUTBOX_LAST,
                     REGISTRY_PARAMS(sql_octets(log_octets(log), SHA256_BYTES)), keep_leaf, &one));
    *ret = one.leaf;
    return ERR_OK;
}

enum err registry_outbox_lag(struct registry *r, uint64_t *ret_count)
{
    return registry_number(r, STATEMENT_OUTBOX_LAG, NULL, 0, ret_count);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_outbox.h"

#include "issuer/registry_internal.h"

enum err registry_outbox_add(struct registry *r, const struct registry_leaf *leaf)
{
    return registry_run(
        r, STATEMENT_OUTBOX_ADD,
        REGISTRY_PARAMS(sql_number(leaf->leaf_index), sql_octets(leaf->event, REGISTRY_EVENT_MAX)),
        NULL, NULL);
}

struct leaf_list {
    registry_leaf_row row;
    void *context;
};

static enum err give_leaf(void *context, struct sql_row *row)
{
    const struct leaf_list *list = context;
    struct registry_leaf leaf;
    leaf.leaf_index = sql_get_number(row);
    leaf.event = sql_get_octets(row);
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
                           REGISTRY_PARAMS(sql_number(leaf->leaf_index),
                                           sql_octets(leaf->event, REGISTRY_EVENT_MAX),
                                           sql_number(at_s)),
                           ERR_NOT_FOUND);
}

enum err registry_outbox_lag(struct registry *r, uint64_t *ret_count)
{
    return registry_number(r, STATEMENT_OUTBOX_LAG, NULL, 0, ret_count);
}

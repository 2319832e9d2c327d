/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_order.h"

#include "issuer/registry_internal.h"

const char *registry_order_state_text(enum registry_order_state state)
{
    switch (state) {
#define X(name, number, text)   \
    case REGISTRY_ORDER_##name: \
        return text;
        REGISTRY_ORDER_STATE_TABLE(X)
#undef X
    }
    return "unknown";
}

static enum err read_order(struct sql_row *row, struct registry_order *ret)
{
    ret->customer = sql_get_text(row);
    ret->order_id = sql_get_text(row);
    ret->request_hash = sql_get_hash(row);
    ret->profile = sql_get_text(row);
    ret->state = (enum registry_order_state)sql_get_number_to(row, REGISTRY_ORDER_FAILED);
    ret->issuer_id = sql_get_bits(row);
    ret->serial = sql_get_serial(row);
    ret->problem = sql_get_text(row);
    ret->created_at_s = sql_get_number(row);
    ret->changed_at_s = sql_get_number(row);
    return sql_row_end(row);
}

struct one_order {
    struct registry *r;
    struct registry_order order;
};

static enum err keep_order(void *context, struct sql_row *row)
{
    struct one_order *one = context;
    TRY(read_order(row, &one->order));
    TRY(registry_keep(one->r, &one->order.customer));
    TRY(registry_keep(one->r, &one->order.order_id));
    TRY(registry_keep(one->r, &one->order.profile));
    return registry_keep(one->r, &one->order.problem);
}

enum err registry_order_get(struct registry *r, struct span customer, struct span order_id,
                            struct registry_order *ret)
{
    struct one_order one = {.r = r};
    TRY(registry_one(r, STATEMENT_ORDER_GET,
                     REGISTRY_PARAMS(param_customer(customer), param_order_id(order_id)),
                     keep_order, &one));
    *ret = one.order;
    return ERR_OK;
}

/* ORDER_ADD and ORDER_AGAIN take the same. ERR_CONFLICT: nothing was written. */
static enum err claim(struct registry *r, enum registry_statement statement,
                      const struct registry_order *o)
{
    return registry_change(r, statement,
                           REGISTRY_PARAMS(param_customer(o->customer), param_order_id(o->order_id),
                                           sql_hash(&o->request_hash), param_word(o->profile),
                                           sql_bits(o->issuer_id), sql_serial(&o->serial),
                                           sql_number(o->created_at_s)),
                           ERR_CONFLICT);
}

enum err registry_order_claim(struct registry *r, const struct registry_order *order, bool *ret_new,
                              struct registry_order *ret)
{
    struct registry_order is;
    enum err err = claim(r, STATEMENT_ORDER_ADD, order);
    bool is_new = err == ERR_OK;
    if (err != ERR_OK && err != ERR_CONFLICT)
        return err;
    /* Locked from here on, and seen as the other transaction has left it. */
    TRY(registry_order_get(r, order->customer, order->order_id, &is));
    if (!sha256_equal(&is.request_hash, &order->request_hash))
        return ERR_CONFLICT;
    if (!is_new && is.state == REGISTRY_ORDER_FAILED) {
        TRY(claim(r, STATEMENT_ORDER_AGAIN, order));
        TRY(registry_order_get(r, order->customer, order->order_id, &is));
        is_new = true;
    }
    *ret_new = is_new;
    *ret = is;
    return ERR_OK;
}

enum err registry_order_assign(struct registry *r, struct span customer, struct span order_id,
                               uint64_t issuer_id, const struct serial *serial, uint64_t at_s)
{
    return registry_change(r, STATEMENT_ORDER_ASSIGN,
                           REGISTRY_PARAMS(param_customer(customer), param_order_id(order_id),
                                           sql_bits(issuer_id), sql_serial(serial),
                                           sql_number(at_s)),
                           ERR_CONFLICT);
}

enum err registry_order_finish(struct registry *r, struct span customer, struct span order_id,
                               const struct serial *serial, enum registry_order_state state,
                               struct span problem, uint64_t at_s)
{
    struct sql_param of = serial == NULL ? sql_octets(SPAN_EMPTY, 0) : sql_serial(serial);
    if (state == REGISTRY_ORDER_WORKING)
        return ERR_RANGE;
    return registry_change(r, STATEMENT_ORDER_FINISH,
                           REGISTRY_PARAMS(param_customer(customer), param_order_id(order_id),
                                           sql_number(state), of, param_text(problem),
                                           sql_number(at_s)),
                           ERR_CONFLICT);
}

struct order_list {
    registry_order_row row;
    void *context;
};

static enum err give_order(void *context, struct sql_row *row)
{
    const struct order_list *list = context;
    struct registry_order order;
    TRY(read_order(row, &order));
    return list->row(list->context, &order);
}

enum err registry_orders_unfinished(struct registry *r, uint64_t before_s, size_t limit,
                                    registry_order_row row, void *context)
{
    struct order_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(r, STATEMENT_ORDER_UNFINISHED,
                        REGISTRY_PARAMS(sql_number(before_s), sql_number(limit)), give_order,
                        &list);
}

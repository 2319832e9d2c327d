/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_serial.h"

#include "issuer/registry_internal.h"

const char *registry_serial_state_text(enum registry_serial_state state)
{
    switch (state) {
#define X(name, number, text)    \
    case REGISTRY_SERIAL_##name: \
        return text;
        REGISTRY_SERIAL_STATE_TABLE(X)
#undef X
    }
    return "unknown";
}

static enum err read_reservation(struct sql_row *row, struct registry_reservation *ret)
{
    ret->issuer_id = sql_get_bits(row);
    ret->serial = sql_get_serial(row);
    ret->state = (enum registry_serial_state)sql_get_number_to(row, REGISTRY_SERIAL_ABANDONED);
    ret->shard = (uint32_t)sql_get_number_to(row, UINT32_MAX);
    ret->not_after_s = sql_get_number(row);
    ret->tbs_sha256 = sql_get_hash(row);
    ret->profile = sql_get_text(row);
    ret->customer = sql_get_text(row);
    ret->order_id = sql_get_text(row);
    ret->reserved_at_s = sql_get_number(row);
    return sql_row_end(row);
}

static enum err authority_exists(struct registry *r, uint64_t issuer_id)
{
    uint64_t seq;
    return registry_number(r, STATEMENT_EVENT_LAST, REGISTRY_PARAMS(sql_bits(issuer_id)), &seq);
}

enum err registry_serial_reserve(struct registry *r, const struct registry_reservation *v)
{
    if ((v->state != REGISTRY_SERIAL_RESERVED && v->state != REGISTRY_SERIAL_SIGNING) ||
        v->serial.size == 0)
        return ERR_RANGE;
    enum err err = registry_change(
        r, STATEMENT_SERIAL_RESERVE,
        REGISTRY_PARAMS(sql_bits(v->issuer_id), sql_serial(&v->serial), sql_number(v->state),
                        sql_number(v->shard), sql_number(v->not_after_s), sql_hash(&v->tbs_sha256),
                        param_word(v->profile), param_customer(v->customer),
                        param_order_id(v->order_id), sql_number(v->reserved_at_s)),
        ERR_EXISTS);
    if (err != ERR_EXISTS)
        return err;
    TRY(authority_exists(r, v->issuer_id));
    return ERR_EXISTS;
}

static bool is_step(enum registry_serial_state from, enum registry_serial_state to)
{
    if (from == REGISTRY_SERIAL_RESERVED)
        return to == REGISTRY_SERIAL_SIGNING || to == REGISTRY_SERIAL_REFUSED;
    return from == REGISTRY_SERIAL_SIGNING &&
           (to == REGISTRY_SERIAL_REFUSED || to == REGISTRY_SERIAL_ABANDONED);
}

enum err registry_serial_step(struct registry *r, uint64_t issuer_id, const struct serial *serial,
                              enum registry_serial_state from, enum registry_serial_state to)
{
    if (!is_step(from, to))
        return ERR_RANGE;
    return registry_change(
        r, STATEMENT_SERIAL_STEP,
        REGISTRY_PARAMS(sql_bits(issuer_id), sql_serial(serial), sql_number(from), sql_number(to)),
        ERR_CONFLICT);
}

struct one_reservation {
    struct registry *r;
    struct registry_reservation reservation;
};

static enum err keep_reservation(void *context, struct sql_row *row)
{
    struct one_reservation *one = context;
    TRY(read_reservation(row, &one->reservation));
    TRY(registry_keep(one->r, &one->reservation.profile));
    TRY(registry_keep(one->r, &one->reservation.customer));
    return registry_keep(one->r, &one->reservation.order_id);
}

enum err registry_serial_get(struct registry *r, uint64_t issuer_id, const struct serial *serial,
                             struct registry_reservation *ret)
{
    struct one_reservation one = {.r = r};
    TRY(registry_one(r, STATEMENT_SERIAL_GET,
                     REGISTRY_PARAMS(sql_bits(issuer_id), sql_serial(serial)), keep_reservation,
                     &one));
    *ret = one.reservation;
    return ERR_OK;
}

struct reservation_list {
    registry_reservation_row row;
    void *context;
};

static enum err give_reservation(void *context, struct sql_row *row)
{
    const struct reservation_list *list = context;
    struct registry_reservation reservation;
    TRY(read_reservation(row, &reservation));
    return list->row(list->context, &reservation);
}

enum err registry_unfinished(struct registry *r, uint64_t before_s, size_t limit,
                             registry_reservation_row row, void *context)
{
    struct reservation_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(r, STATEMENT_SERIAL_UNFINISHED,
                        REGISTRY_PARAMS(sql_number(before_s), sql_number(limit)), give_reservation,
                        &list);
}

enum err registry_abandoned_good(struct registry *r, size_t limit, registry_reservation_row row,
                                 void *context)
{
    struct reservation_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(r, STATEMENT_SERIAL_ABANDONED_GOOD, REGISTRY_PARAMS(sql_number(limit)),
                        give_reservation, &list);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_dcv.h"

#include "issuer/registry_internal.h"

static enum err read_dcv(struct sql_row *row, struct registry_dcv *ret)
{
    ret->id = sql_get_number(row);
    ret->customer = sql_get_text(row);
    ret->domain = sql_get_text(row);
    ret->method = sql_get_text(row);
    ret->result = (enum registry_dcv_result)sql_get_number_to(row, REGISTRY_DCV_REVOKED);
    ret->validated_at_s = sql_get_number(row);
    ret->expires_at_s = sql_get_number(row);
    ret->wildcard = sql_get_number_to(row, 1) != 0;
    ret->at_s = sql_get_number(row);
    ret->actor = sql_get_text(row);
    ret->evidence = sql_get_text(row);
    return sql_row_end(row);
}

enum err registry_dcv_add(struct registry *r, const struct registry_dcv *d, uint64_t *ret_id)
{
    uint64_t id = 0;
    if (d->expires_at_s < d->validated_at_s || d->domain.size == 0)
        return ERR_RANGE;
    TRY(registry_next_id(r, "dcv_event", &id));
    TRY(registry_change(
        r, STATEMENT_DCV_ADD,
        REGISTRY_PARAMS(sql_number(id), param_customer(d->customer), param_name(d->domain),
                        param_word(d->method), sql_number(d->result), sql_number(d->validated_at_s),
                        sql_number(d->expires_at_s), sql_number(d->wildcard), sql_number(d->at_s),
                        param_customer(d->actor), param_text(d->evidence)),
        ERR_STORE));
    *ret_id = id;
    return ERR_OK;
}

struct one_dcv {
    struct registry *r;
    struct registry_dcv dcv;
};

static enum err keep_dcv(void *context, struct sql_row *row)
{
    struct one_dcv *one = context;
    TRY(read_dcv(row, &one->dcv));
    TRY(registry_keep(one->r, &one->dcv.customer));
    TRY(registry_keep(one->r, &one->dcv.domain));
    TRY(registry_keep(one->r, &one->dcv.method));
    TRY(registry_keep(one->r, &one->dcv.actor));
    return registry_keep(one->r, &one->dcv.evidence);
}

enum err registry_dcv_valid(struct registry *r, struct span customer, struct span domain,
                            struct span method, bool is_below, uint64_t now_s,
                            struct registry_dcv *ret)
{
    struct one_dcv one = {.r = r};
    TRY(registry_one(r, STATEMENT_DCV_VALID,
                     REGISTRY_PARAMS(param_customer(customer), param_name(domain),
                                     param_word(method), sql_number(now_s), sql_number(is_below)),
                     keep_dcv, &one));
    *ret = one.dcv;
    return ERR_OK;
}

struct dcv_list {
    registry_dcv_row row;
    void *context;
};

static enum err give_dcv(void *context, struct sql_row *row)
{
    const struct dcv_list *list = context;
    struct registry_dcv dcv;
    TRY(read_dcv(row, &dcv));
    return list->row(list->context, &dcv);
}

enum err registry_dcvs(struct registry *r, struct span customer, struct span domain, size_t limit,
                       registry_dcv_row row, void *context)
{
    struct dcv_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(
        r, STATEMENT_DCV_LIST,
        REGISTRY_PARAMS(param_customer(customer), param_name(domain), sql_number(limit)), give_dcv,
        &list);
}

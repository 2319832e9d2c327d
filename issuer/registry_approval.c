/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_approval.h"

#include "issuer/registry_internal.h"

enum err registry_approval_add(struct registry *r, const struct registry_approval *a)
{
    if (a->decision != REGISTRY_APPROVED && a->decision != REGISTRY_REJECTED)
        return ERR_RANGE;
    return registry_change(r, STATEMENT_APPROVAL_ADD,
                           REGISTRY_PARAMS(param_customer(a->customer), param_order_id(a->order_id),
                                           sql_hash(&a->subject_hash),
                                           param_customer(a->operator_name),
                                           sql_number(a->decision), param_text(a->subject),
                                           param_text(a->note), sql_number(a->at_s)),
                           ERR_EXISTS);
}

struct approval_count {
    uint64_t approved;
    uint64_t rejected;
};

static enum err read_count(void *context, struct sql_row *row)
{
    struct approval_count *count = context;
    count->approved = sql_get_number(row);
    count->rejected = sql_get_number(row);
    return sql_row_end(row);
}

enum err registry_approval_count(struct registry *r, struct span customer, struct span order_id,
                                 const struct sha256 *subject_hash, uint64_t since_s,
                                 uint64_t *ret_approved, uint64_t *ret_rejected)
{
    struct approval_count count;
    TRY(registry_one(r, STATEMENT_APPROVAL_COUNT,
                     REGISTRY_PARAMS(param_customer(customer), param_order_id(order_id),
                                     sql_hash(subject_hash), sql_number(since_s)),
                     read_count, &count));
    *ret_approved = count.approved;
    *ret_rejected = count.rejected;
    return ERR_OK;
}

struct approval_list {
    registry_approval_row row;
    void *context;
};

static enum err give_approval(void *context, struct sql_row *row)
{
    const struct approval_list *list = context;
    struct registry_approval a;
    a.customer = sql_get_text(row);
    a.order_id = sql_get_text(row);
    a.subject_hash = sql_get_hash(row);
    a.operator_name = sql_get_text(row);
    a.decision = (enum registry_decision)sql_get_number_to(row, REGISTRY_REJECTED);
    a.subject = sql_get_text(row);
    a.note = sql_get_text(row);
    a.at_s = sql_get_number(row);
    TRY(sql_row_end(row));
    return list->row(list->context, &a);
}

enum err registry_approvals(struct registry *r, struct span customer, struct span order_id,
                            registry_approval_row row, void *context)
{
    struct approval_list list = {row, context};
    return registry_run(r, STATEMENT_APPROVAL_LIST,
                        REGISTRY_PARAMS(param_customer(customer), param_order_id(order_id),
                                        sql_number(REGISTRY_PAGE_MAX)),
                        give_approval, &list);
}

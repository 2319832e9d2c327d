/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions of operators that OV and EV need. Rows are only ever added. See registry.h for what
 * holds for every function. */
#pragma once

#include "issuer/registry.h"

enum registry_decision { REGISTRY_APPROVED = 1, REGISTRY_REJECTED = 2 };

struct registry_approval {
    struct span customer;
    struct span order_id;
    struct sha256 subject_hash; /* of the subject that was looked at */
    struct span operator_name;
    enum registry_decision decision;
    struct span subject; /* as it was shown to the operator; a text */
    struct span note;    /* may be empty */
    uint64_t at_s;
};

typedef enum err (*registry_approval_row)(void *context, const struct registry_approval *row);

/** Records a decision; rows are only ever added. ERR_EXISTS: this operator has decided on this
 * subject of this order. */
MUST_CHECK enum err registry_approval_add(struct registry *r,
                                          const struct registry_approval *approval);
/** How many different operators approved this subject at `since_s` or later, and rejected it at any
 * time. */
MUST_CHECK enum err registry_approval_count(struct registry *r, struct span customer,
                                            struct span order_id, const struct sha256 *subject_hash,
                                            uint64_t since_s, uint64_t *ret_approved,
                                            uint64_t *ret_rejected);
/** All of an order, oldest first, at most REGISTRY_PAGE_MAX. */
MUST_CHECK enum err registry_approvals(struct registry *r, struct span customer,
                                       struct span order_id, registry_approval_row row,
                                       void *context);

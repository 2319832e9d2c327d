/* SPDX-License-Identifier: Apache-2.0 */
/* Domain validations: who has shown to control which domain, how, and until when that counts. Rows
 * are only ever added. See registry.h for what holds for every function. */
#pragma once

#include "issuer/registry.h"

enum registry_dcv_result {
    REGISTRY_DCV_VALID = 1,
    REGISTRY_DCV_FAILED = 2,
    REGISTRY_DCV_REVOKED = 3
};

struct registry_dcv {
    uint64_t id; /* set by registry_dcv_add() */
    struct span customer;
    struct span domain; /* in the form of leaf_names.h: lower case, no "*." */
    struct span method; /* BR 3.2.2.4.x, a word */
    enum registry_dcv_result result;
    uint64_t validated_at_s;
    uint64_t expires_at_s;
    bool wildcard; /* the method also counts for "*." of it, and names below */
    uint64_t at_s; /* when it was recorded */
    struct span actor;
    struct span evidence;
};

typedef enum err (*registry_dcv_row)(void *context, const struct registry_dcv *row);

/** ERR_RANGE: it expires before it begins. */
MUST_CHECK enum err registry_dcv_add(struct registry *r, const struct registry_dcv *dcv,
                                     uint64_t *ret_id);
/** The newest row of this customer for exactly this domain that is VALID at `now_s`, when no
 * REVOKED one came after it. `method` empty: any. `is_below`: only of those that count for names
 * below the domain, which are the caller's to ask for, label by label. ERR_NOT_FOUND: none. */
MUST_CHECK enum err registry_dcv_valid(struct registry *r, struct span customer, struct span domain,
                                       struct span method, bool is_below, uint64_t now_s,
                                       struct registry_dcv *ret);
/** All of a domain, newest first, at most `limit`. */
MUST_CHECK enum err registry_dcvs(struct registry *r, struct span customer, struct span domain,
                                  size_t limit, registry_dcv_row row, void *context);

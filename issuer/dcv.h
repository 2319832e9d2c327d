/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a customer has shown to control the names of a certificate (BR 3.2.2.4, 4.2.1), by the
 * validations in the registry. */
#pragma once

#include "issuer/issuer.h"
#include "issuer/leaf_names.h"
#include "issuer/problem.h"

/* How long a validation may be used for certificates issued from that day on (BR 4.2.1): from,
 * days. The last row whose day has come counts. */
#define DCV_REUSE_TABLE(X)              \
    X(0, 398)                           \
    X(1773532800 /* 2026-03-15 */, 200) \
    X(1805068800 /* 2027-03-15 */, 100) \
    X(1868227200 /* 2029-03-15 */, 10)

/** Seconds. */
uint64_t dcv_reuse_max_s(uint64_t now_s);

/** Each name has a validation that counts now: of its own domain or, when the method counts for
 * what is below (`wildcard`), of one above that is no public suffix. A wildcard needs such a one.
 * `method` empty: any. PROBLEM_DCV, with an error for each of the first names without;
 * PROBLEM_REGISTRY. */
MUST_CHECK enum err dcv_check(struct issuer_worker *worker, struct span customer,
                              struct span method, const struct leaf_names *names, uint64_t now_s,
                              struct problem *why);

/* SPDX-License-Identifier: Apache-2.0 */
/* The query of a target as names and values (application/x-www-form-urlencoded, as browsers and
 * HTTP libraries write it). Pure. Strict: a name that is not asked for, one that comes twice, a
 * broken escape, or a value that is not printable ASCII is refused, so that nobody believes in a
 * filter that was not applied. */
#pragma once

#include "issuer/problem.h"
#include "lib/limit.h"

#define HTTPS_QUERY_NAMES_MAX 16

struct https_query {
    struct span values[HTTPS_QUERY_NAMES_MAX]; /* in the order of the names; data NULL: absent */
    uint8_t octets[HTTP_TARGET_BYTES_MAX];     /* where they are decoded to */
};

/** `names` ends with NULL and has at most HTTPS_QUERY_NAMES_MAX. `query` is empty or what follows
 *  "?". `ret` points into itself: it is not copied. PROBLEM_FIELD. */
MUST_CHECK enum err https_query_read(struct span query, const char *const *names,
                                     struct https_query *ret, struct problem *why);

/** A decimal number of [min, max]; `when_absent` without one. PROBLEM_FIELD. */
MUST_CHECK enum err https_query_number(struct span value, const char *name, uint64_t min,
                                       uint64_t max, uint64_t when_absent, uint64_t *ret,
                                       struct problem *why);

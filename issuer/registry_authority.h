/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's certificate authorities and their CRL sets. See registry.h for what holds for
 * every function. */
#pragma once

#include "issuer/registry.h"

struct registry_authority {
    uint64_t issuer_id;
    struct span name;        /* in the configuration; a word */
    struct span subject;     /* Name in DER */
    struct span certificate; /* in DER */
    uint64_t event_seq;      /* of its last event; ignored by _add */
    uint64_t published_seq;  /* registry_published_set(); ignored by _add */
};

typedef enum err (*registry_authority_row)(void *context, const struct registry_authority *row);

/** Makes a CA known. One that is there under this issuer id keeps its events and takes the name and
 * the certificate (renewed with the same subject and key). ERR_CONFLICT: another CA has the name.
 */
MUST_CHECK enum err registry_authority_add(struct registry *r,
                                           const struct registry_authority *authority);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err registry_authority_get(struct registry *r, uint64_t issuer_id,
                                           struct registry_authority *ret);
MUST_CHECK enum err registry_authorities(struct registry *r, registry_authority_row row,
                                         void *context);

/** Makes set `set` (from 1) with `count` places current: new certificates get their shard in it. A
 * set never changes its count. ERR_CONFLICT: it is there with another count. ERR_NOT_FOUND: no such
 * CA. ERR_RANGE: 0 or above 65535. */
MUST_CHECK enum err registry_crl_set_use(struct registry *r, uint64_t issuer_id, uint16_t set,
                                         uint32_t count);
/** ERR_NOT_FOUND: the CA has none. */
MUST_CHECK enum err registry_crl_set_current(struct registry *r, uint64_t issuer_id,
                                             uint16_t *ret_set, uint32_t *ret_count);

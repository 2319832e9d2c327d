/* SPDX-License-Identifier: Apache-2.0 */
/* API keys, and the accounts that ACME will have. See registry.h for what holds for every function.
 */
#pragma once

#include "issuer/registry.h"

struct registry_api_key {
    struct span id; /* the public part of the key; a word */
    struct sha256 secret_sha256;
    struct span customer; /* or the operator's name */
    struct span role;     /* "customer", "operator" */
    uint64_t created_at_s;
    uint64_t expires_at_s;  /* 0: never */
    uint64_t disabled_at_s; /* 0: in use */
    struct span actor;      /* who made it */
};

typedef enum err (*registry_api_key_row)(void *context, const struct registry_api_key *row);

/** ERR_EXISTS: the id is taken. */
MUST_CHECK enum err registry_api_key_add(struct registry *r, const struct registry_api_key *key);
/** Disabled and expired ones as well: the caller looks. ERR_NOT_FOUND. */
MUST_CHECK enum err registry_api_key_get(struct registry *r, struct span id,
                                         struct registry_api_key *ret);
/** For good. One that is disabled keeps its time. ERR_NOT_FOUND. */
MUST_CHECK enum err registry_api_key_disable(struct registry *r, struct span id, uint64_t at_s);
/** Those with an id after `after`, in order of their ids, at most `limit`. */
MUST_CHECK enum err registry_api_keys(struct registry *r, struct span after, size_t limit,
                                      registry_api_key_row row, void *context);

struct registry_account {
    uint64_t id;                  /* set by registry_account_add() */
    struct sha256 jwk_thumbprint; /* RFC 7638 */
    struct span jwk;
    struct span status;   /* RFC 8555 7.1.2; a word */
    struct span contact;  /* a text of the caller's; may be empty */
    struct span customer; /* may be empty */
    uint64_t created_at_s;
};

/** ERR_EXISTS: an account has this key. */
MUST_CHECK enum err registry_account_add(struct registry *r, const struct registry_account *account,
                                         uint64_t *ret_id);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err registry_account_by_key(struct registry *r, const struct sha256 *jwk_thumbprint,
                                            struct registry_account *ret);
MUST_CHECK enum err registry_account_by_id(struct registry *r, uint64_t id,
                                           struct registry_account *ret);
/** ERR_NOT_FOUND: none in status `from`. */
MUST_CHECK enum err registry_account_status(struct registry *r, uint64_t id, struct span from,
                                            struct span to);

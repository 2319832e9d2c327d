/* SPDX-License-Identifier: Apache-2.0 */
/* Good leaves, and one break of each rule of the linter. */
#pragma once

#include "tests/unit/leaf_world.h"

/* plain; with common name and key id; must-staple; short-lived without pointers to its status */
enum base_variant { BASE_PLAIN, BASE_NAMED, BASE_STAPLE, BASE_SHORT, BASE_VARIANTS };

struct lint_base {
    struct leaf_ca ca; /* a copy: a break may change it */
    struct leaf_lint_facts facts;
    char crl_url[CRL_SHARD_URL_MAX];
    X509 *issuer; /* owned, when it is another one than the world's */
    size_t size;
    uint8_t der[LEAF_CERT_BYTES_MAX];
};

void base_make(const struct leaf_world *world, enum leaf_kind kind, enum key_alg alg, int variant,
               struct lint_base *ret);
void base_done(struct lint_base *base);

size_t breaks_count(void);
/** Makes the certificate of a row and gives the id of the rule that it breaks. */
const char *breaks_make(const struct leaf_world *world, size_t row, struct lint_base *ret);
/** Adds anyPolicy to a certificate that begins to be valid at a time. */
void breaks_any_policy(struct lint_base *base, uint64_t from_s);

/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up content for the tests of the formats: numbers from a seed, serials in several shapes,
 * templates, a fixed publish key. Nothing here is signed by a real signer. */
#pragma once

#include <stdlib.h>

#include "lib/check.h"
#include "lib/digest.h"
#include "lib/publish_key.h"
#include "lib/template.h"

/* splitmix64: small, and the same everywhere. */
static inline uint64_t fixture_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint32_t fixture_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(fixture_random(state) % bound);
}

/* How serials lie beside one another. */
#define SHAPE_TABLE(X)            \
    X(RANDOM, "random")           \
    X(SEQUENTIAL, "sequential")   \
    X(SKEWED, "skewed")           \
    X(SAME_PREFIX, "same prefix") \
    X(TWO_GROUPS, "two groups")

enum shape {
#define X(name, text) SHAPE_##name,
    SHAPE_TABLE(X)
#undef X
        SHAPE_COUNT
};

/* A serial of the size, valid as a DER INTEGER; `i` counts up for the shapes that count. */
static inline struct serial fixture_serial(uint64_t *state, enum shape shape, uint8_t size,
                                           uint32_t i)
{
    struct serial s = {.size = size};
    uint64_t low = i;
    size_t fixed = size;
    if (shape == SHAPE_RANDOM)
        fixed = 0;
    if (shape == SHAPE_SKEWED)
        low = UINT64_C(1) << (i % 63);
    if (shape == SHAPE_SAME_PREFIX)
        fixed = size > 2 ? size - 2u : 0;
    if (shape == SHAPE_TWO_GROUPS)
        low = i % 2 == 0 ? i : ~(uint64_t)i;
    for (size_t at = 0; at < size; at++)
        s.octets[at] = at < fixed ? 0x5a : (uint8_t)fixture_random(state);
    if (shape != SHAPE_RANDOM && shape != SHAPE_SAME_PREFIX)
        for (size_t k = 0; k < 8 && k < size; k++)
            s.octets[size - 1 - k] = (uint8_t)(low >> (8 * k));
    s.octets[0] &= 0x7f;
    if (size > 1 && s.octets[0] == 0)
        s.octets[0] = 1;
    return s;
}

static inline int fixture_serial_order(const void *a, const void *b)
{
    return serial_compare(a, b);
}

/* Up to `count` different serials of one size in ascending order; returns how many there are. */
static inline uint32_t fixture_serials(uint64_t *state, enum shape shape, uint8_t size,
                                       uint32_t count, struct serial *ret)
{
    for (uint32_t i = 0; i < count; i++)
        ret[i] = fixture_serial(state, shape, size, i);
    qsort(ret, count, sizeof *ret, fixture_serial_order);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || serial_compare(&ret[kept - 1], &ret[i]) < 0)
            ret[kept++] = ret[i];
    return kept;
}

static inline struct facts fixture_facts(uint16_t template_no, uint32_t this_update_s, bool revoked)
{
    return (struct facts){.template_no = template_no,
                          .status = revoked ? CERT_REVOKED : CERT_GOOD,
                          .reason = revoked ? REASON_SUPERSEDED : REASON_ABSENT,
                          .revoked_at_s = revoked ? this_update_s - 1000 : 0,
                          .this_update_s = this_update_s,
                          .next_update_s = this_update_s + 604800};
}

static inline struct ocsp_template fixture_template(uint64_t issuer_id, uint16_t no,
                                                    enum sig_alg alg)
{
    struct ocsp_template t = {.issuer_id = issuer_id,
                              .template_no = no,
                              .certid_set = CERTID_BOTH,
                              .sig_alg = (uint8_t)alg,
                              .refresh_interval_s = 302400,
                              .signer_spki_size = 91};
    memset(t.name_sha1, 0x11, sizeof t.name_sha1);
    memset(t.key_sha1, 0x22, sizeof t.key_sha1);
    memset(t.name_sha256, 0x33, sizeof t.name_sha256);
    memset(t.key_sha256, 0x44, sizeof t.key_sha256);
    memset(t.responder_key_sha1, 0x55, sizeof t.responder_key_sha1);
    for (uint16_t i = 0; i < t.signer_spki_size; i++)
        t.signer_spki[i] = (uint8_t)i;
    return t;
}

/* The private key of RFC 8410 10.3: known to everybody, good for tests only. */
#define FIXTURE_PUBLISH_PEM                                              \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" \
    "-----END PRIVATE KEY-----\n"

static inline struct publish_key *fixture_publish_key(const char *network)
{
    struct publish_key *key = NULL;
    CHECK(publish_key_from_pem(span_text(network), span_text(FIXTURE_PUBLISH_PEM), &key) == ERR_OK);
    return key;
}

/* A copy of exactly that many octets, so that AddressSanitizer sees a read beyond. */
static inline uint8_t *fixture_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

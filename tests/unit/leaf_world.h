/* SPDX-License-Identifier: Apache-2.0 */
/* A CA, keys, profiles and suffixes, and leaves made with them. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "issuer/ca_profile.h"
#include "issuer/leaf_lint.h"
#include "issuer/leaf_tbs.h"
#include "tests/fixture/csr_maker.h"

#define WORLD_NOW_S  1795000000u /* 2026-11-18: at most 200 days */
#define WORLD_CRL    "http://crl.example/1"
#define WORLD_OCSP   "http://ocsp.example/"
#define WORLD_ISSUER "http://ca.example/i.crt"
#define WORLD_SHARD  (1u << 16 | 3)

struct leaf_world {
    EVP_PKEY *ca_key, *keys[KEY_ALG_COUNT];
    X509 *ca_certificate;
    struct leaf_ca ca;
    struct leaf_suffixes *suffixes;
    struct leaf_subject organization, ev;
};

static inline EVP_PKEY *world_key(enum key_alg alg)
{
    switch (alg) {
    case KEY_RSA:
        return EVP_RSA_gen(2048);
    case KEY_P256:
        return EVP_EC_gen("P-256");
    case KEY_P384:
        return EVP_EC_gen("P-384");
    case KEY_ED25519:
    case KEY_ALG_COUNT:
        break;
    }
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/* Signs with P-256 by hand: the stored form of OpenSSL's signature. */
static inline size_t world_sign(EVP_PKEY *key, struct span tbs, uint8_t *out)
{
    uint8_t x509[SIGNATURE_BYTES_MAX];
    size_t size = sizeof x509;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, x509, &size, tbs.data, tbs.size), 1);
    EVP_MD_CTX_free(context);
    assert_int_equal(sig_from_x509(SIG_ECDSA_P256_SHA256, span_of(x509, size), out, 64), ERR_OK);
    return 64;
}

/* A certificate around what is to be signed by the CA. */
static inline size_t world_certificate(const struct leaf_world *w, struct span tbs, uint8_t *out,
                                       size_t out_size)
{
    uint8_t signature[64];
    size_t size = 0;
    world_sign(w->ca_key, tbs, signature);
    assert_int_equal(cert_signed_encode(tbs, SIG_ECDSA_P256_SHA256,
                                        span_of(signature, sizeof signature), out, out_size, &size),
                     ERR_OK);
    return size;
}

static inline void world_ca(struct leaf_world *w)
{
    static const uint8_t name[] = {0x30, 0x0d, 0x31, 0x0b, 0x30, 9,   0x06, 3,
                                   0x55, 4,    6,    0x13, 2,    'G', 'B'};
    static const uint8_t any_policy[] = {0x06, 4, 0x55, 0x1d, 0x20, 0};
    uint8_t tbs[CA_TBS_BYTES_MAX], der[CA_CERT_BYTES_MAX];
    size_t size = 0;
    struct span spki = csr_spki(w->ca_key);
    struct ca_profile p = {.kind = CA_INTERMEDIATE,
                           .alg = SIG_ECDSA_P256_SHA256,
                           .issuer = span_of(name, sizeof name),
                           .subject = span_of(name, sizeof name),
                           .public_key = spki,
                           .not_before_s = WORLD_NOW_S - 100 * CA_DAY_S,
                           .not_after_s = WORLD_NOW_S + 1000 * CA_DAY_S,
                           .path_length = 0,
                           .policies = {span_of(any_policy, sizeof any_policy)},
                           .policy_count = 1};
    p.serial = (struct serial){.size = 1, .octets = {1}};
    assert_int_equal(ca_tbs_encode(&p, tbs, sizeof tbs, &size), ERR_OK);
    size = world_certificate(w, span_of(tbs, size), der, sizeof der);
    const unsigned char *at = der;
    w->ca_certificate = d2i_X509(NULL, &at, (long)size);
    assert_non_null(w->ca_certificate);
    struct problem why = {0};
    if (leaf_ca_read(w->ca_certificate, &w->ca, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    w->ca.ocsp_url = WORLD_OCSP;
    w->ca.ca_issuers_url = WORLD_ISSUER;
    w->ca.crl_url_base = "http://crl.example";
}

static inline void world_subject(struct leaf_subject *subject, const char *word, const char *value)
{
    struct problem why = {0};
    if (leaf_subject_set(subject, span_text(word), span_text(value), &why) != ERR_OK)
        fail_msg("%s: %s", word, why.detail);
}

static inline void world_open(struct leaf_world *w)
{
    memset(w, 0, sizeof *w);
    w->ca_key = EVP_EC_gen("P-256");
    for (unsigned alg = 0; alg < KEY_ALG_COUNT; alg++)
        w->keys[alg] = world_key((enum key_alg)alg);
    arena_reset();
    world_ca(w);
    assert_int_equal(leaf_suffixes_open(NULL, &w->suffixes), ERR_OK);
    static const char *const rows[][2] = {{"country", "GB"},
                                          {"locality", "Bath"},
                                          {"organization", "B\xc3\xa4n Ltd"},
                                          {"business_category", "Private Organization"},
                                          {"jurisdiction_country", "GB"},
                                          {"serial_number", "01234567"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_subject(&w->ev, rows[i][0], rows[i][1]);
        if (i < 3)
            world_subject(&w->organization, rows[i][0], rows[i][1]);
    }
}

static inline void world_close(struct leaf_world *w)
{
    leaf_suffixes_close(w->suffixes);
    X509_free(w->ca_certificate);
    EVP_PKEY_free(w->ca_key);
    for (unsigned alg = 0; alg < KEY_ALG_COUNT; alg++)
        EVP_PKEY_free(w->keys[alg]);
}

static inline struct leaf_profile world_profile(enum leaf_kind kind)
{
    return (struct leaf_profile){.name = "test",
                                 .kind = kind,
                                 .validity_s = 90ull * LEAF_DAY_S,
                                 .key_algs = 1u << KEY_RSA | 1u << KEY_P256 | 1u << KEY_P384,
                                 .names_max = LEAF_NAMES_MAX,
                                 .wildcards = kind != LEAF_EV,
                                 .addresses = kind != LEAF_EV,
                                 .ocsp_url = true,
                                 .crl_url = true,
                                 .basic_constraints = true};
}

/* Reads a request that has to be good. */
static inline void world_csr(EVP_PKEY *key, const char *names, struct csr *ret)
{
    struct problem why = {0};
    struct csr_spec spec = {.key = key, .extensions = csr_names_extension(names)};
    if (csr_read(csr_pem(csr_make(&spec)), ret, &why) != ERR_OK)
        fail_msg("%s: %s", why.rule, why.detail);
}

static inline struct leaf_order
world_order(const struct leaf_world *w, const struct leaf_profile *profile, const struct csr *csr)
{
    struct leaf_order order = {
        .profile = profile,
        .csr = csr,
        .names = &csr->names,
        .suffixes = w->suffixes,
        .ca = &w->ca,
        .now_s = WORLD_NOW_S,
        .serial = {.size = CERT_SERIAL_BYTES, .octets = {1, 2, 3, 4, 5, 6, 7, 8, 9}},
        .shard = WORLD_SHARD,
        .backdate_s = 300,
        .random = 7};
    if (profile->kind == LEAF_OV)
        order.subject = &w->organization;
    if (profile->kind == LEAF_EV)
        order.subject = &w->ev;
    return order;
}

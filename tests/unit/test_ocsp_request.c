/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unhex.h"

#include "lib/ocsp_request.h"

#define SHA1_NULL "3009 06052b0e03021a 0500"
#define SHA1_BARE "3007 06052b0e03021a"
#define HASH      "0402 aabb 0402 ccdd"
#define CERTID    "3016 " SHA1_NULL HASH "020101"    /* 24 octets */
#define REQUEST   "3018 " CERTID                     /* 26 */
#define LIST      "301a " REQUEST                    /* 28 */
#define NONCE     "300d 06092b0601050507300102 0400" /* 15 */
#define OTHER     "3006 06022a03 0400"               /* 8 */
#define CRITICAL  "3009 06022a03 0101ff 0400"        /* 11 */

enum { N = 1, R = 2, S = 4 }; /* nonce, requestor name, signature */

static const struct {
    const char *what, *hex;
    enum err err;
    uint32_t count;
    int flags;
    enum certid_hash hash;
} cases[] = {
    {"plain", "301e 301c" LIST, ERR_OK, 1, 0, CERTID_HASH_SHA1},
    {"no parameters", "301c 301a 3018 3016 3014" SHA1_BARE HASH "020101", ERR_OK, 1, 0,
     CERTID_HASH_SHA1},
    {"sha256 without parameters",
     "3020 301e 301c 301a 3018 300b 0609608648016503040201" HASH "020101", ERR_OK, 1, 0,
     CERTID_HASH_SHA256},
    {"another hash with parameters",
     "301d 301b 3019 3017 3015 3008 06032a0304 020105" HASH "020101", ERR_OK, 1, 0,
     CERTID_HASH_OTHER},
    {"another hash with two parameters",
     "301f 301d 301b 3019 3017 300a 06032a0304 020105 0500" HASH "020101", ERR_MALFORMED, 0, 0, 0},
    {"no hash", "3018 3016 3014 3012 3010 3003 0601", ERR_TRUNCATED, 0, 0, 0},
    {"sha1 with other parameters",
     "301f 301d 301b 3019 3017 300a 06052b0e03021a 020100" HASH "020101", ERR_MALFORMED, 0, 0, 0},
    {"two", "3038 3036 3034" REQUEST REQUEST, ERR_OK, 2, 0, CERTID_HASH_SHA1},
    {"second malformed", "3038 3036 3034" REQUEST "3118" CERTID, ERR_MALFORMED, 0, 0, 0},
    {"nonce", "3031 302f" LIST "a211 300f" NONCE, ERR_OK, 1, N, CERTID_HASH_SHA1},
    {"other extension", "302a 3028" LIST "a20a 3008" OTHER, ERR_OK, 1, 0, CERTID_HASH_SHA1},
    {"critical, then nonce", "303c 303a" LIST "a21c 301a" CRITICAL NONCE, ERR_OK, 1, N,
     CERTID_HASH_SHA1},
    {"critical of two octets", "302e 302c" LIST "a20e 300c 300a 06022a03 0102ffff 0400",
     ERR_MALFORMED, 0, 0, 0},
    {"no extension in the list", "3022 3020" LIST "a202 3000", ERR_MALFORMED, 0, 0, 0},
    {"single extension", "302a 3028 3026 3024" CERTID "a00a 3008" OTHER, ERR_OK, 1, 0,
     CERTID_HASH_SHA1},
    {"requestor", "3024 3022 a104 8202 6161" LIST, ERR_OK, 1, R, CERTID_HASH_SHA1},
    {"requestor of two names", "3026 3024 a106 820161 820161" LIST, ERR_MALFORMED, 0, 0, 0},
    {"signature", "3022 301c" LIST "a002 3000", ERR_OK, 1, S, CERTID_HASH_SHA1},
    {"signature of no form", "3022 301c" LIST "a002 0400", ERR_MALFORMED, 0, 0, 0},
    {"all", "303b 3035 a104 82026161" LIST "a211 300f" NONCE "a002 3000", ERR_OK, 1, N | R | S,
     CERTID_HASH_SHA1},
    {"explicit default version", "3023 3021 a003 020100" LIST, ERR_MALFORMED, 0, 0, 0},
    {"version 2", "3023 3021 a003 020101" LIST, ERR_MALFORMED, 0, 0, 0},
    {"no request", "3004 3002 3000", ERR_MALFORMED, 0, 0, 0},
    {"empty", "", ERR_TRUNCATED, 0, 0, 0},
    {"empty sequence", "3000", ERR_MALFORMED, 0, 0, 0},
    {"trailing", "301e 301c" LIST "00", ERR_TRAILING, 0, 0, 0},
    {"trailing inside", "301f 301c" LIST "00", ERR_MALFORMED, 0, 0, 0},
    {"outer length in long form", "30811e 301c" LIST, ERR_MALFORMED, 0, 0, 0},
    {"indefinite", "3080 301c" LIST "0000", ERR_MALFORMED, 0, 0, 0},
    {"negative serial", "301e 301c 301a 3018 3016" SHA1_NULL HASH "0201ff", ERR_OK, 1, 0,
     CERTID_HASH_SHA1},
    {"padded serial", "301f 301d 301b 3019 3017" SHA1_NULL HASH "02020001", ERR_MALFORMED, 0, 0, 0},
    {"no serial", "301d 301b 3019 3017 3015" SHA1_NULL HASH "0200", ERR_MALFORMED, 0, 0, 0},
    {"HTML", "3c68746d6c3e", ERR_TRUNCATED, 0, 0, 0},
};

static bool same(const struct ocsp_request *a, const struct ocsp_request *b)
{
    return a->hash == b->hash && a->name_hash.data == b->name_hash.data &&
           a->key_hash.data == b->key_hash.data && a->serial.data == b->serial.data &&
           span_equal(a->name_hash, b->name_hash) && span_equal(a->key_hash, b->key_hash) &&
           span_equal(a->serial, b->serial) && a->request_count == b->request_count &&
           a->has_nonce == b->has_nonce && a->has_requestor_name == b->has_requestor_name &&
           a->has_signature == b->has_signature;
}

/* The short way and the general one agree; whether the request was accepted. */
static bool expect_agreement(struct span der)
{
    struct ocsp_request r = {0}, any = {0};
    enum err err = ocsp_request_decode(der, &r), any_err = ocsp_request_decode_any(der, &any);
    if (err != any_err || !same(&r, &any))
        fail_msg("%s, in general %s", err_name(err), err_name(any_err));
    return err == ERR_OK;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ocsp_request r = {.request_count = 77};
        enum err err = ocsp_request_decode(UNHEX(cases[i].hex), &r);
        (void)expect_agreement(UNHEX(cases[i].hex));
        if (err != cases[i].err)
            fail_msg("%s: %s", cases[i].what, err_name(err));
        if (err != ERR_OK) {
            assert_int_equal(r.request_count, 77);
            continue;
        }
        int flags =
            (r.has_nonce ? N : 0) | (r.has_requestor_name ? R : 0) | (r.has_signature ? S : 0);
        if (flags != cases[i].flags || r.request_count != cases[i].count || r.hash != cases[i].hash)
            fail_msg("%s: flags %d count %u", cases[i].what, flags, r.request_count);
        assert_true(span_equal(r.name_hash, UNHEX("aabb")));
        assert_true(span_equal(r.key_hash, UNHEX("ccdd")));
    }
}

/* Cut anywhere, a request is truncated; with any one octet changed it never crashes. */
static void test_cuts_and_flips(void **state)
{
    (void)state;
    uint8_t der[FIXTURE_VECTOR_BYTES];
    size_t size = fixture_vector("rfc9919-request.b64", der);
    struct ocsp_request r;
    for (size_t cut = 0; cut < size; cut++) {
        enum err err = ocsp_request_decode(span_of(der, cut), &r);
        if (err != ERR_TRUNCATED)
            fail_msg("%zu: %s", cut, err_name(err));
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
        der[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum err err = ocsp_request_decode(span_of(der, size), &r);
        assert_true(err == ERR_OK || err == ERR_TRUNCATED || err == ERR_TRAILING ||
                    err == ERR_MALFORMED);
        der[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_rfc9919(void **state)
{
    (void)state;
    uint8_t der[FIXTURE_VECTOR_BYTES], back[FIXTURE_VECTOR_BYTES];
    size_t size = fixture_vector("rfc9919-request.b64", der), back_size = 0;
    struct ocsp_request r;
    assert_int_equal(ocsp_request_decode(span_of(der, size), &r), ERR_OK);
    assert_int_equal(r.hash, CERTID_HASH_SHA256);
    assert_int_equal(r.request_count, 1);
    assert_true(span_equal(r.serial, UNHEX("01aaf00d")));
    assert_false(r.has_nonce || r.has_requestor_name || r.has_signature);
    assert_int_equal(ocsp_request_encode(r.hash, r.name_hash, r.key_hash, r.serial, back,
                                         sizeof back, &back_size),
                     ERR_OK);
    assert_true(span_equal(span_of(back, back_size), span_of(der, size)));
}

static void test_encode_errors(void **state)
{
    (void)state;
    uint8_t out[256];
    size_t size = 77;
    struct span hash = UNHEX("aabb"), serial = UNHEX("01");
    assert_int_equal(ocsp_request_encode(CERTID_HASH_OTHER, hash, hash, serial, out, 256, &size),
                     ERR_UNSUPPORTED);
    assert_int_equal(ocsp_request_encode(CERTID_HASH_SHA1, hash, hash, SPAN_EMPTY, out, 256, &size),
                     ERR_MALFORMED);
    for (size_t room = 0; room < 32; room++)
        assert_int_equal(
            ocsp_request_encode(CERTID_HASH_SHA1, hash, hash, serial, out, room, &size),
            ERR_NO_SPACE);
    assert_int_equal(size, 77);
}

/* What OpenSSL makes: two certificates, a nonce, a name, signed. */
static void test_openssl_request(void **state)
{
    (void)state;
    struct fixture_signer signer;
    fixture_signer_make(SIG_RSA2048_SHA256, false, &signer);
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    for (int i = 0; i < 2; i++)
        OCSP_request_add0_id(
            request, OCSP_cert_to_id(i == 0 ? EVP_sha256() : EVP_sha1(), signer.cert, signer.cert));
    OCSP_request_add1_nonce(request, NULL, -1);
    OCSP_request_set1_name(request, X509_get_subject_name(signer.cert));
    assert_int_equal(OCSP_request_sign(request, signer.cert, signer.key, EVP_sha256(), NULL, 0), 1);
    unsigned char *der = NULL;
    int size = i2d_OCSP_REQUEST(request, &der);
    struct ocsp_request r;
    assert_int_equal(ocsp_request_decode(span_of(der, (size_t)size), &r), ERR_OK);
    assert_int_equal(r.hash, CERTID_HASH_SHA256);
    assert_int_equal(r.request_count, 2);
    assert_true(r.has_nonce && r.has_requestor_name && r.has_signature);
    assert_true(span_equal(r.name_hash, span_of(signer.t.name_sha256, 32)));
    assert_true(span_equal(r.key_hash, span_of(signer.t.key_sha256, 32)));
    assert_true(span_equal(r.serial, UNHEX("01")));
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    fixture_signer_free(&signer);
}

/* Every serial size around the shape's bounds, every octet with every value that matters. */
static void test_plain_agrees(void **state)
{
    (void)state;
    static const uint8_t values[] = {0x00, 0x01, 0x04, 0x09, 0x7f, 0x80, 0x81, 0xff};
    static const uint8_t hash[64] = {0x42};
    unsigned accepted = 0;
    for (int which = CERTID_HASH_SHA1; which <= CERTID_HASH_SHA256; which++) {
        size_t hash_size = which == CERTID_HASH_SHA1 ? 20 : 32;
        for (size_t serial_size = 1; serial_size < 70; serial_size++) {
            uint8_t serial[70] = {0x01}, der[256];
            size_t size = 0;
            assert_int_equal(ocsp_request_encode((enum certid_hash)which, span_of(hash, hash_size),
                                                 span_of(hash, hash_size),
                                                 span_of(serial, serial_size), der, sizeof der,
                                                 &size),
                             ERR_OK);
            assert_true(expect_agreement(span_of(der, size)));
            for (size_t at = 0; at < size; at++) {
                uint8_t octet = der[at];
                for (size_t i = 0; i < 2 * sizeof values; i++) {
                    der[at] = (uint8_t)(i % 2 == 0 ? values[i / 2] : octet ^ values[i / 2]);
                    accepted += expect_agreement(span_of(der, size));
                }
                der[at] = octet;
                (void)expect_agreement(span_of(der, at));
            }
            der[size] = 0;
            assert_false(expect_agreement(span_of(der, size + 1)));
        }
    }
    assert_true(accepted > 1000);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A few octets changed at once: lengths that contradict one another, tags, hashes swapped. */
static void test_plain_agrees_at_random(void **state)
{
    (void)state;
    static const uint8_t hash[32] = {0x42};
    uint32_t seed = 1;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t serial[40] = {0x01}, der[256];
        bool is_sha1 = next_random(&seed) % 2 == 0;
        size_t size = 0, serial_size = 1 + next_random(&seed) % sizeof serial;
        struct span name = span_of(hash, is_sha1 ? 20 : 32);
        assert_int_equal(ocsp_request_encode(is_sha1 ? CERTID_HASH_SHA1 : CERTID_HASH_SHA256, name,
                                             name, span_of(serial, serial_size), der, sizeof der,
                                             &size),
                         ERR_OK);
        for (unsigned changes = next_random(&seed) % 4; changes > 0; changes--) {
            size_t at = next_random(&seed) % size;
            if (next_random(&seed) % 2 == 0) /* a length one off is what slips through */
                der[at] = (uint8_t)(der[at] + next_random(&seed) % 3 - 1);
            else
                der[at] = (uint8_t)next_random(&seed);
        }
        size -= next_random(&seed) % 8 == 0;
        (void)expect_agreement(span_of(der, size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_cuts_and_flips),
        cmocka_unit_test(test_rfc9919),
        cmocka_unit_test(test_encode_errors),
        cmocka_unit_test(test_openssl_request),
        cmocka_unit_test(test_plain_agrees),
        cmocka_unit_test(test_plain_agrees_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

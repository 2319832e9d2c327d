/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "presigner/sign_pool.h"
#include "sign_fixture.h"
#include "signer_double.h"

#define ITEM_COUNT 3000

static char directory[FIXTURE_PATH_BYTES];
static struct ocsp_template template_;
static struct signer *real_signer;
static struct sign_item items[ITEM_COUNT];
static uint8_t signatures[ITEM_COUNT * 64];

static int group_setup(void **state)
{
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    fixture_directory(directory);
    EVP_PKEY *key = fixture_key(SIG_ECDSA_P256_SHA256);
    fixture_template(key, "ca", &template_);
    fixture_pem(key, fixture_path(directory, "key.pem", path), NULL);
    EVP_PKEY_free(key);
    struct signer_options options = {.key_file = path};
    for (uint32_t i = 0; i < ITEM_COUNT; i++)
        items[i] = (struct sign_item){
            .serial = {.size = 4, .octets = {0x10, 0, (uint8_t)(i >> 8), (uint8_t)i}},
            .facts = {.template_no = 1,
                      .reason = REASON_ABSENT,
                      .this_update_s = 1800000000,
                      .next_update_s = 1800600000}};
    return signer_open(&options, &template_, &real_signer) == ERR_OK ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    signer_free(real_signer);
    fixture_remove(directory);
    return 0;
}

static void assert_all_verify(size_t count)
{
    struct template_verifier *verifier = NULL;
    assert_int_equal(template_verifier_new(&template_, &verifier), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        struct statement s = {.serial = items[i].serial,
                              .facts = items[i].facts,
                              .signature = span_of(signatures + i * 64, 64)};
        assert_int_equal(template_verify(verifier, &s), ERR_OK);
    }
    template_verifier_free(verifier);
}

static void signatures_are_in_the_order_of_the_items(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, SIGN_BATCH_COUNT, SIGN_BATCH_COUNT + 1, ITEM_COUNT};
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        struct sign_pool *pool = NULL;
        struct sign_source *source = NULL;
        assert_int_equal(sign_pool_new(threads, SIGN_VERIFY_SAMPLE, &pool), ERR_OK);
        assert_int_equal(sign_source_new(pool, real_signer, &template_, &source), ERR_OK);
        uint64_t total = 0;
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            memset(signatures, 0, sizeof signatures);
            assert_int_equal(sign_pool_run(pool, source, items, counts[i], signatures), ERR_OK);
            assert_all_verify(counts[i]);
            total += counts[i];
        }
        struct sign_totals totals;
        sign_pool_totals(pool, &totals);
        assert_int_equal(totals.signatures, total);
        assert_in_range(totals.verified, 4, total / 8);
        assert_int_equal(totals.verify_failures + totals.sign_failures, 0);
        sign_source_free(source);
        sign_pool_free(pool);
    }
}

#define RATE_RUNS 16

static void verification_rates(void **state)
{
    (void)state;
    const struct {
        enum sign_verify verify;
        uint64_t low, high;
    } cases[] = {
        {SIGN_VERIFY_NONE, 0, 0},
        {SIGN_VERIFY_ALL, RATE_RUNS * 1024, RATE_RUNS * 1024},
        /* Of each run each thread's first, and 64 of 16,384 others: 8 of them are a deviation. */
        {SIGN_VERIFY_SAMPLE, RATE_RUNS + 16, 2 * RATE_RUNS + 128},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sign_pool *pool = NULL;
        struct sign_source *source = NULL;
        assert_int_equal(sign_pool_new(2, cases[i].verify, &pool), ERR_OK);
        assert_int_equal(sign_source_new(pool, real_signer, &template_, &source), ERR_OK);
        for (unsigned run = 0; run < RATE_RUNS; run++)
            assert_int_equal(sign_pool_run(pool, source, items, 1024, signatures), ERR_OK);
        struct sign_totals totals;
        sign_pool_totals(pool, &totals);
        assert_in_range(totals.verified, cases[i].low, cases[i].high);
        sign_source_free(source);
        sign_pool_free(pool);
    }
}

static void a_spoiled_signature_stops_the_batch(void **state)
{
    (void)state;
    const struct {
        enum sign_verify verify;
        uint32_t spoil;
        enum err fail;
        enum err expected;
    } cases[] = {
        {SIGN_VERIFY_ALL, 777, ERR_OK, ERR_SIGNATURE},
        {SIGN_VERIFY_SAMPLE, 1, ERR_OK, ERR_SIGNATURE}, /* the first of a batch */
        {SIGN_VERIFY_NONE, 777, ERR_OK, ERR_OK},
        {SIGN_VERIFY_NONE, 777, ERR_CRYPTO, ERR_CRYPTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct double_signer double_ = {.base = {.ops = &double_ops, .alg = real_signer->alg},
                                        .real = real_signer,
                                        .spoil = cases[i].spoil,
                                        .fail = cases[i].fail};
        struct sign_pool *pool = NULL;
        struct sign_source *source = NULL;
        assert_int_equal(sign_pool_new(2, cases[i].verify, &pool), ERR_OK);
        assert_int_equal(sign_source_new(pool, &double_.base, &template_, &source), ERR_OK);
        assert_int_equal(sign_pool_run(pool, source, items, 1024, signatures), cases[i].expected);
        struct sign_totals totals;
        sign_pool_totals(pool, &totals);
        assert_int_equal(totals.verify_failures, cases[i].expected == ERR_SIGNATURE);
        assert_int_equal(totals.sign_failures, cases[i].expected == ERR_CRYPTO);
        /* The pool goes on: the next run is a fresh one. */
        double_.spoil = 0;
        assert_int_equal(sign_pool_run(pool, source, items, 512, signatures), ERR_OK);
        assert_all_verify(512);
        sign_source_free(source);
        sign_pool_free(pool);
    }
}

static void limits(void **state)
{
    (void)state;
    struct sign_pool *pool = NULL;
    assert_int_equal(sign_pool_new(0, SIGN_VERIFY_NONE, &pool), ERR_RANGE);
    assert_int_equal(sign_pool_new(SIGN_THREADS_MAX + 1, SIGN_VERIFY_NONE, &pool), ERR_RANGE);
    assert_null(sign_pool_free(NULL));
    assert_null(sign_source_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_in_the_order_of_the_items),
        cmocka_unit_test(verification_rates),
        cmocka_unit_test(a_spoiled_signature_stops_the_batch),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

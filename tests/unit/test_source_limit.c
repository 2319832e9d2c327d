/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/source_limit.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[SOURCE_LIMIT_KEY_BYTES] = "0123456789abcde";

static uint32_t bucket_of(const struct source_limit *limit, const char *address)
{
    struct sockaddr_in6 peer = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&peer;
    if (inet_pton(AF_INET, address, &in->sin_addr) == 1)
        in->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, address, &peer.sin6_addr) == 1)
        peer.sin6_family = AF_INET6;
    return source_limit_bucket(limit, (const struct sockaddr *)(const void *)&peer);
}

static void test_prefixes(void **state)
{
    (void)state;
    static const struct {
        uint8_t v4_bits, v6_bits;
        const char *a, *b;
        bool same;
    } rows[] = {
        {32, 64, "192.0.2.1", "192.0.2.1", true},
        {32, 64, "192.0.2.1", "192.0.2.2", false},
        {24, 64, "192.0.2.1", "192.0.2.254", true},
        {24, 64, "192.0.2.1", "192.0.3.1", false},
        {1, 1, "1.0.0.0", "127.0.0.0", true},
        {1, 1, "1.0.0.0", "128.0.0.0", false},
        {32, 64, "192.0.2.1", "::ffff:192.0.2.1", true},
        {32, 64, "2001:db8::1", "2001:db8::ffff", true},
        {32, 64, "2001:db8::1", "2001:db8:0:1::1", false},
        {32, 56, "2001:db8::1", "2001:db8:0:ff::1", true},
        {32, 56, "2001:db8::1", "2001:db8:0:100::1", false},
        {32, 64, "0.0.0.0", "::1", false},
        {32, 64, "unix", "other", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct source_limit limit;
        assert_int_equal(source_limit_start(&limit, SOURCE_LIMIT_BUCKETS_MAX, 1, rows[i].v4_bits,
                                            rows[i].v6_bits, key),
                         ERR_OK);
        bool same = bucket_of(&limit, rows[i].a) == bucket_of(&limit, rows[i].b);
        if (same != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        source_limit_stop(&limit);
    }
}

static void test_counting(void **state)
{
    (void)state;
    struct source_limit limit;
    assert_int_equal(source_limit_start(&limit, 5000, 3, 32, 64, key), ERR_OK);
    assert_int_equal(limit.bucket_mask, 8191);
    uint32_t bucket = bucket_of(&limit, "192.0.2.1");
    uint32_t other = bucket_of(&limit, "192.0.2.2");
    for (int i = 0; i < 3; i++)
        assert_true(source_limit_enter(&limit, bucket));
    for (int i = 0; i < 5; i++)
        assert_false(source_limit_enter(&limit, bucket));
    assert_true(source_limit_enter(&limit, other));
    source_limit_leave(&limit, bucket);
    assert_true(source_limit_enter(&limit, bucket));
    assert_false(source_limit_enter(&limit, bucket));
    source_limit_stop(&limit);
    assert_int_equal(source_limit_start(&limit, 1024, 0, 32, 64, key), ERR_OK);
    for (int i = 0; i < 1000; i++)
        assert_true(source_limit_enter(&limit, 7));
    source_limit_stop(&limit);
}

/* The hash spreads neighbours evenly, and another key spreads them elsewhere. */
static void test_spread(void **state)
{
    (void)state;
    static uint32_t hits[1024];
    static const uint8_t other_key[SOURCE_LIMIT_KEY_BYTES] = "another key 123";
    struct source_limit limit, other;
    assert_int_equal(source_limit_start(&limit, 1024, 1, 32, 64, key), ERR_OK);
    assert_int_equal(source_limit_start(&other, 1024, 1, 32, 64, other_key), ERR_OK);
    uint32_t equal = 0;
    uint32_t most = 0;
    for (unsigned i = 0; i < 10240; i++) {
        char text[20];
        snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
        uint32_t bucket = bucket_of(&limit, text);
        hits[bucket]++;
        most = hits[bucket] > most ? hits[bucket] : most;
        equal += bucket == bucket_of(&other, text);
    }
    assert_true(most < 35);
    assert_true(equal < 40);
    source_limit_stop(&limit);
    source_limit_stop(&other);
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        uint32_t buckets;
        uint8_t v4_bits, v6_bits;
    } bad[] = {{1023, 32, 64}, {SOURCE_LIMIT_BUCKETS_MAX + 1, 32, 64},
               {1024, 0, 64},  {1024, 33, 64},
               {1024, 32, 0},  {1024, 32, 65}};
    struct source_limit limit;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(
            source_limit_start(&limit, bad[i].buckets, 1, bad[i].v4_bits, bad[i].v6_bits, key),
            ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

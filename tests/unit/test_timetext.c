/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <time.h>

#include "lib/timetext.h"

#define LAST_S UINT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* The C library is the judge: every day of 1970 to 9999 at odd times of the day. */
static void test_civil_against_libc(void **state)
{
    (void)state;
    for (uint64_t time_s = 0; time_s <= LAST_S; time_s += 86400 + 7919 * 3) {
        struct tm tm;
        time_t time = (time_t)time_s;
        assert_non_null(gmtime_r(&time, &tm));
        struct civil_time c = civil_from_seconds(time_s);
        bool equal = (int)c.year == tm.tm_year + 1900 && c.month == tm.tm_mon + 1 &&
                     c.day == tm.tm_mday && c.hour == tm.tm_hour && c.minute == tm.tm_min &&
                     c.second == tm.tm_sec && c.weekday == tm.tm_wday;
        uint64_t back = 0;
        if (!equal || civil_to_seconds(&c, &back) != ERR_OK || back != time_s)
            fail_msg("%llu", (unsigned long long)time_s);
    }
}

static void test_past_the_last_year(void **state)
{
    (void)state;
    struct civil_time last = civil_from_seconds(LAST_S), later = civil_from_seconds(UINT64_MAX);
    assert_int_equal(last.year, 9999);
    assert_memory_equal(&last, &later, sizeof last);
}

#define READER_TABLE(X)                   \
    X(GENERALIZED, generalized_time_read) \
    X(ASN1, asn1_time_read)               \
    X(IMF, imf_fixdate_read)              \
    X(HUMAN, human_time_read)

enum reader {
#define X(name, function) READ_##name,
    READER_TABLE(X)
#undef X
        READ_HTTP
};

#define NOW_S 1794000000 /* November 2026 */

static enum err read_with(enum reader reader, struct span text, uint64_t *ret)
{
    switch (reader) {
#define X(name, function) \
    case READ_##name:     \
        return function(text, ret);
        READER_TABLE(X)
#undef X
    case READ_HTTP:
        return http_date_read(text, NOW_S, ret);
    }
    return ERR_UNSUPPORTED;
}

static const struct {
    enum reader reader;
    const char *text;
    enum err err;
    uint64_t time_s;
} cases[] = {
    {READ_GENERALIZED, "20240402123747Z", ERR_OK, 1712061467},
    {READ_GENERALIZED, "19700101000000Z", ERR_OK, 0},
    {READ_GENERALIZED, "99991231235959Z", ERR_OK, LAST_S},
    {READ_GENERALIZED, "20240229000000Z", ERR_OK, 1709164800},
    {READ_GENERALIZED, "20230229000000Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "21000229000000Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "19691231235959Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "20241301000000Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "20240001000000Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "20240100000000Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "20240431000000Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "20240101240000Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "20240101006000Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "20161231235960Z", ERR_RANGE, 0},
    {READ_GENERALIZED, "20240402123747", ERR_MALFORMED, 0},
    {READ_GENERALIZED, "20240402123747.0Z", ERR_MALFORMED, 0},
    {READ_GENERALIZED, "20240402123747+", ERR_MALFORMED, 0},
    {READ_GENERALIZED, "2024040212374aZ", ERR_MALFORMED, 0},
    {READ_GENERALIZED, "", ERR_MALFORMED, 0},
    {READ_ASN1, "240402123747Z", ERR_OK, 1712061467},
    {READ_ASN1, "20240402123747Z", ERR_OK, 1712061467},
    {READ_ASN1, "700101000000Z", ERR_OK, 0},
    {READ_ASN1, "491231235959Z", ERR_OK, 2524607999},
    {READ_ASN1, "500101000000Z", ERR_RANGE, 0},
    {READ_ASN1, "2404021237Z", ERR_MALFORMED, 0},
    {READ_IMF, "Sun, 06 Nov 1994 08:49:37 GMT", ERR_OK, 784111777},
    {READ_IMF, "Mon, 06 Nov 1994 08:49:37 GMT", ERR_MALFORMED, 0},
    {READ_IMF, "Sun, 06 Nov 1994 08:49:37 UTC", ERR_MALFORMED, 0},
    {READ_IMF, "Sun, 6 Nov 1994 08:49:37 GMT", ERR_MALFORMED, 0},
    {READ_IMF, "Sunday, 06-Nov-94 08:49:37 GMT", ERR_MALFORMED, 0},
    {READ_IMF, "Sun, 06 Nov 1994 08:49:37 GMT ", ERR_MALFORMED, 0},
    {READ_HTTP, "Sun, 06 Nov 1994 08:49:37 GMT", ERR_OK, 784111777},
    {READ_HTTP, "Sunday, 06-Nov-94 08:49:37 GMT", ERR_OK, 784111777},
    {READ_HTTP, "Sun Nov  6 08:49:37 1994", ERR_OK, 784111777},
    {READ_HTTP, "Wed Nov 16 08:49:37 1994", ERR_OK, 784975777},
    {READ_HTTP, "Wednesday, 01-Jan-76 00:00:00 GMT", ERR_OK, 3345062400}, /* 2076 */
    {READ_HTTP, "Saturday, 01-Jan-77 00:00:00 GMT", ERR_OK, 220924800},   /* 1977 */
    {READ_HTTP, "Sun Nov 06 08:49:37 1994", ERR_OK, 784111777},
    {READ_HTTP, "Sun Nov 6 08:49:37 1994", ERR_MALFORMED, 0},
    {READ_HTTP, "sun, 06 Nov 1994 08:49:37 GMT", ERR_MALFORMED, 0},
    {READ_HTTP, "0", ERR_MALFORMED, 0},
    {READ_HUMAN, "2026-11-24T19:30:00Z", ERR_OK, 1795548600},
    {READ_HUMAN, "2026-11-24t19:30:00z", ERR_OK, 1795548600},
    {READ_HUMAN, "2026-11-24 19:30:00", ERR_OK, 1795548600},
    {READ_HUMAN, "2026-11-24", ERR_OK, 1795478400},
    {READ_HUMAN, "1795548600", ERR_OK, 1795548600},
    {READ_HUMAN, "0", ERR_OK, 0},
    {READ_HUMAN, "253402300799", ERR_OK, LAST_S},
    {READ_HUMAN, "253402300800", ERR_RANGE, 0},
    {READ_HUMAN, "99999999999999999999999999", ERR_RANGE, 0},
    {READ_HUMAN, "2026-02-30", ERR_RANGE, 0},
    {READ_HUMAN, "", ERR_MALFORMED, 0},
    {READ_HUMAN, "-1", ERR_MALFORMED, 0},
    {READ_HUMAN, "yesterday", ERR_MALFORMED, 0},
    {READ_HUMAN, "2026-11-24T19:30:00+01:00", ERR_MALFORMED, 0},
};

static void test_readers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t time_s = 12345;
        enum err err = read_with(cases[i].reader, span_text(cases[i].text), &time_s);
        if (err != cases[i].err)
            fail_msg("'%s': %s", cases[i].text, err_name(err));
        if (time_s != (err == ERR_OK ? cases[i].time_s : 12345))
            fail_msg("'%s': %llu", cases[i].text, (unsigned long long)time_s);
    }
}

static void test_writers(void **state)
{
    (void)state;
    char iso[ISO_TIME_BYTES + 1], libc[64];
    uint8_t generalized[GENERALIZED_TIME_BYTES], imf[IMF_FIXDATE_BYTES];
    for (uint64_t time_s = 0; time_s <= UINT32_MAX; time_s += 86400 * 11 + 3607) {
        struct tm tm;
        time_t time = (time_t)time_s;
        gmtime_r(&time, &tm);
        generalized_time_write(time_s, generalized);
        imf_fixdate_write(time_s, imf);
        iso_time_write(time_s, iso);
        strftime(libc, sizeof libc, "%Y%m%d%H%M%SZ", &tm);
        assert_memory_equal(generalized, libc, sizeof generalized);
        strftime(libc, sizeof libc, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        assert_memory_equal(imf, libc, sizeof imf);
        strftime(libc, sizeof libc, "%Y-%m-%dT%H:%M:%SZ", &tm);
        assert_string_equal(iso, libc);
        uint64_t back = 0;
        assert_int_equal(imf_fixdate_read(span_of(imf, sizeof imf), &back), ERR_OK);
        assert_int_equal(back, time_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil_against_libc),
        cmocka_unit_test(test_past_the_last_year),
        cmocka_unit_test(test_readers),
        cmocka_unit_test(test_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

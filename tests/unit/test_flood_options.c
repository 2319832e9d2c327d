/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of statim-flood: no flood without an end, none to a place that is not said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/flood/options.h"

#define NEEDED_COUNT 10
static const char *const needed[NEEDED_COUNT] = {
    "--interface", "far0",     "--seconds",         "1.5",    "--to",
    "10.1.2.3",    "--to-mac", "02:00:00:00:00:01", "--from", "198.18.0.0/15"};

/* The options that must be there, without the one at `left_out`, and two more words. */
static enum flood_asked read_with(int left_out, const char *name, const char *value,
                                  struct flood_options *ret, char why[static FLOOD_WHY_BYTES])
{
    const char *argv[NEEDED_COUNT + 4] = {"statim-flood"};
    int argc = 1;
    for (int i = 0; i < NEEDED_COUNT; i++) {
        if (i / 2 != left_out)
            argv[argc++] = needed[i];
    }
    if (name != NULL)
        argv[argc++] = name;
    if (value != NULL)
        argv[argc++] = value;
    return flood_options_read(argc, argv, ret, why);
}

static void test_defaults_and_all(void **state)
{
    (void)state;
    struct flood_options o;
    char why[FLOOD_WHY_BYTES];
    assert_int_equal(read_with(-1, NULL, NULL, &o, why), FLOOD_RUN);
    assert_string_equal(o.interface, "far0");
    assert_true(o.seconds == 1.5);
    assert_int_equal(o.rate_per_s, 0);
    assert_int_equal(o.plan.kind, PACKET_SYN);
    assert_int_equal(o.plan.port, 80);
    assert_int_equal(o.plan.source_count, 0);
    assert_int_equal(o.plan.from.bits, 15);
    assert_int_equal(read_with(-1, "--kind", "synack", &o, why), FLOOD_RUN);
    assert_int_equal(o.plan.kind, PACKET_SYN_ACK);
    assert_int_equal(read_with(-1, "--rate", "250000", &o, why), FLOOD_RUN);
    assert_int_equal(o.rate_per_s, 250000);
    assert_int_equal(read_with(-1, "--sources", "8", &o, why), FLOOD_RUN);
    assert_int_equal(o.plan.source_count, 8);
    assert_int_equal(read_with(-1, "--help", NULL, &o, why), FLOOD_HELP);
}

static void test_what_must_be_said(void **state)
{
    (void)state;
    static const char *const names[] = {"--interface", "--seconds", "--to", "--to-mac", "--from"};
    for (int i = 0; i < 5; i++) {
        struct flood_options o;
        char why[FLOOD_WHY_BYTES];
        assert_int_equal(read_with(i, NULL, NULL, &o, why), FLOOD_BAD);
        assert_non_null(strstr(why, names[i]));
        assert_non_null(strstr(why, "is needed"));
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"--seconds", "0"},     {"--seconds", "-1"},    {"--seconds", "301"},
        {"--seconds", "nan"},   {"--seconds", "inf"},   {"--seconds", "1s"},
        {"--rate", "0"},        {"--rate", "1e9"},      {"--rate", "1.5"},
        {"--port", "0"},        {"--port", "65536"},    {"--kind", "udp"},
        {"--sources", "-1"},    {"--to", "10.0.0.0/8"}, {"--from", "10.0.0.1/8"},
        {"--from", "fd00::/8"}, {"--to-mac", "x"},      {"--seed", ""},
        {"--interface", ""},    {"--threads", "2"},     {"rate", "5"},
        {"--rate", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct flood_options o = {.seconds = 99};
        char why[FLOOD_WHY_BYTES] = "";
        assert_int_equal(read_with(-1, rows[i][0], rows[i][1], &o, why), FLOOD_BAD);
        assert_true(strlen(why) > 0);
        assert_true(o.seconds == 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_and_all),
        cmocka_unit_test(test_what_must_be_said),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

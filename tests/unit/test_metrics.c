/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/metrics.h"

static const struct metric_row requests = {"requests", METRIC_COUNTER, "Requests answered."};
static const struct metric_row age = {"age_seconds", METRIC_GAUGE, "Age."};

static void prometheus_text(void **state)
{
    (void)state;
    char out[1024];
    struct text_writer w;
    text_writer_start(&w, out, sizeof out);
    metrics_write_row(&w, "edge", &age, 7);
    metrics_write_row(&w, "edge", &requests, UINT64_MAX);
    metrics_write_head(&w, "sync", &requests);
    metrics_write_labelled(&w, "sync", &requests, "outcome=\"good\",worker=\"0\"", 3);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.size, strlen(out));
    assert_string_equal(out, "# HELP edge_age_seconds Age.\n"
                             "# TYPE edge_age_seconds gauge\n"
                             "edge_age_seconds 7\n"
                             "# HELP edge_requests_total Requests answered.\n"
                             "# TYPE edge_requests_total counter\n"
                             "edge_requests_total 18446744073709551615\n"
                             "# HELP sync_requests_total Requests answered.\n"
                             "# TYPE sync_requests_total counter\n"
                             "sync_requests_total{outcome=\"good\",worker=\"0\"} 3\n");
}

/* At every size: whole pieces or none, always a string, and the error stays. */
static void sticky_error(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 16; size++) {
        char out[17];
        struct text_writer w;
        memset(out, '#', sizeof out);
        text_writer_start(&w, out, size);
        text_writer_format(&w, "%s", "12345");
        text_writer_format(&w, "%d", 67890);
        size_t expected = size > 10 ? 10 : size > 5 ? 5 : 0;
        assert_int_equal(w.size, expected);
        assert_int_equal(strlen(out), expected);
        assert_int_equal(w.err, size > 10 ? ERR_OK : ERR_NO_SPACE);
        text_writer_format(&w, "%s", "");
        assert_int_equal(w.err, size > 10 ? ERR_OK : ERR_NO_SPACE);
        assert_int_equal(out[size], '#');
    }
}

static void counters(void **state)
{
    (void)state;
    uint64_t counter = 0;
    counter_add(&counter, 3);
    counter_add(&counter, 4);
    assert_int_equal(counter_get(&counter), 7);
    counter_set(&counter, 1);
    assert_int_equal(counter_get(&counter), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prometheus_text),
        cmocka_unit_test(sticky_error),
        cmocka_unit_test(counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

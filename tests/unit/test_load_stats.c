/* SPDX-License-Identifier: Apache-2.0 */
/* The generator's numbers: the histogram against sorting, Zipf against its definition, the schedule
 * against the rate. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include <math.h>

#include "bench/load/histogram.h"
#include "bench/load/schedule.h"
#include "bench/load/zipf.h"
#include "lib/random.h"

#define VALUES 20000u

static struct histogram h, other;
static uint64_t values[VALUES];

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static const double quantiles[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};

/* At least as many values as asked are at or below the answer, and it is at most 0.1 % above the
 * exact one. */
static void compare_with_sorted(size_t count)
{
    qsort(values, count, sizeof values[0], by_value);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        size_t rank = (size_t)ceil(quantiles[i] * (double)count);
        uint64_t exact = values[rank == 0 ? 0 : rank - 1];
        uint64_t found = histogram_quantile(&h, quantiles[i]);
        assert_true(found >= exact);
        assert_true((double)(found - exact) <= 0.001 * (double)exact);
        assert_true(found <= values[count - 1]);
    }
    assert_true(h.min_ns == values[0] && h.max_ns == values[count - 1]);
}

static uint64_t any_value(uint64_t *random)
{
    uint64_t bits = random_next(random) % 42;
    return (random_next(random) & ((UINT64_C(1) << bits) - 1)) % HISTOGRAM_VALUE_MAX;
}

static void histogram_against_sorting(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed, sum = 0;
        size_t count = seed == 1 ? 1 : VALUES / seed;
        histogram_clear(&h);
        for (size_t i = 0; i < count; i++) {
            values[i] = any_value(&random);
            sum += values[i];
            histogram_record(&h, values[i]);
        }
        assert_true(h.count == count && h.sum_ns == sum);
        compare_with_sorted(count);
    }
}

/* Every power of two and its neighbours alone: no place is one off. */
static void histogram_edges(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 42; bit++) {
        for (int d = -1; d <= 1; d++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)d;
            histogram_clear(&h);
            histogram_record(&h, value);
            histogram_record(&h, value);
            uint64_t kept = value > HISTOGRAM_VALUE_MAX ? HISTOGRAM_VALUE_MAX : value;
            assert_true(histogram_quantile(&h, 0.5) == kept);
            histogram_record(&h, HISTOGRAM_VALUE_MAX);
            uint64_t found = histogram_quantile(&h, 0.5);
            assert_true(found >= kept && (double)(found - kept) <= 0.001 * (double)kept);
        }
    }
    histogram_clear(&h);
    assert_true(histogram_quantile(&h, 0.5) == 0 && h.min_ns == UINT64_MAX);
    histogram_record(&h, UINT64_MAX);
    assert_true(histogram_quantile(&h, 1) == HISTOGRAM_VALUE_MAX);
}

static void histogram_adds_up(void **state)
{
    (void)state;
    uint64_t random = 7;
    histogram_clear(&h);
    for (unsigned part = 0; part < 4; part++) {
        histogram_clear(&other);
        for (size_t i = 0; i < VALUES / 4; i++) {
            values[part * (VALUES / 4) + i] = any_value(&random);
            histogram_record(&other, values[part * (VALUES / 4) + i]);
        }
        histogram_add(&h, &other);
    }
    histogram_clear(&other);
    histogram_add(&h, &other);
    assert_true(h.count == VALUES);
    compare_with_sorted(VALUES);
}

#define DRAWS 1000000u

/* Each of the first numbers, and all others together, as often as it should be: within six
 * standard deviations. */
static void zipf_against_definition(void **state)
{
    (void)state;
    static const double exponents[] = {0, 0.5, 0.99, 1, 1.000001, 1.5, 3};
    static const uint64_t counts[] = {1, 2, 10, 1000, 20000000};
    enum { HEAD = 8 };
    for (size_t e = 0; e < 7; e++) {
        for (size_t c = 0; c < 5; c++) {
            struct zipf zipf;
            uint64_t random = e * 10 + c, seen[HEAD] = {0};
            double sum = 0;
            zipf_init(&zipf, counts[c], exponents[e]);
            for (uint64_t k = 1; k <= counts[c]; k++)
                sum += pow((double)k, -exponents[e]);
            for (unsigned i = 0; i < DRAWS / 4; i++) {
                uint64_t k = zipf_next(&zipf, &random);
                assert_true(k < counts[c]);
                if (k < HEAD)
                    seen[k]++;
            }
            for (uint64_t k = 0; k < HEAD && k < counts[c]; k++) {
                double p = pow((double)k + 1, -exponents[e]) / sum, n = DRAWS / 4;
                assert_true(fabs((double)seen[k] - n * p) <= 6 * sqrt(n * p * (1 - p)) + 1);
            }
        }
    }
}

static void zipf_repeats_with_its_seed(void **state)
{
    (void)state;
    struct zipf zipf;
    uint64_t a = 5, b = 5, c = 6;
    unsigned different = 0;
    zipf_init(&zipf, 1000000, 1);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t k = zipf_next(&zipf, &a);
        assert_true(k == zipf_next(&zipf, &b));
        different += k != zipf_next(&zipf, &c);
    }
    assert_true(different > 500);
}

static void schedule_even(void **state)
{
    (void)state;
    struct schedule s;
    schedule_init(&s, 1000, 250, 3000, false, 1);
    assert_true(s.next_ns == 1250);
    for (uint64_t i = 0; i < 30000000; i += 1) {
        if (i % 3000000 == 0)
            assert_in_range(s.next_ns, 1250 + i * 1000000 / 3, 1251 + i * 1000000 / 3);
        schedule_advance(&s);
    }
    assert_in_range(s.next_ns, 1250 + UINT64_C(10000000000000), 1251 + UINT64_C(10000000000000));
}

/* Mean and standard deviation of the distances are one step each. */
static void schedule_poisson(void **state)
{
    (void)state;
    struct schedule s;
    double sum = 0, squares = 0;
    schedule_init(&s, 0, 0, 1000000, true, 3);
    struct schedule again = s;
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t before = s.next_ns;
        assert_true(again.next_ns == before);
        schedule_advance(&s);
        schedule_advance(&again);
        assert_true(s.next_ns >= before);
        sum += (double)(s.next_ns - before);
        squares += (double)(s.next_ns - before) * (double)(s.next_ns - before);
    }
    double mean = sum / DRAWS;
    assert_true(fabs(mean - 1000) < 5);
    assert_true(fabs(sqrt(squares / DRAWS - mean * mean) - 1000) < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histogram_against_sorting),  cmocka_unit_test(histogram_edges),
        cmocka_unit_test(histogram_adds_up),          cmocka_unit_test(zipf_against_definition),
        cmocka_unit_test(zipf_repeats_with_its_seed), cmocka_unit_test(schedule_even),
        cmocka_unit_test(schedule_poisson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/zipf.h"

#include <math.h>

#include "lib/check.h"
#include "lib/random.h"

/* (exp(x) - 1) / x and ln(1 + x) / x, also next to 0, where the exponents meet at 1. */
static double expm1_over(double x)
{
    return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double log1p_over(double x)
{
    return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

/* The density x^-s, its integral from 1, and the inverse of that. */
static double density(double s, double x)
{
    return exp(-s * log(x));
}

static double area(double s, double x)
{
    double log_x = log(x);
    return expm1_over((1 - s) * log_x) * log_x;
}

static double area_inverse(double s, double y)
{
    double t = y * (1 - s);
    if (t < -1)
        t = -1; /* rounding only: the true value is above */
    return exp(log1p_over(t) * y);
}

void zipf_init(struct zipf *zipf, uint64_t count, double exponent)
{
    CHECK(count > 0 && exponent >= 0 && exponent <= ZIPF_EXPONENT_MAX);
    *zipf = (struct zipf){.count = (double)count, .exponent = exponent};
    zipf->area_first = area(exponent, 1.5) - 1;
    zipf->area_end = area(exponent, (double)count + 0.5);
    zipf->accept = 2 - area_inverse(exponent, area(exponent, 2.5) - density(exponent, 2));
}

static double unit(uint64_t *random_state)
{
    return (double)(random_next(random_state) >> 11) * 0x1p-53;
}

static uint64_t uniform_next(const struct zipf *zipf, uint64_t *random_state)
{
    unsigned __int128 product =
        (unsigned __int128)random_next(random_state) * (uint64_t)zipf->count;
    return (uint64_t)(product >> 64);
}

uint64_t zipf_next(const struct zipf *zipf, uint64_t *random_state)
{
    double s = zipf->exponent;
    if (s == 0)
        return uniform_next(zipf, random_state);
    for (;;) {
        double u = zipf->area_end + unit(random_state) * (zipf->area_first - zipf->area_end);
        double x = area_inverse(s, u);
        double k = floor(x + 0.5);
        if (k < 1)
            k = 1;
        else if (k > zipf->count)
            k = zipf->count;
        if (k - x <= zipf->accept || u >= area(s, k + 0.5) - density(s, k))
            return (uint64_t)k - 1;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Draws numbers 0..n-1, number k with a probability proportional to 1 / (k + 1)^s: by
 * rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from
 * monotone discrete distributions", 1996), so without a table and in constant time. */
#pragma once

#include <stdint.h>

#define ZIPF_EXPONENT_MAX 10.0

struct zipf {
    double count;
    double exponent; /* 0: uniform */
    double area_first;
    double area_end;
    double accept;
};

/** count at least 1; exponent 0..ZIPF_EXPONENT_MAX. */
void zipf_init(struct zipf *zipf, uint64_t count, double exponent);
uint64_t zipf_next(const struct zipf *zipf, uint64_t *random_state);

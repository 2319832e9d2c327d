/* SPDX-License-Identifier: Apache-2.0 */
/* The serials of one issuer in key order, however many, without keeping them: the key space is cut
 * into buckets of about eight, only how many each one holds is stored, and what they are follows
 * from the seed. So buckets can be made in any order, again and again. */
#pragma once

#include "lib/serial.h"

/* name, text, how the serials lie */
#define SERIAL_SHAPE_TABLE(X)                                              \
    X(RANDOM, "random", "16 octets, uniformly random")                     \
    X(SEQUENTIAL, "sequential", "eight octets in common, then a counter")  \
    X(SKEWED, "skewed",                                                    \
      "four octets in common, then a density that varies by many octaves " \
      "from each 65,536th to the next")

enum serial_shape {
#define X(name, text, how) SERIALS_##name,
    SERIAL_SHAPE_TABLE(X)
#undef X
        SERIAL_SHAPE_COUNT
};

/** ERR_MALFORMED: no text of the table. */
MUST_CHECK enum err serial_shape_from_text(const char *text, enum serial_shape *ret);

#define PLAN_COUNT_MAX  1000000000u
#define PLAN_BUCKET_MAX 255 /* the mean is 4 to 8 */

struct serial_plan {
    enum serial_shape shape;
    uint64_t count;
    uint64_t seed;
    unsigned bucket_bits;
    unsigned segment_bits; /* SKEWED */
    uint64_t *starts;      /* SKEWED: where each segment begins */
    uint8_t *exponents;    /* SKEWED: log2 of its width */
    uint8_t *counts;       /* of each bucket */
};

/** ERR_MEMORY. count 1..PLAN_COUNT_MAX. */
MUST_CHECK enum err serial_plan_make(enum serial_shape shape, uint64_t count, uint64_t seed,
                                     struct serial_plan *ret);
void serial_plan_done(struct serial_plan *plan);

static inline uint64_t serial_plan_buckets(const struct serial_plan *plan)
{
    return UINT64_C(1) << plan->bucket_bits;
}

/** The serials of a bucket, ascending; all of bucket b are below all of b + 1 (for two random ones
 * to be equal is a matter of 1 in 100,000 data sets, and would be told as ERR_ORDER). Returns how
 * many. */
uint32_t serial_plan_bucket(const struct serial_plan *plan, uint64_t bucket,
                            struct serial ret[static PLAN_BUCKET_MAX]);

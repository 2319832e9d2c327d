/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/dataset/serial_plan.h"

#include "lib/check.h"
#include "lib/random.h"
#include "lib/wire.h"

#include <stdlib.h>
#include <string.h>

#define SERIAL_SIZE       16
#define BUCKET_MEAN_MAX   8
#define SEGMENT_BITS_MAX  16
#define SEGMENT_WIDTH_MAX 46 /* log2: all segments together stay below 2^62 */
#define BUCKET_WIDTH_MIN  4  /* log2: no two buckets share a value */
#define SEGMENT_SALT      0x7365676d656e7473u
#define COUNT_SALT        0x636f756e74730000u
/* The leading octet is neither 0 nor has its top bit set: 16 octets as DER has them. */
#define HIGH_MIN   (UINT64_C(1) << 56)
#define HIGH_RANGE ((UINT64_C(1) << 63) - HIGH_MIN)

enum err serial_shape_from_text(const char *text, enum serial_shape *ret)
{
    static const char *const texts[] = {
#define X(name, text_, how) text_,
        SERIAL_SHAPE_TABLE(X)
#undef X
    };
    for (unsigned i = 0; i < SERIAL_SHAPE_COUNT; i++)
        if (strcmp(texts[i], text) == 0) {
            *ret = (enum serial_shape)i;
            return ERR_OK;
        }
    return ERR_MALFORMED;
}

static uint64_t mix(uint64_t i)
{
    return random_next(&i);
}

/* The leading bits of a number; none of them is 0. */
static uint64_t leading(uint64_t x, unsigned bits)
{
    return bits == 0 ? 0 : x >> (64 - bits);
}

static void counts_fill(struct serial_plan *plan)
{
    uint64_t random = plan->seed ^ COUNT_SALT;
    for (uint64_t i = 0; i < plan->count; i++) {
        bool in_turn = plan->shape == SERIALS_SEQUENTIAL;
        uint64_t bucket =
            in_turn ? i / BUCKET_MEAN_MAX : leading(random_next(&random), plan->bucket_bits);
        CHECK(plan->counts[bucket] < PLAN_BUCKET_MAX);
        plan->counts[bucket]++;
    }
}

static void segments_fill(struct serial_plan *plan)
{
    uint64_t random = plan->seed ^ SEGMENT_SALT;
    unsigned least = plan->bucket_bits - plan->segment_bits + BUCKET_WIDTH_MIN;
    uint64_t start = 0;
    for (uint64_t i = 0; i < UINT64_C(1) << plan->segment_bits; i++) {
        unsigned exponent = least + (unsigned)(random_next(&random) % (SEGMENT_WIDTH_MAX - least));
        plan->starts[i] = start;
        plan->exponents[i] = (uint8_t)exponent;
        start += UINT64_C(1) << exponent;
    }
}

static enum err segments_make(struct serial_plan *plan)
{
    bool few = plan->bucket_bits < SEGMENT_BITS_MAX;
    plan->segment_bits = few ? plan->bucket_bits : SEGMENT_BITS_MAX;
    size_t count = (size_t)1 << plan->segment_bits;
    plan->starts = calloc(count, sizeof *plan->starts);
    plan->exponents = calloc(count, sizeof *plan->exponents);
    if (plan->starts == NULL || plan->exponents == NULL)
        return ERR_MEMORY;
    segments_fill(plan);
    return ERR_OK;
}

enum err serial_plan_make(enum serial_shape shape, uint64_t count, uint64_t seed,
                          struct serial_plan *ret)
{
    CHECK(count > 0 && count <= PLAN_COUNT_MAX);
    struct serial_plan plan = {.shape = shape, .count = count, .seed = mix(seed)};
    while ((BUCKET_MEAN_MAX * UINT64_C(1)) << plan.bucket_bits < count)
        plan.bucket_bits++;
    plan.counts = calloc((size_t)1 << plan.bucket_bits, sizeof *plan.counts);
    enum err err = plan.counts == NULL ? ERR_MEMORY : ERR_OK;
    if (err == ERR_OK && shape == SERIALS_SKEWED)
        err = segments_make(&plan);
    if (err != ERR_OK) {
        serial_plan_done(&plan);
        return err;
    }
    counts_fill(&plan);
    *ret = plan;
    return ERR_OK;
}

void serial_plan_done(struct serial_plan *plan)
{
    free(plan->counts);
    free(plan->starts);
    free(plan->exponents);
    *plan = (struct serial_plan){0};
}

/* A place in the bucket's part of all 64-bit numbers. */
static uint64_t place_draw(const struct serial_plan *plan, uint64_t bucket, uint64_t *random)
{
    uint64_t drawn = random_next(random);
    return plan->bucket_bits == 0 ? drawn
                                  : bucket << (64 - plan->bucket_bits) | drawn >> plan->bucket_bits;
}

static void random_serial(uint64_t place, uint64_t low, struct serial *ret)
{
    unsigned __int128 product = (unsigned __int128)place * HIGH_RANGE;
    be64_store(ret->octets, HIGH_MIN + (uint64_t)(product >> 64));
    be64_store(ret->octets + 8, low);
}

static void skewed_serial(const struct serial_plan *plan, uint64_t place, uint64_t low,
                          struct serial *ret)
{
    uint64_t segment = leading(place, plan->segment_bits);
    uint64_t inside = place << plan->segment_bits >> (64 - plan->exponents[segment]);
    be32_store(ret->octets, (uint32_t)(plan->seed >> 33) | 1u << 24);
    be64_store(ret->octets + 4, plan->starts[segment] + inside);
    be32_store(ret->octets + 12, (uint32_t)low);
}

static void sequential_serial(const struct serial_plan *plan, uint64_t number, struct serial *ret)
{
    be64_store(ret->octets, plan->seed >> 1 | HIGH_MIN);
    be64_store(ret->octets + 8, number);
}

static void insert(struct serial *serials, uint32_t count, const struct serial *serial)
{
    for (; count > 0 && serial_compare(&serials[count - 1], serial) > 0; count--)
        serials[count] = serials[count - 1];
    serials[count] = *serial;
}

uint32_t serial_plan_bucket(const struct serial_plan *plan, uint64_t bucket,
                            struct serial ret[static PLAN_BUCKET_MAX])
{
    uint64_t random = mix(plan->seed + bucket);
    uint32_t count = plan->counts[bucket];
    for (uint32_t i = 0; i < count; i++) {
        struct serial serial = {.size = SERIAL_SIZE};
        uint64_t place = place_draw(plan, bucket, &random);
        uint64_t low = random_next(&random);
        if (plan->shape == SERIALS_SEQUENTIAL)
            sequential_serial(plan, bucket * BUCKET_MEAN_MAX + i, &serial);
        else if (plan->shape == SERIALS_SKEWED)
            skewed_serial(plan, place, low, &serial);
        else
            random_serial(place, low, &serial);
        insert(ret, i, &serial);
    }
    return count;
}

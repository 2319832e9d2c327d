/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/bucket_model.h"

#define MARKS (UINT64_C(1) << (64 - FILTER_TIME_BITS))

struct place {
    uint64_t mark;
    uint64_t time; /* in units */
};

static struct place unpack(uint64_t word)
{
    return (struct place){.mark = word / (UINT64_C(1) << FILTER_TIME_BITS),
                          .time = word % (UINT64_C(1) << FILTER_TIME_BITS)};
}

static uint64_t pack(struct place p)
{
    return p.mark * (UINT64_C(1) << FILTER_TIME_BITS) + p.time;
}

uint64_t bucket_model_time_ns(uint64_t word)
{
    return unpack(word).time * FILTER_UNIT_NS;
}

static bool is_free(uint64_t word, uint64_t now)
{
    return unpack(word).time <= now;
}

static enum bucket_choice choose(const __u64 *places, uint64_t mark, unsigned home, uint64_t now,
                                 unsigned *ret)
{
    *ret = home;
    if (unpack(places[home]).mark == mark)
        return BUCKET_OWN;
    for (*ret = 0; *ret < FILTER_PLACES; (*ret)++) {
        if (unpack(places[*ret]).mark == mark)
            return BUCKET_OWN;
    }
    *ret = home;
    if (is_free(places[home], now))
        return BUCKET_HOME;
    for (*ret = 0; *ret < FILTER_PLACES; (*ret)++) {
        if (is_free(places[*ret], now))
            return BUCKET_FREE;
    }
    *ret = home;
    return BUCKET_SHARED;
}

bool bucket_model_take(__u64 places[static FILTER_PLACES], uint64_t hash,
                       const struct filter_rate *rate, uint64_t now_ns,
                       uint64_t choices[static BUCKET_CHOICES])
{
    if (rate->interval_ns == 0)
        return true;
    uint64_t now = now_ns / FILTER_UNIT_NS, burst = rate->burst_ns / FILTER_UNIT_NS;
    uint64_t interval = (rate->interval_ns + FILTER_UNIT_NS / 2) / FILTER_UNIT_NS;
    uint64_t late = FILTER_LATE_NS / FILTER_UNIT_NS, mark = hash / (UINT64_MAX / MARKS + 1);
    unsigned at;
    choices[choose(places, mark, (unsigned)(hash >> 32) % FILTER_PLACES, now, &at)]++;
    struct place p = unpack(places[at]);
    if (p.time <= now)
        p = (struct place){mark, now};
    if (p.time - now <= burst) {
        p.time += interval;
        places[at] = pack(p);
        return true;
    }
    if (p.time - now > burst + interval + late) {
        p.time = now + burst + interval;
        places[at] = pack(p);
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Buckets and gates; filter.h says what they do. A word is changed only from what was read of it,
 * whole and once. */
#pragma once

#include "bpf/packet.bpf.h"

#define TIME_MASK ((1ull << FILTER_TIME_BITS) - 1)

static __always_inline __u64 read_word(const __u64 *word)
{
    return *(const volatile __u64 *)word;
}

static __always_inline bool swap(__u64 *word, __u64 old, __u64 new)
{
    return __sync_val_compare_and_swap(word, old, new) == old;
}

static __always_inline __u64 ahead_of(__u64 time, __u64 now)
{
    return time > now ? time - now : 0;
}

/* Takes a token of a gate, or only looks whether there is one. false: none is there. */
static __always_inline bool take_gate(__u64 *word, const struct filter_rate *rate, __u64 now_ns,
                                      bool look)
{
#pragma clang loop unroll(disable) /* a second try is rare */
    for (unsigned i = 0; i < FILTER_SWAP_TRIES; i++) {
        __u64 old = read_word(word);
        __u64 ahead = ahead_of(old, now_ns);
        if (ahead > rate->burst_ns) {
            __u64 most = rate->burst_ns + rate->interval_ns;
            if (ahead > most + FILTER_LATE_NS)
                swap(word, old, now_ns + most); /* one who is faster has done it */
            return false;
        }
        if (look || swap(word, old, now_ns + ahead + rate->interval_ns))
            return true;
    }
    trouble_add(FILTER_TROUBLE_SWAPS);
    return false;
}

static __always_inline struct filter_set *find_set(__u64 hash, bool of_packets)
{
    __u32 key = ((__u32)hash & filter_set_mask) + (of_packets ? filter_set_mask + 1 : 0);
    return bpf_map_lookup_elem(&buckets, &key);
}

/* 1 where left < right, both below 2^63; else 0. */
static __always_inline __u64 is_less(__u64 left, __u64 right)
{
    __u64 difference = left - right;
    barrier_var(difference); /* or clang makes a branch of it */
    return difference >> 63;
}

/* Of a word with one bit set, below 256, its number. */
static __always_inline __u32 number_of(__u64 bit)
{
    return is_less(0, bit & 0xaa) | is_less(0, bit & 0xcc) << 1 | is_less(0, bit & 0xf0) << 2;
}

/* Which of the places is that of the prefix with the hash, `now` in units. Most packets find theirs
 * at home. The rest is without branches: among spoofed sources the processor would guess them
 * wrongly. */
static __always_inline __u32 choose_place(const __u64 *places, __u64 hash, __u64 now)
{
    __u64 mark = hash >> FILTER_TIME_BITS;
    __u32 at_home = (__u32)(hash >> 32) % FILTER_PLACES;
    if (read_word(&places[at_home]) >> FILTER_TIME_BITS == mark)
        return at_home;
    __u64 own = 0, free = 0, home = 1ull << at_home;
    for (__u32 i = 0; i < FILTER_PLACES; i++) {
        __u64 word = read_word(&places[i]);
        own |= is_less((word >> FILTER_TIME_BITS) ^ mark, 1) << i;
        free |= is_less(word & TIME_MASK, now + 1) << i;
    }
    /* Eight bits for each rule of filter.h; the lowest of all that are set decides. */
    __u64 all = own | (free & home) << 8 | free << 16 | home << 24;
    __u64 lowest = all & -all;
    return number_of((lowest | lowest >> 8 | lowest >> 16 | lowest >> 24) & 255);
}
_Static_assert(FILTER_PLACES == 8, "as choose_place counts them");

/* Takes a token of a prefix. false: none is there. */
static __always_inline bool take(__u64 places[static FILTER_PLACES], __u64 hash,
                                 const struct filter_rate *rate, __u64 now_ns)
{
    if (rate->interval_ns == 0)
        return true;
    __u64 now = now_ns / FILTER_UNIT_NS, burst = rate->burst_ns / FILTER_UNIT_NS;
    __u64 interval = (rate->interval_ns + FILTER_UNIT_NS / 2) / FILTER_UNIT_NS;
#pragma clang loop unroll(disable) /* a second try is rare */
    for (unsigned i = 0; i < FILTER_SWAP_TRIES; i++) {
        __u64 *place = &places[choose_place(places, hash, now) % FILTER_PLACES];
        __u64 old = read_word(place), owner = old & ~TIME_MASK;
        __u64 ahead = ahead_of(old & TIME_MASK, now);
        if (ahead > burst) {
            __u64 most = burst + interval;
            if (ahead > most + FILTER_LATE_NS / FILTER_UNIT_NS)
                swap(place, old, owner | (now + most)); /* one who is faster has done it */
            return false;
        }
        if (ahead == 0)
            owner = hash & ~TIME_MASK; /* the mark */
        if (swap(place, old, owner | (now + ahead + interval)))
            return true;
    }
    trouble_add(FILTER_TROUBLE_SWAPS);
    return false;
}

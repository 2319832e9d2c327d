/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Buckets and gates; filter.h says what they do. A word is read once, whole, and changed only from
 * what was read. */
#pragma once

#include "bpf/packet.bpf.h"

static __always_inline __u64 read_word(const __u64 *word)
{
    return *(const volatile __u64 *)word;
}

static __always_inline bool swap(__u64 *word, __u64 old, __u64 new)
{
    return __sync_val_compare_and_swap(word, old, new) == old;
}

static __always_inline __u64 ahead_of(__u64 time_ns, __u64 now_ns)
{
    return time_ns > now_ns ? time_ns - now_ns : 0;
}

/* Takes a token of one bucket, or only looks whether there is one. false: none is there. */
static __always_inline bool take_one(__u64 *word, const struct filter_rate *rate, __u64 now_ns,
                                     bool look)
{
#pragma clang loop unroll(disable) /* a second try is rare */
    for (unsigned i = 0; i < FILTER_SWAP_TRIES; i++) {
        __u64 old = read_word(word);
        __u64 ahead = ahead_of(old, now_ns);
        if (ahead > rate->burst_ns) {
            __u64 most = rate->burst_ns + FILTER_DEBT * rate->interval_ns;
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

/* Takes a token whether there is one or not. */
static __always_inline void charge(__u64 *word, const struct filter_rate *rate, __u64 now_ns)
{
    __u64 most = rate->burst_ns + FILTER_DEBT * rate->interval_ns;
#pragma clang loop unroll(disable) /* a second try is rare */
    for (unsigned i = 0; i < FILTER_SWAP_TRIES; i++) {
        __u64 old = read_word(word);
        __u64 ahead = ahead_of(old, now_ns);
        if (ahead >= most && ahead <= most + FILTER_LATE_NS)
            return;
        ahead += rate->interval_ns;
        if (swap(word, old, now_ns + (ahead < most ? ahead : most)))
            return;
    }
    trouble_add(FILTER_TROUBLE_SWAPS);
}

/* A token of both rows, if one of them has one. */
static __always_inline bool take(__u64 *row0, __u64 *row1, const struct filter_rate *rate,
                                 __u64 now_ns)
{
    if (rate->interval_ns == 0)
        return true;
    bool won0 = take_one(row0, rate, now_ns, false);
    bool won1 = take_one(row1, rate, now_ns, false);
    if (won0 != won1)
        charge(won0 ? row1 : row0, rate, now_ns);
    return won0 || won1;
}

/* The two buckets of a prefix's hash. */
struct spot {
    struct filter_bucket *row0, *row1;
};

static __always_inline bool find_buckets(__u64 hash, struct spot *ret)
{
    __u32 at0 = (__u32)hash & filter_bucket_mask;
    __u32 at1 = ((__u32)(hash >> 32) & filter_bucket_mask) + filter_bucket_mask + 1;
    ret->row0 = bpf_map_lookup_elem(&buckets, &at0);
    ret->row1 = bpf_map_lookup_elem(&buckets, &at1);
    return ret->row0 != NULL && ret->row1 != NULL;
}

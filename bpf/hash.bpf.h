/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* SipHash-1-3 of eight octets. Keyed, so that nobody can aim at somebody else's bucket. */
#pragma once

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

static __always_inline __u64 rotate(__u64 word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static __always_inline void sip_round(__u64 v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* `word`: the eight octets, read as little-endian. */
static __always_inline __u64 sip_hash(__u64 key0, __u64 key1, __u64 word)
{
    const __u64 last = 8ull << 56; /* the length; no octets are left over */
    __u64 v[4] = {key0 ^ 0x736f6d6570736575ull, key1 ^ 0x646f72616e646f6dull,
                  key0 ^ 0x6c7967656e657261ull, key1 ^ 0x7465646279746573ull};
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/source_limit.h"

#include "lib/check.h"

#include <stdlib.h>
#include <string.h>

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[static 4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 (Aumasson, Bernstein 2012) of one 64-bit word: a prefix never needs more than 64 bits
 * with its family folded in by `domain`. */
static uint64_t sip_hash(const uint64_t key[static 2], uint64_t word, uint64_t domain)
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    const uint64_t words[] = {word, UINT64_C(16) << 56 | domain};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        v[3] ^= words[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

enum err source_limit_start(struct source_limit *limit, uint32_t bucket_count,
                            uint32_t connections_max, uint8_t v4_prefix_bits,
                            uint8_t v6_prefix_bits,
                            const uint8_t key[static SOURCE_LIMIT_KEY_BYTES])
{
    if (bucket_count < SOURCE_LIMIT_BUCKETS_MIN || bucket_count > SOURCE_LIMIT_BUCKETS_MAX ||
        v4_prefix_bits < 1 || v4_prefix_bits > 32 || v6_prefix_bits < 1 || v6_prefix_bits > 64)
        return ERR_RANGE;
    uint32_t rounded = SOURCE_LIMIT_BUCKETS_MIN;
    while (rounded < bucket_count)
        rounded *= 2;
    uint32_t *counts = calloc(rounded, sizeof *counts);
    if (counts == NULL)
        return ERR_MEMORY;
    *limit = (struct source_limit){.counts = counts,
                                   .bucket_mask = rounded - 1,
                                   .connections_max = connections_max,
                                   .v4_prefix_bits = v4_prefix_bits,
                                   .v6_prefix_bits = v6_prefix_bits};
    memcpy(limit->key, key, sizeof limit->key);
    return ERR_OK;
}

void source_limit_stop(struct source_limit *limit)
{
    free(limit->counts);
    *limit = (struct source_limit){0};
}

static uint64_t leading_bits(const uint8_t *octets, size_t size, unsigned bits)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | octets[i];
    unsigned width = 8 * (unsigned)size;
    return value >> (width - bits) << (width - bits);
}

uint32_t source_limit_bucket(const struct source_limit *limit, const struct sockaddr *peer)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint64_t prefix = 0;
    uint64_t domain = 0;
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof in);
        uint8_t octets[4];
        memcpy(octets, &in.sin_addr, sizeof octets);
        prefix = leading_bits(octets, sizeof octets, limit->v4_prefix_bits);
        domain = 4;
    } else if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, peer, sizeof in6);
        const uint8_t *octets = in6.sin6_addr.s6_addr;
        bool is_v4 = memcmp(octets, mapped, sizeof mapped) == 0;
        prefix = is_v4 ? leading_bits(octets + 12, 4, limit->v4_prefix_bits)
                       : leading_bits(octets, 8, limit->v6_prefix_bits);
        domain = is_v4 ? 4 : 6;
    }
    return (uint32_t)sip_hash(limit->key, prefix, domain) & limit->bucket_mask;
}

bool source_limit_enter(struct source_limit *limit, uint32_t bucket)
{
    if (limit->connections_max == 0)
        return true;
    CHECK(bucket <= limit->bucket_mask);
    uint32_t *count = &limit->counts[bucket];
    uint32_t before = __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    if (before < limit->connections_max)
        return true;
    __atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
    return false;
}

void source_limit_leave(struct source_limit *limit, uint32_t bucket)
{
    if (limit->connections_max == 0)
        return;
    CHECK(bucket <= limit->bucket_mask);
    uint32_t before = __atomic_fetch_sub(&limit->counts[bucket], 1, __ATOMIC_RELAXED);
    CHECK(before > 0);
}

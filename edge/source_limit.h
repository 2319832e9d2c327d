/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections one source network may have open, per worker or shared by all workers.
 *
 * Connections are counted per bucket of a fixed table; the bucket is a keyed hash (SipHash-2-4) of
 * the source prefix, so nobody can aim at another's bucket, and nothing is ever evicted or full.
 * Two prefixes in one bucket share a limit: with 65,536 buckets and 10,000 prefixes at once about
 * one in seven shares with somebody. The counts are atomic, so one table can serve all workers. */
#pragma once

#include "lib/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define SOURCE_LIMIT_KEY_BYTES   16
#define SOURCE_LIMIT_BUCKETS_MIN 1024
#define SOURCE_LIMIT_BUCKETS_MAX (1u << 24)

struct source_limit {
    uint32_t *counts;
    uint32_t bucket_mask;
    uint32_t connections_max; /* per bucket; 0: no limit */
    uint8_t v4_prefix_bits;   /* 1..32 */
    uint8_t v6_prefix_bits;   /* 1..64 */
    uint64_t key[2];
};

/** `bucket_count` is rounded up to a power of two. `key` is random, made at start.
 *  ERR_RANGE, ERR_MEMORY. */
MUST_CHECK enum err source_limit_start(struct source_limit *limit, uint32_t bucket_count,
                                       uint32_t connections_max, uint8_t v4_prefix_bits,
                                       uint8_t v6_prefix_bits,
                                       const uint8_t key[static SOURCE_LIMIT_KEY_BYTES]);
void source_limit_stop(struct source_limit *limit);

/** Which bucket a peer counts in; keep it with the connection for source_limit_leave(). An IPv4
 *  address mapped into IPv6 counts as IPv4. Unknown families share one bucket. */
uint32_t source_limit_bucket(const struct source_limit *limit, const struct sockaddr *peer);
/** Counts one connection in; false: at the limit, nothing counted. */
bool source_limit_enter(struct source_limit *limit, uint32_t bucket);
void source_limit_leave(struct source_limit *limit, uint32_t bucket);

/* SPDX-License-Identifier: Apache-2.0 */
/* Relay fill: makes the copy of an edge with `relay: true` whole (edge/store_relay.h), by fetching
 * what it lacks. Usually that is nothing but a new index and its tail packs; all of it when the
 * edge began to relay with a store that was filled before.
 *
 * Works while the core waits, a file at a time: what the edge itself needs comes first. Every file
 * is checked against the hash that a verified one has for it: the head for the index, the position
 * for the newest log entry, an entry for the one before it, index and entries for packs and blobs.
 */
#pragma once

#include "edge/relay_set.h"
#include "edge/sync_relay.h"

/** How files are fetched; the shell's. */
struct relay_fetch {
    void *context;
    /** Does a FETCH action; the octets stay until `judged`. Errors of fetcher_get(). */
    enum err (*fetch)(void *context, const struct sync_action *action, struct span *ret);
    void (*judged)(void *context, const struct sync_action *action, bool passed);
};

/* A file that the copy lacks. */
struct relay_want {
    struct relay_name name;
    struct sha256 hash;
    uint64_t bytes_max;
};

struct relay_filler {
    struct store *store;
    struct sync_relay *relay;
    uint64_t *counters;
    struct relay_fetch fetch;
    struct relay_want *list; /* what was found to be lacking */
    size_t count, room, next;
    struct relay_set needed;  /* what the newest index and the log behind it name */
    struct sha256 index_hash; /* that the list is for */
    uint32_t failures;        /* in a row */
    uint64_t retry_ns;
    uint64_t collected_s;
};

/** store, relay, counters and fetch are the caller's to set. */
void relay_fill_start(struct relay_filler *f);
void relay_fill_stop(struct relay_filler *f);

/** One step: a look at what is lacking, or one file. *ret_more: there is something left that can be
 *  done at once. Errors of `fetch`, ERR_HASH, ERR_MALFORMED: tried again later, with the next
 *  origin. ERR_DISK_FULL: the copy was given up. ERR_STORE, ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err relay_fill_step(struct relay_filler *f, const struct sync_core *core,
                                    const struct sync_time *now, bool *ret_more);

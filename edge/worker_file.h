/* SPDX-License-Identifier: Apache-2.0 */
/* Octets of a file from the store's pages into the socket, without a copy. Part of a worker.
 *
 * The ring tells when the socket has room (a single poll); then sendfile() takes what fits, at most
 * one piece (CONN_PIECE_BYTES), and the next piece waits for the next turn: many transfers share a
 * worker turn by turn. sendfile() would wait for room with the socket as it is, so the socket is
 * non-blocking for the moment of the call, and only then: the ring takes a non-blocking socket for
 * one that nobody wants to wait for.
 *
 * The pages stay the store's: octets that are queued at the socket are read from them until the
 * client's machine has acknowledged them (one on this machine: until it has read them). A blob is
 * kept so long (STORE_BLOB_KEEP_S) that a transfer (CONN_FILE_MAX_S) is over before its pages are
 * used again, and what is queued at its end (LISTENER_UNSENT_BYTES), too, unless the client reads
 * almost nothing of it for minutes: docs/threat-model.md has that limit. */
#pragma once

#include "edge/listener.h"
#include "edge/store_blob.h"
#include "edge/worker_internal.h"

_Static_assert(CONN_FILE_MAX_S + LISTENER_UNACKNOWLEDGED_S + 60 < STORE_BLOB_KEEP_S,
               "a client that is gone is given up before the blob is");

/** Whether the octets are in the store's file. */
static inline bool worker_file_has(const struct worker *w, struct span octets)
{
    const struct store_map *map = &w->config.map;
    uintptr_t from = (uintptr_t)octets.data - (uintptr_t)map->base;
    return map->base != NULL && from < map->bytes && octets.size <= map->bytes - from;
}

/** Waits for room at the socket. */
void worker_file_await(struct worker *w, struct slot *slot);
/** Before the socket of an unfinished transfer is closed: what is queued at it goes with it, and
 * the client sees a reset. */
void worker_file_abandon(const struct slot *slot);
/** One call of sendfile(): what it took of the octets, -EAGAIN for no room, another -errno. */
int worker_file_send(const struct worker *w, const struct slot *slot, struct span octets);

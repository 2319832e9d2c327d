/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane's stream as an edge may find it: entries that are lost, late, out of order, given
 * twice, cut, flipped, signed by another key, under another number or announced only; a stream that
 * is trimmed, emptied, or not there for a while. */
#pragma once

#include "edge/sync_core.h"
#include "lib/os/file.h"

#define SIM_STREAM_MAX 64

struct sim_stream_entry {
    uint64_t number;
    struct span octets; /* borrowed: the publication keeps all it ever made */
};

struct sim_stream {
    uint64_t random;
    struct sim_stream_entry list[SIM_STREAM_MAX]; /* the newest */
    uint32_t count;
    bool faults;
    bool down;
    uint64_t faults_made;
};

/** The presigner's XADD. One with a number that is not above the last begins the stream anew. */
void sim_stream_add(struct sim_stream *s, uint64_t number, struct span octets);
/** What an edge that stands at `after` gets: false: nothing for now. The octets are in `out`. */
bool sim_stream_next(struct sim_stream *s, uint64_t after, struct buffer *out,
                     struct sync_event *ret);

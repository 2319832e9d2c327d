/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane: what presigner and edges have in common in Redis (docs/formats.md, "Fast lane").
 *
 *   stream  statim:{NETWORK}:log     ID "<log number>-0"; one field: `entry`, the octets of the log
 *                                    entry, or `size`, how many they are when they are too many
 *   hash    statim:{NETWORK}:edges   name of an edge -> "<log number> <commit, ms> <said, ms>"
 *
 * Nothing in Redis is believed: an entry is verified like one that came by HTTP, and what an edge
 * says of itself is for the operator's eyes. */
#pragma once

#include "lib/err.h"
#include "lib/limit.h"
#include "lib/span.h"

/* Redis holds whole entries in memory, and a client's buffer of answers has many of them: a larger
 * one is fetched over HTTP, which resumes. */
#define FAST_LANE_ENTRY_BYTES_MAX (1u << 20)
/* An edge says how far it is at least this often, changes or not. */
#define FAST_LANE_HEARTBEAT_S 10

#define FAST_LANE_FIELD_ENTRY "entry"
#define FAST_LANE_FIELD_SIZE  "size"

#define FAST_LANE_NAME_BYTES_MAX 64
/* Of a key, an ID, an acknowledgement as text, with its NUL. */
#define FAST_LANE_KEY_BYTES (NETWORK_NAME_MAX + 24)
#define FAST_LANE_ID_BYTES  24
#define FAST_LANE_ACK_BYTES 64

/** The keys of a network; its name is one that network_name_check() took. */
void fast_lane_log_key(const char *network, char ret[static FAST_LANE_KEY_BYTES]);
void fast_lane_edges_key(const char *network, char ret[static FAST_LANE_KEY_BYTES]);

/** "<number>-0", which is also an edge's position: XREAD gives what comes after it. */
void fast_lane_id_write(uint64_t number, char ret[static FAST_LANE_ID_BYTES]);
/** ERR_MALFORMED: not of that form, or number 0. */
MUST_CHECK enum err fast_lane_id_read(struct span id, uint64_t *ret_number);

/** The value of the field `size`. ERR_MALFORMED, ERR_RANGE (not above FAST_LANE_ENTRY_BYTES_MAX),
 *  ERR_LIMIT (above LOG_ENTRY_BYTES_MAX). */
MUST_CHECK enum err fast_lane_size_read(struct span value, uint64_t *ret_bytes);

/** An edge's name: 1 to 64 of letters, digits, dot, underscore, hyphen. ERR_MALFORMED. */
MUST_CHECK enum err fast_lane_name_check(struct span name);

/* What an edge has applied. `said_ms` makes each heartbeat another text, though nothing else has
 * changed: who reads it sees by that, and by its own clock, that the edge lives. Times are the
 * edge's wall clock, milliseconds since 1970. */
struct fast_lane_ack {
    uint64_t number;  /* of the log entry; 0: none yet */
    uint64_t wall_ms; /* of its commit; 0: none yet, or not known any more */
    uint64_t said_ms; /* of this acknowledgement */
};
void fast_lane_ack_write(const struct fast_lane_ack *ack, char ret[static FAST_LANE_ACK_BYTES]);
/** ERR_MALFORMED. There is one way to write each. */
MUST_CHECK enum err fast_lane_ack_read(struct span value, struct fast_lane_ack *ret);

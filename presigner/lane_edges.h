/* SPDX-License-Identifier: Apache-2.0 */
/* What the edges say of themselves in Redis (lib/fast_lane.h), as the presigner sees it: who is
 * live, how far each is, and how long revocations took to get there. Pure: octets and time come
 * from the shell.
 *
 * An edge is live when its value was seen to change within LANE_LIVE_S, by the reader's own clock.
 * What stood there at the first reading is no change; a name that is new since is one. */
#pragma once

#include "lib/fast_lane.h"
#include "presigner/lane_latency.h"

#define LANE_EDGES_MAX 4096
/* Six heartbeats. */
#define LANE_LIVE_S 60
/* Between two readings: usually, and while a log entry that is not older than that is on its way.
 */
#define LANE_READ_NS      UINT64_C(1000000000)
#define LANE_READ_SOON_NS UINT64_C(25000000)
#define LANE_FRESH_NS     UINT64_C(10000000000)
/* Revocations that are followed on their way; one that has not arrived after that counts as such.
 */
#define LANE_TRACKS_MAX 256
#define LANE_TRACK_MS   600000

struct lane_edge {
    char name[FAST_LANE_NAME_BYTES_MAX + 1];
    struct fast_lane_ack ack;
    uint64_t changed_ns; /* monotonic; 0: never seen to change */
    uint64_t since_ns;   /* known since */
    bool present;        /* in the reading that goes on */
};

/* A log entry with revocations. */
struct lane_track {
    uint64_t number;
    uint64_t commit_ms; /* of the oldest of them in the status database, wall clock */
};

struct lane_summary {
    uint64_t live;
    uint64_t silent;
    uint64_t at_last;                /* live ones that have the newest log entry */
    uint64_t low_water;              /* the least log number of a live one; 0: there is none */
    const struct lane_edge *slowest; /* that one, the first by name; NULL */
};

struct lane_edges {
    struct lane_edge edges[LANE_EDGES_MAX]; /* by name once a reading has ended */
    size_t count;
    size_t sorted_count; /* while a reading goes on: those by name; new ones follow */
    bool was_read;
    uint64_t ignored; /* values of another form, names too many; in all */
    uint64_t log_last;
    uint64_t log_last_ns; /* since when */
    struct lane_track tracks[LANE_TRACKS_MAX];
    size_t track_count;
    struct lane_latencies *latencies;
};

/** `latencies` stay borrowed. */
void lane_edges_start(struct lane_edges *e, struct lane_latencies *latencies);
/** The newest log entry there is. */
void lane_edges_published(struct lane_edges *e, uint64_t log_last, uint64_t now_ns);
/** One to follow; of too many the oldest is given up. */
void lane_edges_track(struct lane_edges *e, const struct lane_track *track);

/* A reading: all names with their values, in any order. */
void lane_edges_begin(struct lane_edges *e);
void lane_edges_see(struct lane_edges *e, struct span name, struct span value, uint64_t now_ns,
                    uint64_t wall_ms);
/** Those that were not seen are gone. */
void lane_edges_end(struct lane_edges *e, uint64_t now_ns, uint64_t wall_ms);

bool lane_edge_is_live(const struct lane_edge *edge, uint64_t now_ns);
struct lane_summary lane_edges_sum(const struct lane_edges *e, uint64_t now_ns);
/** How long to wait before the next reading. */
uint64_t lane_edges_pause_ns(const struct lane_edges *e, uint64_t now_ns);
/** An edge that has been silent for so long that it is to be forgotten; NULL. By its own last word,
 *  for the time before this run, unless that is in the future. */
const struct lane_edge *lane_edges_stale(const struct lane_edges *e, uint64_t forget_s,
                                         uint64_t now_ns, uint64_t wall_ms);

/* SPDX-License-Identifier: Apache-2.0 */
/* The file <state_dir>/edges: how far each edge is, for `statim status` and those who wait for
 * edges. The presigner replaces it by rename when something has changed, and every few seconds; it
 * is nobody's truth and is not synced to the disk. Lines of words (lib/textline.h):
 *
 *   statim edges 1
 *   written MS                     wall clock, milliseconds
 *   redis up|down
 *   log NUMBER                     the newest log entry
 *   edges COUNT
 *   NAME NUMBER COMMIT SILENT live|silent     one an edge, by name; COMMIT in ms of the edge's wall
 *                                             clock, SILENT in ms since it was seen to change
 */
#pragma once

#include "presigner/lane_edges.h"

#define LANE_REPORT_NAME "edges"
/* Without news it is written again after this. */
#define LANE_REPORT_PAUSE_NS UINT64_C(2000000000)
/* One that is older says nothing of now: the presigner does not run, or has no fast lane. */
#define LANE_REPORT_STALE_MS 15000
#define LANE_REPORT_ROW_MAX  160
#define LANE_REPORT_MAX      (256 + LANE_EDGES_MAX * LANE_REPORT_ROW_MAX)

struct lane_report {
    uint64_t written_ms;
    bool redis_up;
    uint64_t log_last;
    uint64_t edge_count;
    struct span rows; /* borrows the text */
};

struct lane_report_row {
    struct span name; /* borrows the text */
    uint64_t number;
    uint64_t commit_ms;
    uint64_t silent_ms;
    bool live;
};

/** Writes it. ERR_NO_SPACE. */
MUST_CHECK enum err lane_report_write(const struct lane_edges *e, bool redis_up, uint64_t now_ns,
                                      uint64_t wall_ms, char *out, size_t out_size,
                                      size_t *ret_size);
/** Reads and checks all of it. ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED, ERR_UNSUPPORTED,
 *  ERR_LIMIT, ERR_ORDER. */
MUST_CHECK enum err lane_report_read(struct span text, struct lane_report *ret);
/** Walks the rows of one that was read; `*rest` starts as its rows. false at the end. */
bool lane_report_next(struct span *rest, struct lane_report_row *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the report of the edges (lane_report.h) to its file when there is something to say. */
#pragma once

#include "lib/limit.h"
#include "lib/os/file.h"
#include "presigner/lane_report.h"

/* Two writings are this far apart at least: 25 ms, as the readings are. */
#define LANE_REPORT_APART_NS LANE_READ_SOON_NS

struct lane_report_file {
    char path[PATH_BYTES_MAX];
    char temporary[PATH_BYTES_MAX];
    char *text; /* LANE_REPORT_MAX */
    bool changed;
    bool told; /* that it cannot be written */
    uint64_t written_ns;
};

/** ERR_MEMORY, ERR_LIMIT (a long path). */
MUST_CHECK enum err lane_report_file_make(struct lane_report_file *r, const char *state_dir);
void lane_report_file_done(struct lane_report_file *r);
void lane_report_file_changed(struct lane_report_file *r);
/** When lane_report_file_step() is wanted at the latest. */
uint64_t lane_report_file_wake_ns(const struct lane_report_file *r);
/** Writes it if it is time. What goes wrong is logged once. */
void lane_report_file_step(struct lane_report_file *r, const struct lane_edges *e, bool redis_up,
                           uint64_t now_ns, uint64_t wall_ms);

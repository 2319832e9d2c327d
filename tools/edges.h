/* SPDX-License-Identifier: Apache-2.0 */
/* How far the edges are, from the presigner's report (presigner/lane_report.h). */
#pragma once

#include "lib/os/file.h"
#include "presigner/lane_report.h"
#include "tools/directory.h"

/** Reads the report; it borrows `text`, which the caller frees. ERR_NOT_FOUND: there is none;
 *  errors of file_read() and lane_report_read(). */
MUST_CHECK enum err edges_load(const struct directory *d, struct buffer *text,
                               struct lane_report *ret);
/** Whether it tells of now: neither long ago nor, since a clock was put back, yet to come. */
bool edges_current(const struct lane_report *report, uint64_t wall_ms);
/** Live edges that have that log entry. One beyond the newest has it not, but one of that number.
 */
uint64_t edges_at(const struct lane_report *report, uint64_t log_number);
/** Prints the lines of `statim status`; nothing without Redis. */
void edges_show(const struct directory *d, uint64_t wall_ms);

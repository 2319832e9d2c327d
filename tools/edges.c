/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/edges.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/timetext.h"

enum err edges_load(const struct directory *d, struct buffer *text, struct lane_report *ret)
{
    char path[PATH_BYTES_MAX];
    TRY(path_join(path, sizeof path, d->config->state_dir, LANE_REPORT_NAME));
    TRY(file_read(path, LANE_REPORT_MAX, text));
    return lane_report_read(span_of(text->data, text->size), ret);
}

bool edges_current(const struct lane_report *report, uint64_t wall_ms)
{
    uint64_t apart_ms =
        report->written_ms > wall_ms ? report->written_ms - wall_ms : wall_ms - report->written_ms;
    return apart_ms <= LANE_REPORT_STALE_MS;
}

/* It follows a log that was left when a backup was restored, and has nothing of this one's end. */
static bool is_beyond(const struct lane_report *report, const struct lane_report_row *row)
{
    return row->number > report->log_last;
}

uint64_t edges_at(const struct lane_report *report, uint64_t log_number)
{
    struct lane_report_row row;
    struct span rest = report->rows;
    uint64_t count = 0;
    while (lane_report_next(&rest, &row))
        count += row.live && row.number >= log_number && !is_beyond(report, &row);
    return count;
}

/* The first of those that are furthest behind. */
static uint64_t find_slowest(const struct lane_report *report, struct lane_report_row *ret)
{
    struct lane_report_row row;
    struct span rest = report->rows;
    uint64_t live = 0;
    while (lane_report_next(&rest, &row)) {
        if (!row.live)
            continue;
        if (live == 0 || row.number < ret->number)
            *ret = row;
        live++;
    }
    return live;
}

static void show_live(const struct lane_report *report)
{
    struct lane_report_row slowest = {0};
    uint64_t live = find_slowest(report, &slowest);
    printf("%-20s live at %" PRIu64 " of %" PRIu64 " edges", "fast lane",
           edges_at(report, report->log_last), live);
    if (live > 0 && slowest.number < report->log_last)
        printf(", slowest %.*s at log %" PRIu64 " (behind by %" PRIu64 ")", (int)slowest.name.size,
               (const char *)slowest.name.data, slowest.number, report->log_last - slowest.number);
    printf("%s\n", report->redis_up ? "" : "; Redis is down");
}

static void show_beyond(const struct lane_report *report)
{
    struct lane_report_row row;
    struct span rest = report->rows;
    while (lane_report_next(&rest, &row))
        if (row.live && is_beyond(report, &row))
            printf("%-20s %.*s, at log %" PRIu64 ", beyond the newest: see Backup in "
                   "docs/operations.md\n",
                   "edge of another log", (int)row.name.size, (const char *)row.name.data,
                   row.number);
}

static void show_silent(const struct lane_report *report)
{
    struct lane_report_row row;
    struct span rest = report->rows;
    while (lane_report_next(&rest, &row))
        if (!row.live)
            printf("%-20s %.*s, at log %" PRIu64 ", for %" PRIu64 " s\n", "silent edge",
                   (int)row.name.size, (const char *)row.name.data, row.number,
                   row.silent_ms / 1000);
}

void edges_show(const struct directory *d, uint64_t wall_ms)
{
    struct buffer text = {0};
    struct lane_report report;
    char time[ISO_TIME_BYTES + 1];
    if (d->config->redis.addresses == NULL)
        return;
    if (edges_load(d, &text, &report) != ERR_OK) {
        printf("%-20s no report of the presigner\n", "fast lane");
    } else {
        show_live(&report);
        show_beyond(&report);
        show_silent(&report);
        iso_time_write(report.written_ms / 1000, time);
        if (!edges_current(&report, wall_ms))
            printf("%-20s at %s; the presigner does not run\n", "as of", time);
    }
    buffer_done(&text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the presigner counts. Written by the publishing thread, read by the admin thread. */
#pragma once

#include "lib/metrics.h"

/* name, kind, help */
#define PRESIGNER_COUNTER_TABLE(X)                                                                 \
    X(sequence, GAUGE, "newest change in the status database")                                     \
    X(published_sequence, GAUGE, "changes up to here are published or their range is in work")     \
    X(urgent_sequence, GAUGE, "revocations up to here are published")                              \
    X(log_number, GAUGE, "newest log entry")                                                       \
    X(log_first, GAUGE, "oldest log entry kept")                                                   \
    X(index_log_number, GAUGE, "log entry that the index stands after")                            \
    X(head_time_seconds, GAUGE, "when the head was signed")                                        \
    X(oldest_this_update_seconds, GAUGE, "oldest thisUpdate of a published range; 0 for none")     \
    X(earliest_next_update_seconds, GAUGE, "earliest nextUpdate of a published range; 0: none")    \
    X(ranges, GAUGE, "ranges of all issuers")                                                      \
    X(ranges_dirty, GAUGE, "ranges with changes that wait for a re-signing")                       \
    X(ranges_due, GAUGE, "ranges past their planned signing")                                      \
    X(due_statements, GAUGE, "statements in due ranges")                                           \
    X(statements, GAUGE, "statements in range packs")                                              \
    X(tail_statements, GAUGE, "statements newer than their range's pack")                          \
    X(signatures, COUNTER, "signatures made")                                                      \
    X(signatures_per_second, GAUGE, "rate of the latest signing run")                              \
    X(signatures_verified, COUNTER, "signatures verified before publication")                      \
    X(verify_failures, COUNTER, "signatures that did not verify; nothing of their batch went out") \
    X(sign_failures, COUNTER, "signatures the key did not give")                                   \
    X(packs_written, COUNTER, "packs written")                                                     \
    X(pack_bytes_written, COUNTER, "octets of packs written")                                      \
    X(log_entries_written, COUNTER, "log entries written")                                         \
    X(log_bytes_written, COUNTER, "octets of log entries written")                                 \
    X(indexes_written, COUNTER, "indexes written")                                                 \
    X(heads_written, COUNTER, "heads written")                                                     \
    X(files_removed, COUNTER, "unreferenced files removed")                                        \
    X(disk_full, COUNTER, "steps that failed because the disk or the map was full")                \
    X(step_failures, COUNTER, "steps that failed for any reason")

enum presigner_counter {
#define X(name, kind, help) COUNT_##name,
    PRESIGNER_COUNTER_TABLE(X)
#undef X
        COUNT_COUNT
};

extern const struct metric_row presigner_metric_rows[COUNT_COUNT];

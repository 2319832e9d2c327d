/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the sync process: an array of SYNC_COUNTER_COUNT in memory that the parent shares. */
#pragma once

#include "lib/metrics.h"

/* enum name, metric name (without prefix), kind, help */
#define EDGE_SYNC_COUNTER_TABLE(X)                                                               \
    X(POLLS, "sync_polls", METRIC_COUNTER, "Heads asked for")                                    \
    X(POLL_FAILURES, "sync_poll_failures", METRIC_COUNTER, "Heads that could not be fetched")    \
    X(HEADS, "sync_heads_accepted", METRIC_COUNTER, "Heads verified and taken")                  \
    X(HEAD_FORM, "sync_heads_refused_malformed", METRIC_COUNTER, "Heads without the right form") \
    X(HEAD_KEY, "sync_heads_refused_key", METRIC_COUNTER, "Heads not signed by our key")         \
    X(HEAD_SIGNATURE, "sync_heads_refused_signature", METRIC_COUNTER,                            \
      "Heads whose signature does not verify")                                                   \
    X(HEAD_NETWORK, "sync_heads_refused_network", METRIC_COUNTER, "Heads of another network")    \
    X(HEAD_REPLAY, "sync_heads_refused_replay", METRIC_COUNTER, "Heads older than what we have") \
    X(HEAD_EXPIRED, "sync_heads_refused_expired", METRIC_COUNTER, "Heads past their validity")   \
    X(HEAD_FUTURE, "sync_heads_refused_future", METRIC_COUNTER, "Heads from the future")         \
    X(HEADS_OLD, "sync_heads_old", METRIC_COUNTER,                                               \
      "Heads so old, though genuine, that the next origin was asked")                            \
    X(HEADS_LATE, "sync_heads_late", METRIC_COUNTER,                                             \
      "Heads taken that are behind what the fast lane had brought")                              \
    X(CHAIN_BREAKS, "sync_chain_breaks", METRIC_COUNTER,                                         \
      "Times the publication did not follow from what we have")                                  \
    X(RESYNCS, "sync_resyncs", METRIC_COUNTER, "Times an index was begun")                       \
    X(RESYNCS_DONE, "sync_resyncs_done", METRIC_COUNTER, "Indexes applied whole")                \
    X(LOG_APPLIED, "sync_log_entries_applied", METRIC_COUNTER, "Log entries applied")            \
    X(PACKS_APPLIED, "sync_packs_applied", METRIC_COUNTER, "Range packs applied")                \
    X(STATEMENTS_APPLIED, "sync_statements_applied", METRIC_COUNTER, "Statements applied")       \
    X(BLOBS_FETCHED, "sync_blobs_fetched", METRIC_COUNTER, "Blobs fetched and verified")         \
    X(BLOB_BYTES_FETCHED, "sync_blob_bytes_fetched", METRIC_COUNTER, "Octets of them")           \
    X(BLOBS_REMOVED, "sync_blobs_removed", METRIC_COUNTER,                                       \
      "Blobs removed because no path had named them for a while")                                \
    X(PATHS_APPLIED, "sync_paths_applied", METRIC_COUNTER, "Paths put in, changed or withdrawn") \
    X(BYTES_FETCHED, "sync_bytes_fetched", METRIC_COUNTER, "Octets of files fetched")            \
    X(FETCH_FAILURES, "sync_fetch_failures", METRIC_COUNTER,                                     \
      "Log entries, indexes, packs and blobs that could not be fetched")                         \
    X(CONTENT_REFUSED, "sync_content_refused", METRIC_COUNTER,                                   \
      "Log entries, indexes, packs and blobs whose content was refused")                         \
    X(PASSED_OVER, "sync_items_passed_over", METRIC_COUNTER,                                     \
      "Templates, statements and ranges of issuers that are not configured")                     \
    X(OUTLIVING, "sync_statements_outliving_signer", METRIC_COUNTER,                             \
      "Statements whose nextUpdate is beyond the end of their responder's certificate")          \
    X(TEMPLATES_REMOVED, "sync_templates_removed", METRIC_COUNTER,                               \
      "Templates removed because no statement needed them any more")                             \
    X(SIGNATURES, "sync_signature_checks", METRIC_COUNTER, "Signatures of statements checked")   \
    X(SIGNATURES_BAD, "sync_signatures_bad", METRIC_COUNTER,                                     \
      "Signatures of statements that do not verify")                                             \
    X(DISK_FULL, "sync_disk_full", METRIC_COUNTER, "Transactions given up for want of space")    \
    X(STORE_ERRORS, "sync_store_errors", METRIC_COUNTER, "Other errors of the store")            \
    X(RELAY_FETCHED, "sync_relay_files_fetched", METRIC_COUNTER,                                 \
      "Files fetched for the relay's copy alone")                                                \
    X(RELAY_FAILURES, "sync_relay_failures", METRIC_COUNTER,                                     \
      "Files for the relay's copy that could not be fetched or were refused")                    \
    X(RELAY_REMOVED, "sync_relay_files_removed", METRIC_COUNTER,                                 \
      "Files removed from the relay's copy some time after it last needed them")                 \
    X(RELAY_GIVEN_UP, "sync_relay_given_up", METRIC_COUNTER,                                     \
      "Times the relay's copy was given up for want of space")                                   \
    X(RELAY_MISSING, "sync_relay_files_missing", METRIC_GAUGE,                                   \
      "Files that the relay's copy is known to lack")                                            \
    X(RELAY_LOG, "sync_relay_log_number", METRIC_GAUGE,                                          \
      "Log entry of the head that the relay serves; 0: none")                                    \
    X(LANE_APPLIED, "sync_lane_entries_applied", METRIC_COUNTER,                                 \
      "Log entries applied that came by the fast lane")                                          \
    X(LANE_DUPLICATES, "sync_lane_duplicates", METRIC_COUNTER,                                   \
      "Entries of the fast lane that were applied already")                                      \
    X(LANE_GAPS, "sync_lane_gaps", METRIC_COUNTER,                                               \
      "Times the fast lane had not the next entry but a later one")                              \
    X(LANE_ANNOUNCED, "sync_lane_announced", METRIC_COUNTER,                                     \
      "Entries too large for the fast lane, announced there")                                    \
    X(LANE_REFUSED, "sync_lane_refused", METRIC_COUNTER,                                         \
      "Entries and replies of the fast lane that were refused")                                  \
    X(LANE_GIVEN_UP, "sync_lane_given_up", METRIC_COUNTER,                                       \
      "Entries of the fast lane that could not be applied, for want of a pack, a blob or space") \
    X(LANE_CONNECTS, "sync_lane_connects", METRIC_COUNTER, "Connections made to Redis")          \
    X(LANE_CONNECTED, "sync_lane_connected", METRIC_GAUGE, "1 while Redis answers")              \
    X(LOG_NUMBER, "sync_log_number", METRIC_GAUGE, "Log entry the store stands at")              \
    X(LOG_LAG, "sync_log_lag", METRIC_GAUGE, "Log entries the store is behind the head")         \
    X(HEAD_TIME, "sync_head_time_seconds", METRIC_GAUGE, "Time of the newest head taken")        \
    X(HEAD_VALID_UNTIL, "sync_head_valid_until_seconds", METRIC_GAUGE,                           \
      "End of validity of the newest head taken")                                                \
    X(STATEMENTS, "sync_statements", METRIC_GAUGE, "Statements in the store")                    \
    X(COMPLETE, "sync_complete", METRIC_GAUGE, "1 once the store was filled whole")              \
    X(INDEX_LINES, "sync_index_lines", METRIC_GAUGE, "Lines of the index being applied")         \
    X(INDEX_DONE, "sync_index_done", METRIC_GAUGE, "Lines of it applied so far")                 \
    X(LAST_SUCCESS, "sync_last_success_seconds", METRIC_GAUGE,                                   \
      "When the store last stood at the newest head")

enum sync_counter {
#define X(name, metric, kind, help) SYNC_##name,
    EDGE_SYNC_COUNTER_TABLE(X)
#undef X
        SYNC_COUNTER_COUNT
};

/** The metric row of a counter; the counter must be one of the table. */
const struct metric_row *sync_counter_row(enum sync_counter counter);

/* SPDX-License-Identifier: Apache-2.0 */
/* What the presigner counts. Written by the publishing thread (those of the fast lane and of feeds
 * by their own threads), read by the admin thread. */
#pragma once

#include "lib/crl_gate.h"
#include "lib/metrics.h"
#include "presigner/filter_build.h"

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
    X(blobs_written, COUNTER, "blobs written: CRLs and CA certificates")                           \
    X(blob_bytes_written, COUNTER, "octets of blobs written")                                      \
    X(crls_published, COUNTER, "CRLs published")                                                   \
    X(crl_failures, COUNTER, "CRLs that could not be made or were refused; tried again")           \
    X(crl_deltas_published, COUNTER, "delta CRLs published")                                       \
    X(crl_delta_failures, COUNTER, "delta CRLs that could not be made or were refused")            \
    X(crls_waiting, GAUGE, "CRLs to be made: they lack a revocation, are due, or are the first")   \
    X(crl_oldest_this_update_seconds, GAUGE, "oldest thisUpdate of a published CRL; 0: none")      \
    X(crl_earliest_next_update_seconds, GAUGE, "earliest nextUpdate of a published CRL; 0: none")  \
    X(crls_abandoned, GAUGE, "CRLs at a path that no configured issuer makes any more")            \
    X(crls_oversize, GAUGE, "published CRLs larger than size_max_bytes")                           \
    X(crl_largest_bytes, GAUGE, "size of the largest published CRL")                               \
    X(crl_oversize, COUNTER, "CRLs published though larger than size_max_bytes")                   \
    X(crl_refused_form, COUNTER, "CRLs refused: it, or the CRL before it, cannot be read")         \
    X(crl_refused_signature, COUNTER,                                                              \
      "CRLs refused: the signature does not verify under the CA's key")                            \
    X(crl_refused_issuer, COUNTER,                                                                 \
      "CRLs refused: the issuer or its key id is not the CA's, octet for octet")                   \
    X(crl_refused_idp, COUNTER,                                                                    \
      "CRLs refused: the distribution point or the scope is not the one of the certificates")      \
    X(crl_refused_size, COUNTER, "CRLs refused: it is larger than a blob may be")                  \
    X(crl_refused_lint, COUNTER,                                                                   \
      "CRLs refused: a rule of RFC 5280 or the Baseline Requirements is broken")                   \
    X(crl_refused_order, COUNTER, "CRLs refused: its entries do not ascend")                       \
    X(crl_refused_same_number_other_octets, COUNTER,                                               \
      "CRLs refused: its number was given to other octets")                                        \
    X(crl_refused_number_not_greater, COUNTER,                                                     \
      "CRLs refused: its number is below that of the CRL before")                                  \
    X(crl_refused_sequence_back, COUNTER,                                                          \
      "CRLs refused: it was made from an older state than the CRL before")                         \
    X(crl_refused_entry_missing, COUNTER,                                                          \
      "CRLs refused: an entry is gone before a CRL past its expiry had it")                        \
    X(fast_lane_connected, GAUGE, "1: connected to Redis")                                         \
    X(fast_lane_connections, COUNTER, "connections to Redis that worked")                          \
    X(fast_lane_failures, COUNTER, "attempts and connections to Redis that failed")                \
    X(fast_lane_errors, COUNTER, "answers of Redis that refused, entries that could not be read")  \
    X(fast_lane_entries_added, COUNTER, "log entries added to the stream")                         \
    X(fast_lane_entries_skipped, COUNTER, "log entries left out of a stream that was far behind")  \
    X(fast_lane_streams_deleted, COUNTER, "streams of another time or publication, deleted")       \
    X(fast_lane_log_number, GAUGE, "newest log entry in the stream; 0: not known")                 \
    X(fast_lane_edges_live, GAUGE, "edges whose report changed within the last minute")            \
    X(fast_lane_edges_silent, GAUGE, "edges that are known, but silent")                           \
    X(fast_lane_edges_current, GAUGE, "live edges that have the newest log entry")                 \
    X(fast_lane_low_water, GAUGE, "newest log entry that all live edges have; 0: no live edge")    \
    X(fast_lane_edges_ignored, COUNTER, "reports of edges that have another form or are too many") \
    X(feed_requests, COUNTER, "requests to the feeds of issuers")                                  \
    X(feed_failures, COUNTER, "requests that failed, answers that were refused")                   \
    X(feed_events, COUNTER, "events taken from feeds")                                             \
    X(feed_changes, COUNTER, "of these, those that changed a certificate's status")                \
    X(feed_shard_conflicts, COUNTER, "events that name another CRL than the certificate has")      \
    X(lease_generation, GAUGE, "fencing token of the lease that is or was held; 0: none yet")      \
    X(lease_standby, GAUGE, "1: another presigner has the lease, this one waits")                  \
    X(lease_refusals, COUNTER, "publications refused: another presigner had taken over")           \
    X(filters_made, COUNTER, "filters made, whether they were another than before or not")         \
    X(filters_published, COUNTER, "filters published")                                             \
    X(filter_failures, COUNTER, "filters that could not be made or were refused; tried again")     \
    X(filter_refused_answer, COUNTER,                                                              \
      "filters refused: a known certificate would be answered wrongly")                            \
    X(filter_refused_size, COUNTER, "filters refused: larger than a blob may be")                  \
    X(filter_refused_memory, COUNTER,                                                              \
      "filters refused: making them would take more than memory_max_bytes")                        \
    X(filter_refused_exceptions, COUNTER,                                                          \
      "filters refused: an issuer has more exceptions than a file may say")                        \
    X(filter_bytes, GAUGE, "size of the published filter; 0: none")                                \
    X(filter_certificates, GAUGE, "certificates that it answers for")                              \
    X(filter_revocations, GAUGE, "revoked ones among them")                                        \
    X(filter_exceptions, GAUGE, "certificates that it names because they do not fit its system")   \
    X(filter_bits_per_revocation_hundredths, GAUGE, "its bits for each revocation, times 100")     \
    X(filter_covered_until_seconds, GAUGE, "certificates known then are in it")                    \
    X(filter_made_seconds, GAUGE, "when it was made, or found unchanged")                          \
    X(filter_sequence, GAUGE, "changes up to here are in it")                                      \
    X(filter_duration_milliseconds, GAUGE, "how long the latest making took")                      \
    X(filter_memory_bytes, GAUGE, "memory that the latest making took, at most at once")           \
    X(files_removed, COUNTER, "unreferenced files removed")                                        \
    X(disk_full, COUNTER, "steps that failed because the disk or the map was full")                \
    X(step_failures, COUNTER, "steps that failed for any reason")

enum presigner_counter {
#define X(name, kind, help) COUNT_##name,
    PRESIGNER_COUNTER_TABLE(X)
#undef X
        COUNT_COUNT
};

/* A refusal's counter is found by its gate. */
#define X(name, word, text, section)                                    \
    _Static_assert(COUNT_crl_refused_##word - COUNT_crl_refused_form == \
                       CRL_GATE_##name - CRL_GATE_FORM,                 \
                   "a counter a gate, in the same order");
CRL_GATE_TABLE(X)
#undef X
#define X(name, word, text)                                                     \
    _Static_assert(COUNT_filter_refused_##word - COUNT_filter_refused_answer == \
                       FILTER_REFUSED_##name - FILTER_REFUSED_ANSWER,           \
                   "a counter a refusal, in the same order");
FILTER_REFUSAL_TABLE(X)
#undef X

extern const struct metric_row presigner_metric_rows[COUNT_COUNT];

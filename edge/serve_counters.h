/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of a worker: one array of SERVE_COUNTER_COUNT, written by its worker only. First the
 * counters of SERVE_COUNTER_TABLE, then one per outcome (edge/outcome.h), then one per way a
 * connection ends (edge/conn_end.h). */
#pragma once

#include "edge/conn_end.h"
#include "edge/outcome.h"
#include "lib/metrics.h"

/* enum name, metric name (without prefix), kind, help. Rows marked "shell" are counted by the
 * io_uring worker, all others by the connection core. */
#define SERVE_COUNTER_TABLE(X)                                                                     \
    X(REQUESTS, "requests", METRIC_COUNTER, "Requests read, or failed to be read")                 \
    X(GETS, "requests_get", METRIC_COUNTER, "GET requests")                                        \
    X(HEADS, "requests_head", METRIC_COUNTER, "HEAD requests")                                     \
    X(POSTS, "requests_post", METRIC_COUNTER, "POST requests")                                     \
    X(HASH_SHA1, "requests_sha1", METRIC_COUNTER, "OCSP requests with a SHA-1 CertID")             \
    X(HASH_SHA256, "requests_sha256", METRIC_COUNTER, "OCSP requests with a SHA-256 CertID")       \
    X(HASH_OTHER, "requests_other_hash", METRIC_COUNTER, "OCSP requests with another CertID hash") \
    X(NONCES, "requests_nonce", METRIC_COUNTER, "OCSP requests with a nonce, which is ignored")    \
    X(RELAYED, "requests_relay", METRIC_COUNTER, "Requests at relay listeners")                    \
    X(CONTINUES, "continues_sent", METRIC_COUNTER, "100 Continue responses sent")                  \
    X(BYTES_IN, "bytes_in", METRIC_COUNTER, "Octets received from clients")                        \
    X(BYTES_OUT, "bytes_out", METRIC_COUNTER, "Octets sent to clients")                            \
    X(OPENED, "connections_opened", METRIC_COUNTER, "Connections taken into service")              \
    X(PAUSES, "receive_pauses", METRIC_COUNTER, "Times a client was not read from for a while")    \
    X(ACCEPTED, "connections_accepted", METRIC_COUNTER, "Connections accepted (shell)")            \
    X(REFUSED_FULL, "connections_refused_full", METRIC_COUNTER,                                    \
      "Connections refused because the worker's table was full (shell)")                           \
    X(REFUSED_SOURCE, "connections_refused_source", METRIC_COUNTER,                                \
      "Connections refused because their source network had too many (shell)")                     \
    X(ENOBUFS, "receive_no_buffers", METRIC_COUNTER, "Receives that found no buffer (shell)")      \
    X(CQ_OVERFLOW, "completions_overflowed", METRIC_COUNTER,                                       \
      "Completions that overflowed the ring (shell)")                                              \
    X(ACCEPT_ERRORS, "accept_errors", METRIC_COUNTER, "Accepts that failed (shell)")               \
    X(SNAPSHOTS, "snapshots_taken", METRIC_COUNTER, "Times another snapshot was taken (shell)")    \
    X(TURNS, "loop_turns", METRIC_COUNTER, "Turns of the worker's loop (shell)")                   \
    X(OPEN, "connections_open", METRIC_GAUGE, "Connections open now (shell)")

enum serve_counter {
#define X(name, metric, kind, help) SERVE_##name,
    SERVE_COUNTER_TABLE(X)
#undef X
        SERVE_COUNTER_OUTCOMES,
    SERVE_COUNTER_ENDS = SERVE_COUNTER_OUTCOMES + OUTCOME_COUNT,
    SERVE_COUNTER_COUNT = SERVE_COUNTER_ENDS + CONN_END_COUNT,
};

/** Place of an outcome's or an end's counter in the array. */
static inline unsigned serve_counter_outcome(enum outcome outcome)
{
    return SERVE_COUNTER_OUTCOMES + (unsigned)outcome;
}
static inline unsigned serve_counter_end(enum conn_end end)
{
    return SERVE_COUNTER_ENDS + (unsigned)end;
}

/** Writes all of them; `sums` are the counters of all workers added up. */
void serve_counters_write(struct text_writer *w, const char *prefix,
                          const uint64_t sums[static SERVE_COUNTER_COUNT]);

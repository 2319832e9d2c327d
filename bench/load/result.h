/* SPDX-License-Identifier: Apache-2.0 */
/* What one stretch of load measured. Made by load_run(), read by the reports and the knee finder.
 */
#pragma once

#include "bench/load/histogram.h"

/* Every request that was due ends in exactly one of these; the sum is the number due.
 * name, what a person reads, whether it is an error */
#define LOAD_END_TABLE(X)                                                  \
    X(GOOD, "answered: good", false)                                       \
    X(REVOKED, "answered: revoked", false)                                 \
    X(UNKNOWN, "answered: unknown status", false)                          \
    X(PLAIN, "answered: 2xx or 304, not looked into", false)               \
    X(OCSP_ERROR, "OCSP error status (unauthorized, tryLater, ...)", true) \
    X(HTTP_STATUS, "other HTTP status", true)                              \
    X(HTTP_FRAMING, "answer is not HTTP with a Content-Length", true)      \
    X(DER, "answer is not an OCSPResponse", true)                          \
    X(WRONG_SERIAL, "answer is for another certificate", true)             \
    X(NOT_FRESH, "answer is past nextUpdate or before thisUpdate", true)   \
    X(SIGNATURE, "signature does not verify", true)                        \
    X(CONNECT, "connection failed", true)                                  \
    X(CLOSED, "connection closed before the answer", true)                 \
    X(TIMEOUT, "no answer in time", true)                                  \
    X(UNSENT, "still waiting for a connection at the end", true)

enum load_end {
#define X(name, text, is_error) LOAD_END_##name,
    LOAD_END_TABLE(X)
#undef X
        LOAD_END_COUNT
};

/* One second of the stretch, for the charts and the progress line. */
struct load_second {
    uint64_t due;
    uint64_t answered; /* without error */
    uint64_t errors;
    uint64_t p50_ns; /* of the answers of this second */
    uint64_t p99_ns;
};

struct load_result {
    double wall_s;        /* without the warm-up */
    double offered_per_s; /* 0: closed loop */
    uint64_t due;         /* requests that fell into the stretch */
    uint64_t ends[LOAD_END_COUNT];
    uint64_t answers_in_time; /* without error, that came within wall_s: what a rate is made of.
                               * Some answers of `ends` came later */
    uint64_t unasked;         /* octets that came on connections where nothing was asked */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t connects;
    uint64_t signatures_verified;
    struct histogram latency; /* of answers: from the intended start (open loop) or the send */
    struct histogram service; /* of answers: from the send */
    struct histogram lag;     /* open loop: how late after its intended time a request was handed to
                               * the kernel, or seen to find no free connection: our own lateness */
    double cpu_s;             /* of all load threads, user and system */
    double busy_share;        /* of the busiest thread: its CPU time / wall time */
    double starved_share;     /* of the thread that had to wait most for a processor */
    uint64_t connection_waits; /* open loop: requests that found no free connection */
    uint32_t connections;      /* used at most at once */
    uint32_t second_count;
    struct load_second *seconds; /* owned */
};

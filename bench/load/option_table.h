/* SPDX-License-Identifier: Apache-2.0 */
/* The options of statim-bench in one table: the parser, the rules and --help come from it. */
#pragma once

#include "bench/load/options.h"

#define DURATION_MIN_S 0.1
#define TIMEOUT_MAX_S  600
#define RATE_MIN       0.1
#define MILLISECOND_S  1e-3
#define CLOSED_DEFAULT 64  /* connections of the closed loop */
#define OPEN_DEFAULT   256 /* the open loop needs some to spare */

#define NONE         \
    {                \
        .text = NULL \
    }
#define WORDS(words)    \
    {                   \
        .text = (words) \
    }
#define FROM_TO(from, to)          \
    {                              \
        .min = (from), .max = (to) \
    }

/* name, argument (NULL: a flag), how it is read, field, what `how` needs, help.
 * WORD: the words, in the order of the enum. COUNT, SEED, REAL: smallest and largest. MS: the same,
 * and the field has seconds. RANGE: the mode, as the largest. */
#define OPTION_TABLE(X)                                                                           \
    X(ISSUER, "issuer", "FILE", TEXT, issuer_file, NONE, "certificate of the CA, PEM or DER")     \
    X(SERIALS, "serials", "FILE", TEXT, serials_file, NONE,                                       \
      "serial numbers to ask for, one in hex a line")                                             \
    X(PATH, "path", "PATH", PATH, paths, NONE,                                                    \
      "plain GETs of this path instead of OCSP; may be given often")                              \
    X(METHOD, "method", "get|post|mix", WORD, method, WORDS("get|post|mix"),                      \
      "how OCSP is asked (get)")                                                                  \
    X(HASH, "hash", "sha1|sha256", WORD, hash, WORDS("sha1|sha256"), "hash of the CertID (sha1)") \
    X(ZIPF, "zipf", "S", REAL, zipf, FROM_TO(0, 10),                                              \
      "Zipf-distributed serials of this exponent, the first the most frequent (0: uniform)")      \
    X(SEED, "seed", "N", SEED, seed, FROM_TO(0, 1e15), "what is random repeats with it (1)")      \
    X(VERIFY, "verify", "none|der|signature", WORD, verify, WORDS("none|der|signature"),          \
      "how far answers are looked into (der)")                                                    \
    X(SIGNATURE_SAMPLE, "signature-sample", "N", COUNT, signature_sample, FROM_TO(1, 1e9),        \
      "one answer in N has its signature verified (100)")                                         \
    X(RATE, "rate", "R", REAL, rate_per_s, FROM_TO(RATE_MIN, LOAD_RATE_MAX),                      \
      "open loop: requests a second; without it a closed loop")                                   \
    X(POISSON, "poisson", NULL, FLAG, poisson, NONE,                                              \
      "open loop: arrivals at random instead of evenly spaced")                                   \
    X(STEP, "step", "FROM:TO[:N]", RANGE, mode, FROM_TO(0, LOAD_STEP),                            \
      "N rates (10), evenly spaced, until the server does not keep up")                           \
    X(RAMP, "ramp", "FROM:TO[:N]", RANGE, mode, FROM_TO(0, LOAD_RAMP),                            \
      "doubled rates, then halving of the gap, in at most N stretches (20)")                      \
    X(P99_MAX, "p99-max", "MS", MS, p99_max_s, FROM_TO(0.001, 600000),                            \
      "step, ramp: a rate holds while its p99 is below")                                          \
    X(P99_TIMES, "p99-times", "N", REAL, p99_times, FROM_TO(1, 1e6),                              \
      "step, ramp: or below so many times that of the first rate (10)")                           \
    X(CONNECTIONS, "connections", "C", COUNT, connections, FROM_TO(1, LOAD_CONNECTIONS_MAX),      \
      "at once, at most (64; open loop 256)")                                                     \
    X(CLOSE, "close", NULL, FLAG, close_share, NONE, "one request a connection")                  \
    X(CLOSE_SHARE, "close-share", "F", REAL, close_share, FROM_TO(0, 1),                          \
      "that share of the connections carries one request each (0)")                               \
    X(THREADS, "threads", "N", COUNT, threads, FROM_TO(1, LOAD_THREADS_MAX), "load threads (1)")  \
    X(DURATION, "duration", "S", REAL, duration_s, FROM_TO(DURATION_MIN_S, LOAD_DURATION_MAX_S),  \
      "seconds measured, a rate (10)")                                                            \
    X(WARMUP, "warmup", "S", REAL, warmup_s, FROM_TO(0, 3600), "seconds of load before them (1)") \
    X(TIMEOUT, "timeout", "S", REAL, timeout_s, FROM_TO(0.001, TIMEOUT_MAX_S),                    \
      "an answer later than this is an error (10)")                                               \
    X(LAG_MAX, "lag-max", "MS", MS, lag_max_s, FROM_TO(0.001, 600000),                            \
      "a result with more lateness of our own, at p99, is not clean (1)")                         \
    X(JSON, "json", "FILE", TEXT, json_file, NONE, "writes the result as JSON")                   \
    X(HTML, "html", "FILE", TEXT, html_file, NONE,                                                \
      "writes the result as a page that needs no network")                                        \
    X(QUIET, "quiet", NULL, FLAG, quiet, NONE, "no progress line")                                \
    X(HELP, "help", NULL, FLAG, quiet, NONE, "this text")                                         \
    X(VERSION, "version", NULL, FLAG, quiet, NONE, "the version")

enum option_id {
#define X(id, name, argument, how, field, need, help) OPTION_##id,
    OPTION_TABLE(X)
#undef X
        OPTION_COUNT
};

/** Whether the options given go together; fills in what follows from them. `given` is a set of
 *  1 << option_id. False: `why` is set. */
bool option_rules(uint64_t given, struct load_options *o, char why[static OPTIONS_WHY_BYTES]);
const char *option_name(enum option_id id);

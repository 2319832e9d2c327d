/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted. Each load thread keeps a tally of its own and hands the part of each second over
 * to the ledger, which all threads share and the progress line reads. */
#pragma once

#include <pthread.h>

#include "bench/load/result.h"
#include "lib/err.h"

struct tally {
    uint64_t due;
    uint64_t ends[LOAD_END_COUNT];
    uint64_t connection_waits;
    struct load_second second; /* so far; the quantiles stay 0 */
    uint64_t second_ends[LOAD_END_COUNT];
    struct histogram second_latency;
    struct histogram latency; /* of the seconds handed over */
    struct histogram service; /* open loop only: in a closed one it is the latency */
    struct histogram lag;
};

void tally_init(struct tally *tally);

static inline bool load_end_is_error(enum load_end end)
{
    static const bool errors[] = {
#define X(name, text, is_error) is_error,
        LOAD_END_TABLE(X)
#undef X
    };
    return errors[end];
}

static inline void tally_end(struct tally *tally, enum load_end end)
{
    tally->second_ends[end]++;
    if (load_end_is_error(end))
        tally->second.errors++;
    else
        tally->second.answered++;
}

/* Seconds whose latencies are not complete yet. A thread that is further behind than this is
 * counted, but no longer in that second's quantiles. */
#define LEDGER_OPEN_SECONDS 8

struct ledger_open {
    uint32_t second;
    uint32_t threads; /* that have handed it over; 0: free */
    struct histogram latency;
};

struct ledger {
    pthread_mutex_t mutex;
    uint32_t thread_count;
    uint32_t second_count; /* of the whole stretch */
    uint32_t complete;     /* seconds that all threads have handed over */
    struct load_second *seconds;
    uint64_t ends[LOAD_END_COUNT];
    uint64_t due;
    struct ledger_open *open; /* LEDGER_OPEN_SECONDS */
};

/** ERR_MEMORY. */
MUST_CHECK enum err ledger_init(struct ledger *ledger, uint32_t thread_count,
                                uint32_t second_count);
void ledger_done(struct ledger *ledger);
/** Hands over the second that has ended, and begins the next. Any thread, once a second each. */
void ledger_hand_over(struct ledger *ledger, struct tally *tally, uint32_t second);
/** One end on its own: what was verified by the helper. */
void ledger_end(struct ledger *ledger, uint32_t second, enum load_end end);

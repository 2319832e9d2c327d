/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the knee: the highest rate that a server holds. A rate holds when 99 % of the requests were
 * answered, none with an error, p99 stayed below a bound, and no backlog grew.
 *
 * STEP tries rates evenly spaced, upwards, until two in a row do not hold. RAMP doubles the rate
 * until one does not hold, then halves the gap to the last that did (on a log scale); what does not
 * hold is tried once more before that counts. Pure. */
#pragma once

#include "bench/load/options.h"
#include "bench/load/verdict.h"

#define KNEE_ANSWERED_MIN 0.99
/* RAMP ends when the gap is this small. */
#define KNEE_GAP        1.05
#define KNEE_MISSES_MAX 2
#define KNEE_TEXT_MAX   200
#define KNEE_STATE_TABLE(X)                                           \
    X(STEADY, "steady")    /* one stretch: no knee to find */         \
    X(GOING, "unfinished") /* stopped before it was found */          \
    X(FOUND, "found")                                                 \
    X(NOT_REACHED, "not_reached") /* every rate held */               \
    X(OWN_LIMIT, "own_limit")     /* the generator gave up earlier */ \
    X(NONE, "none")               /* not even the lowest rate held */

enum knee_state {
#define X(id, name) KNEE_##id,
    KNEE_STATE_TABLE(X)
#undef X
};

struct knee {
    enum load_mode mode;
    enum knee_state state;
    double from_per_s;
    double to_per_s;
    uint32_t count_max;
    uint32_t tried;
    uint32_t misses;     /* in a row */
    double rate_per_s;   /* of the stretch that is next */
    double held_per_s;   /* the highest that held; 0: none */
    double failed_per_s; /* the lowest above it that did not; 0: none */
    bool failed_by_us;   /* because the generator was the limit */
    double p99_times;
    uint64_t p99_max_ns; /* 0: not known before the first stretch */
};

struct knee_sample {
    uint64_t due;
    uint64_t answered;
    uint64_t errors;
    uint64_t p99_ns;
    bool backlog;
    bool own_limit;
};

/** Sets rate_per_s for the first stretch (STEADY: the only one; 0 for a closed loop). */
void knee_start(const struct load_options *options, struct knee *ret);
void knee_sample_of(const struct load_result *result, const struct verdict *verdict,
                    struct knee_sample *ret);
/** Takes what came of rate_per_s; *ret_held: whether it holds. True: rate_per_s is the next one;
 *  false: it is over, and state says how. */
bool knee_next(struct knee *knee, const struct knee_sample *sample, bool *ret_held);

const char *knee_state_name(enum knee_state state);
void knee_text(const struct knee *knee, char ret[static KNEE_TEXT_MAX]);
/** The verdict over all: of the stretch at the knee, or of the first one when none held. */
void knee_verdict(const struct knee *knee, const struct verdict *of_stretch, struct verdict *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a result stands, and if not, why. Pure. */
#pragma once

#include "bench/load/result.h"

/* A thread that is busier than this has no head room: what it measured may be itself. */
#define VERDICT_BUSY_MAX 0.80
/* Closed loop: a thread that waits for a processor longer than this share of the time has been kept
 * from asking. In the open loop that is its lag. */
#define VERDICT_STARVED_MAX 0.20
/* Below, ten answers decide what p99 is. */
#define VERDICT_SAMPLES_MIN 1000u
/* Open loop: answers that fall behind by more than this share of the rate never catch up. */
#define VERDICT_BACKLOG_MAX 0.01
/* Open loop, too short for that: answers that came within the time are at least this share. */
#define VERDICT_IN_TIME_MIN 0.80

#define EXIT_CLEAN       0
#define EXIT_ERRORS      1 /* wrong answers, none, or not as fast as asked */
#define EXIT_NO_RESULT   2
#define EXIT_OWN_LIMIT   3 /* the generator was the limit, or measured too little */
#define VERDICT_TEXT_MAX 200

/* name, exit status. The first that is found decides the status: an answer that is wrong is wrong
 * however busy the generator was; one that did not come in time may be the generator's doing. */
#define VERDICT_TABLE(X)                                                                   \
    X(WRONG_ANSWERS, "wrong_answers", EXIT_ERRORS)                                         \
    X(UNASKED, "unasked", EXIT_ERRORS) /* octets on connections where nothing was asked */ \
    X(CPU, "cpu", EXIT_OWN_LIMIT)                                                          \
    X(LAG, "lag", EXIT_OWN_LIMIT)                                                          \
    X(KNEE_UNSEEN, "knee_unseen", EXIT_OWN_LIMIT) /* the generator's limit came before */  \
    X(NO_ANSWERS, "no_answers", EXIT_ERRORS)                                               \
    X(UNSENT, "unsent", EXIT_ERRORS)                                                       \
    X(BACKLOG, "backlog", EXIT_ERRORS)                                                     \
    X(KNEE_NONE, "knee_none", EXIT_ERRORS) /* not even the lowest rate held */             \
    X(SAMPLES, "samples", EXIT_OWN_LIMIT)

enum verdict_reason {
#define X(id, name, exit) VERDICT_##id,
    VERDICT_TABLE(X)
#undef X
        VERDICT_COUNT
};

struct verdict {
    char texts[VERDICT_COUNT][VERDICT_TEXT_MAX]; /* empty: not found */
};

void verdict_of(const struct load_result *result, double lag_max_s, struct verdict *ret);
__attribute__((format(printf, 3, 4))) void
verdict_add(struct verdict *verdict, enum verdict_reason reason, const char *format, ...);
static inline bool verdict_has(const struct verdict *verdict, enum verdict_reason reason)
{
    return verdict->texts[reason][0] != '\0';
}
const char *verdict_name(enum verdict_reason reason);
int verdict_exit(const struct verdict *verdict);
/** The generator could not do what was asked. */
bool verdict_is_own_limit(const struct verdict *verdict);

/* Sums over the ends. */
uint64_t result_errors(const struct load_result *result);
uint64_t result_answered(const struct load_result *result);
#define LOAD_END_NAME_MAX 32
void load_end_name(enum load_end end, char ret[static LOAD_END_NAME_MAX]); /* "wrong_serial" */
const char *load_end_text(enum load_end end);
bool load_end_counts_as_error(enum load_end end);

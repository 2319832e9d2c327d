/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/modes.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void knee_start(const struct load_options *options, struct knee *ret)
{
    *ret = (struct knee){
        .mode = options->mode,
        .state = options->mode == LOAD_STEADY ? KNEE_STEADY : KNEE_GOING,
        .from_per_s = options->rate_per_s,
        .to_per_s = options->rate_to_per_s,
        .count_max = options->step_count,
        .rate_per_s = options->rate_per_s,
        .p99_times = options->p99_times,
        .p99_max_ns = (uint64_t)(options->p99_max_s * 1e9),
    };
}

void knee_sample_of(const struct load_result *result, const struct verdict *verdict,
                    struct knee_sample *ret)
{
    *ret = (struct knee_sample){
        .due = result->due,
        .answered = result_answered(result),
        .errors = result_errors(result),
        .p99_ns = histogram_quantile(&result->latency, 0.99),
        .backlog = verdict_has(verdict, VERDICT_BACKLOG),
        .own_limit = verdict_is_own_limit(verdict),
    };
}

/* The first rate's own p99 is its measure, so what else holds at it, holds. */
static bool holds(struct knee *knee, const struct knee_sample *s)
{
    if (s->own_limit || s->errors > 0 || s->backlog || s->due == 0)
        return false;
    if ((double)s->answered < KNEE_ANSWERED_MIN * (double)s->due)
        return false;
    if (knee->p99_max_ns == 0)
        knee->p99_max_ns = (uint64_t)((double)s->p99_ns * knee->p99_times);
    return s->p99_ns <= knee->p99_max_ns;
}

static void note(struct knee *knee, bool held, bool own_limit)
{
    double rate = knee->rate_per_s;
    if (held) {
        knee->misses = 0;
        knee->held_per_s = rate;
        if (knee->failed_per_s <= rate)
            knee->failed_per_s = 0;
        return;
    }
    knee->misses++;
    if (knee->failed_per_s == 0 || rate < knee->failed_per_s) {
        knee->failed_per_s = rate;
        knee->failed_by_us = own_limit;
    }
}

static bool step_on(struct knee *knee)
{
    if (knee->misses == KNEE_MISSES_MAX || knee->tried == knee->count_max)
        return false;
    knee->rate_per_s = knee->from_per_s +
                       (knee->to_per_s - knee->from_per_s) * knee->tried / (knee->count_max - 1);
    return true;
}

/* A hiccup at a low rate would end the doubling far below the knee: the same rate once more. */
static bool ramp_doubts(struct knee *knee, bool held)
{
    bool again =
        knee->mode == LOAD_RAMP && !held && knee->misses == 0 && knee->tried < knee->count_max;
    knee->misses += again;
    return again;
}

static bool ramp_on(struct knee *knee)
{
    knee->misses = 0;
    if (knee->tried == knee->count_max || knee->held_per_s == 0)
        return false;
    if (knee->failed_per_s == 0) {
        if (knee->held_per_s >= knee->to_per_s)
            return false;
        knee->rate_per_s = fmin(2 * knee->held_per_s, knee->to_per_s);
        return true;
    }
    if (knee->failed_per_s <= knee->held_per_s * KNEE_GAP)
        return false;
    knee->rate_per_s = sqrt(knee->held_per_s * knee->failed_per_s);
    return true;
}

static enum knee_state end_state(const struct knee *knee)
{
    if (knee->failed_per_s == 0)
        return KNEE_NOT_REACHED;
    if (knee->failed_by_us)
        return KNEE_OWN_LIMIT;
    return knee->held_per_s == 0 ? KNEE_NONE : KNEE_FOUND;
}

bool knee_next(struct knee *knee, const struct knee_sample *sample, bool *ret_held)
{
    bool held = holds(knee, sample);
    *ret_held = held;
    knee->tried++;
    if (knee->mode == LOAD_STEADY)
        return false;
    if (ramp_doubts(knee, held))
        return true;
    note(knee, held, sample->own_limit);
    if (knee->mode == LOAD_STEP ? step_on(knee) : ramp_on(knee))
        return true;
    knee->state = end_state(knee);
    return false;
}

const char *knee_state_name(enum knee_state state)
{
    static const char *const names[] = {
#define X(id, name) [KNEE_##id] = name,
        KNEE_STATE_TABLE(X)
#undef X
    };
    return names[state];
}

__attribute__((format(printf, 2, 3))) static void say(char ret[static KNEE_TEXT_MAX],
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(ret, KNEE_TEXT_MAX, format, arguments);
    va_end(arguments);
}

void knee_text(const struct knee *knee, char ret[static KNEE_TEXT_MAX])
{
    double held = knee->held_per_s, failed = knee->failed_per_s;
    switch (knee->state) {
    case KNEE_STEADY:
        ret[0] = '\0';
        break;
    case KNEE_GOING:
        if (held <= 0)
            say(ret, "stopped before the knee was found, and before any rate held");
        else
            say(ret, "stopped before the knee was found; %.0f requests/s held", held);
        break;
    case KNEE_FOUND:
        say(ret, "the knee is at %.0f requests/s; %.0f did not hold", held, failed);
        break;
    case KNEE_NOT_REACHED:
        say(ret, "the knee is above %.0f requests/s: every rate tried held", held);
        break;
    case KNEE_OWN_LIMIT:
        if (held <= 0) {
            say(ret,
                "at %.0f requests/s, the lowest rate tried, the generator itself was the "
                "limit",
                failed);
            break;
        }
        say(ret,
            "at %.0f requests/s the generator itself was the limit; %.0f held, the knee is "
            "not below",
            failed, held);
        break;
    case KNEE_NONE:
        say(ret, "the knee is below %.0f requests/s, the lowest rate tried", failed);
        break;
    }
}

void knee_verdict(const struct knee *knee, const struct verdict *of_stretch, struct verdict *ret)
{
    char text[KNEE_TEXT_MAX];
    *ret = *of_stretch;
    knee_text(knee, text);
    if (knee->state == KNEE_OWN_LIMIT)
        verdict_add(ret, VERDICT_KNEE_UNSEEN, "%s", text);
    if (knee->state == KNEE_NONE)
        verdict_add(ret, VERDICT_KNEE_NONE, "%s", text);
}

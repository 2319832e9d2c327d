/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/verdict.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BACKLOG_SECONDS_MIN 4

static const struct end_row {
    const char *text;
    bool is_error;
} ends[LOAD_END_COUNT] = {
#define X(name, text, is_error) [LOAD_END_##name] = {text, is_error},
    LOAD_END_TABLE(X)
#undef X
};

const char *load_end_text(enum load_end end)
{
    return ends[end].text;
}

bool load_end_counts_as_error(enum load_end end)
{
    return ends[end].is_error;
}

void load_end_name(enum load_end end, char ret[static LOAD_END_NAME_MAX])
{
    static const char *const names[] = {
#define X(name, text, is_error) [LOAD_END_##name] = #name,
        LOAD_END_TABLE(X)
#undef X
    };
    size_t size = strlen(names[end]);
    for (size_t i = 0; i <= size; i++)
        ret[i] = (char)tolower((unsigned char)names[end][i]);
}

static uint64_t sum(const struct load_result *result, bool errors)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < LOAD_END_COUNT; i++)
        count += ends[i].is_error == errors ? result->ends[i] : 0;
    return count;
}

uint64_t result_errors(const struct load_result *result)
{
    return sum(result, true);
}

uint64_t result_answered(const struct load_result *result)
{
    return sum(result, false);
}

/* ---- the reasons ---- */

static const struct reason_row {
    const char *name;
    int exit;
} reasons[VERDICT_COUNT] = {
#define X(id, name, exit) [VERDICT_##id] = {name, exit},
    VERDICT_TABLE(X)
#undef X
};

const char *verdict_name(enum verdict_reason reason)
{
    return reasons[reason].name;
}

int verdict_exit(const struct verdict *verdict)
{
    for (unsigned i = 0; i < VERDICT_COUNT; i++)
        if (verdict_has(verdict, (enum verdict_reason)i))
            return reasons[i].exit;
    return EXIT_CLEAN;
}

bool verdict_is_own_limit(const struct verdict *verdict)
{
    return verdict_has(verdict, VERDICT_CPU) || verdict_has(verdict, VERDICT_LAG);
}

void verdict_add(struct verdict *verdict, enum verdict_reason reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(verdict->texts[reason], VERDICT_TEXT_MAX, format, arguments);
    va_end(arguments);
}

static void judge_errors(const struct load_result *r, struct verdict *v)
{
    uint64_t away =
        r->ends[LOAD_END_CONNECT] + r->ends[LOAD_END_CLOSED] + r->ends[LOAD_END_TIMEOUT];
    uint64_t unsent = r->ends[LOAD_END_UNSENT];
    uint64_t wrong = result_errors(r) - away - unsent;
    if (wrong > 0)
        verdict_add(v, VERDICT_WRONG_ANSWERS, "%" PRIu64 " of %" PRIu64 " answers were errors",
                    wrong, wrong + result_answered(r));
    if (r->unasked > 0)
        verdict_add(v, VERDICT_UNASKED,
                    "%" PRIu64 " octets came that nobody had asked for: answers that go on after "
                    "their end, or too many of them",
                    r->unasked);
    if (away > 0)
        verdict_add(v, VERDICT_NO_ANSWERS,
                    "%" PRIu64 " of %" PRIu64 " requests got no answer (no connection, closed, "
                    "or too late)",
                    away, r->due);
    if (unsent > 0)
        verdict_add(v, VERDICT_UNSENT,
                    "%" PRIu64 " requests still waited for a connection at the end: the server "
                    "did not keep up, or there are too few connections",
                    unsent);
}

/* How many requests were due and had not ended, at the end of that second. */
static double backlog(const struct load_result *r, uint32_t second)
{
    double left = 0;
    for (uint32_t i = 0; i <= second; i++)
        left += (double)r->seconds[i].due - (double)r->seconds[i].answered -
                (double)r->seconds[i].errors;
    return left;
}

/* In a few seconds growth cannot be told from chance, but what is far behind can. */
static void judge_in_time(const struct load_result *r, struct verdict *v)
{
    double ended = (double)r->answers_in_time + (double)result_errors(r);
    if (r->due >= VERDICT_SAMPLES_MIN && ended < VERDICT_IN_TIME_MIN * (double)r->due)
        verdict_add(v, VERDICT_BACKLOG,
                    "%" PRIu64 " answers came within the time in which %" PRIu64
                    " requests were due: the server did not keep up with the rate",
                    r->answers_in_time, r->due);
}

/* The last second has what was answered after the end, and perhaps is none. */
static void judge_backlog(const struct load_result *r, struct verdict *v)
{
    if (r->offered_per_s <= 0)
        return;
    if (r->second_count < BACKLOG_SECONDS_MIN) {
        judge_in_time(r, v);
        return;
    }
    uint32_t last = r->second_count - 2;
    double growth_per_s = (backlog(r, last) - backlog(r, 0)) / last;
    if (growth_per_s > r->offered_per_s * VERDICT_BACKLOG_MAX)
        verdict_add(v, VERDICT_BACKLOG,
                    "answers fell behind by %.0f requests each second: the server did not keep up "
                    "with the rate",
                    growth_per_s);
}

static void judge_processor(const struct load_result *r, struct verdict *v)
{
    if (r->busy_share > VERDICT_BUSY_MAX)
        verdict_add(v, VERDICT_CPU,
                    "a load thread was busy %.0f %% of the time, more than %.0f %%: its own "
                    "processor was the limit (--threads, or a lower rate)",
                    100 * r->busy_share, 100 * VERDICT_BUSY_MAX);
    else if (r->offered_per_s <= 0 && r->starved_share > VERDICT_STARVED_MAX)
        verdict_add(v, VERDICT_CPU,
                    "a load thread waited for a processor %.0f %% of the time, more than %.0f %%: "
                    "there were too few of them (fewer --threads, or a machine of its own)",
                    100 * r->starved_share, 100 * VERDICT_STARVED_MAX);
}

static void judge_generator(const struct load_result *r, double lag_max_s, struct verdict *v)
{
    double lag_s = (double)histogram_quantile(&r->lag, 0.99) / 1e9;
    judge_processor(r, v);
    if (r->offered_per_s > 0 && lag_s > lag_max_s)
        verdict_add(v, VERDICT_LAG,
                    "requests left the generator up to %.3f ms late (p99), more than %.3f ms: the "
                    "latencies are partly its own",
                    1e3 * lag_s, 1e3 * lag_max_s);
}

void verdict_of(const struct load_result *result, double lag_max_s, struct verdict *ret)
{
    memset(ret, 0, sizeof *ret);
    judge_errors(result, ret);
    judge_backlog(result, ret);
    judge_generator(result, lag_max_s, ret);
    if (result->latency.count < VERDICT_SAMPLES_MIN)
        verdict_add(ret, VERDICT_SAMPLES,
                    "%" PRIu64 " answers are too few for a p99: at least %u are needed",
                    result->latency.count, VERDICT_SAMPLES_MIN);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The knee finder against simulated servers, and the judge against results made by hand. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/modes.h"

#define MS 1000000u

/* ---- servers ---- */

/* p99 rises as in a queue: base / (1 - load); beyond its capacity it falls behind. */
struct server {
    double capacity_per_s;
    double fails_from_per_s; /* errors from here on */
    double client_max_per_s; /* the generator's limit */
    double hiccup_at_per_s;  /* one bad stretch at this rate */
    uint64_t p99_base_ns;
};

static struct knee_sample serve(struct server *s, double rate)
{
    double load = rate / s->capacity_per_s;
    struct knee_sample sample = {.due = 10000, .answered = 10000, .p99_ns = s->p99_base_ns};
    sample.p99_ns = load < 0.999 ? (uint64_t)((double)s->p99_base_ns / (1 - load)) : 9000u * MS;
    if (load > 1) {
        sample.answered = (uint64_t)(10000 / load);
        sample.errors = 10000 - sample.answered;
        sample.backlog = true;
    }
    if (s->fails_from_per_s > 0 && rate >= s->fails_from_per_s) {
        sample.errors = 1;
        sample.answered = 9999;
    }
    if (s->hiccup_at_per_s > 0 && rate == s->hiccup_at_per_s) {
        sample.p99_ns = 5000u * MS;
        s->hiccup_at_per_s = 0;
    }
    sample.own_limit = s->client_max_per_s > 0 && rate > s->client_max_per_s;
    return sample;
}

static const struct knee_case {
    const char *name;
    struct load_options options;
    struct server server;
    enum knee_state state;
    double held_min, held_max;
    uint32_t tried_max;
} knee_cases[] = {
    {"one stretch",
     {.mode = LOAD_STEADY, .rate_per_s = 5},
     {.capacity_per_s = 1},
     KNEE_STEADY,
     0,
     0,
     1},
    {"steps to the knee",
     {.mode = LOAD_STEP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 10,
      .p99_times = 10},
     {.capacity_per_s = 750, .p99_base_ns = MS},
     KNEE_FOUND,
     600,
     600,
     8 + 1},
    {"steps over a hiccup",
     {.mode = LOAD_STEP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 10,
      .p99_times = 10},
     {.capacity_per_s = 750, .hiccup_at_per_s = 300, .p99_base_ns = MS},
     KNEE_FOUND,
     600,
     600,
     9},
    {"steps that all hold",
     {.mode = LOAD_STEP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 4,
      .p99_times = 10},
     {.capacity_per_s = 1e6, .p99_base_ns = MS},
     KNEE_NOT_REACHED,
     1000,
     1000,
     4},
    {"steps, the last does not hold",
     {.mode = LOAD_STEP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 10,
      .p99_times = 10},
     {.capacity_per_s = 950, .p99_base_ns = MS},
     KNEE_FOUND,
     800,
     800,
     10},
    {"steps, errors decide",
     {.mode = LOAD_STEP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 10,
      .p99_times = 10},
     {.capacity_per_s = 1e6, .fails_from_per_s = 350, .p99_base_ns = MS},
     KNEE_FOUND,
     300,
     300,
     5},
    {"steps, none holds",
     {.mode = LOAD_STEP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 10,
      .p99_times = 10},
     {.capacity_per_s = 50, .p99_base_ns = MS},
     KNEE_NONE,
     0,
     0,
     2},
    {"steps, the generator ends it",
     {.mode = LOAD_STEP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 10,
      .p99_times = 10},
     {.capacity_per_s = 1e6, .client_max_per_s = 450, .p99_base_ns = MS},
     KNEE_OWN_LIMIT,
     400,
     400,
     6},
    {"ramp to the knee",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1e6,
      .step_count = 20,
      .p99_times = 10},
     {.capacity_per_s = 10000, .p99_base_ns = MS},
     KNEE_FOUND,
     8600,
     9050,
     15},
    {"ramp over a hiccup",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1e6,
      .step_count = 20,
      .p99_times = 10},
     {.capacity_per_s = 10000, .hiccup_at_per_s = 200, .p99_base_ns = MS},
     KNEE_FOUND,
     8600,
     9050,
     16},
    {"ramp, a hiccup at the first rate",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 20,
      .p99_max_s = 0.05},
     {.capacity_per_s = 1e6, .hiccup_at_per_s = 100, .p99_base_ns = MS},
     KNEE_NOT_REACHED,
     1000,
     1000,
     6},
    {"ramp, absolute bound",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1e6,
      .step_count = 20,
      .p99_max_s = 0.002},
     {.capacity_per_s = 10000, .p99_base_ns = MS},
     KNEE_FOUND,
     4750,
     5000,
     15},
    {"ramp, above the last rate",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 20,
      .p99_times = 10},
     {.capacity_per_s = 1e6, .p99_base_ns = MS},
     KNEE_NOT_REACHED,
     1000,
     1000,
     5},
    {"ramp, below the first rate",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 20,
      .p99_times = 10},
     {.capacity_per_s = 99, .p99_base_ns = MS},
     KNEE_NONE,
     0,
     0,
     2},
    {"ramp, first rate above the bound",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1000,
      .step_count = 20,
      .p99_max_s = 0.0005},
     {.capacity_per_s = 1e6, .p99_base_ns = MS},
     KNEE_NONE,
     0,
     0,
     2},
    {"ramp, the generator ends it",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1e6,
      .step_count = 20,
      .p99_times = 10},
     {.capacity_per_s = 1e6, .client_max_per_s = 3000, .p99_base_ns = MS},
     KNEE_OWN_LIMIT,
     2850,
     3000,
     15},
    {"ramp, the generator is slower than the lowest rate",
     {.mode = LOAD_RAMP,
      .rate_per_s = 100,
      .rate_to_per_s = 1e6,
      .step_count = 20,
      .p99_times = 10},
     {.capacity_per_s = 1e6, .client_max_per_s = 3, .p99_base_ns = MS},
     KNEE_OWN_LIMIT,
     0,
     0,
     2},
    {"ramp, doubled beyond the generator, knee below",
     {.mode = LOAD_RAMP,
      .rate_per_s = 1000,
      .rate_to_per_s = 1e6,
      .step_count = 20,
      .p99_times = 10},
     {.capacity_per_s = 3000, .client_max_per_s = 3500, .p99_base_ns = MS},
     KNEE_FOUND,
     2650,
     2900,
     15},
    {"ramp, too few stretches for the gap",
     {.mode = LOAD_RAMP, .rate_per_s = 100, .rate_to_per_s = 1e6, .step_count = 3, .p99_times = 10},
     {.capacity_per_s = 250, .p99_base_ns = MS},
     KNEE_FOUND,
     200,
     200,
     3},
};

static void knees(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof knee_cases / sizeof knee_cases[0]; i++) {
        const struct knee_case *c = &knee_cases[i];
        struct server server = c->server;
        struct knee knee;
        bool held = false, more = true;
        double last_held = 0;
        knee_start(&c->options, &knee);
        assert_true(knee.rate_per_s == c->options.rate_per_s);
        for (unsigned turn = 0; more && turn < 1000; turn++) {
            double rate = knee.rate_per_s;
            struct knee_sample sample = serve(&server, rate);
            assert_true(c->options.mode == LOAD_STEADY ||
                        (rate >= c->options.rate_per_s && rate <= c->options.rate_to_per_s));
            more = knee_next(&knee, &sample, &held);
            last_held = held && rate > last_held ? rate : last_held;
        }
        if (knee.state != c->state || knee.held_per_s < c->held_min ||
            knee.held_per_s > c->held_max || knee.tried > c->tried_max)
            fail_msg("%s: %s, held %g, %u tried", c->name, knee_state_name(knee.state),
                     knee.held_per_s, knee.tried);
        assert_true(c->options.mode == LOAD_STEADY || last_held == knee.held_per_s);
        assert_true(knee.state != KNEE_FOUND || knee.failed_per_s > knee.held_per_s);
    }
}

/* 99 % is enough, one less is not; nothing due is nothing held. */
static void bounds_of_a_hold(void **state)
{
    (void)state;
    static const struct {
        struct knee_sample sample;
        bool held;
    } cases[] = {
        {{.due = 1000, .answered = 990, .p99_ns = MS}, true},
        {{.due = 1000, .answered = 989, .p99_ns = MS}, false},
        {{.due = 1000, .answered = 999, .errors = 1, .p99_ns = MS}, false},
        {{.due = 1000, .answered = 1000, .p99_ns = 2 * MS}, true},
        {{.due = 1000, .answered = 1000, .p99_ns = 2 * MS + 1}, false},
        {{.due = 1000, .answered = 1000, .p99_ns = MS, .backlog = true}, false},
        {{.due = 1000, .answered = 1000, .p99_ns = MS, .own_limit = true}, false},
        {{.due = 0, .answered = 0, .p99_ns = 0}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct load_options options = {.mode = LOAD_STEP,
                                             .rate_per_s = 1,
                                             .rate_to_per_s = 2,
                                             .step_count = 5,
                                             .p99_max_s = 0.002};
        struct knee knee;
        bool held = !cases[i].held;
        knee_start(&options, &knee);
        (void)knee_next(&knee, &cases[i].sample, &held);
        assert_true(held == cases[i].held);
    }
}

/* ---- the judge ---- */

#define SECONDS 6

struct judged {
    const char *name;
    double offered_per_s;
    double busy_share;
    uint64_t lag_ns;
    uint64_t answers; /* good ones */
    enum load_end end;
    uint64_t end_count;
    uint64_t behind_per_s; /* open loop: what stays unanswered each second */
    unsigned reasons;      /* 1 << verdict_reason */
    int exit;
};

#define R(reason) (1u << VERDICT_##reason)

static const struct judged judged_cases[] = {
    {"clean, open loop", 1000, 0.3, MS / 10, 6000, LOAD_END_GOOD, 0, 0, 0, 0},
    {"clean, closed loop", 0, 0.8, 0, 6000, LOAD_END_REVOKED, 5, 0, 0, 0},
    {"lag does not matter in a closed loop", 0, 0.1, 90 * MS, 6000, LOAD_END_GOOD, 0, 0, 0, 0},
    {"busy", 1000, 0.81, 0, 6000, LOAD_END_GOOD, 0, 0, R(CPU), 3},
    {"busy, closed loop", 0, 0.99, 0, 6000, LOAD_END_GOOD, 0, 0, R(CPU), 3},
    {"late", 1000, 0.1, 2 * MS, 6000, LOAD_END_GOOD, 0, 0, R(LAG), 3},
    {"busy and late and behind", 1000, 0.99, 20 * MS, 6000, LOAD_END_UNSENT, 9, 100,
     R(CPU) | R(LAG) | R(UNSENT) | R(BACKLOG), 3},
    {"wrong serial", 1000, 0.1, 0, 6000, LOAD_END_WRONG_SERIAL, 1, 0, R(WRONG_ANSWERS), 1},
    {"not fresh", 1000, 0.1, 0, 6000, LOAD_END_NOT_FRESH, 1, 0, R(WRONG_ANSWERS), 1},
    {"wrong signature, however busy", 1000, 0.99, 0, 6000, LOAD_END_SIGNATURE, 1, 0,
     R(WRONG_ANSWERS) | R(CPU), 1},
    {"unauthorized", 0, 0.1, 0, 6000, LOAD_END_OCSP_ERROR, 1, 0, R(WRONG_ANSWERS), 1},
    {"refused", 0, 0.1, 0, 0, LOAD_END_CONNECT, 70, 0, R(NO_ANSWERS) | R(SAMPLES), 1},
    {"time-out", 1000, 0.1, 0, 6000, LOAD_END_TIMEOUT, 2, 0, R(NO_ANSWERS), 1},
    {"time-out, but busy", 1000, 0.9, 0, 6000, LOAD_END_TIMEOUT, 2, 0, R(NO_ANSWERS) | R(CPU), 3},
    {"waiting", 1000, 0.1, 0, 6000, LOAD_END_UNSENT, 2, 0, R(UNSENT), 1},
    {"behind", 1000, 0.1, 0, 6000, LOAD_END_GOOD, 0, 11, R(BACKLOG), 1},
    {"a little behind", 1000, 0.1, 0, 6000, LOAD_END_GOOD, 0, 10, 0, 0},
    {"few", 1000, 0.1, 0, 999, LOAD_END_GOOD, 0, 0, R(SAMPLES), 3},
    {"just enough", 1000, 0.1, 0, 1000, LOAD_END_GOOD, 0, 0, 0, 0},
    {"nothing", 0, 0, 0, 0, LOAD_END_GOOD, 0, 0, R(SAMPLES), 3},
};

static unsigned reasons_of(const struct load_result *r, int *ret_exit)
{
    struct verdict v;
    unsigned reasons = 0;
    verdict_of(r, 0.001, &v);
    for (unsigned reason = 0; reason < VERDICT_COUNT; reason++)
        reasons |= (unsigned)verdict_has(&v, (enum verdict_reason)reason) << reason;
    assert_true(verdict_is_own_limit(&v) == ((reasons & (R(CPU) | R(LAG))) != 0));
    *ret_exit = verdict_exit(&v);
    return reasons;
}

static void fill(const struct judged *c, struct load_result *r, struct load_second *seconds)
{
    memset(r, 0, sizeof *r);
    histogram_clear(&r->latency);
    histogram_clear(&r->lag);
    for (uint64_t i = 0; i < c->answers; i++)
        histogram_record(&r->latency, MS);
    for (unsigned i = 0; i < 1000; i++)
        histogram_record(&r->lag, c->lag_ns);
    r->ends[LOAD_END_GOOD] = c->answers;
    r->ends[c->end] += c->end_count;
    r->due = c->answers + c->end_count;
    r->offered_per_s = c->offered_per_s;
    r->busy_share = c->busy_share;
    r->seconds = seconds;
    r->second_count = SECONDS;
    for (unsigned i = 0; i < SECONDS; i++)
        seconds[i] = (struct load_second){.due = 1000, .answered = 1000 - c->behind_per_s};
    seconds[SECONDS - 1].answered += SECONDS * c->behind_per_s;
}

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof judged_cases / sizeof judged_cases[0]; i++) {
        const struct judged *c = &judged_cases[i];
        static struct load_result r;
        struct load_second seconds[SECONDS];
        int exit = -1;
        fill(c, &r, seconds);
        unsigned reasons = reasons_of(&r, &exit);
        if (reasons != c->reasons || exit != c->exit)
            fail_msg("%s: %#x, exit %d", c->name, reasons, exit);
    }
}

/* Each in a result that is clean but for it. */
static void more_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double offered_per_s;
        double starved_share;
        uint64_t unasked;
        uint64_t in_time; /* of 6000 due in 3 s */
        unsigned reasons;
        int exit;
    } cases[] = {
        {"octets that nobody asked for", 1000, 0, 1, 6000, R(UNASKED), 1},
        {"kept from the processor, closed loop", 0, 0.21, 0, 6000, R(CPU), 3},
        {"hardly kept from the processor", 0, 0.2, 0, 6000, 0, 0},
        {"kept from the processor, open loop: its lag says it", 1000, 0.9, 0, 6000, 0, 0},
        {"most answers after the end", 2000, 0, 0, 4799, R(BACKLOG), 1},
        {"as many after the end as may be", 2000, 0, 0, 4800, 0, 0},
        {"after the end, closed loop", 0, 0, 0, 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const struct judged clean = {.answers = 6000};
        static struct load_result r;
        struct load_second seconds[SECONDS];
        int exit = -1;
        fill(&clean, &r, seconds);
        r.second_count = 3;
        r.offered_per_s = cases[i].offered_per_s;
        r.starved_share = cases[i].starved_share;
        r.unasked = cases[i].unasked;
        r.answers_in_time = cases[i].in_time;
        unsigned reasons = reasons_of(&r, &exit);
        if (reasons != cases[i].reasons || exit != cases[i].exit)
            fail_msg("%s: %#x, exit %d", cases[i].name, reasons, exit);
    }
}

static void verdict_over_all(void **state)
{
    (void)state;
    static const struct {
        enum knee_state state;
        int exit;
    } cases[] = {
        {KNEE_STEADY, 0},      {KNEE_GOING, 0},     {KNEE_FOUND, 0},
        {KNEE_NOT_REACHED, 0}, {KNEE_OWN_LIMIT, 3}, {KNEE_NONE, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct knee knee = {.state = cases[i].state, .held_per_s = 5, .failed_per_s = 7};
        struct verdict clean = {0}, all;
        char text[KNEE_TEXT_MAX];
        knee_verdict(&knee, &clean, &all);
        assert_int_equal(verdict_exit(&all), cases[i].exit);
        knee_text(&knee, text);
        assert_true((text[0] == '\0') == (cases[i].state == KNEE_STEADY));
    }
}

static void names(void **state)
{
    (void)state;
    char name[LOAD_END_NAME_MAX];
    load_end_name(LOAD_END_WRONG_SERIAL, name);
    assert_string_equal(name, "wrong_serial");
    assert_string_equal(verdict_name(VERDICT_LAG), "lag");
    assert_true(load_end_counts_as_error(LOAD_END_UNSENT));
    assert_false(load_end_counts_as_error(LOAD_END_PLAIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knees),
        cmocka_unit_test(bounds_of_a_hold),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(more_reasons),
        cmocka_unit_test(verdict_over_all),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The controller look by look: what tests/sim/sim_shed.c, which judges the whole, cannot single
 * out. */
#include "bpf/controller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)
#define POLL_NS   (SECOND_NS / 2)

static const struct measurement well = {
    .answered = true, .ready = true, .healthy = true, .load_known = true, .load_permille = 300};
static const struct measurement hot = {
    .answered = true, .ready = true, .healthy = true, .load_known = true, .load_permille = 1000};
static const struct measurement lost = {0};
static const struct measurement gone = {.gone = true};

static struct controller controller;
static struct controller_config config;
static struct controller_override word;
static struct decision decision;
static uint64_t now_ns;

static void defaults(void)
{
    config = (struct controller_config){
#define X(name, fallback, min, max, text) .name = fallback,
        CONTROLLER_NUMBER_TABLE(X)
#undef X
    };
    config.sites = 2;
    word = (struct controller_override){0};
    now_ns = SECOND_NS;
}

static void look(const struct measurement *m, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        now_ns += POLL_NS;
        decision = controller_step(&controller, m, &word, now_ns);
    }
}

static void expect(enum route_action route, enum controller_reason reason)
{
    assert_true(decision.route_known);
    assert_int_equal(decision.route, route);
    assert_int_equal(decision.reason, reason);
}

/* Begins with a site that is well, unless `shed_permille` says that it was not. */
static void begin(uint32_t shed_permille)
{
    defaults();
    controller_start(&controller, &config, shed_permille);
    look(&well, 3);
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);
}

static void starting(void **state)
{
    (void)state;
    defaults();
    controller_start(&controller, &config, 300);
    look(&well, 2);
    assert_false(decision.route_known);
    assert_int_equal(decision.reason, CONTROLLER_STARTING);
    assert_int_equal(decision.shed_permille, 300); /* as the one before left it */
    look(&well, 1);
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);

    controller_start(&controller, &config, 0);
    look(&lost, 3);
    expect(ROUTE_WITHDRAW, CONTROLLER_DEAD);

    /* Looks that contradict each other: not for ever, and with care. */
    controller_start(&controller, &config, 0);
    look(&lost, 2);
    for (unsigned i = 0; i < 3; i++) {
        look(&well, 1);
        look(&lost, 1);
        assert_false(decision.route_known);
    }
    look(&well, 1);
    expect(ROUTE_DEPREFER, CONTROLLER_RECOVERING);
}

/* Three looks with an hour in between two of them are not three in a row. */
static void starting_over_a_gap(void **state)
{
    (void)state;
    defaults();
    controller_start(&controller, &config, 0);
    look(&well, 2);
    now_ns += 3600 * SECOND_NS;
    look(&well, 1);
    assert_false(decision.route_known);
    look(&well, 2);
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);
}

/* Nobody looked: no stretch of health, of calm or of overload has gone on. */
static void gaps(void **state)
{
    (void)state;
    begin(0);
    look(&gone, 3);
    expect(ROUTE_WITHDRAW, CONTROLLER_DEAD);
    look(&well, 5);
    now_ns += 3600 * SECOND_NS;
    look(&well, 2);
    expect(ROUTE_WITHDRAW, CONTROLLER_RECOVERING);
    look(&well, 20);
    expect(ROUTE_DEPREFER, CONTROLLER_RECOVERING);

    begin(500);
    uint32_t level = decision.shed_permille;
    now_ns += 3600 * SECOND_NS;
    look(&well, 2);
    assert_int_equal(decision.shed_permille, level);

    begin(800);
    look(&hot, 4);
    now_ns += 3600 * SECOND_NS;
    look(&hot, 2);
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);
}

/* An edge that refuses connections is dead, however busy it was. */
static void gone_while_overloaded(void **state)
{
    (void)state;
    begin(0);
    look(&hot, 5);
    look(&lost, 10); /* this alone is overload */
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);
    look(&well, 1);
    look(&hot, 1);
    look(&gone, 3);
    expect(ROUTE_WITHDRAW, CONTROLLER_DEAD);
}

static struct measurement queue_of(uint32_t waiting)
{
    struct measurement m = well;
    m.queue_known = true;
    m.queue = waiting;
    return m;
}

/* A long queue calls for more shedding as long as it is not on its way down. */
static void queue_drains(void **state)
{
    (void)state;
    begin(0);
    struct measurement m = queue_of(4096);
    m.latency_known = true;
    m.latency_ms = 2000;
    look(&m, 4);
    uint32_t level = decision.shed_permille;
    assert_int_equal(level, 3 * config.shed_step_permille);
    for (uint32_t waiting = 3800; waiting > 300; waiting -= 300) {
        m.queue = waiting;
        look(&m, 1);
        assert_int_equal(decision.shed_permille, level);
    }
    look(&m, 2); /* stands still */
    look(&m, 1);
    assert_true(decision.shed_permille > level);
    level = decision.shed_permille;
    m.queue = 4000; /* and by one a look is not on its way */
    look(&m, 1);
    for (unsigned i = 0; i < 4; i++) {
        m.queue--;
        look(&m, 1);
    }
    assert_int_equal(decision.shed_permille, level + 5 * config.shed_step_permille);
}

/* A request of our own without an answer is overload, though the limit is beyond the deadline. */
static void late_requests(void **state)
{
    (void)state;
    begin(0);
    config.latency_high_ms = 1000;
    controller_configure(&controller, &config);
    struct measurement m = well;
    m.latency_known = true;
    m.latency_ms = 400;
    look(&m, 4);
    assert_int_equal(decision.shed_permille, 0);
    m.latency_late = true;
    look(&m, 3);
    assert_int_equal(decision.shed_permille, 2 * config.shed_step_permille);
    m.latency_late = false;
    m.latency_ms = 1001;
    look(&m, 1);
    assert_int_equal(decision.shed_permille, 3 * config.shed_step_permille);
    m.latency_ms = 501; /* neither: no more, and no less */
    look(&m, 100);
    assert_int_equal(decision.shed_permille, 3 * config.shed_step_permille);
    m.latency_ms = 500;
    look(&m, 100);
    assert_int_equal(decision.shed_permille, 0);
}

/* A site that is well used without any shedding does not shed a part for ever. */
static void well_used_site(void **state)
{
    (void)state;
    begin(600);
    for (unsigned i = 0; i < 1200 && decision.shed_permille > 0; i++) {
        struct measurement m = well;
        m.load_permille = 780 * (1000 - decision.shed_permille) / 1000;
        look(&m, 1);
    }
    assert_int_equal(decision.shed_permille, 0);
}

/* What would need the route may be over at the very look at which its time is up. */
static void over_in_the_last_moment(void **state)
{
    (void)state;
    begin(800);
    look(&hot, 2);
    look(&hot, (unsigned)config.deprefer_after_s * 2 - 1);
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);
    look(&well, 1);
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);
    look(&hot, 1);
    expect(ROUTE_DEPREFER, CONTROLLER_OVERLOADED);
}

/* A site that is de-preferred for its load returns when it sheds nothing any more. */
static void not_while_shedding(void **state)
{
    (void)state;
    begin(800);
    look(&hot, 2 + (unsigned)config.deprefer_after_s * 2);
    expect(ROUTE_DEPREFER, CONTROLLER_OVERLOADED);
    while (decision.shed_permille > 0) {
        look(&well, 1);
        expect(ROUTE_DEPREFER, CONTROLLER_RECOVERING);
    }
    look(&well, (unsigned)config.recover_s * 2);
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);
}

/* One lost look breaks no stretch of health, two do. */
static void odd_looks_in_health(void **state)
{
    (void)state;
    begin(0);
    look(&gone, 3);
    look(&well, 3); /* to where no trouble is believed any more; health begins */
    look(&well, 10);
    look(&lost, 1);
    look(&well, 9);
    expect(ROUTE_DEPREFER, CONTROLLER_RECOVERING);
    look(&well, 10);
    look(&lost, 2);
    look(&well, 10);
    expect(ROUTE_DEPREFER, CONTROLLER_RECOVERING);
    look(&well, 11);
    expect(ROUTE_ANNOUNCE, CONTROLLER_HEALTHY);
}

/* By another configuration a withdrawn site is the last one, and is one of two again. */
static void configured_anew(void **state)
{
    (void)state;
    begin(0);
    look(&gone, 3);
    expect(ROUTE_WITHDRAW, CONTROLLER_DEAD);
    config.sites = 1;
    controller_configure(&controller, &config);
    look(&gone, 1);
    expect(ROUTE_DEPREFER, CONTROLLER_LAST_SITE);
    config.sites = 2;
    controller_configure(&controller, &config);
    look(&gone, 1);
    expect(ROUTE_WITHDRAW, CONTROLLER_DEAD);
    begin(700);
    config.shed_max_permille = 100;
    controller_configure(&controller, &config);
    look(&well, 1);
    assert_int_equal(decision.shed_permille, 100);
}

static void numbers_together(void **state)
{
    (void)state;
    defaults();
    assert_null(controller_config_check(&config));
    config.load_low_permille = config.load_high_permille;
    assert_non_null(controller_config_check(&config));
    defaults();
    config.stale_withdraw_s = config.stale_deprefer_s - 1;
    assert_non_null(controller_config_check(&config));
    defaults();
    config.recover_max_s = config.recover_s - 1;
    assert_non_null(controller_config_check(&config));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starting),
        cmocka_unit_test(starting_over_a_gap),
        cmocka_unit_test(gaps),
        cmocka_unit_test(gone_while_overloaded),
        cmocka_unit_test(queue_drains),
        cmocka_unit_test(late_requests),
        cmocka_unit_test(well_used_site),
        cmocka_unit_test(over_in_the_last_moment),
        cmocka_unit_test(not_while_shedding),
        cmocka_unit_test(odd_looks_in_health),
        cmocka_unit_test(configured_anew),
        cmocka_unit_test(numbers_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

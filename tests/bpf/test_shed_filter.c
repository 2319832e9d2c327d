/* SPDX-License-Identifier: Apache-2.0 */
/* The filter as the agent holds it, on an interface with traffic: what it survives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/shed_pins.h"
#include "lib/os/clock.h"
#include "lib/random.h"
#include "tests/bpf/veth_pair.h"

#define KILLS        60u
#define SENT_AT_ONCE 200u
#define CHANGES      60u

/* Each waits for the kernel's grace periods, most of a second in all. */
static unsigned upgrades(void)
{
    return getenv("STATIM_FULL") != NULL ? 40 : 10;
}

static void verdicts(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    pair_send(PAIR_DENIED, 3); /* no policy yet */
    assert_int_equal(pair_received(), 3);
    pair_policy(f);
    pair_send(PAIR_DENIED, 5);
    pair_send(PAIR_ALLOWED, 6);
    pair_send(PAIR_STRANGER, 7);
    assert_int_equal(pair_received(), 13);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 5);
    assert_int_equal(pair_count(f, FILTER_REASON_ALLOWED), 6);
    assert_int_equal(pair_count(f, FILTER_REASON_SYN), 7);
    assert_true(shed_filter_attached(f));
    shed_filter_close(f);
}

static void levels_end(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    pair_policy(f);
    uint64_t now_ns = clock_monotonic_ns();
    shed_filter_level(f, FILTER_SHED_ALL, now_ns + 3600000000000u);
    pair_send(PAIR_STRANGER, 4);
    pair_send(PAIR_ALLOWED, 1);
    assert_int_equal(pair_count(f, FILTER_REASON_SHED), 4);
    assert_int_equal(pair_received(), 1);
    pair_policy(f); /* keeps the level */
    pair_send(PAIR_STRANGER, 4);
    assert_int_equal(pair_count(f, FILTER_REASON_SHED), 8);
    shed_filter_level(f, FILTER_SHED_ALL, now_ns);
    pair_send(PAIR_STRANGER, 4);
    assert_int_equal(pair_count(f, FILTER_REASON_SYN), 4);
    shed_filter_close(f);
}

struct seen {
    unsigned count;
    struct filter_event last;
};

static void on_event(void *context, const struct filter_event *event)
{
    struct seen *seen = context;
    seen->count++;
    seen->last = *event;
}

static void events(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    struct seen seen = {0};
    pair_policy(f);
    pair_send(PAIR_DENIED, 9);
    pair_send(PAIR_STRANGER, 9); /* what passes is not told of */
    assert_int_equal(shed_filter_events(f, on_event, &seen), ERR_OK);
    assert_int_equal(seen.count, 9);
    static const uint8_t denied[16] = {10, 9, 0, 66};
    assert_memory_equal(seen.last.source, denied, sizeof denied);
    assert_int_equal(seen.last.reason, FILTER_REASON_DENIED);
    assert_int_equal(seen.last.version, 4);
    assert_int_equal(__builtin_bswap16(seen.last.service_port), PAIR_PORT);
    assert_true(shed_filter_events_fd(f) >= 0);
    shed_filter_close(f);
}

/* Without an agent the filter goes on, and the next one takes it over as it is. */
static void goes_on(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    pair_policy(f);
    pair_send(PAIR_DENIED, 2);
    shed_filter_close(f);
    pair_send(PAIR_DENIED, 3);
    assert_int_equal(pair_received(), 0);
    f = pair_open(&config);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 5);
    pair_send(PAIR_DENIED, 1); /* before any policy of the new one */
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 6);
    assert_int_equal(pair_received(), 0);
    shed_filter_close(f);
}

struct sender {
    bool stop;
    uint64_t sent;
};

static void *send_denied(void *context)
{
    struct sender *s = context;
    while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
        pair_send(PAIR_DENIED, SENT_AT_ONCE);
        s->sent += SENT_AT_ONCE;
    }
    return NULL;
}

/* Agents come and go, policies change, under traffic none of which may pass or be lost. */
static void upgrades_leave_no_gap(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    struct sender sender = {0};
    pthread_t thread;
    pair_policy(f);
    assert_int_equal(pthread_create(&thread, NULL, send_denied, &sender), 0);
    for (unsigned i = 0; i < upgrades(); i++) {
        pair_policy(f);
        shed_filter_close(f);
        f = pair_open(&config);
    }
    __atomic_store_n(&sender.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_true(sender.sent > 0);
    assert_int_equal(pair_received(), 0);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), sender.sent);
    shed_filter_close(f);
}

/* Other sizes take other maps: counters begin anew, and still nothing passes. */
static void new_maps_leave_no_gap(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    struct sender sender = {0};
    pthread_t thread;
    pair_policy(f);
    assert_int_equal(pthread_create(&thread, NULL, send_denied, &sender), 0);
    for (unsigned i = 0; i < upgrades(); i++) {
        shed_filter_close(f);
        config.buckets = config.buckets == 1024 ? 2048 : 1024;
        f = pair_open(&config);
        pair_policy(f);
    }
    __atomic_store_n(&sender.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_int_equal(pair_received(), 0);
    pair_send(PAIR_DENIED, 1);
    assert_true(pair_count(f, FILTER_REASON_DENIED) > 0);
    assert_true(pair_count(f, FILTER_REASON_DENIED) <= sender.sent + 1);
    shed_filter_close(f);
}

_Noreturn static void churn(void)
{
    struct shed_filter_config config = pair_config();
    uint64_t random = (uint64_t)getpid();
    for (;;) {
        config.buckets = random_next(&random) % 4 == 0 ? 2048 : 1024;
        struct shed_filter *f = pair_open(&config);
        pair_policy(f);
        pair_policy(f);
        shed_filter_close(f);
    }
}

static void killed_at_any_time(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    uint64_t random = 3;
    pair_policy(f);
    shed_filter_close(f);
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            churn();
        usleep((useconds_t)(random_next(&random) % 60000)); /* chance, nothing is waited for */
        pair_send(PAIR_DENIED, SENT_AT_ONCE);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        pair_send(PAIR_DENIED, SENT_AT_ONCE);
        assert_int_equal(pair_received(), 0);
    }
    f = pair_open(&config);
    pair_policy(f);
    uint64_t before = pair_count(f, FILTER_REASON_DENIED);
    pair_send(PAIR_DENIED, 5);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), before + 5);
    assert_int_equal(pair_received(), 0);
    shed_filter_close(f);
}

/* Another descriptor of the folder is as good as another process. */
static void held_by_one(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config), *other = NULL;
    char message[256] = "";
    bool generic;
    pair_policy(f);
    assert_int_equal(shed_filter_open(&config, &other, &generic, message), ERR_BUSY);
    assert_non_null(strstr(message, "an agent is at work there"));
    assert_int_equal(shed_filter_remove(PAIR_NEAR, pair_pins, message), ERR_BUSY);
    assert_true(shed_filter_attached(f));
    pair_send(PAIR_DENIED, 2);
    assert_int_equal(pair_received(), 0);
    config.before = f;
    other = pair_open(&config);
    shed_filter_close(f);
    assert_int_equal(shed_filter_remove(PAIR_NEAR, pair_pins, message), ERR_BUSY);
    shed_filter_close(other);
    assert_int_equal(shed_filter_remove(PAIR_NEAR, pair_pins, message), ERR_OK);
}

/* By hand, while an agent holds it. */
static void detach_link(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/" PAIR_NEAR "/link", pair_pins);
    int link = bpf_obj_get(path);
    assert_true(link >= 0);
    assert_int_equal(bpf_link_detach(link), 0);
    close(link);
}

static void taken_off(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    char message[256] = "";
    pair_policy(f);
    detach_link();
    /* The pair may lose what is on its way while it changes its queues. */
    uint64_t until_ns = clock_monotonic_ns() + 5000000000u;
    uint64_t received = 0;
    while (received == 0 && clock_monotonic_ns() < until_ns) {
        pair_send(PAIR_DENIED, 1);
        received = pair_received();
    }
    assert_true(received > 0);
    assert_false(shed_filter_attached(f)); /* the agent that holds it can see that */
    shed_filter_close(f);
    assert_int_equal(shed_filter_remove(PAIR_NEAR, pair_pins, message), ERR_OK);
    assert_int_equal(shed_filter_remove(PAIR_NEAR, pair_pins, message), ERR_NOT_FOUND);
    assert_true(message[0] != '\0');
}

/* At once: nothing of the one before is in the way. */
static void attached_again(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    char message[256] = "";
    for (unsigned i = 0; i < upgrades(); i++) {
        shed_filter_close(pair_open(&config));
        assert_int_equal(shed_filter_remove(PAIR_NEAR, pair_pins, message), ERR_OK);
    }
}

static void generic_mode(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = NULL;
    char message[256] = "";
    bool generic = false;
    config.generic = true;
    assert_int_equal(shed_filter_open(&config, &f, &generic, message), ERR_OK);
    assert_true(generic);
    pair_policy(f);
    pair_send(PAIR_DENIED, 2);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 2);
    shed_filter_close(f);
    assert_int_equal(shed_filter_open(&config, &f, &generic, message), ERR_OK);
    assert_true(generic); /* as it is attached already */
    shed_filter_close(f);
}

/* What somebody leaves who is killed while he pins, or removes some of it by hand. */
static void some_pins_are_gone(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    char path[128], new_path[128];
    pair_policy(f);
    shed_filter_close(f);
    snprintf(path, sizeof path, "%s/" PAIR_NEAR "/maps-" SHED_LAYOUT, pair_pins);
    snprintf(new_path, sizeof new_path, "%s/" PAIR_NEAR "/maps-new", pair_pins);
    assert_int_equal(rename(path, new_path), 0);
    snprintf(new_path, sizeof new_path, "%s/" PAIR_NEAR "/maps-new/services", pair_pins);
    assert_int_equal(unlink(new_path), 0);
    for (unsigned i = 0; i < 2; i++) {
        f = pair_open(&config);
        pair_send(PAIR_DENIED, 3); /* the filter of before is at work */
        assert_int_equal(pair_received(), 0);
        pair_policy(f);
        pair_send(PAIR_DENIED, 4);
        assert_int_equal(pair_received(), 0);
        assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 4);
        shed_filter_close(f);
        snprintf(path, sizeof path, "%s/" PAIR_NEAR "/maps-" SHED_LAYOUT "/rules_v4", pair_pins);
        assert_int_equal(unlink(path), 0);
    }
}

/* An agent of another version has left a filter whose maps may look alike and mean something else.
 */
static void maps_of_another_layout(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    char path[128], old_path[128];
    pair_policy(f);
    pair_send(PAIR_DENIED, 2);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 2);
    shed_filter_close(f);
    snprintf(path, sizeof path, "%s/" PAIR_NEAR "/maps-" SHED_LAYOUT, pair_pins);
    snprintf(old_path, sizeof old_path, "%s/" PAIR_NEAR "/maps-0", pair_pins);
    assert_int_equal(rename(path, old_path), 0);
    f = pair_open(&config);
    pair_send(PAIR_DENIED, 3); /* the filter of before is at work */
    assert_int_equal(pair_received(), 0);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 0);
    pair_policy(f);
    pair_send(PAIR_DENIED, 4);
    assert_int_equal(pair_received(), 0);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 4);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(old_path, F_OK), 0);
    shed_filter_close(f);
}

static const struct prefix everybody = {.version = 4};
static const struct prefix denied = {{10, 9, 0, 66}, 4, 32};
static const struct prefix allowed = {{10, 9, 0, 67}, 4, 32};
static const struct prefix elsewhere = {{203, 0, 113, 0}, 4, 24};

/* Under each of them PAIR_ALLOWED passes and PAIR_DENIED does not; what is of two of them does
 * otherwise. */
static const struct {
    const struct prefix *allow;
    const struct prefix *deny;
} mixed[] = {{&allowed, &everybody}, {&elsewhere, &denied}, {NULL, &denied}};

static void put_mixed(struct shed_filter *f, unsigned which)
{
    static const struct shed_service service = {4, {10, 9, 0, 1}, PAIR_PORT};
    const struct shed_policy policy = {
        .config = {.v4_prefix_bits = 32, .v6_prefix_bits = 56, .shed_period_ns = 1000000000u},
        .services = &service,
        .service_count = 1,
        .lists = {[FILTER_ALLOW_V4] = mixed[which].allow, [FILTER_DENY_V4] = mixed[which].deny},
        .list_count = {[FILTER_ALLOW_V4] = mixed[which].allow != NULL, [FILTER_DENY_V4] = 1}};
    char message[256] = "";
    assert_int_equal(shed_filter_policy(f, &policy, message), ERR_OK);
}

static void *send_both(void *context)
{
    struct sender *s = context;
    while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
        pair_send(PAIR_DENIED, SENT_AT_ONCE);
        pair_send(PAIR_ALLOWED, SENT_AT_ONCE);
        s->sent += SENT_AT_ONCE;
    }
    return NULL;
}

/* Every packet is judged by one policy, however fast they change. */
static void policies_change_in_one_step(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    struct sender sender = {0};
    pthread_t thread;
    put_mixed(f, 0);
    assert_int_equal(pthread_create(&thread, NULL, send_both, &sender), 0);
    uint64_t begin_ns = clock_monotonic_ns();
    for (unsigned i = 1; i <= CHANGES; i++)
        put_mixed(f, i % 3);
    uint64_t took_ns = clock_monotonic_ns() - begin_ns;
    __atomic_store_n(&sender.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    printf("a change of policy takes %llu us; %llu packets\n",
           (unsigned long long)(took_ns / CHANGES / 1000), 2 * (unsigned long long)sender.sent);
    assert_true(sender.sent > 0);
    assert_int_equal(pair_received(), sender.sent);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), sender.sent);
    shed_filter_close(f);
}

/* As many prefixes as there may be, in each list. */
static void long_lists(void **state)
{
    (void)state;
    static struct prefix v4[FILTER_RULES_MAX];
    static struct prefix v6[FILTER_RULES_MAX];
    static const struct shed_service service = {4, {10, 9, 0, 1}, PAIR_PORT};
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    char message[256] = "";
    for (uint32_t i = 0; i < FILTER_RULES_MAX; i++) {
        v4[i] = (struct prefix){{172, 16, (uint8_t)(i >> 8), (uint8_t)i}, 4, 32};
        v6[i] = (struct prefix){{0x20, 1, 0xd, 0xb8, (uint8_t)(i >> 8), (uint8_t)i}, 6, 48};
    }
    v4[FILTER_RULES_MAX - 1] = (struct prefix){{10, 9, 0, 66}, 4, 32};
    struct shed_policy policy = {
        .config = {.v4_prefix_bits = 24, .v6_prefix_bits = 56, .shed_period_ns = 1000},
        .services = &service,
        .service_count = 1,
        .lists = {NULL, v6, v4, v6},
        .list_count = {0, FILTER_RULES_MAX, FILTER_RULES_MAX, FILTER_RULES_MAX}};
    uint64_t begin_ns = clock_monotonic_ns();
    assert_int_equal(shed_filter_policy(f, &policy, message), ERR_OK);
    printf("30,000 prefixes in force after %llu us\n",
           (unsigned long long)((clock_monotonic_ns() - begin_ns) / 1000));
    pair_send(PAIR_DENIED, 3);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 3);
    policy.list_count[FILTER_DENY_V4] = FILTER_RULES_MAX + 1;
    assert_int_equal(shed_filter_policy(f, &policy, message), ERR_LIMIT);
    pair_send(PAIR_DENIED, 3); /* the one before stays */
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 6);
    shed_filter_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(verdicts, pair_clean),
        cmocka_unit_test_teardown(levels_end, pair_clean),
        cmocka_unit_test_teardown(events, pair_clean),
        cmocka_unit_test_teardown(goes_on, pair_clean),
        cmocka_unit_test_teardown(upgrades_leave_no_gap, pair_clean),
        cmocka_unit_test_teardown(new_maps_leave_no_gap, pair_clean),
        cmocka_unit_test_teardown(killed_at_any_time, pair_clean),
        cmocka_unit_test_teardown(some_pins_are_gone, pair_clean),
        cmocka_unit_test_teardown(maps_of_another_layout, pair_clean),
        cmocka_unit_test_teardown(policies_change_in_one_step, pair_clean),
        cmocka_unit_test_teardown(held_by_one, pair_clean),
        cmocka_unit_test_teardown(taken_off, pair_clean),
        cmocka_unit_test_teardown(attached_again, pair_clean),
        cmocka_unit_test_teardown(generic_mode, pair_clean),
        cmocka_unit_test_teardown(long_lists, pair_clean),
    };
    if (!pair_start())
        return PAIR_SKIP;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pair_stop();
    return failed;
}

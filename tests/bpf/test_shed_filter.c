/* SPDX-License-Identifier: Apache-2.0 */
/* The filter as the agent holds it, on an interface with traffic: what it survives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "lib/random.h"
#include "tests/bpf/veth_pair.h"

#define KILLS        60u
#define UPGRADES     40u
#define SENT_AT_ONCE 200u

static int clean(void **state)
{
    (void)state;
    char message[256];
    enum err err = shed_filter_remove(PAIR_NEAR, pair_pins, message);
    pair_received();
    return err == ERR_OK || err == ERR_NOT_FOUND ? 0 : -1;
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
    assert_int_equal(shed_filter_level(f, FILTER_SHED_ALL, now_ns + 3600000000000u), ERR_OK);
    pair_send(PAIR_STRANGER, 4);
    pair_send(PAIR_ALLOWED, 1);
    assert_int_equal(pair_count(f, FILTER_REASON_SHED), 4);
    assert_int_equal(pair_received(), 1);
    pair_policy(f); /* keeps the level */
    pair_send(PAIR_STRANGER, 4);
    assert_int_equal(pair_count(f, FILTER_REASON_SHED), 8);
    assert_int_equal(shed_filter_level(f, FILTER_SHED_ALL, now_ns), ERR_OK);
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
    for (unsigned i = 0; i < UPGRADES; i++) {
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
    for (unsigned i = 0; i < UPGRADES; i++) {
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

static int foreign_program(void)
{
    /* r0 = XDP_PASS; exit */
    const struct bpf_insn program[] = {{.code = 0xB7, .imm = 2}, {.code = 0x95}};
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", program, 2, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void anothers_program_stays(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = NULL;
    bool generic;
    char message[256] = "";
    int ifindex = (int)if_nametoindex(PAIR_NEAR);
    int program = foreign_program();
    assert_int_equal(bpf_xdp_attach(ifindex, program, XDP_FLAGS_DRV_MODE, NULL), 0);
    assert_int_equal(shed_filter_open(&config, &f, &generic, message), ERR_BUSY);
    assert_non_null(strstr(message, "another XDP program"));
    __u32 there = 0;
    assert_int_equal(bpf_xdp_query_id(ifindex, 0, &there), 0);
    assert_true(there != 0);
    assert_int_equal(bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL), 0);
    close(program);
    f = pair_open(&config);
    shed_filter_close(f);
}

static void interfaces_come_and_go(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    char message[256] = "";
    bool generic;
    pair_policy(f);
    pair_unlink();
    assert_false(shed_filter_attached(f));
    struct shed_filter *none = NULL;
    assert_int_equal(shed_filter_open(&config, &none, &generic, message), ERR_NOT_FOUND);
    assert_non_null(strstr(message, PAIR_NEAR));
    pair_link();
    assert_false(shed_filter_attached(f));
    shed_filter_close(f);
    f = pair_open(&config);
    assert_true(shed_filter_attached(f));
    pair_policy(f);
    pair_send(PAIR_DENIED, 2);
    assert_int_equal(pair_received(), 0);
    shed_filter_close(f);
}

static void taken_off(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    char message[256] = "";
    pair_policy(f);
    shed_filter_close(f);
    assert_int_equal(shed_filter_remove(PAIR_NEAR, pair_pins, message), ERR_OK);
    pair_send(PAIR_DENIED, 2);
    assert_int_equal(pair_received(), 2);
    assert_int_equal(shed_filter_remove(PAIR_NEAR, pair_pins, message), ERR_NOT_FOUND);
    assert_true(message[0] != '\0');
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

static void no_place_for_pins(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = NULL;
    char message[256] = "";
    bool generic;
    char folder[] = "/tmp/statim-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    config.pin_folder = folder;
    assert_int_equal(shed_filter_open(&config, &f, &generic, message), ERR_UNSUPPORTED);
    assert_non_null(strstr(message, "mount -t bpf"));
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
}

#define NOBODY 65534

static void without_privileges(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct shed_filter_config config = pair_config();
        struct shed_filter *f = NULL;
        char message[256] = "";
        bool generic;
        if (chmod(pair_pins, 01777) != 0 || setuid(NOBODY) != 0)
            _exit(3);
        enum err err = shed_filter_open(&config, &f, &generic, message);
        printf("without privileges: %s\n", message);
        fflush(stdout);
        _exit(err == ERR_IO && strstr(message, "CAP_BPF") != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
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
        cmocka_unit_test_teardown(verdicts, clean),
        cmocka_unit_test_teardown(levels_end, clean),
        cmocka_unit_test_teardown(events, clean),
        cmocka_unit_test_teardown(goes_on, clean),
        cmocka_unit_test_teardown(upgrades_leave_no_gap, clean),
        cmocka_unit_test_teardown(new_maps_leave_no_gap, clean),
        cmocka_unit_test_teardown(killed_at_any_time, clean),
        cmocka_unit_test_teardown(anothers_program_stays, clean),
        cmocka_unit_test_teardown(interfaces_come_and_go, clean),
        cmocka_unit_test_teardown(taken_off, clean),
        cmocka_unit_test_teardown(generic_mode, clean),
        cmocka_unit_test_teardown(no_place_for_pins, clean),
        cmocka_unit_test_teardown(without_privileges, clean),
        cmocka_unit_test_teardown(long_lists, clean),
    };
    if (!pair_start())
        return PAIR_SKIP;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pair_stop();
    return failed;
}

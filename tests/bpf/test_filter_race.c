/* SPDX-License-Identifier: Apache-2.0 */
/* Two processors that race for the same buckets, by the real clock: what is admitted of one source
 * is the configured rate, within 5 %, also while a million others are seen beside it. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"
#include "lib/random.h"
#include "tests/bpf/filter_world.h"
#include "tests/bpf/packet.h"

#define RACERS          2u
#define WINDOW_S        1 /* that is measured */
#define WINDOW_OTHERS_S 2 /* beside others: for half a million of them */
#define TRIES           3 /* a window may be disturbed; a broken filter is wrong in all */
#define DEADLINE_NS     UINT64_C(10000000000)
#define BURST_NS        UINT64_C(200000000) /* that a racer may wait for its processor */
#define SPOOFED_COUNT   1000000u
#define DENIED_COUNT    1000000u
#define TOLERANCE       0.05
#define NS_A_SECOND     UINT64_C(1000000000)
#define SOURCE_AT_IN_IP 12u

struct race_case {
    const char *name;
    uint32_t syn_per_s; /* 0: not limited */
    uint32_t packets_per_s;
    uint32_t budget_per_s;
    uint8_t flags; /* of the source's segments; those beside are SYN */
    bool spoofed;
};

static const struct race_case cases[] = {
    {"packets, 1,000 a second", 0, 1000, 0, PACKET_ACK, false},
    {"packets, 50,000 a second", 0, 50000, 0, PACKET_ACK, false},
    {"packets, 1,000,000 a second", 0, 1000000, 0, PACKET_ACK, false},
    {"SYN, 2,000 a second", 2000, 0, 0, PACKET_SYN, false},
    {"SYN of all, 20,000 a second", 0, 0, 20000, PACKET_SYN, false},
    {"packets, 1,000 a second, beside others", 0, 1000, 0, PACKET_ACK, true},
    {"packets, 50,000 a second, beside others", 0, 50000, 0, PACKET_ACK, true},
    {"SYN, 2,000 a second, beside others", 2000, 0, 0, PACKET_SYN, true},
};

/* Sends until it is stopped: of the one source, a call for all (each would wait for the kernel to
 * patch itself), or of others, a call for each. */
struct racer {
    pthread_t thread;
    unsigned processor;
    int program;
    bool spoofs;
    uint8_t flags;
    uint64_t random;
    atomic_bool *stop;
    _Atomic uint64_t sent; /* of others */
    _Atomic uint64_t passed;
    atomic_bool ended;
};

static uint64_t read_ns(clockid_t clock)
{
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0);
    return (uint64_t)t.tv_sec * NS_A_SECOND + (uint64_t)t.tv_nsec;
}

static void make_frame(uint8_t flags, struct packet_frame *ret)
{
    struct packet p = {.version = 4,
                       .source = {198, 51, 100, 7},
                       .target = {192, 0, 2, 1},
                       .source_port = 40000,
                       .target_port = 80,
                       .sequence = 1,
                       .window = 64240,
                       .flags = flags};
    packet_build(&p, ret);
}

/* false: a signal came. */
static bool run(int program, const struct packet_frame *f, int count, int *ret_verdict)
{
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f->octets, .data_size_in = f->bytes,
                .repeat = count);
    int status = bpf_prog_test_run_opts(program, &options);
    CHECK(status == 0 || status == -EINTR);
    *ret_verdict = (int)options.retval;
    return status == 0;
}

static void *race(void *context)
{
    struct racer *r = context;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(r->processor, &set);
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0);
    struct packet_frame f;
    make_frame(r->flags, &f);
    int verdict;
    while (!atomic_load(r->stop)) {
        if (!r->spoofs) {
            run(r->program, &f, INT_MAX, &verdict);
            continue;
        }
        uint32_t source = (uint32_t)random_next(&r->random);
        memcpy(f.octets + f.ip_at + SOURCE_AT_IN_IP, &source, sizeof source);
        if (run(r->program, &f, 1, &verdict) && verdict == XDP_PASS)
            atomic_fetch_add(&r->passed, 1);
        atomic_fetch_add(&r->sent, 1);
    }
    atomic_store(&r->ended, true);
    return NULL;
}

static struct filter_rate rate_of(uint32_t per_s)
{
    if (per_s == 0)
        return (struct filter_rate){0};
    return (struct filter_rate){.interval_ns = NS_A_SECOND / per_s, .burst_ns = BURST_NS};
}

static void set_case(struct filter_world *w, const struct race_case *c)
{
    static const struct world_service services[] = {{"192.0.2.1", 80}, {NULL, 0}};
    struct world_policy policy = {.config = world_config(), .services = services};
    policy.config.syn = rate_of(c->syn_per_s);
    policy.config.packets = rate_of(c->packets_per_s);
    policy.config.budget = rate_of(c->budget_per_s);
    world_policy(w, &policy);
    world_reset(w);
}

/* What was seen until a moment. */
struct sight {
    uint64_t at_ns;
    uint64_t admitted; /* of the source */
    uint64_t denied;   /* of all */
    uint64_t spoofed;
};

static struct sight look_once(struct filter_world *w, struct racer *racers)
{
    static const enum filter_reason denials[] = {FILTER_REASON_SYN_RATE, FILTER_REASON_PACKET_RATE,
                                                 FILTER_REASON_SYN_BUDGET};
    struct sight s = {.at_ns = read_ns(CLOCK_MONOTONIC_COARSE)};
    s.admitted =
        world_count(w, FILTER_REASON_SYN).packets + world_count(w, FILTER_REASON_FLOW).packets;
    for (unsigned i = 0; i < 2 * RACERS; i++) {
        s.admitted -= atomic_load(&racers[i].passed);
        s.spoofed += atomic_load(&racers[i].sent);
    }
    for (unsigned i = 0; i < sizeof denials / sizeof *denials; i++)
        s.denied += world_count(w, denials[i]).packets;
    return s;
}

/* All of it within one tick: who counts waits for a processor as well. */
static struct sight look(struct filter_world *w, struct racer *racers)
{
    struct sight s;
    do {
        s = look_once(w, racers);
    } while (read_ns(CLOCK_MONOTONIC_COARSE) != s.at_ns);
    return s;
}

/* Admitted by the rate from one look to another. */
static double wanted(const struct race_case *c, const struct sight *before,
                     const struct sight *after)
{
    uint32_t per_s = c->syn_per_s + c->packets_per_s + c->budget_per_s; /* only one is set */
    return (double)(after->at_ns - before->at_ns) / (double)NS_A_SECOND * (double)per_s;
}

enum race_end { RACE_HELD, RACE_BROKEN, RACE_TOO_SLOW };

/* Waits until the burst is spent: before it is, only swaps that are given up deny. A machine that
 * cannot send more than the rate has nothing to be denied. */
static enum race_end wait_denied(struct filter_world *w, const struct race_case *c,
                                 struct racer *racers)
{
    struct sight begin = look(w, racers), now = begin;
    while (now.denied < DENIED_COUNT) {
        if (now.at_ns - begin.at_ns > DEADLINE_NS) {
            double most = (1 + TOLERANCE) * wanted(c, &begin, &now);
            return (double)(now.admitted - begin.admitted) > most ? RACE_BROKEN : RACE_TOO_SLOW;
        }
        CHECK(sched_yield() == 0);
        now = look(w, racers);
    }
    return RACE_HELD;
}

/* Whether the rate is held. */
static enum race_end judge(struct filter_world *w, const struct race_case *c, struct racer *racers)
{
    enum race_end spent = wait_denied(w, c, racers);
    if (spent != RACE_HELD) {
        printf("%s: %s\n", c->name, spent == RACE_BROKEN ? "nothing is denied" : "too slow");
        return spent;
    }
    const struct timespec window = {.tv_sec = c->spoofed ? WINDOW_OTHERS_S : WINDOW_S};
    struct sight before = look(w, racers);
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &window, NULL) != 0)
        ;
    struct sight after = look(w, racers);
    double want = wanted(c, &before, &after);
    uint64_t admitted = after.admitted - before.admitted;
    uint64_t spoofed = after.spoofed - before.spoofed, denied = after.denied - before.denied;
    double ratio = (double)admitted / want;
    printf("%s: %llu admitted, %llu denied: %.4f of the rate; %llu others\n", c->name,
           (unsigned long long)admitted, (unsigned long long)denied, ratio,
           (unsigned long long)spoofed);
    bool pressed = denied > admitted / 2;
    bool enough = pressed && (!c->spoofed || spoofed >= SPOOFED_COUNT / 2);
    if ((pressed && ratio < 1 - TOLERANCE) || ratio > 1 + TOLERANCE)
        return RACE_BROKEN;
    if (!enough)
        printf("this machine is too slow, or too busy, for the case\n");
    return enough ? RACE_HELD : RACE_TOO_SLOW;
}

static void stop(struct racer *racers, atomic_bool *stops)
{
    atomic_store(stops, true);
    for (unsigned i = 0; i < 2 * RACERS; i++) {
        if (racers[i].program == 0)
            continue;
        while (!atomic_load(&racers[i].ended)) { /* a signal may come between two calls */
            CHECK(pthread_kill(racers[i].thread, SIGUSR1) == 0);
            CHECK(sched_yield() == 0);
        }
        CHECK(pthread_join(racers[i].thread, NULL) == 0);
    }
}

static enum race_end run_case(struct filter_world *w, const struct race_case *c,
                              const unsigned *processors)
{
    struct racer racers[2 * RACERS] = {0};
    atomic_bool stops = false;
    set_case(w, c);
    for (unsigned i = 0; i < (c->spoofed ? 2 : 1) * RACERS; i++) {
        struct racer *r = &racers[i];
        r->processor = processors[i % RACERS];
        r->program = world_program(w);
        r->spoofs = i >= RACERS;
        r->flags = r->spoofs ? PACKET_SYN : c->flags;
        r->random = i;
        r->stop = &stops;
        CHECK(pthread_create(&r->thread, NULL, race, r) == 0);
    }
    enum race_end end = RACE_BROKEN;
    for (unsigned i = 0; i < TRIES && end == RACE_BROKEN; i++)
        end = judge(w, c, racers);
    stop(racers, &stops);
    return end;
}

static void on_signal(int number)
{
    (void)number;
}

/* The first processors that this process may use; false: there are too few. */
static bool find_processors(unsigned ret[static RACERS])
{
    cpu_set_t set;
    unsigned found = 0;
    CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
    for (unsigned i = 0; i < CPU_SETSIZE && found < RACERS; i++) {
        if (CPU_ISSET(i, &set))
            ret[found++] = i;
    }
    return found == RACERS;
}

int main(void)
{
    unsigned processors[RACERS];
    if (!find_processors(processors)) {
        printf("skipped: a race needs two processors\n");
        return WORLD_SKIP;
    }
    CHECK(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL) == 0);
    struct filter_world *w =
        world_open(&(struct world_options){.buckets = FILTER_BUCKETS_DEFAULT, .real_clock = true});
    if (w == NULL)
        return WORLD_SKIP;
    unsigned ends[RACE_TOO_SLOW + 1] = {0};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        ends[run_case(w, &cases[i], processors)]++;
    world_close(w);
    if (ends[RACE_BROKEN] == 0 && ends[RACE_TOO_SLOW] > 0)
        printf("skipped: %u cases want a faster machine\n", ends[RACE_TOO_SLOW]);
    return ends[RACE_BROKEN] > 0 ? 1 : ends[RACE_TOO_SLOW] > 0 ? WORLD_SKIP : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict table does not show: generations, no configuration yet, frames in pieces, which
 * prefixes are shed and for how long, how many events there are. */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "tests/bpf/filter_world.h"
#include "tests/bpf/frame.h"

#define S        1000000000ull
#define START    (6000 * S) /* a multiple of the shed period */
#define PREFIXES 2000u

static const struct world_service web[] = {{"192.0.2.1", 80}, {NULL, 0}};
static const struct world_service other[] = {{"192.0.2.1", 8080}, {NULL, 0}};

static int send_one(struct filter_world *w, const struct frame *f, size_t linear)
{
    uint8_t in[FRAME_BYTES_MAX], out[FRAME_BYTES_MAX];
    size_t size;
    return world_run(w, in, frame_make(f, in), linear, out, &size);
}

static bool counted(struct filter_world *w, enum filter_reason reason, uint64_t packets)
{
    uint64_t got = world_count(w, reason).packets;
    if (got != packets)
        printf("  reason %d: %llu, wanted %llu\n", (int)reason, (unsigned long long)got,
               (unsigned long long)packets);
    return got == packets;
}

/* Before the first policy, even malformed frames pass. */
static bool test_unset(struct filter_world *w)
{
    const struct frame bad = {.flags = FLAGS_NONE};
    return send_one(w, &bad, 0) == XDP_PASS && counted(w, FILTER_REASON_OTHER, 1) &&
           world_trouble(w, FILTER_TROUBLE_UNSET) == 1;
}

/* Each half has its own services, rules and config; what an older one said is gone with the next.
 */
static bool test_generations(struct filter_world *w)
{
    const struct world_rule deny[] = {{FILTER_DENY_V4, "198.51.100.0", 24}, {0, NULL, 0}};
    const struct world_policy first = {world_config(), web, deny},
                              second = {world_config(), other, NULL};
    const struct frame to_web = {0}, to_other = {.to_port = 8080};
    world_policy(w, &first);
    world_reset(w);
    bool right = send_one(w, &to_web, 0) == XDP_DROP && send_one(w, &to_other, 0) == XDP_PASS;
    world_policy(w, &second);
    right = right && send_one(w, &to_web, 0) == XDP_PASS && send_one(w, &to_other, 0) == XDP_PASS;
    world_policy(w, &second);
    right = right && send_one(w, &to_web, 0) == XDP_PASS && send_one(w, &to_other, 0) == XDP_PASS;
    world_policy(w, &first);
    right = right && send_one(w, &to_web, 0) == XDP_DROP;
    return right && counted(w, FILTER_REASON_DENIED, 2) && counted(w, FILTER_REASON_OTHER, 3) &&
           counted(w, FILTER_REASON_SYN, 2);
}

/* Buckets outlive a generation; one that was charged under slower rates does not block for ever. */
static bool test_rates_change(struct filter_world *w)
{
    struct world_policy slow = {world_config(), web, NULL}, fast = slow;
    const struct frame syn = {0};
    slow.config.syn = (struct filter_rate){3600 * S, FILTER_TICK_NS};
    fast.config.syn = filter_rate_of(1, 1);
    world_policy(w, &slow);
    world_reset(w);
    bool right = send_one(w, &syn, 0) == XDP_PASS && send_one(w, &syn, 0) == XDP_DROP;
    world_policy(w, &fast);
    right = right && send_one(w, &syn, 0) == XDP_DROP;
    world_time(w, START + 2 * S);
    right = right && send_one(w, &syn, 0) == XDP_PASS;
    world_time(w, START);
    return right;
}

/* Headers beyond the first piece: passed and told. Data beyond it is no matter. */
static bool test_pieces(struct filter_world *w)
{
    const struct world_policy policy = {world_config(), web, NULL};
    const struct frame long_one = {.flags = ACK, .data_bytes = 3900}, syn = {.data_bytes = 100};
    world_policy(w, &policy);
    world_reset(w);
    bool right = send_one(w, &long_one, 0) == XDP_PASS && counted(w, FILTER_REASON_FLOW, 1) &&
                 world_count(w, FILTER_REASON_FLOW).bytes == 3954;
    if (send_one(w, &syn, 60) < 0) {
        printf("  pieces of another size: not with this kernel\n");
        return right;
    }
    right = right && counted(w, FILTER_REASON_SYN, 1) &&
            world_trouble(w, FILTER_TROUBLE_SPLIT) == 0 &&
            world_count(w, FILTER_REASON_SYN).bytes == 154;
    right = right && send_one(w, &syn, 40) == XDP_PASS && counted(w, FILTER_REASON_OTHER, 1) &&
            world_trouble(w, FILTER_TROUBLE_SPLIT) == 1;
    return right && send_one(w, &syn, 20) == XDP_PASS &&
           world_trouble(w, FILTER_TROUBLE_SPLIT) == 2;
}

/* How many of PREFIXES are shed, and which, as a bit of each. */
static unsigned shed_now(struct filter_world *w, bool shed[static PREFIXES])
{
    unsigned count = 0;
    for (unsigned i = 0; i < PREFIXES; i++) {
        char from[20];
        snprintf(from, sizeof from, "10.%u.%u.9", i / 250, i % 250);
        const struct frame syn = {.from = from};
        shed[i] = send_one(w, &syn, 0) == XDP_DROP;
        count += shed[i];
    }
    return count;
}

/* A fifth: the same ones within a period, others after it; more at a higher level, among them
 * those. */
static bool test_shed(struct filter_world *w)
{
    static bool now[PREFIXES], end[PREFIXES], next[PREFIXES], more[PREFIXES];
    const struct world_policy policy = {world_config(), web, NULL};
    world_policy(w, &policy);
    world_reset(w);
    world_time(w, START);
    world_level(w, 200, START + 600 * S);
    unsigned count = shed_now(w, now);
    world_time(w, START + 60 * S - 1);
    shed_now(w, end);
    world_level(w, 500, START + 600 * S);
    unsigned half = shed_now(w, more);
    world_level(w, 200, START + 600 * S);
    world_time(w, START + 60 * S);
    shed_now(w, next);
    unsigned both = 0, kept = 0;
    for (unsigned i = 0; i < PREFIXES; i++) {
        both += now[i] && next[i];
        kept += now[i] && more[i];
    }
    /* Five standard deviations: 18 of 400, 9 of 80, 22 of 1000. */
    bool right = count > 310 && count < 490 && half > 890 && half < 1110 && kept == count &&
                 memcmp(now, end, sizeof now) == 0 && both > 35 && both < 125;
    if (!right)
        printf("  %u shed, %u at half, %u of them before, %u in both periods\n", count, half, kept,
               both);
    return right;
}

/* One event of four, near enough; and none for what passes. */
static bool test_sampling(struct filter_world *w)
{
    struct world_policy policy = {world_config(), web, NULL};
    const struct frame bad = {.flags = FLAGS_NONE}, good = {0};
    struct filter_event event;
    unsigned events = 0, passing = 0;
    policy.config.sample_one_in = 4;
    world_policy(w, &policy);
    world_level(w, 0, 0);
    world_reset(w);
    for (unsigned i = 0; i < PREFIXES; i++) {
        (void)send_one(w, &bad, 0);
        events += world_event(w, &event);
        (void)send_one(w, &good, 0);
        passing += world_event(w, &event);
    }
    /* Six standard deviations are 116. */
    if (events > 384 && events < 616 && passing == 0)
        return true;
    printf("  %u events of %u, %u of what passes\n", events, PREFIXES, passing);
    return false;
}

int main(void)
{
    static const struct {
        const char *name;
        bool (*run)(struct filter_world *w);
    } tests[] = {{"unset", test_unset},        {"generations", test_generations},
                 {"rates", test_rates_change}, {"pieces", test_pieces},
                 {"shed", test_shed},          {"sampling", test_sampling}};
    struct filter_world *w = world_open(&(struct world_options){0});
    if (w == NULL)
        return WORLD_SKIP;
    world_time(w, START);
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        bool right = tests[i].run(w);
        printf("%s: %s\n", tests[i].name, right ? "ok" : "FAILED");
        failed += right ? 0u : 1u;
    }
    world_close(w);
    return failed == 0 ? 0 : 1;
}

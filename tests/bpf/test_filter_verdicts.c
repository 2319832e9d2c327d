/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the verdict table through the filter: verdict, the one counter, the frame, the event. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "tests/bpf/filter_world.h"
#include "tests/bpf/verdict_rows.h"

#define S     1000000000ull
#define START (1000 * S)

static const enum filter_action actions[] = {
#define X(name, action, label, help) FILTER_##action,
    FILTER_REASON_TABLE(X)
#undef X
};
static const char *const names[] = {
#define X(name, action, label, help) label,
    FILTER_REASON_TABLE(X)
#undef X
};

static const struct world_service services[] = {
    {"192.0.2.1", 80}, {"192.0.2.1", 443}, {"2001:db8::1", 80}, {NULL, 0}};

/* The rules of both lists; those that are not wanted are left out. */
static void put_rules(unsigned with, struct world_rule rules[static 5])
{
    if (with & ALLOW) {
        *rules++ = (struct world_rule){FILTER_ALLOW_V4, "198.51.100.0", 24};
        *rules++ = (struct world_rule){FILTER_ALLOW_V6, "2001:db8:99::", 48};
    }
    if (with & DENY) {
        *rules++ = (struct world_rule){FILTER_DENY_V4, "198.51.100.7", 32};
        *rules++ = (struct world_rule){FILTER_DENY_V6, "2001:db8:99::", 64};
    }
    *rules = (struct world_rule){0};
}

static void configure(struct filter_world *w, unsigned with)
{
    struct world_rule rules[5];
    struct world_policy policy = {.config = world_config(), .services = services, .rules = rules};
    struct filter_config *c = &policy.config;
    put_rules(with, rules);
    c->sample_one_in = 1;
    c->observe = (with & OBSERVE) != 0;
    c->pass_fragments = (with & PASS_FRAGMENTS) != 0;
    if (with & SYN_RATE)
        c->syn = filter_rate_of(1, 3);
    if (with & PACKET_RATE)
        c->packets = filter_rate_of(1, 3);
    if (with & BUDGET)
        c->budget = filter_rate_of(1, 2);
    if (with & COOKIES)
        c->cookies = filter_rate_of(1, 1);
    if (with & REFUSE)
        c->refusals = filter_rate_of(1, 1);
    world_policy(w, &policy);
    world_reset(w);
    world_time(w, START);
    world_level(w, with & SHED_ALL ? FILTER_SHED_ALL : 0, START + 60 * S);
}

static void send_before(struct filter_world *w, const struct verdict_row *row)
{
    uint8_t in[FRAME_BYTES_MAX], out[FRAME_BYTES_MAX];
    struct frame f = row->frame;
    struct filter_event event;
    size_t size;
    if (row->before_from != NULL)
        f.from = row->before_from;
    if (row->before_flags != 0)
        f.flags = row->before_flags;
    for (unsigned i = 0; i < row->before; i++)
        (void)world_run(w, in, frame_make(&f, in), 0, out, &size);
    while (world_event(w, &event))
        ;
}

static enum filter_reason find_reason(const struct filter_count before[static FILTER_REASON_COUNT],
                                      struct filter_world *w, size_t size)
{
    enum filter_reason found = FILTER_REASON_COUNT;
    for (enum filter_reason r = 0; r < FILTER_REASON_COUNT; r++) {
        struct filter_count now = world_count(w, r);
        uint64_t packets = now.packets - before[r].packets, bytes = now.bytes - before[r].bytes;
        if (packets == 0 && bytes == 0)
            continue;
        if (found != FILTER_REASON_COUNT || packets != 1 || bytes != size)
            return FILTER_REASON_COUNT;
        found = r;
    }
    return found;
}

static bool event_fits(struct filter_world *w, const struct verdict_row *row, size_t size)
{
    struct filter_event e;
    if (!world_event(w, &e))
        return actions[row->want] == FILTER_PASS;
    uint8_t source[16] = {0};
    bool v6 = row->frame.version == 6;
    const char *from = row->frame.from;
    if (from == NULL)
        from = v6 ? "2001:db8:99::7" : "198.51.100.7";
    return actions[row->want] != FILTER_PASS && e.reason == row->want &&
           inet_pton(v6 ? AF_INET6 : AF_INET, from, source) == 1 &&
           memcmp(source, e.source, sizeof source) == 0 && e.version == (v6 ? 6 : 4) &&
           e.frame_bytes == size && e.at_ns == START + row->later_ns;
}

static const char *run(struct filter_world *w, const struct verdict_row *row)
{
    static const int verdicts[] = {
        [FILTER_PASS] = XDP_PASS, [FILTER_DROP] = XDP_DROP, [FILTER_TX] = XDP_TX};
    uint8_t in[FRAME_BYTES_MAX], out[FRAME_BYTES_MAX];
    struct filter_count before[FILTER_REASON_COUNT];
    static char text[100];
    configure(w, row->with);
    send_before(w, row);
    for (enum filter_reason r = 0; r < FILTER_REASON_COUNT; r++)
        before[r] = world_count(w, r);
    world_time(w, START + row->later_ns);
    size_t size = frame_make(&row->frame, in), out_size;
    int verdict = world_run(w, in, size, 0, out, &out_size);
    int want = row->with & OBSERVE ? XDP_PASS : verdicts[actions[row->want]];
    enum filter_reason reason = find_reason(before, w, size);
    if (reason != row->want) {
        snprintf(text, sizeof text, "reason is %s",
                 reason == FILTER_REASON_COUNT ? "not one counter of one" : names[reason]);
        return text;
    }
    if (verdict != want)
        return "another verdict";
    if (want != XDP_TX && (out_size != size || memcmp(in, out, size) != 0))
        return "the frame has changed";
    if (want == XDP_TX && (out_size > size || memcmp(in, out, size < 60 ? size : 60) == 0))
        return "no answer, or a longer one";
    if (!event_fits(w, row, size))
        return "another event";
    return world_trouble(w, FILTER_TROUBLE_SPLIT) + world_trouble(w, FILTER_TROUBLE_ANSWERS) +
                       world_trouble(w, FILTER_TROUBLE_SWAPS) >
                   0
               ? "trouble"
               : NULL;
}

int main(void)
{
    struct filter_world *w = world_open(&(struct world_options){0});
    if (w == NULL)
        return WORLD_SKIP;
    struct filter_world *without = world_open(&(struct world_options){.no_cookies = true});
    unsigned failed = 0;
    for (size_t i = 0; i < verdict_row_count; i++) {
        const struct verdict_row *row = &verdict_rows[i];
        const char *wrong = run(row->with & NO_COOKIE_MADE ? without : w, row);
        if (wrong == NULL)
            continue;
        printf("%s: wanted %s: %s\n", row->name, names[row->want], wrong);
        failed++;
    }
    printf("%zu rows, %u failed\n", verdict_row_count, failed);
    world_close(without);
    world_close(w);
    return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* RST and cookie, octet for octet: against frames that the tests' builder makes with checksums of
 * its own. Only a cookie's sequence number is taken from the answer; test_filter_wire sees it
 * accepted. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "tests/bpf/filter_world.h"
#include "tests/bpf/frame.h"

#define S     1000000000ull
#define START (1000 * S)

static const struct world_service services[] = {{"192.0.2.1", 80}, {"2001:db8::1", 80}, {NULL, 0}};

struct row {
    const char *name;
    struct frame syn;
    uint16_t mss; /* in the cookie's answer; 0: no option */
};

/* Segment sizes are those that the kernel's cookies have: 536, 1300, 1440, 1460 for IPv4; 1220,
 * 1420, 1440, 8940 for IPv6; the largest that is not above the SYN's. A SYN without one has 536. */
static const struct row rows[] = {
    {"v4: no options", {.seq = 0x01020304}, 0},
    {"v4: the size of Ethernet", {.seq = 7, .mss = 1460}, 1460},
    {"v4: a size between", {.seq = 7, .mss = 1400}, 1300},
    {"v4: a large size", {.seq = 7, .mss = 9000}, 1460},
    {"v4: options without a size", {.seq = 7, .tcp_options = 4}, 536},
    {"v4: all options", {.seq = 0xffffffff, .mss = 1460, .tcp_options = 36}, 1460},
    {"v4: data", {.seq = 0xfffffff0, .mss = 1440, .data_bytes = 500}, 1440},
    {"v4: IP options", {.seq = 7, .ip_options = 40, .mss = 1460}, 1460},
    {"v4: padding to the shortest frame", {.seq = 7, .padding = 6}, 0},
    {"v4: padding, with a size", {.seq = 7, .mss = 1460, .padding = 2}, 1460},
    {"v4: padding, one tag", {.seq = 7, .tags = {0x8100}, .padding = 2}, 0},
    {"v4: much padding", {.seq = 7, .padding = 700}, 0},
    {"v4: padding of half", {.seq = 7, .padding = 3}, 0},
    {"v4: two tags", {.seq = 7, .tags = {0x88a8, 0x8100}, .mss = 1460}, 1460},
    {"v4: in two pieces", {.seq = 7, .mss = 1460, .data_bytes = 3900}, 1460},
    {"v4: ports", {.seq = 7, .from_port = 65534}, 0},
    {"v6: no options", {.version = 6, .seq = 9}, 0},
    {"v6: the size of Ethernet", {.version = 6, .seq = 9, .mss = 1440}, 1440},
    {"v6: a small size", {.version = 6, .seq = 9, .mss = 536}, 1220},
    {"v6: a large size", {.version = 6, .seq = 9, .mss = 9000}, 8940},
    {"v6: all options", {.version = 6, .seq = 9, .mss = 1440, .tcp_options = 36}, 1440},
    {"v6: data", {.version = 6, .seq = 9, .mss = 1440, .data_bytes = 1200}, 1440},
    {"v6: two tags, padding", {.version = 6, .seq = 9, .tags = {0x88a8, 0x8100}, .padding = 9}, 0},
    {"v6: extension headers",
     {.version = 6,
      .seq = 9,
      .mss = 1440,
      .extensions = {{.type = 0}, {.type = 60, .bytes = 64}, {.type = 51, .bytes = 24}},
      .extension_count = 3},
     1440},
};

/* The answer's words, but for what differs between RST and cookie. */
static struct frame answer_of(const struct frame *syn)
{
    bool v6 = syn->version == 6;
    struct frame a = {
        .version = syn->version,
        .back = 1,
        .hops = FILTER_ANSWER_HOPS,
        .from = v6 ? "2001:db8::1" : "192.0.2.1",
        .to = v6 ? "2001:db8:99::7" : "198.51.100.7",
        .from_port = 80,
        .to_port = syn->from_port != 0 ? syn->from_port : 40000,
        .ack = syn->seq + 1,
    };
    memcpy(a.tags, syn->tags, sizeof a.tags);
    return a;
}

/* The octets of an answer to a frame of `size`: at least 60, if that had them. */
static size_t make_answer(struct frame *a, size_t size, uint8_t out[static FRAME_BYTES_MAX])
{
    size_t bare = frame_make(a, out), floor = size < 60 ? size : 60;
    if (bare < floor)
        a->padding = (uint16_t)(floor - bare);
    return frame_make(a, out);
}

static bool same(const uint8_t *got, size_t got_size, const uint8_t *want, size_t want_size)
{
    if (got_size == want_size && memcmp(got, want, want_size) == 0)
        return true;
    printf("  %zu octets, wanted %zu\n", got_size, want_size);
    for (size_t i = 0; i < got_size && i < want_size; i++)
        if (got[i] != want[i])
            printf("  at %zu: %02x, wanted %02x\n", i, got[i], want[i]);
    return false;
}

static uint32_t sequence_of(const uint8_t *answer, const struct frame *a)
{
    size_t at = 14 + (a->version == 6 ? 40 : 20) + 4;
    for (unsigned i = 0; i < FRAME_TAGS_MAX && a->tags[i] != 0; i++)
        at += 4;
    uint32_t sequence;
    memcpy(&sequence, answer + at, sizeof sequence);
    return ntohl(sequence);
}

static bool test_refusal(struct filter_world *w, const struct row *row)
{
    uint8_t in[FRAME_BYTES_MAX], out[FRAME_BYTES_MAX], want[FRAME_BYTES_MAX];
    size_t size = frame_make(&row->syn, in), out_size;
    world_reset(w);
    world_level(w, FILTER_SHED_ALL, START + S);
    int verdict = world_run(w, in, size, 0, out, &out_size);
    struct frame a = answer_of(&row->syn);
    a.flags = RST | ACK;
    a.ack += row->syn.data_bytes;
    size_t want_size = make_answer(&a, size, want);
    return verdict == XDP_TX && want_size <= size && same(out, out_size, want, want_size) &&
           world_count(w, FILTER_REASON_REFUSED).bytes == size;
}

static bool test_cookie(struct filter_world *w, const struct row *row)
{
    uint8_t in[FRAME_BYTES_MAX], out[FRAME_BYTES_MAX], want[FRAME_BYTES_MAX];
    size_t size = frame_make(&row->syn, in), out_size;
    world_reset(w);
    world_level(w, 0, 0);
    struct filter_gates gates = {.budget = {.full_ns = START + 60 * S}};
    world_set_gates(w, &gates);
    int verdict = world_run(w, in, size, 0, out, &out_size);
    struct frame a = answer_of(&row->syn);
    a.flags = SYN | ACK;
    a.window = FILTER_COOKIE_WINDOW;
    a.mss = row->mss;
    a.seq = sequence_of(out, &a);
    size_t want_size = make_answer(&a, size, want);
    return verdict == XDP_TX && want_size <= size && same(out, out_size, want, want_size) &&
           world_count(w, FILTER_REASON_COOKIE).bytes == size;
}

int main(void)
{
    struct filter_world *w = world_open(&(struct world_options){0});
    if (w == NULL)
        return WORLD_SKIP;
    struct world_policy policy = {.config = world_config(), .services = services};
    policy.config.budget = filter_rate_of(1, 100);
    policy.config.cookies = policy.config.refusals = filter_rate_of(1, 1);
    policy.config.budget.burst_ns = S;
    world_policy(w, &policy);
    world_time(w, START);
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool refusal = test_refusal(w, &rows[i]), cookie = test_cookie(w, &rows[i]);
        if (!refusal || !cookie)
            printf("%s:%s%s\n", rows[i].name, refusal ? "" : " RST", cookie ? "" : " cookie");
        failed += !refusal || !cookie;
    }
    printf("%zu rows, %u failed\n", sizeof rows / sizeof *rows, failed);
    world_close(w);
    return failed == 0 ? 0 : 1;
}

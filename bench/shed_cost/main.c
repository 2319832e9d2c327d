/* SPDX-License-Identifier: Apache-2.0 */
/* bench-shed [ROUNDS [CALLS]]: what the filter costs a packet by BPF_PROG_TEST_RUN, in rounds of
 * all cases one after another; lines of case, ns a call and the commonest reason.
 * bench-shed --attach INTERFACE SERVICE [DENIED/BITS]: the filter on an interface until its
 * standard input ends; then lines of reason and packets.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/shed_cost/plan.h"
#include "bench/shed_cost/worlds.h"
#include "feed.skel.h"
#include "lib/check.h"
#include "tests/bpf/packet.h"

#define ROUNDS      15u
#define CALLS       500000u
#define ONE_SOURCE  0u
#define SOURCES_64K UINT32_C(0x00ffff00) /* prefixes of 24 bits */
#define ALL_SOURCES UINT32_C(0xffffffff)

struct cost_case {
    const char *name;
    bool is_empty; /* the program that does nothing */
    enum cost_world world;
    uint8_t flags;
    uint16_t port;
    uint32_t source_mask; /* host order */
};

static const struct cost_case cases[] = {
    {"empty", true, COST_WORLD_WHOLE, PACKET_ACK, 80, ONE_SOURCE},
    {"another port", false, COST_WORLD_WHOLE, PACKET_ACK, 22, ONE_SOURCE},
    {"ACK, one source", false, COST_WORLD_WHOLE, PACKET_ACK, 80, ONE_SOURCE},
    {"ACK, 64k prefixes", false, COST_WORLD_WHOLE, PACKET_ACK, 80, SOURCES_64K},
    {"ACK, random sources", false, COST_WORLD_WHOLE, PACKET_ACK, 80, ALL_SOURCES},
    {"SYN, one source", false, COST_WORLD_WHOLE, PACKET_SYN, 80, ONE_SOURCE},
    {"SYN, 64k prefixes", false, COST_WORLD_WHOLE, PACKET_SYN, 80, SOURCES_64K},
    {"SYN, random sources", false, COST_WORLD_WHOLE, PACKET_SYN, 80, ALL_SOURCES},
    {"SYN over its rate, one source", false, COST_WORLD_SLOW, PACKET_SYN, 80, ONE_SOURCE},
    {"lists of 1,000: SYN, one source", false, COST_WORLD_LISTS_1000, PACKET_SYN, 80, ONE_SOURCE},
    {"lists of 1,000: SYN, random sources", false, COST_WORLD_LISTS_1000, PACKET_SYN, 80,
     ALL_SOURCES},
    {"lists of 10,000: SYN, one source", false, COST_WORLD_LISTS_10000, PACKET_SYN, 80, ONE_SOURCE},
    {"lists of 10,000: SYN, random sources", false, COST_WORLD_LISTS_10000, PACKET_SYN, 80,
     ALL_SOURCES},
    {"cookies: SYN, one source", false, COST_WORLD_SPENT, PACKET_SYN, 80, ONE_SOURCE},
    {"cookies: SYN, random sources", false, COST_WORLD_SPENT, PACKET_SYN, 80, ALL_SOURCES},
};

static const char *const labels[FILTER_REASON_COUNT] = {
#define X(name, action, label, help) [FILTER_REASON_##name] = label,
    FILTER_REASON_TABLE(X)
#undef X
};

static void make_frame(const struct cost_case *c, struct packet_frame *ret)
{
    struct packet p = {.version = 4,
                       .source = {11, 1, 2, 3},
                       .target = {192, 0, 2, 1},
                       .source_port = 40000,
                       .target_port = c->port,
                       .sequence = 1,
                       .window = 64240,
                       .flags = c->flags,
                       .option_bytes = 4,
                       .options = {2, 4, 5, 180},
                       .padding_bytes = 2};
    packet_build(&p, ret);
    CHECK(ret->bytes == COST_FRAME_BYTES);
}

static uint32_t to_network(uint32_t mask)
{
    return __builtin_bswap32(mask);
}

static unsigned run(struct feed_bpf *feed, int program, const struct cost_case *c, uint32_t calls)
{
    struct packet_frame f;
    make_frame(c, &f);
    memcpy(feed->bss->plan.frame, f.octets, COST_FRAME_BYTES);
    feed->bss->plan.source_mask = to_network(c->source_mask);
    CHECK(bpf_map_update_elem(bpf_map__fd(feed->maps.next), &(uint32_t){0}, &program, BPF_ANY) ==
          0);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f.octets, .data_size_in = f.bytes,
                .repeat = (int)calls);
    CHECK(bpf_prog_test_run_opts(bpf_program__fd(feed->progs.feed), &options) == 0);
    return options.duration;
}

static const char *commonest(struct filter_world *w, uint64_t before[static FILTER_REASON_COUNT])
{
    unsigned best = 0;
    uint64_t most = 0;
    for (unsigned i = 0; i < FILTER_REASON_COUNT; i++) {
        uint64_t now = world_count(w, (enum filter_reason)i).packets, count = now - before[i];
        before[i] = now;
        if (count > most) {
            most = count;
            best = i;
        }
    }
    return labels[best];
}

static int measure(uint32_t rounds, uint32_t calls)
{
    struct filter_world *worlds[COST_WORLD_COUNT];
    static uint64_t before[COST_WORLD_COUNT][FILTER_REASON_COUNT];
    for (unsigned i = 0; i < COST_WORLD_COUNT; i++) {
        worlds[i] = cost_world_open((enum cost_world)i);
        if (worlds[i] == NULL)
            return WORLD_SKIP;
    }
    struct feed_bpf *feed = feed_bpf__open_and_load();
    CHECK(feed != NULL);
    int empty = bpf_program__fd(feed->progs.empty);
    for (uint32_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const struct cost_case *c = &cases[i];
            struct filter_world *w = worlds[c->world];
            unsigned ns = run(feed, c->is_empty ? empty : world_program(w), c, calls);
            printf("%s\t%u\t%s\n", c->name, ns, c->is_empty ? "-" : commonest(w, before[c->world]));
        }
    }
    feed_bpf__destroy(feed);
    for (unsigned i = 0; i < COST_WORLD_COUNT; i++)
        world_close(worlds[i]);
    return 0;
}

static uint32_t number(const char *text, uint32_t fallback)
{
    unsigned long value = text == NULL ? 0 : strtoul(text, NULL, 10);
    return value == 0 || value > INT32_MAX ? fallback : (uint32_t)value;
}

/* `denied`: a prefix, or NULL. */
static int attach(const char *interface, const char *service, char *denied)
{
    char *slash = denied == NULL ? NULL : strchr(denied, '/');
    if (slash != NULL)
        *slash = '\0';
    uint8_t bits = slash == NULL ? 32 : (uint8_t)number(slash + 1, 32);
    struct filter_world *w = cost_world_open_live(service, denied, bits);
    if (w == NULL)
        return WORLD_SKIP;
    int index = (int)if_nametoindex(interface);
    if (index == 0 || bpf_xdp_attach(index, world_program(w), XDP_FLAGS_DRV_MODE, NULL) != 0) {
        fprintf(stderr, "%s: %s\n", interface, strerror(errno));
        world_close(w);
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    char octet;
    while (read(STDIN_FILENO, &octet, 1) > 0)
        ;
    for (unsigned i = 0; i < FILTER_REASON_COUNT; i++)
        printf("%s\t%llu\n", labels[i],
               (unsigned long long)world_count(w, (enum filter_reason)i).packets);
    CHECK(bpf_xdp_detach(index, XDP_FLAGS_DRV_MODE, NULL) == 0);
    world_close(w);
    return 0;
}

int main(int argc, char **argv)
{
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "--attach") == 0)
        return attach(argv[2], argv[3], argv[4]);
    if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: bench-shed [ROUNDS [CALLS]] | --attach INTERFACE SERVICE "
                        "[DENIED/BITS]\n");
        return 2;
    }
    return measure(number(argc > 1 ? argv[1] : NULL, ROUNDS),
                   number(argc > 2 ? argv[2] : NULL, CALLS));
}

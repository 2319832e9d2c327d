/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/filter_world.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <filter.skel.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/check.h"

struct filter_world {
    struct filter_bpf *skeleton;
    struct ring_buffer *ring;
    struct filter_event event;
    bool has_event;
    uint64_t generation;
    bool has_rules[2]; /* the halves whose tries are not empty */
    uint32_t buckets;
    int processors;
};

static int keep_event(void *context, void *data, size_t size)
{
    struct filter_world *w = context;
    CHECK(size == sizeof w->event);
    memcpy(&w->event, data, sizeof w->event);
    w->has_event = true;
    return 0;
}

__attribute__((format(printf, 2, 0))) static int
print_warnings(enum libbpf_print_level level, const char *format, va_list arguments)
{
    return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

static void prepare(struct filter_world *w, const struct world_options *options)
{
    struct filter_bpf *s = w->skeleton;
    struct timespec tick;
    CHECK(clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0);
    w->buckets = options->buckets != 0 ? options->buckets : FILTER_BUCKETS_MIN;
    s->rodata->filter_set_mask = w->buckets / FILTER_PLACES - 1;
    s->rodata->filter_tick_ns = (uint64_t)tick.tv_nsec;
    s->rodata->filter_test_clock = !options->real_clock;
    s->rodata->filter_with_cookies = !options->no_cookies;
    CHECK(bpf_map__set_max_entries(s->maps.buckets, 2 * w->buckets / FILTER_PLACES) == 0);
}

/* Whether anything of our kind can be loaded: the smallest program there is. */
static int try_smallest(void)
{
    const struct bpf_insn pass[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_EXIT},
    };
    return bpf_prog_load(BPF_PROG_TYPE_XDP, "smallest", "GPL", pass, 2, NULL);
}

struct filter_world *world_open(const struct world_options *options)
{
    int smallest = try_smallest();
    if (smallest < 0) {
        printf("skipped: XDP programs cannot be loaded here: %s\n", strerror(errno));
        return NULL;
    }
    libbpf_set_print(print_warnings);
    struct filter_world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->processors = libbpf_num_possible_cpus();
    w->skeleton = filter_bpf__open();
    CHECK(w->processors > 0 && w->skeleton != NULL);
    prepare(w, options);
    CHECK(filter_bpf__load(w->skeleton) == 0);
    w->ring = ring_buffer__new(bpf_map__fd(w->skeleton->maps.events), keep_event, w, NULL);
    CHECK(w->ring != NULL);
    return w;
}

struct filter_world *world_close(struct filter_world *w)
{
    if (w == NULL)
        return NULL;
    ring_buffer__free(w->ring);
    filter_bpf__destroy(w->skeleton);
    free(w);
    return NULL;
}

int world_program(const struct filter_world *w)
{
    return bpf_program__fd(w->skeleton->progs.statim_filter);
}

static void put(const struct bpf_map *map, const void *key, const void *value)
{
    CHECK(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) == 0);
}

static void get(const struct bpf_map *map, const void *key, void *ret)
{
    CHECK(bpf_map_lookup_elem(bpf_map__fd(map), key, ret) == 0);
}

static uint8_t parse_address(const char *text, uint8_t ret[static 16])
{
    memset(ret, 0, 16);
    bool v6 = strchr(text, ':') != NULL;
    CHECK(inet_pton(v6 ? AF_INET6 : AF_INET, text, ret) == 1);
    return v6 ? 6 : 4;
}

/* The tries of a half made anew, with what is on their lists. Where nothing was and nothing will be
 * they stay: no program of ours runs meanwhile, and each costs a grace period. */
static void write_rules(struct filter_world *w, uint32_t half, const struct world_rule *rules,
                        struct filter_config *config)
{
    bool some = rules != NULL && rules->address != NULL;
    if (!some && !w->has_rules[half])
        return;
    w->has_rules[half] = some;
    for (uint32_t list = 0; list < 4; list++) {
        bool v6 = list == FILTER_ALLOW_V6 || list == FILTER_DENY_V6;
        bool deny = list == FILTER_DENY_V4 || list == FILTER_DENY_V6;
        LIBBPF_OPTS(bpf_map_create_opts, create, .map_flags = BPF_F_NO_PREALLOC);
        uint32_t key_bytes =
            v6 ? sizeof(struct filter_rule_key_v6) : sizeof(struct filter_rule_key_v4);
        int trie =
            bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "rules", key_bytes, 1, FILTER_RULES_MAX, &create);
        CHECK(trie >= 0);
        for (const struct world_rule *r = rules; r != NULL && r->address != NULL; r++) {
            struct filter_rule_key_v6 key = {.prefix_bits = r->bits};
            const uint8_t value = 1;
            if (r->list != list)
                continue;
            CHECK(parse_address(r->address, key.address) == (v6 ? 6 : 4));
            CHECK(bpf_map_update_elem(trie, &key, &value, BPF_ANY) == 0);
            config->rule_count[list]++;
        }
        uint32_t at = half * 2 + deny;
        put(v6 ? w->skeleton->maps.rules_v6 : w->skeleton->maps.rules_v4, &at, &trie);
        close(trie);
    }
}

static void write_services(struct filter_world *w, uint32_t half,
                           const struct world_service *services, struct filter_config *config)
{
    int map = bpf_map__fd(w->skeleton->maps.services);
    struct filter_service_key key, next;
    for (int end = bpf_map_get_next_key(map, NULL, &next); end == 0;) {
        key = next;
        end = bpf_map_get_next_key(map, &key, &next);
        if (key.generation == half)
            CHECK(bpf_map_delete_elem(map, &key) == 0);
    }
    const uint8_t value = 1;
    for (const struct world_service *s = services; s != NULL && s->address != NULL; s++) {
        key = (struct filter_service_key){.generation = (uint8_t)half};
        key.version = parse_address(s->address, key.address);
        put(w->skeleton->maps.services, &key, &value);
        filter_near_add(config, &key);
        key.port = htons(s->port);
        put(w->skeleton->maps.services, &key, &value);
        filter_near_add(config, &key);
    }
}

static struct filter_control read_control(struct filter_world *w)
{
    struct filter_control control;
    get(w->skeleton->maps.control, &(uint32_t){0}, &control);
    return control;
}

static void write_control(struct filter_world *w, const struct filter_control *control)
{
    put(w->skeleton->maps.control, &(uint32_t){0}, control);
}

void world_policy(struct filter_world *w, const struct world_policy *policy)
{
    struct filter_config config = policy->config;
    memset(config.rule_count, 0, sizeof config.rule_count);
    uint32_t half = ++w->generation & 1;
    write_rules(w, half, policy->rules, &config);
    config.near_count = 0;
    write_services(w, half, policy->services, &config);
    put(w->skeleton->maps.configs, &half, &config);
    struct filter_control control = read_control(w);
    control.generation = w->generation;
    write_control(w, &control);
}

struct filter_config world_config(void)
{
    return (struct filter_config){
        .shed_period_ns = 60u * 1000000000ull,
        .hash_key = {0x0123456789abcdef, 0xfedcba9876543210},
        .v4_prefix_bits = 24,
        .v6_prefix_bits = 56,
    };
}

void world_time(struct filter_world *w, uint64_t now_ns)
{
    struct filter_control control = read_control(w);
    control.test_now_ns = now_ns;
    write_control(w, &control);
}

void world_level(struct filter_world *w, uint32_t permille, uint64_t until_ns)
{
    struct filter_control control = read_control(w);
    control.shed_permille = permille;
    control.shed_until_ns = until_ns;
    write_control(w, &control);
}

static void clear(struct filter_world *w, const struct bpf_map *map, uint32_t count, size_t bytes)
{
    void *zero = calloc((size_t)w->processors, bytes);
    CHECK(zero != NULL);
    for (uint32_t i = 0; i < count; i++)
        put(map, &i, zero);
    free(zero);
}

void world_reset(struct filter_world *w)
{
    struct filter_event event;
    clear(w, w->skeleton->maps.buckets, 2 * w->buckets / FILTER_PLACES, sizeof(struct filter_set));
    clear(w, w->skeleton->maps.gates, 1, sizeof(struct filter_gates));
    clear(w, w->skeleton->maps.counters, FILTER_REASON_COUNT, sizeof(struct filter_count));
    clear(w, w->skeleton->maps.trouble, FILTER_TROUBLE_COUNT, sizeof(uint64_t));
    while (world_event(w, &event))
        ;
}

int world_run(struct filter_world *w, const uint8_t *frame, size_t size, size_t linear,
              uint8_t *out, size_t *ret_size)
{
    struct xdp_md context = {.data_end = (uint32_t)linear};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)size,
                .data_out = out, .data_size_out = (uint32_t)size, .repeat = 1);
    if (linear != 0) {
        options.ctx_in = &context;
        options.ctx_size_in = sizeof context;
    }
    int status = bpf_prog_test_run_opts(world_program(w), &options);
    if (status != 0 && linear != 0)
        return -1;
    CHECK(status == 0);
    *ret_size = options.data_size_out;
    return (int)options.retval;
}

struct filter_count world_count(struct filter_world *w, enum filter_reason reason)
{
    struct filter_count sum = {0}, *each = calloc((size_t)w->processors, sizeof *each);
    CHECK(each != NULL);
    get(w->skeleton->maps.counters, &(uint32_t){reason}, each);
    for (int i = 0; i < w->processors; i++) {
        sum.packets += each[i].packets;
        sum.bytes += each[i].bytes;
    }
    free(each);
    return sum;
}

uint64_t world_trouble(struct filter_world *w, enum filter_trouble trouble)
{
    uint64_t sum = 0, *each = calloc((size_t)w->processors, sizeof *each);
    CHECK(each != NULL);
    get(w->skeleton->maps.trouble, &(uint32_t){trouble}, each);
    for (int i = 0; i < w->processors; i++)
        sum += each[i];
    free(each);
    return sum;
}

bool world_event(struct filter_world *w, struct filter_event *ret)
{
    w->has_event = false;
    int count = ring_buffer__consume(w->ring);
    CHECK(count >= 0);
    if (w->has_event)
        *ret = w->event;
    return w->has_event;
}

struct filter_set world_set(struct filter_world *w, uint32_t index)
{
    struct filter_set set;
    get(w->skeleton->maps.buckets, &index, &set);
    return set;
}

struct filter_gates world_gates(struct filter_world *w)
{
    struct filter_gates g;
    get(w->skeleton->maps.gates, &(uint32_t){0}, &g);
    return g;
}

void world_set_gates(struct filter_world *w, const struct filter_gates *g)
{
    put(w->skeleton->maps.gates, &(uint32_t){0}, g);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The filter beside a model of its policy (policy_model.h) on random frames under random policies:
 * verdict, reason, counters, buckets and gates are equal after every frame. `--seeds N` runs N
 * rounds more than usual, from `--from SEED`; a difference prints its seed. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/random.h"
#include "tests/bpf/random_draw.h"

#define ROUNDS        64u
#define ROUND_FRAMES  4000u
#define UNSET_FRAMES  500u
#define POLICY_FRAMES 1000u /* then the next generation */
#define BUCKETS       16u   /* so few that sets are full */
#define NOW_NS_MAX    (UINT64_C(1) << 57)

struct judge {
    struct filter_world *world;
    struct policy_model model;
    uint64_t random;
    uint64_t seed;
    uint32_t frame; /* of the round */
};

static uint64_t reasons_seen[FILTER_REASON_COUNT];
static const char *const labels[FILTER_REASON_COUNT] = {
#define X(name, action, label, help) [FILTER_REASON_##name] = label,
    FILTER_REASON_TABLE(X)
#undef X
};

static void fail(const struct judge *j, const struct packet_frame *f, const char *what,
                 uint64_t model, uint64_t filter)
{
    printf("seed %llu, frame %u: %s: the model has %llu, the filter %llu\n",
           (unsigned long long)j->seed, j->frame, what, (unsigned long long)model,
           (unsigned long long)filter);
    for (uint32_t i = 0; f != NULL && i < f->bytes; i++)
        printf("%02x%s", f->octets[i], i % 32 == 31 ? "\n" : "");
    printf("\nagain: --from %llu --seeds 1\n", (unsigned long long)j->seed);
    exit(1);
}

static void compare(const struct judge *j, const struct packet_frame *f, const char *what,
                    uint64_t model, uint64_t filter)
{
    if (model != filter)
        fail(j, f, what, model, filter);
}

static void text_of(uint8_t version, const uint8_t *address, char text[static INET6_ADDRSTRLEN])
{
    CHECK(inet_ntop(version == 4 ? AF_INET : AF_INET6, address, text, INET6_ADDRSTRLEN) != NULL);
}

/* The same policy to both. */
static void set_policy(struct judge *j)
{
    static char texts[MODEL_SERVICES_MAX + MODEL_RULES_MAX][INET6_ADDRSTRLEN];
    struct world_service services[MODEL_SERVICES_MAX + 1] = {0};
    struct world_rule rules[MODEL_RULES_MAX + 1] = {0};
    struct policy_model *m = &j->model;
    struct drawn_policy p = draw_policy(&j->random, m->config.hash_key);
    for (uint32_t i = 0; i < p.service_count; i++) {
        text_of(p.services[i].version, p.services[i].address, texts[i]);
        services[i] = (struct world_service){texts[i], p.services[i].port};
    }
    for (uint32_t i = 0; i < p.rule_count; i++) {
        const struct model_rule *r = &p.rules[i];
        bool v4 = r->list == FILTER_ALLOW_V4 || r->list == FILTER_DENY_V4;
        char *text = texts[MODEL_SERVICES_MAX + i];
        text_of(v4 ? 4 : 6, r->address, text);
        rules[i] = (struct world_rule){r->list, text, r->bits};
    }
    world_policy(j->world, &(struct world_policy){p.config, services, rules});
    m->is_set = true;
    m->config = p.config;
    m->service_count = p.service_count;
    m->rule_count = p.rule_count;
    memcpy(m->services, p.services, sizeof p.services);
    memcpy(m->rules, p.rules, sizeof p.rules);
}

static void set_level(struct judge *j)
{
    static const uint32_t levels[] = {0, 1, 250, 500, 999, FILTER_SHED_ALL};
    static const uint64_t after_ns[] = {0, 1, 10000000, 1000000000, 100000000000};
    struct policy_model *m = &j->model;
    m->shed_permille = levels[draw_below(&j->random, 6)];
    m->shed_until_ns = m->now_ns + after_ns[draw_below(&j->random, 5)];
    world_level(j->world, m->shed_permille, m->shed_until_ns);
}

/* Time goes on by nothing, by ticks, and to the edges of a bucket, of a period, of a level. */
static void move_time(struct judge *j, const struct model_verdict *last)
{
    static const uint64_t steps_ns[] = {0, 1, 100, 1000000, 4000000, 10000000, 1000000000};
    struct policy_model *m = &j->model;
    uint64_t now_ns = m->now_ns + steps_ns[draw_below(&j->random, 7)];
    if (last->has_set && draw_one_in(&j->random, 2)) {
        uint64_t place = m->sets[last->set].places[draw_below(&j->random, FILTER_PLACES)];
        uint64_t full_ns = bucket_model_time_ns(place), edge = full_ns - last->burst_ns;
        if (draw_one_in(&j->random, 2))
            edge = full_ns; /* when it is free */
        edge -= edge % FILTER_UNIT_NS;
        edge += draw_below(&j->random, 3) - 1;
        if (edge > m->now_ns && edge - m->now_ns < FILTER_BURST_NS_MAX)
            now_ns = edge;
    } else if (m->shed_until_ns > m->now_ns && draw_one_in(&j->random, 8)) {
        now_ns = m->shed_until_ns - draw_below(&j->random, 2);
    } else if (m->config.shed_period_ns < UINT64_MAX && draw_one_in(&j->random, 8)) {
        uint64_t period_ns = m->config.shed_period_ns;
        now_ns = (m->now_ns / period_ns + 1) * period_ns - draw_below(&j->random, 2);
    }
    m->now_ns = now_ns;
    world_time(j->world, now_ns);
}

static void compare_set(const struct judge *j, const struct packet_frame *f, uint32_t index)
{
    struct filter_set there = world_set(j->world, index), *here = &j->model.sets[index];
    for (unsigned i = 0; i < FILTER_PLACES; i++)
        compare(j, f, "a place", here->places[i], there.places[i]);
}

static void compare_gates(const struct judge *j, const struct packet_frame *f)
{
    struct filter_gates gates = world_gates(j->world);
    compare(j, f, "the budget", j->model.budget_full_ns, gates.budget.full_ns);
    compare(j, f, "the gate of cookies", j->model.cookies_full_ns, gates.cookies.full_ns);
    compare(j, f, "the gate of RST", j->model.refusals_full_ns, gates.refusals.full_ns);
}

static void compare_reason(const struct judge *j, const struct packet_frame *f, unsigned reason)
{
    struct filter_count there = world_count(j->world, (enum filter_reason)reason);
    compare(j, f, labels[reason], j->model.counts[reason].packets, there.packets);
    compare(j, f, "octets", j->model.counts[reason].bytes, there.bytes);
}

static void compare_all(const struct judge *j)
{
    for (unsigned i = 0; i < FILTER_REASON_COUNT; i++)
        compare_reason(j, NULL, i);
    for (unsigned i = 0; i < FILTER_TROUBLE_COUNT; i++) {
        if (i != FILTER_TROUBLE_EVENTS_LOST)
            compare(j, NULL, "a trouble", j->model.trouble[i],
                    world_trouble(j->world, (enum filter_trouble)i));
    }
    for (uint32_t i = 0; i < 2 * j->model.kind_sets; i++)
        compare_set(j, NULL, i);
}

/* The answer to a frame of which `p` says everything; what the kernel makes of a cookie is taken
 * from the answer itself. */
static void compare_answer(const struct judge *j, const struct packet *p,
                           const struct packet_frame *f, enum filter_reason reason,
                           const uint8_t *octets, size_t bytes)
{
    bool is_cookie = reason == FILTER_REASON_COOKIE;
    struct packet a = {.tag_count = p->tag_count,
                       .from = {2, 0, 0, 0, 0, 1},
                       .to = {2, 0, 0, 0, 0, 2},
                       .version = p->version,
                       .dont_fragment = true,
                       .hops = FILTER_ANSWER_HOPS,
                       .source_port = p->target_port,
                       .target_port = p->source_port,
                       .flags = is_cookie ? PACKET_SYN | PACKET_ACK : PACKET_RST | PACKET_ACK,
                       .acknowledges = p->sequence + 1 + (is_cookie ? 0 : p->payload_bytes)};
    memcpy(a.tags, p->tags, sizeof a.tags);
    memcpy(a.source, p->target, sizeof a.source);
    memcpy(a.target, p->source, sizeof a.target);
    uint32_t tcp_at = f->ip_at + (p->version == 4 ? 20 : 40);
    if (is_cookie) {
        CHECK(bytes >= tcp_at + 20);
        memcpy(&a.sequence, octets + tcp_at + 4, 4);
        a.sequence = ntohl(a.sequence);
        a.window = FILTER_COOKIE_WINDOW;
        if (p->option_bytes >= 4) {
            CHECK(bytes >= tcp_at + 24);
            a.option_bytes = 4;
            memcpy(a.options, (const uint8_t[]){2, 4, octets[tcp_at + 22], octets[tcp_at + 23]}, 4);
        }
    }
    struct packet_frame want;
    packet_build(&a, &want);
    uint32_t least = f->bytes < 60 ? f->bytes : 60;
    if (want.bytes < least)
        want.bytes = least;
    compare(j, f, "octets of an answer", want.bytes, bytes);
    for (uint32_t i = 0; i < want.bytes; i++)
        compare(j, f, "an octet of an answer", want.octets[i], octets[i]);
}

static struct model_verdict run_frame(struct judge *j)
{
    static uint8_t out[PACKET_BYTES_MAX];
    static const int codes[] = {
        [FILTER_PASS] = XDP_PASS, [FILTER_DROP] = XDP_DROP, [FILTER_TX] = XDP_TX};
    struct packet p;
    struct packet_frame f;
    bool is_whole;
    size_t out_bytes = 0;
    draw_frame(&j->random, &p, &f, &is_whole);
    struct model_verdict v = policy_model_run(&j->model, f.octets, f.bytes);
    int code = world_run(j->world, f.octets, f.bytes, 0, out, &out_bytes);
    compare_reason(j, &f, v.reason);
    compare(j, &f, "verdict", (uint64_t)codes[v.action], (uint64_t)code);
    if (v.has_set) {
        compare_set(j, &f, v.set);
        compare_gates(j, &f);
    }
    if (v.action != FILTER_TX)
        compare(j, &f, "a frame that is let alone", 1,
                out_bytes == f.bytes && memcmp(out, f.octets, f.bytes) == 0);
    else if (is_whole)
        compare_answer(j, &p, &f, v.reason, out, out_bytes);
    reasons_seen[v.reason]++;
    return v;
}

static void start_round(struct judge *j, uint64_t seed)
{
    struct policy_model *m = &j->model;
    j->seed = j->random = seed;
    memset(m->sets, 0, 2 * m->kind_sets * sizeof *m->sets);
    memset(m->counts, 0, sizeof m->counts);
    memset(m->trouble, 0, sizeof m->trouble);
    m->budget_full_ns = m->cookies_full_ns = m->refusals_full_ns = 0;
    m->now_ns = draw_one_in(&j->random, 2) ? 0 : draw_below(&j->random, NOW_NS_MAX);
    world_reset(j->world);
    world_time(j->world, m->now_ns);
}

/* Before the first policy. */
static void run_unset(struct judge *j)
{
    start_round(j, 0);
    for (j->frame = 0; j->frame < UNSET_FRAMES; j->frame++)
        run_frame(j);
    compare_all(j);
}

static void run_round(struct judge *j, uint64_t seed)
{
    struct model_verdict v = {0};
    start_round(j, seed);
    for (j->frame = 0; j->frame < ROUND_FRAMES; j->frame++) {
        if (j->frame % POLICY_FRAMES == 0)
            set_policy(j);
        if (j->frame % POLICY_FRAMES == 0 || draw_one_in(&j->random, 100))
            set_level(j);
        if (draw_one_in(&j->random, 3))
            move_time(j, &v);
        v = run_frame(j);
    }
    compare_all(j);
}

static uint64_t number_after(int argc, char **argv, const char *name, uint64_t fallback)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    }
    return fallback;
}

int main(int argc, char **argv)
{
    uint64_t rounds = number_after(argc, argv, "--seeds", ROUNDS);
    uint64_t from = number_after(argc, argv, "--from", 1);
    struct judge judges[2] = {0};
    for (unsigned i = 0; i < 2; i++) {
        struct judge *j = &judges[i];
        j->world = world_open(&(struct world_options){.buckets = BUCKETS, .no_cookies = i == 1});
        if (j->world == NULL)
            return WORLD_SKIP;
        j->model =
            (struct policy_model){.with_cookies = i == 0, .kind_sets = BUCKETS / FILTER_PLACES};
        struct filter_config config = world_config();
        memcpy(j->model.config.hash_key, config.hash_key, sizeof config.hash_key);
        j->model.sets = calloc(2 * j->model.kind_sets, sizeof *j->model.sets);
        CHECK(j->model.sets != NULL);
        run_unset(j);
    }
    for (uint64_t seed = from; seed < from + rounds; seed++)
        run_round(&judges[seed % 4 == 3], seed);
    printf("%llu frames\n", (unsigned long long)(rounds * ROUND_FRAMES));
    for (unsigned i = 0; i < FILTER_REASON_COUNT; i++) {
        printf("%s %llu\n", labels[i], (unsigned long long)reasons_seen[i]);
        if (rounds >= ROUNDS && reasons_seen[i] == 0)
            return 1; /* a rule that is never met is not tested */
    }
    for (unsigned i = 0; i < BUCKET_CHOICES; i++) {
        uint64_t count = judges[0].model.choices[i] + judges[1].model.choices[i];
        printf("choice %u: %llu\n", i, (unsigned long long)count);
        if (rounds >= ROUNDS && count == 0)
            return 1;
    }
    for (unsigned i = 0; i < 2; i++) {
        free(judges[i].model.sets);
        judges[i].world = world_close(judges[i].world);
    }
    return 0;
}

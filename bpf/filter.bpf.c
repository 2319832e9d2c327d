/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The XDP filter: the policy of filter.h. Needs a kernel of 6.1 or later. */
#include "bpf/answer.bpf.h"
#include "bpf/bucket.bpf.h"
#include "bpf/hash.bpf.h"
#include "bpf/packet.bpf.h"

#define TCP_FLAGS_BAD_SYN (TCP_FIN | TCP_RST | TCP_ACK | TCP_URG)
#define TCP_FLAGS_BAD_RST (TCP_FIN | TCP_URG)

/* What is in force while one packet is judged. */
struct policy {
    const struct filter_config *config;
    const struct filter_control *control;
    __u32 half; /* the generation's lowest bit */
};

static __always_inline bool find_policy(struct policy *ret)
{
    __u32 key = 0;
    ret->control = bpf_map_lookup_elem(&control, &key);
    if (ret->control == NULL)
        return false;
    __u64 generation = read_word(&ret->control->generation);
    if (generation == 0)
        return false;
    ret->half = generation & 1;
    ret->config = bpf_map_lookup_elem(&configs, &ret->half);
    return ret->config != NULL;
}

/* The filter's clock, which costs next to nothing. */
static __always_inline __u64 read_ticks(const struct policy *y)
{
    return filter_test_clock ? read_word(&y->control->test_now_ns)
                             : bpf_jiffies64() * filter_tick_ns;
}

/* The clock that user space has as well. */
static __always_inline __u64 read_clock(const struct policy *y)
{
    return filter_test_clock ? read_word(&y->control->test_now_ns) : bpf_ktime_get_coarse_ns();
}

#define SERVICE_WORDS (sizeof(struct filter_service_key) / sizeof(__u32))
union service {
    struct filter_service_key key;
    __u32 words[SERVICE_WORDS]; /* address, then the rest */
};

static __always_inline bool is_same(const union service *a, const union service *b)
{
    if (a->words[SERVICE_WORDS - 1] != b->words[SERVICE_WORDS - 1])
        return false;
    __u32 difference = 0;
    for (unsigned i = 0; i < SERVICE_WORDS - 1; i++)
        difference |= a->words[i] ^ b->words[i];
    return difference == 0;
}

/* Without a port: whether the address is one of a service. The map costs as much as parsing does,
 * so few services are looked for one by one. */
static __always_inline bool is_service(const struct policy *y, const struct packet *p)
{
    union service s;
    __builtin_memcpy(s.key.address, &p->target, sizeof s.key.address);
    s.words[SERVICE_WORDS - 1] =
        bpf_htonl((__u32)bpf_ntohs(p->target_port) << 16 | (__u32)p->version << 8 | y->half);
    if (y->config->near_count > FILTER_NEAR_MAX)
        return bpf_map_lookup_elem(&services, &s.key) != NULL;
    for (unsigned i = 0; i < FILTER_NEAR_MAX && i < y->config->near_count; i++) {
        if (is_same((const union service *)&y->config->near[i], &s))
            return true;
    }
    return false;
}

static __always_inline bool is_listed(const struct policy *y, const struct packet *p, bool deny)
{
    __u32 trie = y->half * 2 + deny;
    if (p->version == 4) {
        if (y->config->rule_count[deny ? FILTER_DENY_V4 : FILTER_ALLOW_V4] == 0)
            return false;
        void *rules = bpf_map_lookup_elem(&rules_v4, &trie);
        struct filter_rule_key_v4 key = {.prefix_bits = 32};
        __builtin_memcpy(key.address, p->source.octets, sizeof key.address);
        return rules != NULL && bpf_map_lookup_elem(rules, &key) != NULL;
    }
    if (y->config->rule_count[deny ? FILTER_DENY_V6 : FILTER_ALLOW_V6] == 0)
        return false;
    void *rules = bpf_map_lookup_elem(&rules_v6, &trie);
    struct filter_rule_key_v6 key = {.prefix_bits = 128};
    __builtin_memcpy(key.address, p->source.octets, sizeof key.address);
    return rules != NULL && bpf_map_lookup_elem(rules, &key) != NULL;
}

/* What is wrong with a segment whose header is there; FLOW: nothing. */
static __always_inline enum filter_reason check_segment(const struct packet *p)
{
    if (p->header_bytes < sizeof(struct tcphdr) || p->header_bytes > p->segment_bytes)
        return FILTER_REASON_LENGTHS;
    __u8 flags = p->tcp_flags;
    bool bad = flags & TCP_SYN   ? (flags & TCP_FLAGS_BAD_SYN) != 0
               : flags & TCP_RST ? (flags & TCP_FLAGS_BAD_RST) != 0
                                 : (flags & TCP_ACK) == 0;
    if (bad)
        return FILTER_REASON_FLAGS;
    bool same = p->source_port == p->target_port && is_to_itself(p);
    return p->source_port == 0 || same ? FILTER_REASON_PORTS : FILTER_REASON_FLOW;
}

static __always_inline __u64 hash_prefix(const struct filter_config *c, const struct packet *p)
{
    __u64 whole = bpf_be64_to_cpu(p->source.halves[0]);
    bool v4 = p->version == 4;
    __u64 mask = ~0ull << (64 - ((v4 ? c->v4_prefix_bits : c->v6_prefix_bits) & 127) & 63);
    __u64 key1 = v4 ? c->hash_key[1] : ~c->hash_key[1];
    return sip_hash(c->hash_key[0], key1, __builtin_bswap64(whole & mask));
}

static __always_inline bool is_shed(const struct policy *y, __u64 hash, __u64 now_ns)
{
    const struct filter_config *c = y->config;
    __u64 permille = read_word(&y->control->shed_permille);
    if (permille == 0 || c->shed_period_ns == 0)
        return false;
    __u64 word = hash + now_ns / c->shed_period_ns;
    __u32 draw = (__u32)sip_hash(c->hash_key[0], c->hash_key[1], word);
    return ((__u64)draw * FILTER_SHED_ALL) >> 32 < permille &&
           read_clock(y) < read_word(&y->control->shed_until_ns);
}

static __always_inline bool may_answer(const struct packet *p, __u64 *gate,
                                       const struct filter_rate *rate, __u64 now_ns)
{
    return rate->interval_ns != 0 && is_answerable(p) && take_gate(gate, rate, now_ns, false);
}

/* A SYN that its source may send. */
static __always_inline enum filter_reason judge_new(const struct policy *y, const struct packet *p,
                                                    __u64 hash, __u64 now_ns)
{
    __u32 key = 0;
    struct filter_gates *g = bpf_map_lookup_elem(&gates, &key);
    const struct filter_config *c = y->config;
    if (g == NULL)
        return FILTER_REASON_SYN;
    bool shed = is_shed(y, hash, now_ns);
    if (c->budget.interval_ns != 0 && !take_gate(&g->budget.full_ns, &c->budget, now_ns, shed)) {
        bool cookie =
            filter_with_cookies && !shed && may_answer(p, &g->cookies.full_ns, &c->cookies, now_ns);
        return cookie ? FILTER_REASON_COOKIE : FILTER_REASON_SYN_BUDGET;
    }
    if (!shed)
        return FILTER_REASON_SYN;
    bool refused = may_answer(p, &g->refusals.full_ns, &c->refusals, now_ns);
    return refused ? FILTER_REASON_REFUSED : FILTER_REASON_SHED;
}

/* `parsed` is what parse said. */
static __always_inline enum filter_reason judge(const struct policy *y, const struct packet *p,
                                                enum filter_reason parsed)
{
    if (!is_service(y, p))
        return FILTER_REASON_OTHER;
    if (is_listed(y, p, false))
        return FILTER_REASON_ALLOWED;
    if (is_listed(y, p, true))
        return FILTER_REASON_DENIED;
    if (parsed == FILTER_REASON_FLOW && !p->later_fragment)
        parsed = check_segment(p);
    if (parsed != FILTER_REASON_FLOW)
        return parsed;

    const struct filter_config *c = y->config;
    __u64 hash = hash_prefix(c, p);
    __u64 now_ns = read_ticks(y);
    bool syn = p->tcp_flags & TCP_SYN, as_syn = syn && c->syn.interval_ns != 0;
    struct filter_set *set = find_set(hash, !as_syn);
    if (set == NULL)
        return FILTER_REASON_FLOW;
    if (!take(set->places, hash, as_syn ? &c->syn : &c->packets, now_ns))
        return as_syn ? FILTER_REASON_SYN_RATE : FILTER_REASON_PACKET_RATE;
    return syn ? judge_new(y, p, hash, now_ns) : FILTER_REASON_FLOW;
}

static __always_inline void tell(const struct policy *y, const struct packet *p,
                                 enum filter_reason reason)
{
    __u32 one_in = y->config->sample_one_in;
    if (one_in == 0 || bpf_get_prandom_u32() % one_in != 0)
        return;
    struct filter_event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (e == NULL) {
        trouble_add(FILTER_TROUBLE_EVENTS_LOST);
        return;
    }
    *e = (struct filter_event){
        .at_ns = read_clock(y),
        .source_port = p->source_port,
        .service_port = p->target_port,
        .frame_bytes = p->frame_bytes < 65535 ? p->frame_bytes : 65535,
        .version = p->version,
        .reason = reason,
        .tcp_flags = p->tcp_flags,
    };
    __builtin_memcpy(e->source, &p->source, sizeof e->source);
    bpf_ringbuf_submit(e, 0);
}

/* Answers where the reason is one that answers. The reason that holds then. */
static __noinline enum filter_reason answer(struct xdp_md *context, struct packet *p,
                                            enum filter_reason reason)
{
    bool sent = true;
    p->frame_bytes = bpf_xdp_get_buff_len(context);
    if (reason == FILTER_REASON_REFUSED)
        sent = send_refusal(context, p);
    else if (filter_with_cookies && reason == FILTER_REASON_COOKIE)
        sent = send_cookie(context, p);
    if (sent)
        return reason;
    trouble_add(FILTER_TROUBLE_ANSWERS);
    return reason == FILTER_REASON_REFUSED ? FILTER_REASON_SHED : FILTER_REASON_SYN_BUDGET;
}

static __always_inline void count(enum filter_reason reason, __u32 bytes)
{
    __u32 key = reason;
    struct filter_count *c = bpf_map_lookup_elem(&counters, &key);
    if (c == NULL)
        return;
    c->packets++;
    c->bytes += bytes;
}

#define X(name, action, label, help) \
    (__u32)(FILTER_##action == FILTER_PASS) << FILTER_REASON_##name |
static const __u32 passing = FILTER_REASON_TABLE(X) 0;
#undef X
#define X(name, action, label, help) (__u32)(FILTER_##action == FILTER_TX) << FILTER_REASON_##name |
static const __u32 answering = FILTER_REASON_TABLE(X) 0;
#undef X

SEC("xdp.frags")
int statim_filter(struct xdp_md *context)
{
    struct view v = {context, (void *)(long)context->data, (void *)(long)context->data_end, false};
    struct policy y = {0};
    struct packet packet = {.frame_bytes = v.end - v.data}, *p = &packet;
    barrier_var(p); /* or clang keeps the packet in registers that it has not */
    if (!find_policy(&y)) {
        trouble_add(FILTER_TROUBLE_UNSET);
        count(FILTER_REASON_OTHER, bpf_xdp_get_buff_len(context));
        return XDP_PASS;
    }
    v.pass_fragments = y.config->pass_fragments;
    enum filter_reason reason = parse(&v, p);
    if (reason != FILTER_REASON_OTHER)
        reason = judge(&y, p, reason);
    if (reason == FILTER_REASON_OTHER) {
        count(reason, bpf_xdp_get_buff_len(context));
        return XDP_PASS;
    }
    bool observe = y.config->observe;
    __u32 frame_bytes = p->frame_bytes;
    if ((answering >> reason & 1) && !observe)
        reason = answer(context, p, reason);
    count(reason, frame_bytes);
    if (passing >> reason & 1)
        return XDP_PASS;
    tell(&y, p, reason);
    if (observe)
        return XDP_PASS;
    return answering >> reason & 1 ? XDP_TX : XDP_DROP;
}

/* The kernel gives SYN cookies only to programs under the GPL. These files are under either. */
char LICENSE[] SEC("license") = "GPL";

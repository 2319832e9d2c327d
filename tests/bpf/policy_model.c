/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/policy_model.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/check.h"

static void write_le64(uint8_t *to, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

uint64_t policy_model_hash(const __u64 key[static 2], const uint8_t octets[static 8])
{
    static EVP_MAC_CTX *context;
    if (context == NULL) {
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
        CHECK(mac != NULL);
        context = EVP_MAC_CTX_new(mac);
        EVP_MAC_free(mac);
    }
    unsigned rounds = 1, final_rounds = 3;
    size_t bytes = 8;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &bytes),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &rounds),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &final_rounds),
        OSSL_PARAM_construct_end(),
    };
    uint8_t secret[16], hash[8];
    write_le64(secret, key[0]);
    write_le64(secret + 8, key[1]);
    CHECK(EVP_MAC_init(context, secret, sizeof secret, parameters) == 1);
    CHECK(EVP_MAC_update(context, octets, 8) == 1);
    CHECK(EVP_MAC_final(context, hash, &bytes, sizeof hash) == 1 && bytes == 8);
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)hash[i] << (8 * i);
    return value;
}

static bool is_within(const uint8_t *address, const uint8_t *prefix, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++) {
        if (((address[i / 8] ^ prefix[i / 8]) >> (7 - i % 8)) & 1)
            return false;
    }
    return true;
}

static bool is_listed(const struct policy_model *m, const struct policy_segment *s, bool deny)
{
    bool v4 = s->version == 4;
    enum filter_list allow_list = v4 ? FILTER_ALLOW_V4 : FILTER_ALLOW_V6;
    enum filter_list deny_list = v4 ? FILTER_DENY_V4 : FILTER_DENY_V6;
    for (uint32_t i = 0; i < m->rule_count; i++) {
        const struct model_rule *r = &m->rules[i];
        if (r->list == (deny ? deny_list : allow_list) && is_within(s->source, r->address, r->bits))
            return true;
    }
    return false;
}

static bool is_to_service(const struct policy_model *m, const struct policy_segment *s)
{
    for (uint32_t i = 0; i < m->service_count; i++) {
        const struct model_service *service = &m->services[i];
        if (service->version == s->version && memcmp(service->address, s->target, 16) == 0 &&
            (s->by_address || service->port == s->target_port))
            return true;
    }
    return false;
}

static uint64_t prefix_hash(const struct policy_model *m, const struct policy_segment *s)
{
    __u64 key[2] = {m->config.hash_key[0], m->config.hash_key[1]};
    unsigned bits = m->config.v4_prefix_bits;
    if (s->version == 6) {
        bits = m->config.v6_prefix_bits;
        key[1] = ~key[1];
    }
    uint8_t prefix[8] = {0};
    for (unsigned i = 0; i < bits; i++)
        prefix[i / 8] |= (uint8_t)(s->source[i / 8] & (0x80u >> (i % 8)));
    return policy_model_hash(key, prefix);
}

static bool is_shed(const struct policy_model *m, uint64_t prefix)
{
    if (m->now_ns >= m->shed_until_ns)
        return false;
    uint8_t octets[8];
    write_le64(octets, prefix + m->now_ns / m->config.shed_period_ns);
    uint64_t low = policy_model_hash(m->config.hash_key, octets) & UINT32_MAX;
    return low * 1000 >> 32 < m->shed_permille;
}

static uint64_t ahead_of(__u64 word, uint64_t now_ns)
{
    return word > now_ns ? word - now_ns : 0;
}

/* Whether a gate has a token. Writes only what is further ahead than it can be. */
static bool would_take_gate(const struct filter_rate *rate, uint64_t now_ns, __u64 *word)
{
    uint64_t most = rate->burst_ns + rate->interval_ns;
    if (rate->interval_ns == 0 || ahead_of(*word, now_ns) <= rate->burst_ns)
        return true;
    if (ahead_of(*word, now_ns) > most + FILTER_LATE_NS)
        *word = now_ns + most;
    return false;
}

static bool take_gate(const struct filter_rate *rate, uint64_t now_ns, __u64 *word)
{
    if (!would_take_gate(rate, now_ns, word))
        return false;
    if (rate->interval_ns != 0)
        *word = now_ns + ahead_of(*word, now_ns) + rate->interval_ns;
    return true;
}

static bool is_answerable(const struct policy_segment *s)
{
    static const uint8_t zero[16], loopback[16] = {[15] = 1};
    const uint8_t *a = s->source;
    if (s->group || memcmp(a, zero, 16) == 0 || memcmp(a, s->target, 16) == 0)
        return false;
    if (s->version == 6)
        return memcmp(a, loopback, 16) != 0 && a[0] != 0xff;
    bool is_broadcast = a[0] == 255 && a[1] == 255 && a[2] == 255 && a[3] == 255;
    return a[0] != 127 && a[0] >> 4 != 14 && !is_broadcast;
}

static enum filter_reason judge_syn(struct policy_model *m, const struct policy_segment *s,
                                    uint64_t prefix)
{
    const struct filter_config *c = &m->config;
    bool answerable = is_answerable(s);
    if (is_shed(m, prefix)) {
        /* Looks at the budget and takes nothing. */
        if (!would_take_gate(&c->budget, m->now_ns, &m->budget_full_ns))
            return FILTER_REASON_SYN_BUDGET;
        bool told = c->refusals.interval_ns != 0 && answerable &&
                    take_gate(&c->refusals, m->now_ns, &m->refusals_full_ns);
        return told ? FILTER_REASON_REFUSED : FILTER_REASON_SHED;
    }
    if (take_gate(&c->budget, m->now_ns, &m->budget_full_ns))
        return FILTER_REASON_SYN;
    bool sent = m->with_cookies && c->cookies.interval_ns != 0 && answerable &&
                take_gate(&c->cookies, m->now_ns, &m->cookies_full_ns);
    return sent ? FILTER_REASON_COOKIE : FILTER_REASON_SYN_BUDGET;
}

static enum filter_reason judge(struct policy_model *m, const struct policy_segment *s,
                                struct model_verdict *v)
{
    if (!m->is_set) {
        m->trouble[FILTER_TROUBLE_UNSET]++;
        return FILTER_REASON_OTHER;
    }
    if (!s->is_tcp || !is_to_service(m, s))
        return FILTER_REASON_OTHER;
    if (is_listed(m, s, false))
        return FILTER_REASON_ALLOWED;
    if (is_listed(m, s, true))
        return FILTER_REASON_DENIED;
    if (s->reason != FILTER_REASON_FLOW)
        return s->reason;

    uint64_t prefix = prefix_hash(m, s);
    bool by_syn = s->is_syn && m->config.syn.interval_ns > 0;
    const struct filter_rate *rate = by_syn ? &m->config.syn : &m->config.packets;
    v->has_set = true;
    v->set = (uint32_t)prefix % m->kind_sets + (by_syn ? 0 : m->kind_sets);
    v->burst_ns = rate->burst_ns;
    if (!bucket_model_take(m->sets[v->set].places, prefix, rate, m->now_ns, m->choices))
        return by_syn ? FILTER_REASON_SYN_RATE : FILTER_REASON_PACKET_RATE;
    return s->is_syn ? judge_syn(m, s, prefix) : FILTER_REASON_FLOW;
}

struct model_verdict policy_model_run(struct policy_model *m, const uint8_t *octets, uint32_t bytes)
{
    static const enum filter_action actions[FILTER_REASON_COUNT] = {
#define X(name, action, label, help) [FILTER_REASON_##name] = FILTER_##action,
        FILTER_REASON_TABLE(X)
#undef X
    };
    struct policy_segment s = policy_read(octets, bytes, m->config.pass_fragments);
    struct model_verdict v = {0};
    v.reason = judge(m, &s, &v);
    v.action = m->config.observe ? FILTER_PASS : actions[v.reason];
    m->counts[v.reason].packets++;
    m->counts[v.reason].bytes += bytes;
    return v;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of bpf/filter.h in plain C, written from its text and without a look at the filter:
 * what the filter must do with a frame, what it must count, and what its buckets must hold. */
#pragma once

#include "tests/bpf/bucket_model.h"
#include "tests/bpf/policy_read.h"

#define MODEL_SERVICES_MAX 16u
#define MODEL_RULES_MAX    64u

struct model_service {
    uint8_t address[16];
    uint8_t version;
    uint16_t port;
};
struct model_rule {
    enum filter_list list;
    uint8_t address[16];
    uint8_t bits;
};

struct policy_model {
    bool is_set; /* false: nothing is configured yet */
    struct filter_config config;
    struct model_service services[MODEL_SERVICES_MAX];
    uint32_t service_count;
    struct model_rule rules[MODEL_RULES_MAX];
    uint32_t rule_count;
    bool with_cookies;
    uint64_t now_ns;
    uint32_t shed_permille;
    uint64_t shed_until_ns;

    uint32_t kind_sets;               /* of SYN, and of packets */
    struct filter_set *sets;          /* 2 * kind_sets; the caller's */
    uint64_t choices[BUCKET_CHOICES]; /* how places were chosen */
    __u64 budget_full_ns;
    __u64 cookies_full_ns;
    __u64 refusals_full_ns;
    struct filter_count counts[FILTER_REASON_COUNT];
    uint64_t trouble[FILTER_TROUBLE_COUNT];
};

struct model_verdict {
    enum filter_reason reason;
    enum filter_action action; /* PASS when observing */
    bool has_set;              /* it came to the buckets of a source prefix ... */
    uint32_t set;              /* ... in this one */
    uint64_t burst_ns;         /* ... under a rate with this burst */
};

/** Judges a frame, counts it, and changes the buckets. */
struct model_verdict policy_model_run(struct policy_model *m, const uint8_t *octets,
                                      uint32_t bytes);
/** SipHash-1-3 of eight octets. */
uint64_t policy_model_hash(const __u64 key[static 2], const uint8_t octets[static 8]);

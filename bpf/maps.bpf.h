/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The filter's maps and constants; filter.h says what is in them. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/filter.h"

const volatile __u32 filter_set_mask = FILTER_BUCKETS_DEFAULT / FILTER_PLACES - 1;
const volatile __u64 filter_tick_ns = FILTER_TICK_NS;
const volatile bool filter_test_clock = false;
const volatile bool filter_with_cookies = true;

/* The agent writes it as memory of its own. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct filter_control);
} control SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, struct filter_config);
} configs SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct filter_gates);
} gates SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 2 * FILTER_BUCKETS_DEFAULT / FILTER_PLACES);
    __type(key, __u32);
    __type(value, struct filter_set);
} buckets SEC(".maps");

/* Of two generations, each service with its address's own entry. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4 * FILTER_SERVICES_MAX);
    __type(key, struct filter_service_key);
    __type(value, __u8);
} services SEC(".maps");

struct rules_v4 {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, FILTER_RULES_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(key_size, sizeof(struct filter_rule_key_v4));
    __uint(value_size, sizeof(__u8));
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, __u32);
    __array(values, struct rules_v4);
} rules_v4 SEC(".maps");

struct rules_v6 {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, FILTER_RULES_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(key_size, sizeof(struct filter_rule_key_v6));
    __uint(value_size, sizeof(__u8));
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, __u32);
    __array(values, struct rules_v6);
} rules_v6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, FILTER_REASON_COUNT);
    __type(key, __u32);
    __type(value, struct filter_count);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, FILTER_TROUBLE_COUNT);
    __type(key, __u32);
    __type(value, __u64);
} trouble SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, FILTER_EVENTS_BYTES);
} events SEC(".maps");

/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_tries.h"

#include <bpf/bpf.h>
#include <string.h>
#include <unistd.h>

static const uint8_t nothing; /* a value without a meaning */

static int add_v4(int trie, const struct prefix *prefix)
{
    struct filter_rule_key_v4 key = {.prefix_bits = prefix->bits};
    memcpy(key.address, prefix->address, sizeof key.address);
    return bpf_map_update_elem(trie, &key, &nothing, BPF_ANY);
}

static int add_v6(int trie, const struct prefix *prefix)
{
    struct filter_rule_key_v6 key = {.prefix_bits = prefix->bits};
    memcpy(key.address, prefix->address, sizeof key.address);
    return bpf_map_update_elem(trie, &key, &nothing, BPF_ANY);
}

static int new_trie(bool v6)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
    return bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, v6 ? "rules_v6" : "rules_v4",
                          v6 ? sizeof(struct filter_rule_key_v6)
                             : sizeof(struct filter_rule_key_v4),
                          sizeof nothing, FILTER_RULES_MAX, &options);
}

static enum err put_list(const struct bpf_map *outer, bool v6, uint32_t at,
                         const struct prefix *prefixes, uint32_t count)
{
    if (count > FILTER_RULES_MAX)
        return ERR_LIMIT;
    int trie = new_trie(v6);
    if (trie < 0)
        return ERR_IO;
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = v6 ? add_v6(trie, &prefixes[i]) : add_v4(trie, &prefixes[i]);
    if (result == 0)
        result = bpf_map_update_elem(bpf_map__fd(outer), &at, &trie, BPF_ANY);
    close(trie);
    return result == 0 ? ERR_OK : ERR_IO;
}

enum err shed_tries_put(const struct bpf_map *rules_v4, const struct bpf_map *rules_v6,
                        uint32_t half, const struct shed_policy *policy)
{
    static const struct {
        enum filter_list list;
        bool v6;
        bool deny;
    } rows[] = {
        {FILTER_ALLOW_V4, false, false},
        {FILTER_ALLOW_V6, true, false},
        {FILTER_DENY_V4, false, true},
        {FILTER_DENY_V6, true, true},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        TRY(put_list(rows[i].v6 ? rules_v6 : rules_v4, rows[i].v6, half * 2 + rows[i].deny,
                     policy->lists[rows[i].list], policy->list_count[rows[i].list]));
    return ERR_OK;
}

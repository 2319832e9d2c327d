/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_tries.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const uint8_t nothing; /* a value without a meaning */

/* errno stays. */
static void close_tries(const int *tries, unsigned count)
{
    int error = errno;
    for (unsigned i = 0; i < count; i++)
        if (tries[i] >= 0)
            close(tries[i]);
    errno = error;
}

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

/* A trie of the list. -1: errno tells. */
static int make_trie(bool v6, const struct prefix *prefixes, uint32_t count)
{
    int trie = new_trie(v6);
    int result = 0;
    for (uint32_t i = 0; i < count && trie >= 0 && result == 0; i++)
        result = v6 ? add_v6(trie, &prefixes[i]) : add_v4(trie, &prefixes[i]);
    if (result == 0)
        return trie;
    close_tries(&trie, 1);
    return -1;
}

/* In a map of maps the kernel lets an update return when all programs have ended that may still use
 * what was there. A map of our own will do. */
static enum err wait_for_programs(int trie)
{
    static const uint32_t only = 0;
    LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = (__u32)trie);
    int outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "statim_wait", sizeof only, sizeof trie,
                               1, &options);
    if (outer < 0)
        return ERR_IO;
    int result = bpf_map_update_elem(outer, &only, &trie, BPF_ANY);
    close_tries(&outer, 1);
    return result == 0 ? ERR_OK : ERR_IO;
}

/* Allow and deny at once: kernels of 6.8 and later wait once for both. */
static enum err put_pair(const struct bpf_map *outer, uint32_t half, const int tries[static 2])
{
    const uint32_t at[2] = {half * 2, half * 2 + 1};
    uint32_t count = 2;
    int result = bpf_map_update_batch(bpf_map__fd(outer), at, tries, &count, NULL);
    return result == 0 && count == 2 ? ERR_OK : ERR_IO;
}

enum err shed_tries_put(const struct bpf_map *rules_v4, const struct bpf_map *rules_v6,
                        uint32_t half, const struct shed_policy *policy)
{
    int tries[4] = {-1, -1, -1, -1}; /* v4: allow, deny; v6: allow, deny */
    static const enum filter_list lists[4] = {FILTER_ALLOW_V4, FILTER_DENY_V4, FILTER_ALLOW_V6,
                                              FILTER_DENY_V6};
    enum err err = ERR_OK;
    for (unsigned i = 0; i < 4; i++)
        if (policy->list_count[lists[i]] > FILTER_RULES_MAX)
            return ERR_LIMIT;
    for (unsigned i = 0; i < 4 && err == ERR_OK; i++) {
        tries[i] = make_trie(i >= 2, policy->lists[lists[i]], policy->list_count[lists[i]]);
        err = tries[i] >= 0 ? ERR_OK : ERR_IO;
    }
    if (err == ERR_OK)
        err = wait_for_programs(tries[0]);
    if (err == ERR_OK)
        err = put_pair(rules_v4, half, tries);
    if (err == ERR_OK)
        err = put_pair(rules_v6, half, tries + 2);
    close_tries(tries, 4);
    return err;
}

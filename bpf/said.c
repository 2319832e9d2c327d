/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/said.h"

#include <string.h>

static struct said *find(struct said_list *list, bool deny, const struct prefix *prefix)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->said[i].deny == deny && prefix_same(&list->said[i].prefix, prefix))
            return &list->said[i];
    return NULL;
}

static void take_out(struct said_list *list, struct said *said)
{
    const struct said *end = list->said + list->count;
    memmove(said, said + 1, (size_t)(end - (said + 1)) * sizeof *said);
    list->count--;
}

enum err said_put(struct said_list *list, const struct said *said)
{
    struct said *there = find(list, said->deny, &said->prefix);
    if (there == NULL && list->count == SAID_MAX)
        return ERR_LIMIT;
    if (there == NULL)
        there = &list->said[list->count++];
    *there = *said;
    return ERR_OK;
}

enum err said_remove(struct said_list *list, bool deny, const struct prefix *prefix)
{
    struct said *there = find(list, deny, prefix);
    if (there == NULL)
        return ERR_NOT_FOUND;
    take_out(list, there);
    return ERR_OK;
}

uint32_t said_expire(struct said_list *list, uint64_t now_ns)
{
    uint32_t before = list->count;
    for (uint32_t i = list->count; i > 0; i--)
        if (now_ns >= list->said[i - 1].until_ns)
            take_out(list, &list->said[i - 1]);
    return before - list->count;
}

uint32_t said_count(const struct said_list *list, bool deny, unsigned version)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++)
        count += list->said[i].deny == deny && list->said[i].prefix.version == version;
    return count;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/relay_set.h"

#include <stdlib.h>

enum err relay_set_add(struct relay_set *set, const struct relay_name *name)
{
    if (set->count == set->room) {
        size_t room = set->room == 0 ? 1024 : 2 * set->room;
        void *keys = reallocarray(set->keys, room, sizeof *set->keys);
        if (keys == NULL)
            return ERR_MEMORY;
        set->keys = keys;
        set->room = room;
    }
    relay_key_write(name, set->keys[set->count++]);
    return ERR_OK;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, RELAY_KEY_BYTES_MAX);
}

void relay_set_sort(struct relay_set *set)
{
    if (set->count > 1)
        qsort(set->keys, set->count, sizeof *set->keys, compare);
}

bool relay_set_has(const struct relay_set *set, struct span key)
{
    return key.size == RELAY_KEY_BYTES_MAX && set->count > 0 &&
           bsearch(key.data, set->keys, set->count, sizeof *set->keys, compare) != NULL;
}

void relay_set_done(struct relay_set *set)
{
    free(set->keys);
    *set = (struct relay_set){0};
}

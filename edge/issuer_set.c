/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/issuer_set.h"

#include <stdlib.h>

#include "lib/wire.h"

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

bool issuer_set_has(const struct issuer_set *set, uint64_t issuer_id)
{
    if (set == NULL || set->all)
        return true;
    return set->count > 0 &&
           bsearch(&issuer_id, set->ids, set->count, sizeof *set->ids, compare) != NULL;
}

struct sha256 issuer_set_hash(const struct issuer_set *set)
{
    struct sha256 hash = {0};
    for (uint32_t i = 0; !set->all && i < set->count; i++) {
        uint8_t octets[SHA256_BYTES + 8];
        memcpy(octets, hash.octets, SHA256_BYTES);
        be64_store(octets + SHA256_BYTES, set->ids[i]);
        hash = sha256_of(span_of(octets, sizeof octets));
    }
    return hash;
}

uint32_t issuer_set_sort(uint64_t *ids, uint32_t count)
{
    uint32_t kept = 0;
    if (count > 0)
        qsort(ids, count, sizeof *ids, compare);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return kept;
}

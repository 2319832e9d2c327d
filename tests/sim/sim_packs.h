/* SPDX-License-Identifier: Apache-2.0 */
/* The packs that a simulated edge has fetched and keeps until they are applied. */
#pragma once

#include "edge/sync_tails.h"
#include "lib/check.h"

#define SIM_PACKS_MAX 64

struct sim_packs {
    struct sha256 hashes[SIM_PACKS_MAX];
    struct buffer octets[SIM_PACKS_MAX];
    uint32_t count;
};

/** For struct sync_packs; the context is the struct sim_packs. */
static inline enum err sim_packs_read(void *context, const struct log_range *pack,
                                      struct buffer *scratch, struct span *ret)
{
    struct sim_packs *packs = context;
    (void)scratch;
    for (uint32_t i = 0; i < packs->count; i++)
        if (sha256_equal(&packs->hashes[i], &pack->pack)) {
            *ret = span_of(packs->octets[i].data, packs->octets[i].size);
            return ERR_OK;
        }
    return ERR_NOT_FOUND;
}

/** The oldest gives way. */
static inline void sim_packs_keep(struct sim_packs *packs, const struct sha256 *hash,
                                  struct span octets)
{
    if (packs->count == SIM_PACKS_MAX) {
        buffer_done(&packs->octets[0]);
        packs->count--;
        memmove(&packs->octets[0], &packs->octets[1], packs->count * sizeof packs->octets[0]);
        memmove(&packs->hashes[0], &packs->hashes[1], packs->count * sizeof packs->hashes[0]);
    }
    packs->hashes[packs->count] = *hash;
    packs->octets[packs->count] = (struct buffer){0};
    enum err err = buffer_append(&packs->octets[packs->count++], octets);
    CHECK(err == ERR_OK);
}

static inline void sim_packs_forget(struct sim_packs *packs)
{
    for (uint32_t i = 0; i < packs->count; i++)
        buffer_done(&packs->octets[i]);
    packs->count = 0;
}

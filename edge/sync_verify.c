/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_verify.h"

#include <stdlib.h>
#include "lib/random.h"

enum err sync_verifiers_start(struct sync_verifiers *v, uint64_t seed, uint64_t *counters)
{
    struct sync_verifier *slots = calloc(SYNC_VERIFIERS_MAX, sizeof *slots);
    if (slots == NULL)
        return ERR_MEMORY;
    *v = (struct sync_verifiers){.slots = slots, .random = seed, .counters = counters};
    return ERR_OK;
}

void sync_verifiers_stop(struct sync_verifiers *v)
{
    for (uint32_t i = 0; v->slots != NULL && i < SYNC_VERIFIERS_MAX; i++)
        template_verifier_free(v->slots[i].verifier);
    free(v->slots);
    *v = (struct sync_verifiers){0};
}

bool sync_verify_chosen(struct sync_verifiers *v, enum sync_verify mode)
{
    if (mode == SYNC_VERIFY_SAMPLE)
        return random_next(&v->random) % SYNC_SAMPLE == 0;
    return mode == SYNC_VERIFY_ALL;
}

static enum err verifier_of(struct sync_verifiers *v, const struct ocsp_template *t,
                            struct template_verifier **ret)
{
    uint8_t wire[TEMPLATE_BYTES_MAX];
    size_t size;
    TRY(template_write(t, wire, sizeof wire, &size));
    for (uint32_t i = 0; i < SYNC_VERIFIERS_MAX; i++) {
        struct sync_verifier *slot = &v->slots[i];
        if (slot->verifier != NULL &&
            span_equal(span_of(slot->wire, slot->wire_size), span_of(wire, size))) {
            *ret = slot->verifier;
            return ERR_OK;
        }
    }
    struct template_verifier *made;
    TRY(template_verifier_new(t, &made));
    struct sync_verifier *slot = &v->slots[v->next];
    v->next = (v->next + 1) % SYNC_VERIFIERS_MAX;
    template_verifier_free(slot->verifier);
    slot->verifier = made;
    memcpy(slot->wire, wire, size);
    slot->wire_size = size;
    *ret = made;
    return ERR_OK;
}

static enum err check(struct sync_verifiers *v, struct template_verifier *verifier,
                      const struct statement *statement)
{
    counter_add(&v->counters[SYNC_SIGNATURES], 1);
    enum err err = template_verify(verifier, statement);
    if (err != ERR_OK)
        counter_add(&v->counters[SYNC_SIGNATURES_BAD], 1);
    return err;
}

enum err sync_verify_one(struct sync_verifiers *v, const struct ocsp_template *t,
                         const struct statement *statement)
{
    struct template_verifier *verifier;
    TRY(verifier_of(v, t, &verifier));
    return check(v, verifier, statement);
}

/* The verifier of a statement of a pack; `*no` and `*verifier` keep the last one. */
static enum err pack_verifier(struct sync_verifiers *v, const struct pack_reader *pack,
                              uint16_t want, uint32_t *no, struct template_verifier **verifier)
{
    if (*no == want)
        return ERR_OK;
    size_t cursor = 0;
    struct span wire;
    while (pack_next_template(pack, &cursor, &wire)) {
        struct ocsp_template t;
        TRY(template_read(wire, &t));
        if (t.template_no != want)
            continue;
        TRY(verifier_of(v, &t, verifier));
        *no = want;
        return ERR_OK;
    }
    return ERR_CONFLICT; /* pack_open() has seen to it that this is not reached */
}

enum err sync_verify_pack(struct sync_verifiers *v, enum sync_verify mode,
                          const struct pack_reader *pack)
{
    if (mode == SYNC_VERIFY_NONE || pack->info.statement_count == 0)
        return ERR_OK;
    uint64_t always = random_next(&v->random) % pack->info.statement_count;
    uint64_t at = 0;
    uint32_t no = UINT32_MAX;
    struct template_verifier *verifier = NULL;
    size_t cursor = 0;
    struct span wire;
    while (pack_next_block(pack, &cursor, &wire)) {
        struct block block = block_load(wire.data);
        for (uint32_t i = 0; i < block.count; i++, at++) {
            if (at != always && !sync_verify_chosen(v, mode))
                continue;
            struct statement statement;
            block_statement(&block, i, &statement);
            TRY(pack_verifier(v, pack, statement.facts.template_no, &no, &verifier));
            TRY(check(v, verifier, &statement));
        }
    }
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/filter_check.h"

/* Certificates between two looks at whether to stop. */
#define STOP_COUNT 65536

static enum err check_one(const struct clubcard *card, const struct clubcard_block *block,
                          const struct serial *serial, bool revoked)
{
    bool said = false;
    TRY(clubcard_ask(card, block, span_of(serial->octets, serial->size), &said));
    return said == revoked ? ERR_OK : ERR_CONFLICT;
}

static enum err check_source(const struct clubcard *card, struct filter_spool *spool,
                             const struct filter_source *source, const int *stop)
{
    struct clubcard_block block;
    struct serial serial;
    bool revoked = false;
    if (clubcard_block_find(card, &source->block, &block) != ERR_OK)
        return ERR_CONFLICT;
    TRY(filter_spool_seek(spool, source->from, source->until));
    for (uint64_t count = 0;; count++) {
        if (count % STOP_COUNT == 0 && __atomic_load_n(stop, __ATOMIC_RELAXED) != 0)
            return ERR_STOPPED;
        enum err err = filter_spool_next(spool, &serial, &revoked);
        if (err != ERR_OK)
            return err == ERR_NOT_FOUND ? ERR_OK : err;
        TRY(check_one(card, &block, &serial, revoked));
    }
}

enum err filter_check(struct filter_spool *spool, const struct filter_source *sources,
                      size_t source_count, const int *stop, struct span wire)
{
    struct clubcard card;
    TRY(clubcard_open(wire, &card));
    for (size_t i = 0; i < source_count; i++)
        TRY(check_source(&card, spool, &sources[i], stop));
    return ERR_OK;
}

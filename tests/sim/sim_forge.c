/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_forge.h"

#include "lib/check.h"

void sim_sign_wrong(enum sync_action_type type, struct buffer *out)
{
    uint8_t *at = out->data;
    if (type == SYNC_FETCH_LOG && out->size > 68) {
        size_t text = out->size - 64;
        memcpy(at + text - 4, publish_key_public(sim_wrong_key())->id, 4);
        CHECK(publish_key_sign(sim_wrong_key(), span_of(at, text), at + text) == ERR_OK);
    }
    struct head head;
    if (type == SYNC_FETCH_HEAD &&
        head_open(publish_key_public(sim_publish_key()), span_of(at, out->size), &head) == ERR_OK) {
        head.log_last += 5;
        CHECK(buffer_reserve(out, HEAD_BYTES_MAX) == ERR_OK);
        CHECK(head_write(sim_wrong_key(), &head, (char *)out->data, HEAD_BYTES_MAX, &out->size) ==
              ERR_OK);
    }
}

bool sim_forge_statement(enum sync_action_type type, struct buffer *out, uint64_t *random)
{
    struct log_entry entry;
    const struct publish_key *key = sim_publish_key();
    if (type != SYNC_FETCH_LOG ||
        log_entry_open(publish_key_public(key), span_of(out->data, out->size), &entry) != ERR_OK)
        return false;
    struct log_item item;
    size_t cursor = 0;
    while (log_entry_next(&entry, &cursor, &item)) {
        if (item.type != LOG_STATEMENT || sim_below(random, 3) == 0)
            continue;
        size_t at = (size_t)(item.statement.signature.data - out->data);
        out->data[at + sim_below(random, 64)] ^= 1;
        size_t text = out->size - ED25519_SIGNATURE_BYTES;
        CHECK(publish_key_sign(key, span_of(out->data, text), out->data + text) == ERR_OK);
        return true;
    }
    return false;
}

/* Some other file, or an old head. */
static struct span replayed(const struct sim_publication *p, enum sync_action_type type,
                            uint64_t *random)
{
    if (type == SYNC_FETCH_HEAD)
        return p->heads[sim_below(random, p->head_count)];
    return p->files[sim_below(random, p->file_count)].content;
}

enum fault { FAIL, MISSING, CUT, FLIP, LONGER, REPLAY, WRONG_KEY, HUGE, FORGED, FAULT_COUNT };

enum err sim_spoil(const struct sim_publication *p, enum sync_action_type type, uint64_t *random,
                   struct buffer *out, uint64_t *forged)
{
    static const uint8_t more[HEAD_BYTES_MAX + 1];
    switch ((enum fault)sim_below(random, FAULT_COUNT)) {
    case FAIL:
        return ERR_IO;
    case MISSING:
        return ERR_NOT_FOUND;
    case CUT:
        out->size = out->size > 0 ? sim_below(random, (uint32_t)out->size) : 0;
        return ERR_OK;
    case FLIP:
        if (out->size > 0)
            out->data[sim_below(random, (uint32_t)out->size)] ^=
                (uint8_t)(1u << sim_below(random, 8));
        return ERR_OK;
    case LONGER:
        return buffer_append(out, span_of(more, 1 + sim_below(random, 100)));
    case REPLAY:
        out->size = 0;
        return buffer_append(out, replayed(p, type, random));
    case WRONG_KEY:
        sim_sign_wrong(type, out);
        return ERR_OK;
    case HUGE:
        return buffer_append(out, span_of(more, sizeof more));
    case FORGED:
        *forged += sim_forge_statement(type, out, random);
        return ERR_OK;
    case FAULT_COUNT:
        break;
    }
    return ERR_OK;
}

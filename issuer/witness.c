/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/witness.h"

#include "issuer/audit_log.h"
#include "issuer/journal.h"
#include "issuer/registry_outbox.h"
#include "lib/check.h"

static enum err write_leaf(const struct audit_event *event, struct buffer *leaf)
{
    size_t size = 0;
    TRY(buffer_reserve(leaf, AUDIT_ENTRY_BYTES_MAX));
    TRY(audit_event_write(event, (char *)leaf->data, AUDIT_ENTRY_BYTES_MAX, &size));
    leaf->size = size;
    return ERR_OK;
}

static enum err say(struct issuer_worker *worker, const struct audit_event *events, size_t count,
                    struct witness *said)
{
    struct span leaves[WITNESS_EVENTS_MAX];
    for (size_t i = 0; i < count; i++) {
        TRY(write_leaf(&events[i], &said->leaves[i]));
        leaves[i] = span_of(said->leaves[i].data, said->leaves[i].size);
    }
    TRY(journal_append_all(worker->issuer->journal, leaves, count, &said->first));
    said->log = worker->issuer->audit_log;
    said->count = count;
    return ERR_OK;
}

enum err witness_say_all(struct issuer_worker *worker, const struct audit_event *events,
                         size_t count, struct witness *ret)
{
    CHECK(count >= 1 && count <= WITNESS_EVENTS_MAX);
    struct witness said = {0};
    enum err err = say(worker, events, count, &said);
    if (err != ERR_OK) {
        witness_done(&said);
        return err;
    }
    witness_done(ret);
    *ret = said;
    return ERR_OK;
}

enum err witness_say(struct issuer_worker *worker, const struct audit_event *event,
                     struct witness *ret)
{
    return witness_say_all(worker, event, 1, ret);
}

enum err witness_ship(struct registry *registry, const struct witness *said)
{
    for (size_t i = 0; i < said->count; i++) {
        const struct registry_leaf leaf = {
            .log = said->log,
            .leaf_index = said->first + i,
            .event = span_of(said->leaves[i].data, said->leaves[i].size),
        };
        TRY(registry_outbox_add(registry, &leaf));
    }
    return ERR_OK;
}

void witness_done(struct witness *said)
{
    for (size_t i = 0; i < WITNESS_EVENTS_MAX; i++)
        buffer_done(&said->leaves[i]);
    said->count = 0;
}

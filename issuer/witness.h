/* SPDX-License-Identifier: Apache-2.0 */
/* An event that is said in two places: as a leaf of the audit log, which is the proof, and in the
 * registry's outbox, from where it goes elsewhere. The leaf comes first and is durable; its row is
 * part of the transaction that it is about.
 *
 *   struct witness said = {0};
 *   TRY(witness_say(worker, &event, &said));        // durable, or nothing may happen
 *   ... registry_begin(), what happens, TRY(witness_ship(worker->registry, &said)), commit
 *   witness_done(&said);
 *
 * A crash in between leaves a leaf about something that did not happen, never the other way. */
#pragma once

#include "issuer/audit_event.h"
#include "issuer/issuer.h"
#include "lib/os/file.h"

/* Events said together: one wait for the disk. */
#define WITNESS_EVENTS_MAX 4

struct witness {
    size_t count;
    struct sha256 log; /* which log they are in */
    uint64_t first;    /* index of the first leaf; the others follow */
    struct buffer leaves[WITNESS_EVENTS_MAX];
};

/** Writes the event as a leaf. Errors of journal_record(). `ret` is zeros before, or what
 * witness_done() left. */
MUST_CHECK enum err witness_say(struct issuer_worker *worker, const struct audit_event *event,
                                struct witness *ret);
/** Several, all or none, one after the other. */
MUST_CHECK enum err witness_say_all(struct issuer_worker *worker, const struct audit_event *events,
                                    size_t count, struct witness *ret);
/** Rows in the outbox, in the transaction of the caller. Nothing when nothing was said. */
MUST_CHECK enum err witness_ship(struct registry *registry, const struct witness *said);
void witness_done(struct witness *said);

/* SPDX-License-Identifier: Apache-2.0 */
/* Does the APPLY actions of the sync core: one action, one write transaction of the store, the
 * position in it. What is left to verify needs the store: that templates are trusted and do not
 * contradict the ones that are there, and that statements are signed under them. A refusal aborts
 * the transaction: nothing of it is kept.
 *
 * An edge with `relay: true` keeps the files themselves beside what is in them (edge/sync_relay.h):
 * also packs of issuers that it does not trust, since other edges may.
 *
 * What is of an issuer that is not trusted at all is passed over, counted and listed: it is
 * somebody else's, and no reason to stop. */
#pragma once

#include "edge/store.h"
#include "edge/sync_core.h"
#include "edge/sync_relay.h"
#include "edge/sync_tails.h"
#include "edge/sync_verify.h"
#include "edge/template_sweep.h"
#include "edge/trust.h"
#include "lib/os/file.h"

/* More issuers than this are passed over without being named. */
#define SYNC_PASSED_MAX 256

struct sync_applier {
    struct store *store;
    const struct trust *trust;
    const struct issuer_set *issuers; /* of trust */
    uint64_t passed[SYNC_PASSED_MAX]; /* ids of issuers that were passed over so far */
    uint32_t passed_count;
    enum sync_verify verify_log;
    enum sync_verify verify_packs;
    struct sync_packs packs;
    struct sync_verifiers verifiers;
    struct template_sweep sweep;
    struct sync_tails tails;
    struct buffer scratch; /* the pack being applied, when it is not in memory already */
    uint64_t *counters;
    struct sync_relay relay; /* the caller's to set before, too */
    uint64_t collected_s;    /* when unused blobs were looked for last */
    bool bulk;               /* the first filling runs without syncing */
};

/** store, trust, modes, packs and counters are the caller's to set before. ERR_MEMORY. */
MUST_CHECK enum err sync_applier_start(struct sync_applier *a, uint64_t seed);
/** Does not close the store. */
void sync_applier_stop(struct sync_applier *a);

/** `type` is an action of the core that was just given, other than WAIT and FETCH. `now_s`: the
 *  wall clock. On success the position as committed. ERR_DISK_FULL, ERR_IO, ERR_STORE, ERR_BROKEN,
 * ERR_MEMORY: of this machine. ERR_CONFLICT, ERR_KEY, ERR_SIGNATURE, ERR_MALFORMED, ERR_HASH,
 * ERR_NOT_FOUND (a kept pack or a blob is gone) ...: the content was refused. */
MUST_CHECK enum err sync_apply(struct sync_applier *a, const struct sync_core *core,
                               enum sync_action_type type, uint64_t now_s, struct position *ret);

/** Whether the store has a blob that is to be fetched. ERR_NOT_FOUND; ERR_CONFLICT: of another
 * size, so that the publication contradicts itself. */
MUST_CHECK enum err sync_apply_has_blob(struct sync_applier *a, const struct sha256 *hash,
                                        uint64_t blob_bytes);

/** When there is nothing to apply: a step of tidying up. Errors of the store. */
MUST_CHECK enum err sync_apply_tidy(struct sync_applier *a, const struct sync_core *core,
                                    uint64_t now_ns);

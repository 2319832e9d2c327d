/* SPDX-License-Identifier: Apache-2.0 */
/* Removes templates that no statement of the store needs any more: each renewal of a responder
 * leaves one behind. What an index does not list goes when the index is applied
 * (edge/store_range.h); this is for an edge that only ever follows the log.
 *
 * An issuer's newest template always stays: statements of log entries name no other one that is
 * not in use (docs/formats.md, "Log entry"), and packs bring theirs. Older ones are looked for in
 * the blocks, a part at a time so that no change waits, and only where an issuer has several. What
 * is put in meanwhile is noted: a statement never moves to where the walk has been. */
#pragma once

#include "edge/store.h"

#define TEMPLATE_SWEEP_BLOCKS      2048 /* looked at in one step: some 8 MB */
#define TEMPLATE_SWEEP_INTERVAL_NS (UINT64_C(86400) * 1000000000)

struct template_sweep {
    uint64_t next_ns; /* when the next walk begins; 0: at once */
    bool walking;
    struct store_templates of; /* the issuer being walked */
    struct serial last;        /* up to here */
    uint8_t used[UINT16_MAX / 8 + 1];
};

/** A statement of that template was put into the store, or may be soon. */
void template_sweep_note(struct template_sweep *sweep, uint64_t issuer_id, uint16_t template_no);
/** Everything may have changed: from the start, at once. */
void template_sweep_restart(struct template_sweep *sweep);
/** One step, outside of a transaction. *ret_removed: templates that it removed. Errors of the
 * store; then the walk begins anew the next time. */
MUST_CHECK enum err template_sweep_step(struct template_sweep *sweep, struct store *store,
                                        uint64_t now_ns, uint32_t *ret_removed);

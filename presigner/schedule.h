/* SPDX-License-Identifier: Apache-2.0 */
/* When statements are signed, and which times they carry. Pure: (state, policy, now) -> times.
 *
 * A range is re-signed in a slot of its own: the seconds t with t = slot modulo the period, where
 * the slot is a hash of the range's `until` key and the period is refresh_s - backdate_s. Ranges
 * that were all signed at once (an import) come due over one whole period and keep that place ever
 * after, so the load is even; a range signed late or early goes back to its place the next time.
 * As a slot comes round once a period, a statement is never older than refresh_s when it is due. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

#define SCHEDULE_NO_LIMIT UINT64_MAX

struct schedule_policy {
    uint64_t validity_s;
    uint64_t refresh_s;  /* below validity_s */
    uint64_t backdate_s; /* below refresh_s */
    /* notAfter of the responder certificate, which caps nextUpdate; SCHEDULE_NO_LIMIT: none. */
    uint64_t responder_not_after_s;
};

/** thisUpdate = now - backdate; nextUpdate = thisUpdate + validity, but not past the responder
 *  certificate. ERR_EXPIRED: the responder certificate has ended, so that nothing can be signed.
 *  ERR_RANGE: past what 32 bits hold. */
MUST_CHECK enum err schedule_times(const struct schedule_policy *policy, uint64_t now_s,
                                   uint32_t *ret_this_update_s, uint32_t *ret_next_update_s);

/** Where in the period a range comes due; from the wire form of its `until` key. */
uint64_t schedule_slot(const struct schedule_policy *policy, struct span until_key);

/** The second from which a range with these oldest times is due for re-signing; 0 (at once) when
 *  this_update_s is 0. Statements that a responder certificate cut short come due as early before
 *  their end as all others, once another certificate can do better. */
uint64_t schedule_due(const struct schedule_policy *policy, uint64_t slot_s, uint32_t this_update_s,
                      uint32_t next_update_s);

/** What waits, summed over ranges; start with zeros. */
struct schedule_backlog {
    uint64_t range_count;
    uint64_t due_count;            /* ranges that are due */
    uint64_t late_s;               /* how long the one that has waited longest is due */
    uint32_t oldest_this_update_s; /* 0: no range has statements */
    uint64_t next_due_s;           /* the earliest due time of those that are not; 0: none */
};
/** Ranges without statements (this_update_s 0) are counted only. */
void schedule_backlog_add(struct schedule_backlog *backlog, uint32_t this_update_s, uint64_t due_s,
                          uint64_t now_s);

/* SPDX-License-Identifier: Apache-2.0 */
/* How long the entries of an audit log are kept: a promise that is an entry itself, so that nobody
 * takes it back unseen. The event is policy.changed with policy `audit.retention_years`; the
 * longest one counts, for all entries. It can only become longer: who wants less begins another
 * log.
 *
 * What keeps it: no program of ours removes or changes an entry or a whole tile; `statim audit
 * verify` names what is gone; `statim audit seal` makes whole tiles immutable where the file system
 * can (issuer/audit_seal.h).
 *
 *   <folder>/retention   "statim-retention v1\nleaf N\n": which entry it is; made anew when it is
 *                        missing or wrong, from all entries */
#pragma once

#include "issuer/audit_log.h"

#define AUDIT_RETENTION_FILE      "retention"
#define AUDIT_RETENTION_POLICY    "audit.retention_years"
#define AUDIT_RETENTION_YEARS     7u /* by default */
#define AUDIT_RETENTION_YEARS_MAX 100u

/** What the first `size` entries promise; reads all of them. ERR_NOT_FOUND: nothing. Errors of
 * files, ERR_MALFORMED.
 */
MUST_CHECK enum err audit_retention_get(const char *folder, const struct verify_key *key,
                                        uint64_t size, unsigned *ret_years);
/** Appends the event and writes the file, if that many years are not what the log promises already.
 * ERR_CONFLICT: it promises more. ERR_RANGE (years), errors of audit_log_append(). */
MUST_CHECK enum err audit_retention_set(struct audit_log *log, const char *folder,
                                        const struct verify_key *key, unsigned years,
                                        uint64_t now_s, struct span actor);

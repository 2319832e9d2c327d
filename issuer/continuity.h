/* SPDX-License-Identifier: Apache-2.0 */
/* Whether registry and audit log belong together, looked at from both sides. A serial is in the
 * registry before the log says that it will be signed, so a registry that does not know the last
 * such serial is older than the log. It was restored from a backup, or is another one, and going on
 * would give away serials that have certificates. A leaf is in the log before the registry has it
 * in its outbox, so a log without the last one of the outbox is older than the registry: going on
 * would give its indexes to other leaves, and certificates would be left without theirs.
 * Revocations of which the log says more than the registry are told of; they may be requests that a
 * crash cut off. A log that was begun anew has another id (audit_log_id()) and nothing in the
 * outbox. */
#pragma once

#include "issuer/issuer.h"

/* A file of this name in the state folder says that a person knows, and has done what
 * docs/operations.md says. It is removed, a leaf notes it, and what came before is not compared any
 * more. */
#define CONTINUITY_KNOWN_FILE "registry-restored"

/** At the start, when the journal has signed what there is. Fills issuer->audit_log. ERR_CHAIN:
 * they do not; logged. Errors of audit_reader_open(), registry and journal. */
MUST_CHECK enum err continuity_check(struct issuer_worker *worker);

/* SPDX-License-Identifier: Apache-2.0 */
/* Whether registry and audit log belong together: a serial is in the registry before the log says
 * that it will be signed, so a registry that does not know the last such serial is older than the
 * log. It was restored from a backup, or is another one, and going on would give away serials that
 * have certificates. */
#pragma once

#include "issuer/issuer.h"

/* A file of this name in the state folder says that a person knows, and has done what
 * docs/operations.md says. It is removed, a leaf notes it, and what came before is not compared any
 * more. */
#define CONTINUITY_KNOWN_FILE "registry-restored"

/** At the start, when the journal has signed what there is. ERR_CHAIN: they do not; logged. Errors
 * of audit_reader_open(), registry and journal. */
MUST_CHECK enum err continuity_check(struct issuer_worker *worker);

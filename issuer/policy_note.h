/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the settings that decide what is issued, by whom and to whom are those of the last start:
 * each that is not becomes a leaf policy.changed with the old and the new one (BR 5.4.1). What they
 * were is in the file `policy` of the state folder, as one JSON object; without it everything is
 * new. */
#pragma once

#include "issuer/issuer.h"

/** The leaves first, then the file: after a crash between them a change is said twice. Logged.
 * Errors of the journal and of the file, ERR_MEMORY. */
MUST_CHECK enum err policy_note(struct issuer *issuer);

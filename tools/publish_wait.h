/* SPDX-License-Identifier: Apache-2.0 */
/* Waits until what was accepted is published: by a presigner that runs on the same folder. */
#pragma once

#include "tools/directory.h"

#define PUBLISH_WAIT_MAX_S 86400u

/** Until the statements of all revocations up to `sequence` are in the log, and the issuer's CRLs
 *  have them; prints both, each when it is so. False, with words on standard error, when it is not
 * so within `wait_s` from now. */
bool publish_wait(const struct directory *d, uint64_t sequence, uint64_t wait_s);

/* SPDX-License-Identifier: Apache-2.0 */
/* The issuers of a snapshot, made from its templates and the groups of its side index, and the
 * table that finds one by the hashes of a CertID. */
#pragma once

#include "edge/snapshot.h"

/** Fills issuers and slots; templates (in order) and index are there. ERR_MEMORY, ERR_CONFLICT (two
 *  templates of one issuer disagree about its hashes). */
MUST_CHECK enum err snapshot_issuers_make(struct snapshot *s);
void snapshot_issuers_free(struct snapshot *s);

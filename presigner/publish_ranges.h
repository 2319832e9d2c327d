/* SPDX-License-Identifier: Apache-2.0 */
/* Re-signing of whole ranges: those with many changes and those whose time has come. */
#pragma once

#include "presigner/publish_core.h"

/** Signs the range that needs it most and publishes it as one log entry. A range too large for one
 *  pack gives its first part; what is left stays dirty, with the pack it had. Statements that were
 *  published while the pack was in the making follow it in the same entry, so that a revocation is
 *  never taken back. `*ret_worked` becomes true when there was one. */
MUST_CHECK enum err publish_range_step(struct publisher *p, bool *ret_worked);

/** The whole key space of an issuer as one empty range. */
struct range_record publish_range_first(uint64_t issuer_id);

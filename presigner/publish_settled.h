/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes of an issuer are published: their statements are in the log, and the head names it.
 *
 * The sequences of struct publish_state do not tell that: an addition that goes into a dirty range
 * counts as published there, but its statement comes with the range. What waits in that way is
 * noted for each issuer, in memory. After a start all that was there counts as waiting as long as
 * any range is dirty. */
#pragma once

#include "presigner/publish_core.h"

/** After template_set_open(). */
void publish_settled_open(struct publisher *p);
/** Changes first..last of the issuer are to come with a dirty range. */
void publish_settled_defer(struct publish_issuer *issuer, uint64_t first, uint64_t last);
/** All ranges were looked at: the dirty ones of the issuer, if any, have all changes up to
 *  `sequence` (UINT64_MAX: none is dirty). */
void publish_settled_scanned(struct publish_issuer *issuer, uint64_t sequence);

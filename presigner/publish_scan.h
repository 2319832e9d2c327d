/* SPDX-License-Identifier: Apache-2.0 */
/* Looks over all ranges: which one is to be signed next, and what waits. */
#pragma once

#include "presigner/publish_core.h"

/** The range that needs signing most; ERR_NOT_FOUND when none does. Dirty ranges and due ones take
 *  turns, so that neither a large import nor a backlog starves the other; when too much is in
 * tails, the range with the longest. Sets the gauges. */
MUST_CHECK enum err publish_range_pick(struct publisher *p, struct range_record *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of single certificates: statements in a log entry and in the tail. */
#pragma once

#include "presigner/publish_core.h"

/** Publishes revocations that are not published yet, one log entry of them at most. A small entry
 *  does not follow another in the same second, so that many changes in a row make few entries.
 *  `*ret_worked` becomes true when anything was done, `*ret_waiting` when something is left for the
 *  next second. */
MUST_CHECK enum err publish_revocations(struct publisher *p, bool *ret_worked, bool *ret_waiting);

/** The next changes other than revocations: few in a range become statements, many make the range
 *  dirty (publish_ranges.h). Goes no further than publish_revocations() has been. */
MUST_CHECK enum err publish_additions(struct publisher *p, bool *ret_worked, bool *ret_waiting);

/** While a range is being signed: additions that somebody waits for, a few of issuers with feeds.
 *  Does nothing when any of them would have to come with a range, which may be that one. */
MUST_CHECK enum err publish_awaited(struct publisher *p);

/* SPDX-License-Identifier: Apache-2.0 */
/* The index: the whole state at one log number, for edges that start or lag. */
#pragma once

#include "presigner/publish_core.h"

/** Makes an index when there is none, when the newest is older than its interval, or when the log
 * has grown far since; only if anything changed. `*ret_worked` becomes true when one was made. */
MUST_CHECK enum err publish_index_step(struct publisher *p, bool *ret_worked);
/** Makes one now, unless the newest one stands for this state already. */
MUST_CHECK enum err publish_index_make(struct publisher *p, bool *ret_worked);

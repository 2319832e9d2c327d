/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that was ahead and is right again. */
#pragma once

#include "presigner/publish_core.h"

/** What the newest log entry says of the clock of earlier runs. */
MUST_CHECK enum err publish_clock_load(struct publisher *p);
/** When the clock went back since the last call: statements that were made meanwhile are not valid
 *  yet, so the ranges that have them in their tails become dirty (publish_scan.h sees to those in
 *  packs), and nothing waits for a time that is far away now. */
MUST_CHECK enum err publish_clock_step(struct publisher *p);

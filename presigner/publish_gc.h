/* SPDX-License-Identifier: Apache-2.0 */
/* Removal of what nobody needs: old log entries, unreferenced files, leftovers of dead processes.
 */
#pragma once

#include "presigner/publish_core.h"

/* A file is kept for this long after it was first seen without a reference: slow edges finish. */
#define GARBAGE_GRACE_S 3600
/* How often it is done by itself. */
#define COLLECT_INTERVAL_S 600

/** Log entries past their age or count go, but never those that the older of the two kept indexes
 *  needs; then files without a reference. */
MUST_CHECK enum err publish_collect(struct publisher *p);
/** The same when its time has come. */
MUST_CHECK enum err publish_collect_step(struct publisher *p);

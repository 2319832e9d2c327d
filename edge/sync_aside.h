/* SPDX-License-Identifier: Apache-2.0 */
/* What of sync's work steps aside for those who answer on the same processors. Pure. */
#pragma once

#include "edge/sync_core.h"

/** Whether what the core asks for now can wait for an idle processor: packs that replace what is
 * served with the same, signed anew, of an entry of the log that has nothing else. Never a change
 * of status, a CRL, nor anything before the first whole data set, nor an index: who takes one is
 * behind, and what was revoked may be in it. */
bool sync_steps_aside(const struct sync_core *core, enum sync_action_type type);

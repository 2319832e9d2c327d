/* SPDX-License-Identifier: Apache-2.0 */
/* Files that pass no check, or fewer than they should, made from genuine ones. */
#pragma once

#include "edge/sync_core.h"
#include "lib/os/file.h"
#include "tests/sim/sim_publisher.h"

/** A genuine head or entry signed anew by somebody else's key. */
void sim_sign_wrong(enum sync_action_type type, struct buffer *out);
/** The publisher's own key over an entry with a statement that the CA did not sign. false: it has
 *  none. */
bool sim_forge_statement(enum sync_action_type type, struct buffer *out, uint64_t *random);
/** Hurts a file as a bad origin or a bad Redis might; or the error of not getting it. `forged`
 * counts those by sim_forge_statement(). */
enum err sim_spoil(const struct sim_publication *p, enum sync_action_type type, uint64_t *random,
                   struct buffer *out, uint64_t *forged);

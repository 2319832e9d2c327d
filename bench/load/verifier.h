/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies the signatures of the sample on a thread of its own: one takes ten requests' time. When
 * that thread cannot keep up, whoever offers does the work itself: it shows as lag then, but no
 * answer of the sample goes unverified. */
#pragma once

#include "bench/load/client.h"
#include "bench/load/signature_judge.h"
#include "bench/load/tally.h"

struct verifier;

/** Starts the thread. Borrows both. ERR_MEMORY. */
MUST_CHECK enum err verifier_start(const struct signature_judge *judge, struct ledger *ledger,
                                   struct verifier **ret);
/** Finishes what was offered, ends the thread, frees; tells how many were verified. */
uint64_t verifier_stop(struct verifier *verifier);

/** Takes an answer of at most CLIENT_BODY_MAX octets; it ends in the ledger, as `end`, or as
 *  SIGNATURE when it does not verify. Any thread. */
void verifier_offer(struct verifier *verifier, struct span der, enum load_end end, uint32_t second);

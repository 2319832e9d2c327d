/* SPDX-License-Identifier: Apache-2.0 */
/* Brings to its end what a crash, or an outage of the database, left between the reservation of a
 * serial and its certificate: reservations in state `reserved` (nothing was signed: refused) or
 * `signing` (something may have been signed: abandoned, with an event `revoked`, reason
 * cessationOfOperation, so that the serial has a status for ever). An order of it is open again and
 * gets another serial. */
#pragma once

#include "issuer/issuer.h"

/** At the start, before a listener is open: all that is unfinished. `*ret_count`: how many. May be
 * called again after it failed. Errors of registry and journal. */
MUST_CHECK enum err recover_all(struct issuer_worker *worker, uint64_t *ret_count);

/** One serial whose cycle ended in an error after T1. Does nothing when it has come to its end
 * meanwhile (a commit whose outcome was unknown). When this fails the serial stays as it is, and
 * the keeper (issuer/keeper.h) tries again. */
MUST_CHECK enum err recover_serial(struct issuer_worker *worker, uint64_t issuer_id,
                                   const struct serial *serial, bool may_be_signed);

/* Longer than any cycle takes: a request waits for the linter, the disk, the database and the key,
 * and each has its time limit. */
#define RECOVER_AGE_S 300
/** While running: those that are older than RECOVER_AGE_S. */
MUST_CHECK enum err recover_late(struct issuer_worker *worker, uint64_t *ret_count);

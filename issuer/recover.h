/* SPDX-License-Identifier: Apache-2.0 */
/* Brings to its end what a crash, or an outage of the database, left between the reservation of a
 * serial and its certificate: reservations in state `reserved` (nothing was signed: refused) or
 * `signing` (something may have been signed: abandoned, with an event `revoked`, reason
 * cessationOfOperation, so that the serial has a status for ever). An order of it is open again and
 * gets another serial. */
#pragma once

#include "issuer/issuer.h"

/** At the start, before a listener is open: all that is unfinished. `*ret_count`: how many. May be
 * called again after it failed. ERR_STORE, ERR_IO (of registry or journal), ERR_BUSY. */
MUST_CHECK enum err recover_all(struct issuer_worker *worker, uint64_t *ret_count);

/** While running: one serial whose cycle ended in an error after T1. When this fails too, the
 * serial stays as it is and recover_late() takes it up. */
MUST_CHECK enum err recover_serial(struct issuer_worker *worker, const struct authority *authority,
                                   const struct serial *serial, bool may_be_signed);

/** While running, once in a while: those that are older than any cycle can be (RECOVER_AGE_S). */
#define RECOVER_AGE_S 300
MUST_CHECK enum err recover_late(struct issuer_worker *worker, uint64_t *ret_count);

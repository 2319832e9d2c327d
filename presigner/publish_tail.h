/* SPDX-License-Identifier: Apache-2.0 */
/* Tail packs for an index: the statements that are newer than their range's pack. */
#pragma once

#include "presigner/publish_core.h"

/** Writes the tail as packs of about the target size, one issuer each, and gives each to `each`.
 *  Errors of `each`, ERR_DISK_FULL, ERR_IO, ERR_STORE. */
MUST_CHECK enum err publish_tail_packs(struct publisher *p, MDB_txn *txn,
                                       void (*each)(void *context, const struct log_range *pack),
                                       void *context);

/* SPDX-License-Identifier: Apache-2.0 */
/* Range packs: a key range of the status database, signed anew. */
#pragma once

#include "presigner/publish_core.h"

/** How far a pack from `after` on can go: all of (after, until], or up to a serial at which its
 * size reaches the target while a fair part is left for another. */
MUST_CHECK enum err publish_pack_plan(struct publisher *p, MDB_txn *txn,
                                      const struct publish_issuer *issuer,
                                      const struct serial *after, const struct serial *until,
                                      struct serial *ret_until);

/** Signs (after, until] as `txn` has it and writes the pack's file. Between chunks, revocations are
 *  published (which moves p->state). Gives the range's record without sequence and log number.
 *  ERR_STOPPED, ERR_SIGNATURE and others of signing, ERR_DISK_FULL, ERR_IO. */
MUST_CHECK enum err publish_pack_sign(struct publisher *p, MDB_txn *txn,
                                      struct publish_issuer *issuer, const struct serial *after,
                                      const struct serial *until, struct range_record *ret);

/** Octets that a statement takes in a pack, about. */
size_t publish_statement_bytes(size_t signature_size, const struct serial *serial, bool revoked);
/** Room in p->pack for a pack that publish_pack_plan() made. ERR_MEMORY. */
MUST_CHECK enum err publish_pack_room(struct publisher *p);
/** Ends p->writer's pack, writes its file, and fills pack, size, count and times of `ret`. */
MUST_CHECK enum err publish_pack_finish(struct publisher *p, struct range_record *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* Delta CRLs (RFC 5280 5.2.4): what is kept of each, and which complete CRL it is a delta to.
 *
 * A delta is made together with each complete CRL, from the same state and with the same number and
 * times, so whoever adds it to a complete CRL from its base on knows exactly what the new complete
 * one says. The base is a complete CRL that was published between one and two intervals ago: a
 * client that kept one of yesterday needs the delta alone. An entry is on the delta when its
 * revocation is newer than the base's state; nothing is ever unrevoked, so no entry says
 * removeFromCRL, and certificates that have ended meanwhile are left to their own end.
 *
 * URL: that of the complete CRL with "-delta.crl" for ".crl".
 *
 * Table `crl`: key issuer id 8 | shard 4 | "d"; value version 1 (= 1), of the base and of the base
 * to come: number 8, covers sequence 8, thisUpdate 8; then number 8, covers sequence 8, entries 4,
 * size 8, SHA-256 32. Integers big-endian. */
#pragma once

#include "presigner/crl_record.h"

struct crl_base {
    uint64_t number; /* 0: none */
    uint64_t covers_sequence;
    uint64_t this_update_s;
};

struct crl_delta {
    struct crl_base base;
    struct crl_base next; /* becomes the base when it is an interval old */
    uint64_t number;      /* of the newest delta; 0: none was published */
    uint64_t covers_sequence;
    uint32_t entry_count;
    uint64_t bytes;
    struct sha256 blob;
};

/** Before a complete CRL is made, moves the bases on. `published`: the complete CRL that is there.
 *  Pure. */
void crl_delta_roll(struct crl_delta *d, const struct crl_record *published, uint64_t interval_s,
                    uint64_t now_s);
/** ERR_LIMIT. */
MUST_CHECK enum err crl_delta_url(const char *url_base, uint32_t shard,
                                  char ret[static CRL_SHARD_URL_MAX]);

/** All zeros when there is none. */
MUST_CHECK enum err crl_delta_get(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                  uint32_t shard, struct crl_delta *ret);
MUST_CHECK enum err crl_delta_put(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                  uint32_t shard, const struct crl_delta *d);

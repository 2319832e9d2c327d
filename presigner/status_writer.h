/* SPDX-License-Identifier: Apache-2.0 */
/* Makes changes to the status database within a write transaction: the cert record, the change
 * record, the counts of the issuer and the revoked index, all or none. A certificate of an issuer
 * with CRLs gets its shard here, if the claim does not bring one.
 *
 * Fastest when keys come in order: neighbours share pages, and keys beyond the last one are
 * appended without a search. */
#pragma once

#include "presigner/revoked_index.h"

/* Claims of another CRL shard than the one a certificate has for ever: they are not followed. */
struct shard_conflicts {
    uint64_t count;
    struct serial serial; /* of the first, */
    uint32_t known;       /* the shard that it has */
    uint32_t claimed;     /* and the one that was claimed */
};

struct status_writer {
    struct status_db *db;
    MDB_txn *txn;
    MDB_cursor *certs;
    MDB_cursor *changes;
    uint64_t last_sequence;
    uint8_t last_key[KEY_BYTES_MAX]; /* the greatest key there is */
    size_t last_key_size;
    bool has_issuer; /* whose counts these are */
    uint64_t issuer_id;
    struct status_counts counts;
    struct crl_sets sets;
    struct shard_conflicts conflicts;
    bool revoked; /* a certificate was revoked, or came as such */
};

/** ERR_STORE, ERR_MEMORY. */
MUST_CHECK enum err status_writer_begin(struct status_db *db, MDB_txn *txn,
                                        struct status_writer *ret);
/** Joins `claimed` (its sequence is not looked at) into what is known of the certificate and tells
 *  whether that changed anything; only then a sequence is used up. After an error the transaction
 *  must be aborted. ERR_MALFORMED (cert_record_valid()), ERR_LIMIT (map full), ERR_STORE. */
MUST_CHECK enum err status_writer_apply(struct status_writer *w, uint64_t issuer_id,
                                        const struct serial *serial,
                                        const struct cert_record *claimed, bool *ret_changed);
/** Writes the counts and, of revocations, the time; closes the cursors. The caller commits. */
MUST_CHECK enum err status_writer_end(struct status_writer *w);
/** Closes the cursors only, before an abort. */
void status_writer_drop(struct status_writer *w);

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/filter_read.h"

/* Certificates of one read transaction. */
#define PIECE_COUNT 16384

static enum err take(struct filter_reading *r, const struct status_cert *cert,
                     struct filter_source *source)
{
    const struct cert_record *record = &cert->record;
    if (cert_expired(record, r->grace_s, r->now_s))
        return ERR_OK;
    bool revoked =
        record->status == CERT_REVOKED && filter_reasons_have(r->reasons, record->reason);
    uint64_t expiry_s = record->not_after_s + r->grace_s + 1;
    if (expiry_s < r->first_expiry_s)
        r->first_expiry_s = expiry_s;
    source->known_count++;
    source->revoked_count += revoked;
    return filter_spool_put(r->spool, &cert->serial, revoked);
}

static enum err read_some(struct filter_reading *r, struct status_cert_cursor *c,
                          struct serial *after, struct filter_source *source)
{
    struct status_cert cert;
    for (unsigned i = 0; i < PIECE_COUNT; i++) {
        TRY(status_certs_next(c, &cert));
        TRY(take(r, &cert, source));
        *after = cert.serial;
    }
    return ERR_OK;
}

/* ERR_NOT_FOUND: that was the last. */
static enum err read_piece(struct filter_reading *r, uint64_t issuer_id, struct serial *after,
                           struct filter_source *source)
{
    struct serial until = SERIAL_AFTER_ALL;
    struct status_cert_cursor c;
    MDB_txn *txn = NULL;
    if (__atomic_load_n(r->stop, __ATOMIC_RELAXED) != 0)
        return ERR_STOPPED;
    TRY(status_txn_read(r->status, &txn));
    enum err err = status_certs_begin(r->status, txn, issuer_id, after, &until, &c);
    if (err == ERR_OK) {
        err = read_some(r, &c, after, source);
        status_certs_end(&c);
    }
    status_txn_abort(txn);
    return err;
}

enum err filter_read_issuer(struct filter_reading *r, uint64_t issuer_id,
                            struct filter_source *source)
{
    struct serial after = SERIAL_BEFORE_ALL;
    enum err err;
    source->from = filter_spool_end(r->spool);
    source->known_count = source->revoked_count = 0;
    while ((err = read_piece(r, issuer_id, &after, source)) == ERR_OK)
        ;
    source->until = filter_spool_end(r->spool);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

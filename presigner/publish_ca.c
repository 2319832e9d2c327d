/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_ca.h"

#include "presigner/publish_entry.h"
#include "presigner/publish_files.h"

static const char ca_type[] = "application/pkix-cert";

static enum err is_at(struct publisher *p, const struct blob_path *path, bool *ret)
{
    MDB_txn *txn = NULL;
    struct blob_path there;
    TRY(status_txn_read(p->status, &txn));
    enum err err = path_record_get(&p->db, txn, path->path, &there);
    *ret = err == ERR_OK && sha256_equal(&there.blob, &path->blob);
    status_txn_abort(txn);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err ca_publish(struct publisher *p, const struct crl_issuer *ci, bool *ret_worked)
{
    char text[CRL_SHARD_URL_MAX];
    bool there = false;
    MDB_txn *txn = NULL;
    struct publish_entry e;
    struct span der = span_of(ci->der.data, ci->der.size);
    crl_config_ca_path(ci->config, text);
    struct blob_path path = {.path = span_text(text),
                             .blob = sha256_of(der),
                             .blob_bytes = der.size,
                             .media_type = span_text(ca_type),
                             .modified_s = ci->not_before_s};
    TRY(is_at(p, &path, &there));
    if (there)
        return ERR_OK;
    TRY(publish_blob_write(p, der, &path.blob));
    TRY(publish_entry_start(p, &e));
    publish_entry_path(&e, &path);
    TRY(publish_entry_seal(p, &e, &txn));
    enum err err = path_record_put(&p->db, txn, &path);
    if (err != ERR_OK) {
        publish_entry_drop(p, &e, txn);
        return err;
    }
    *ret_worked = true;
    return publish_entry_commit(p, &e, txn);
}

enum err publish_ca_step(struct publisher *p, bool *ret_worked)
{
    for (size_t i = 0; i < p->crls->count && !p->crls->ca_done; i++)
        TRY(ca_publish(p, &p->crls->issuers[i], ret_worked));
    p->crls->ca_done = true;
    return ERR_OK;
}

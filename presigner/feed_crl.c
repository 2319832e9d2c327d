/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feed_crl.h"

#include "presigner/revoked_index.h"

static bool is_there(const struct crl_sets *sets, const char *url_base, const char *url)
{
    uint32_t shard = CRL_SHARD_NONE;
    if (crl_shard_from_text(sets, url_base, span_text(url), &shard) != ERR_OK)
        return false;
    /* The one CRL of a full set has another name, which the issuer gives to no certificate. */
    return !crl_shard_set(sets, shard)->full;
}

enum err feed_crl_is_ours(struct status_db *db, uint64_t issuer_id, const char *url_base,
                          const char *url, bool *ret)
{
    MDB_txn *txn = NULL;
    struct crl_sets sets;
    if (url[0] == '\0' || url_base == NULL) {
        *ret = url[0] == '\0';
        return ERR_OK;
    }
    TRY(status_txn_read(db, &txn));
    enum err err = crl_sets_get(db, txn, issuer_id, &sets);
    status_txn_abort(txn);
    TRY(err);
    *ret = is_there(&sets, url_base, url);
    return ERR_OK;
}

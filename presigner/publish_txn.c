/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_txn.h"

enum err publish_txn_write(struct publisher *p, MDB_txn **ret)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_write(p->status, &txn));
    enum err err = lease_check(p->lease, txn);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        if (err == ERR_FENCED)
            publish_count(p, COUNT_lease_refusals, 1);
        return err;
    }
    *ret = txn;
    return ERR_OK;
}

enum err publish_file_commit(struct publisher *p, const char *path)
{
    MDB_txn *txn = NULL;
    enum err err = publish_txn_write(p, &txn);
    if (err != ERR_OK) {
        file_discard(path);
        return err;
    }
    err = file_commit(path);
    status_txn_abort(txn);
    return err;
}

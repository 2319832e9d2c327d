/* SPDX-License-Identifier: Apache-2.0 */
/* One read transaction over an LMDB folder, for `statim inspect`. Nothing is written but a slot of
 * the lock file, and not even that where the file system is read-only. */
#pragma once

#include <lmdb.h>

#include "tools/inspect.h"

struct inspect_lmdb {
    MDB_env *env;
    MDB_txn *txn;
    uint64_t page_bytes;
};

/** false: refused. A file that is shorter than its own count of pages is refused too: reading it
 *  would end the program. */
bool inspect_lmdb_open(struct inspection *in, const char *path, struct inspect_lmdb *ret);
void inspect_lmdb_close(struct inspect_lmdb *db);
/** ERR_NOT_FOUND: the environment has no such database. */
MUST_CHECK enum err inspect_lmdb_database(struct inspect_lmdb *db, const char *name, MDB_dbi *ret);

/** Calls `row` for each record in key order until it says false. false: an error of LMDB, which
 *  became the refusal, or the row's. */
bool inspect_lmdb_walk(struct inspection *in, struct inspect_lmdb *db, MDB_dbi dbi, void *context,
                       bool (*row)(void *context, struct span key, struct span value));
MUST_CHECK enum err inspect_lmdb_get(struct inspect_lmdb *db, MDB_dbi dbi, struct span key,
                                     struct span *ret);
/** Octets of the pages of one database; records in it. */
uint64_t inspect_lmdb_bytes(struct inspect_lmdb *db, MDB_dbi dbi, uint64_t *ret_count);
/** Size of the file in use, and how far it may grow. */
void inspect_lmdb_show(struct inspection *in, struct inspect_lmdb *db);

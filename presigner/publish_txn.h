/* SPDX-License-Identifier: Apache-2.0 */
/* Write transactions of the publication, and the files that get their names in them: nothing of
 * either happens when another process has taken the lease over (lease.h). */
#pragma once

#include "presigner/publish_core.h"

/** status_txn_write(), and ERR_FENCED (counted) when the lease is another's by now. While the
 *  transaction lasts nobody can take it. */
MUST_CHECK enum err publish_txn_write(struct publisher *p, MDB_txn **ret);
/** Gives the file that file_prepare() wrote its name, within such a transaction, so that no file of
 *  ours comes over a newer holder's. The directory is not synced. */
MUST_CHECK enum err publish_file_commit(struct publisher *p, const char *path);

/* SPDX-License-Identifier: Apache-2.0 */
/* One log entry: collected, sealed into its file, and committed together with what it means for the
 * databases. */
#pragma once

#include "presigner/publish_core.h"

struct publish_entry {
    struct log_writer writer;
    struct log_record record;
    struct publish_state next; /* the state after; the caller may move the sequences */
};

/** Starts the entry after the newest one. Only one is in the making at a time. ERR_MEMORY. */
MUST_CHECK enum err publish_entry_start(struct publisher *p, struct publish_entry *e);
void publish_entry_template(struct publish_entry *e, const struct ocsp_template *t);
void publish_entry_statement(struct publish_entry *e, uint64_t issuer_id,
                             const struct statement *s);
void publish_entry_range(struct publish_entry *e, const struct range_record *range);
void publish_entry_path(struct publish_entry *e, const struct blob_path *path);
/** Signs the entry, writes its file under a temporary name, and begins the write transaction that
 *  is to commit it, or to be dropped. An entry without items has no file and takes no number. */
MUST_CHECK enum err publish_entry_seal(struct publisher *p, struct publish_entry *e, MDB_txn **ret);
void publish_entry_drop(struct publisher *p, const struct publish_entry *e, MDB_txn *txn);
/** Gives the file its name, adds entry and state to the transaction and commits it; it has ended
 *  either way. ERR_FENCED: the number is another's. */
MUST_CHECK enum err publish_entry_commit(struct publisher *p, struct publish_entry *e,
                                         MDB_txn *txn);

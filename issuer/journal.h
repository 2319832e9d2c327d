/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer's audit log at work: many threads append, one thread writes.
 *
 * Group commit: what is waiting when the thread is free becomes one append of the log
 * (issuer/audit_log.h), and all its callers return when it is on the disk. A checkpoint is signed
 * `checkpoint_ns` after the first entry that is not under one, at the latest.
 *
 * Fail closed: an append that did not return ERR_OK is not to be relied on, and what waits for it
 * must not happen. (It may be in the log nonetheless: when the disk failed just behind the rename,
 * nobody knows. So an event says what is about to be done, and the next one that it was.)
 *
 * Failures: when the log cannot be written or signed, all that wait get the error, and so does who
 * comes later, at once. The thread opens the log again by itself, after 100 ms, then 200 ms ... 5
 * s, which reads back what the disk has and compares roots; when that and a new checkpoint succeed,
 * appends are taken again. journal_status() tells. */
#pragma once

#include "issuer/audit_event.h"
#include "issuer/audit_log.h"
#include "issuer/audit_retention.h"

/* Entries and octets that wait at most; beyond that appends are refused (ERR_BUSY). */
#define JOURNAL_WAITING_MAX       4096u
#define JOURNAL_WAITING_BYTES_MAX (16u << 20)

#define JOURNAL_GATHER_NS_MAX 5000000u    /* 5 ms */
#define JOURNAL_GATHER_NS     0u          /* default: what comes while the disk is busy is enough */
#define JOURNAL_CHECKPOINT_NS 1000000000u /* default: a second */

struct journal_options {
    const char *folder;       /* made by `statim audit init` */
    const char *key;          /* file of the private key, Ed25519 in PKCS#8 PEM */
    uint64_t gather_ns;       /* wait for company before a commit; up to JOURNAL_GATHER_NS_MAX */
    uint64_t checkpoint_ns;   /* 0: JOURNAL_CHECKPOINT_NS */
    unsigned retention_years; /* 0: AUDIT_RETENTION_YEARS; issuer/audit_retention.h */
};

struct journal;

/** Opens the log, writes the retention policy into it when it is new or longer than before, signs
 * a checkpoint and starts the thread. The options are copied. Errors of audit_key_load(),
 * audit_log_open() and audit_retention_set() (ERR_CONFLICT: shorter than what the log promises),
 * ERR_RANGE (options), ERR_MEMORY; logged. */
MUST_CHECK enum err journal_open(const struct journal_options *options, struct journal **ret);

/** Any thread. Returns when the entry is on the disk, `*ret_leaf` its index in the log. ERR_LIMIT
 * (size), ERR_BUSY (too many wait), ERR_STOPPED (journal_close() was called), and what the log
 * failed with (ERR_IO, ERR_DISK_FULL, ERR_HASH ...). */
MUST_CHECK enum err journal_append(struct journal *journal, struct span entry, uint64_t *ret_leaf);
/** Several, all or none, one after the other in the log; `*ret_first` is the first one's index. At
 * most AUDIT_BATCH_MAX. */
MUST_CHECK enum err journal_append_all(struct journal *journal, const struct span *entries,
                                       size_t count, uint64_t *ret_first);
/** Writes the event and appends it. Errors of audit_event_write() too; ERR_LIMIT: too long. */
MUST_CHECK enum err journal_record(struct journal *journal, const struct audit_event *event,
                                   uint64_t *ret_leaf);

struct journal_status {
    enum err err;         /* ERR_OK, or what the log failed with: nothing is taken now */
    uint64_t size;        /* entries on the disk */
    uint64_t signed_size; /* entries under the checkpoint */
    uint64_t
        unsigned_ns;  /* how long the oldest of the others has waited for one; 0: there is none */
    uint64_t waiting; /* entries that wait for the disk */
    uint64_t commits; /* appends of the log that succeeded, since the start */
    uint64_t checkpoints; /* signed, since the start */
    uint64_t failures;    /* times the log failed, since the start */
    uint64_t refused;     /* entries that were refused or failed, since the start */
};
/** Any thread; all from one moment. */
void journal_status(struct journal *journal, struct journal_status *ret);
/** Entries on the disk. Any thread. */
uint64_t journal_size(struct journal *journal);

/** No append is taken from now on; what waits is written, a last checkpoint signed, the thread
 * joined. Nobody may be in journal_append() when it returns. Takes NULL, returns NULL. */
struct journal *journal_close(struct journal *journal);

/* SPDX-License-Identifier: Apache-2.0 */
/* Imports a list of certificates of one issuer (formats: import_line.h) of any size in bounded
 * memory, in two passes:
 *
 * 1. Reads and checks all lines and keeps them as sorted runs in a temporary file (import_runs.h).
 *    Nothing is locked. When one line is bad, nothing of the file is taken.
 * 2. Merges the runs in key order and applies them in short transactions (import_store.h), between
 *    which revocations and the publisher get their turn.
 *
 * A crash, or an error such as a full disk, in the second pass leaves what was committed until
 * then: certificates up to some serial, each whole. All lines were valid by then, and importing the
 * same file again completes it: lines join what is known by the state lattice (cert_record.h),
 * which takes nothing twice. A file of up to IMPORT_STEP_COUNT_MIN lines is one transaction.
 *
 * Lines with the same serial in one file join in the order of the file: revoked wins over good, the
 * first revocation stays. Empty lines are skipped. The file is read once from its start to its end,
 * so it may be a pipe. */
#pragma once

#include "lib/crl_shard.h"
#include "presigner/import_line.h"
#include "presigner/status_writer.h"

/* Clocks differ: a revocation may lie this far ahead of ours. */
#define IMPORT_FUTURE_MAX_S 86400

struct import_progress {
    bool storing;        /* the second pass */
    uint64_t read_bytes; /* of the file */
    uint64_t stored_count;
    uint64_t cert_count; /* lines with a certificate so far: all of them in the second pass */
};

struct import_options {
    uint64_t issuer_id;
    const char *temporary_dir; /* where the runs go: some 48 octets a line */
    bool has_format;           /* else guessed from the first line */
    enum import_format format;
    uint64_t now_s;
    const struct crl_sets
        *crl_sets; /* NULL: the issuer has no CRLs, a shard in a line is refused */
    const char *crl_url_base;
    /** Called now and then; NULL: nobody. */
    void (*progress)(void *context, const struct import_progress *progress);
    void *context;
    size_t batch_count; /* lines in a run; 0: IMPORT_BATCH_COUNT_MAX; for tests */
    size_t step_count;  /* certificates in a transaction; 0: IMPORT_STEP_COUNT_MAX; for tests */
};

struct import_report {
    uint64_t cert_count;    /* lines with a certificate */
    uint64_t stored_count;  /* of these, in the database: all, or on failure some or none */
    uint64_t changed_count; /* of these, that were news */
    struct shard_conflicts conflicts; /* lines that name another CRL than their certificate's */
    uint64_t last_sequence;           /* of the database afterwards; 0 on failure */
    uint64_t line_no;                 /* on failure: the line, or 0 when it is no line's fault */
    const char *why;                  /* on failure: in words, or NULL */
};

/** `report` is filled on failure too. ERR_MALFORMED, ERR_LIMIT, ERR_RANGE, ERR_UNSUPPORTED with a
 *  line; ERR_IO (errno tells), ERR_MEMORY, ERR_DISK_FULL, ERR_STORE, ERR_LIMIT (map full, or with
 *  `why` too many lines). */
MUST_CHECK enum err import_file(struct status_db *db, int fd, const struct import_options *options,
                                struct import_report *report);

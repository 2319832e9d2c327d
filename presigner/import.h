/* SPDX-License-Identifier: Apache-2.0 */
/* Imports a list of certificates of one issuer (formats: import_line.h) of any size in bounded
 * memory and one write transaction: all of the file is taken or, when one line is bad, nothing.
 *
 * Lines join what is known by the state lattice (cert_record.h), also lines with the same serial in
 * one file: revoked wins over good, the first revocation stays. Empty lines are skipped. */
#pragma once

#include "presigner/import_line.h"
#include "presigner/status_db.h"

/* Clocks differ: a revocation may lie this far ahead of ours. */
#define IMPORT_FUTURE_MAX_S 86400

struct import_options {
    uint64_t issuer_id;
    bool has_format; /* else guessed from the first line */
    enum import_format format;
    uint64_t now_s;
    /** Called now and then with the octets read so far; NULL: nobody. */
    void (*progress)(void *context, uint64_t read_bytes);
    void *context;
    size_t batch_count; /* 0: IMPORT_BATCH_COUNT_MAX; for tests */
};

struct import_report {
    uint64_t cert_count;    /* lines with a certificate */
    uint64_t changed_count; /* of these, that were news */
    uint64_t last_sequence; /* of the database afterwards */
    uint64_t line_no;       /* on failure: the line, or 0 when it is no line's fault */
    const char *why;        /* on failure: in words, or NULL */
};

/** `report` is filled on failure too. ERR_MALFORMED, ERR_LIMIT, ERR_RANGE, ERR_UNSUPPORTED with a
 *  line; ERR_IO (errno tells), ERR_MEMORY, ERR_DISK_FULL, ERR_STORE, ERR_LIMIT (map full). */
MUST_CHECK enum err import_file(struct status_db *db, int fd, const struct import_options *options,
                                struct import_report *report);

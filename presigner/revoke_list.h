/* SPDX-License-Identifier: Apache-2.0 */
/* A list of revocations of one issuer in memory: read from a file, in key order, each certificate
 * once. Lines with the same serial join as the state lattice says (cert_record.h), in the order of
 * the file. */
#pragma once

#include "presigner/import_batch.h"
#include "presigner/revoke_line.h"

/* Some 700 MB. Who has more revokes in several lists. */
#define REVOKE_LINES_MAX 10000000u

struct revoke_entry {
    struct import_item item;
    uint64_t line_no; /* the first with this serial */
};

struct revoke_list {
    struct revoke_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t line_count; /* with a certificate */
    uint64_t bad_count;  /* lines that cannot be read; the list is of no use then */
};

struct revoke_list_options {
    struct revoke_defaults defaults;
    /** Called for each bad line. */
    void (*bad)(void *context, uint64_t line_no, const char *why);
    void *context;
};

/** Reads to the end. ERR_IO (errno tells), ERR_MEMORY, ERR_LIMIT (too many lines). */
MUST_CHECK enum err revoke_list_read(int fd, const struct revoke_list_options *options,
                                     struct revoke_list *ret);
void revoke_list_done(struct revoke_list *list);

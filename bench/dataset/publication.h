/* SPDX-License-Identifier: Apache-2.0 */
/* A publication as presigners write them, but made of ready packs: each one goes into a file and a
 * log entry of its own; at the end come the index and the head. */
#pragma once

#include "lib/head.h"
#include "lib/index.h"
#include "lib/os/file.h"
#include "lib/pack.h"

struct publication {
    char folder[PATH_BYTES_MAX];
    const struct publish_key *key; /* borrowed */
    uint64_t time_s;
    uint64_t log_first; /* of this generation */
    uint64_t log_last;
    struct sha256 log_hash;
    struct sha256 head_hash; /* of the head before */
    struct buffer templates; /* struct ocsp_template each */
    struct buffer ranges;    /* struct log_range each */
};

/** An empty publication in that folder, which is made. ERR_EXISTS: there is a head already. */
MUST_CHECK enum err publication_new(const char *folder, const struct publish_key *key,
                                    struct publication *ret);
/** The next generation of the one that is there; its head is given. */
MUST_CHECK enum err publication_next(const char *folder, const struct publish_key *key,
                                     struct publication *ret, struct head *ret_head);
void publication_done(struct publication *p);

/** Templates go before the packs that name them, issuers ascending. */
MUST_CHECK enum err publication_template(struct publication *p, const struct ocsp_template *t);
/** Writes a log entry with all templates. */
MUST_CHECK enum err publication_log_templates(struct publication *p);
/** Writes the pack's file and its log entry. Ranges in key order. */
MUST_CHECK enum err publication_pack(struct publication *p, const struct pack_info *info,
                                     struct span pack);
/** Writes the index, then the head. */
MUST_CHECK enum err publication_finish(struct publication *p);

/** Reads a file of the folder. */
MUST_CHECK enum err publication_read(const struct publication *p, const char *kind,
                                     const struct sha256 *hash, size_t size_max,
                                     struct buffer *ret);
/** Removes one; that it cannot be is no error. */
void publication_remove(const struct publication *p, const char *kind, const struct sha256 *hash);
void publication_remove_log(const struct publication *p, uint64_t number);

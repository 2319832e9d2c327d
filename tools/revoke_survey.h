/* SPDX-License-Identifier: Apache-2.0 */
/* What a list of revocations would do: looked up, nothing changed. */
#pragma once

#include "presigner/revoke_list.h"
#include "tools/directory.h"

#define SURVEY_REASONS 12 /* of RFC 5280, and none */

struct revoke_survey {
    uint64_t known_count;
    uint64_t unknown_count;
    uint64_t expired_count; /* of the known: no statement is made for them any more */
    uint64_t good_count;
    uint64_t revoked_count[SURVEY_REASONS]; /* already, by reason; the last is none */
    uint64_t change_count;     /* what is good, and reasons that become keyCompromise */
    uint64_t statement_count;  /* of these, how many are signed */
    uint64_t shard_count;      /* CRLs that are made anew for it */
    uint64_t range_count;      /* that get a statement in their tail, */
    uint64_t dirty_count;      /* or so many that they are signed as a whole, */
    uint64_t dirty_statements; /* with this many statements */
    uint64_t tail_count;       /* statements outside of packs now, of all issuers */
    /* Only known ones, in key order, for import_store.h. */
    struct import_item *items;
    size_t item_count;
};

/** In one read transaction; calls `unknown` for each serial that was never imported. ERR_MEMORY and
 *  those of the databases. */
MUST_CHECK enum err
revoke_survey_make(const struct directory *d, const struct revoke_list *list, uint64_t now_s,
                   void (*unknown)(const struct directory *d, const struct revoke_entry *entry),
                   struct revoke_survey *ret);
void revoke_survey_done(struct revoke_survey *survey);
void revoke_survey_print(const struct directory *d, const struct revoke_list *list,
                         const struct revoke_survey *survey);

/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for certificates: by name, customer and expiry, page by page; and how many expire soon.
 * Only final certificates. See registry.h for what holds for every function.
 *
 * A page goes on after the last row of the one before, by its key and not by counting rows, so that
 * the thousandth page costs what the first did and nothing is seen twice when rows come meanwhile.
 * The cursor is text without a meaning to its bearer, made of [A-Za-z0-9_-]. It says after which
 * row to go on and holds nothing secret; a forged one shows no more than another search would. */
#pragma once

#include "issuer/registry_certificate.h"

/* In base64url: form 1, notAfter or reversed name, issuer id 8, serial. */
#define REGISTRY_CURSOR_BYTES 448

struct registry_search {
    struct span san;           /* a name; empty: any */
    bool subdomains;           /* those below `san` as well; needs one */
    struct span customer;      /* empty: any */
    uint64_t expires_after_s;  /* notAfter at this or later; 0: any */
    uint64_t expires_before_s; /* notAfter before this; 0: any */
    struct span cursor;        /* empty: the first page */
    size_t limit;              /* 1..REGISTRY_PAGE_MAX */
};

/** One page. Order: by name (labels from the last on) with a `san`, otherwise by notAfter. A
 * certificate with several names that match comes once. `ret_cursor` is for the next page, "" when
 * this was the last. ERR_RANGE (limit; subdomains of nothing), ERR_MALFORMED (the cursor is not one
 * of this kind of search). */
MUST_CHECK enum err registry_search(struct registry *r, const struct registry_search *search,
                                    registry_certificate_row row, void *context,
                                    char ret_cursor[static REGISTRY_CURSOR_BYTES]);

/** How many, of all CAs, expire at `from_s` or later and before `until_s`. Revoked ones count, too.
 * Reads an index from one end to the other: for a report, not for every request. PostgreSQL takes
 * the same way without statistics, but has to look at each row until a VACUUM has seen it: twenty
 * times as long (docs/operations.md). */
MUST_CHECK enum err registry_expiring(struct registry *r, uint64_t from_s, uint64_t until_s,
                                      uint64_t *ret_count);

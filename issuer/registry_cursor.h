/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor of a search as text: a base64url of
 *
 *   form 1 | form NAME: size 1, reversed name; others: notAfter 8 | issuer id 8 | size 1, serial
 *
 * It comes back from clients. Pure. */
#pragma once

#include "issuer/registry_reversed.h"
#include "issuer/registry_search.h"

enum search_form { SEARCH_BY_NAME = 1, SEARCH_BY_CUSTOMER = 2, SEARCH_BY_EXPIRY = 3 };

struct search_cursor {
    enum search_form form;
    size_t name_size; /* of the reversed name */
    uint8_t name[REVERSED_BYTES_MAX];
    uint64_t not_after_s;
    uint64_t issuer_id;
    struct serial serial; /* size 0: before all */
};

void search_cursor_write(const struct search_cursor *cursor,
                         char ret[static REGISTRY_CURSOR_BYTES]);
/** ERR_MALFORMED: anything that search_cursor_write() does not write, and another form. */
MUST_CHECK enum err search_cursor_read(struct span text, enum search_form form,
                                       struct search_cursor *ret);

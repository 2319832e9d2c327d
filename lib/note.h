/* SPDX-License-Identifier: Apache-2.0 */
/* C2SP signed note with one Ed25519 signature line:
 *
 *   text lines, each ended by \n | \n | "\u2014 <network> <base64(key id 4 || signature 64)>\n"
 *
 * Other signature lines (other keys) are allowed and ignored; the one of our key must be there. */
#pragma once

#include "lib/publish_key.h"

/** Signs `text` (ends in \n, no control characters but \n). ERR_MALFORMED, ERR_NO_SPACE,
 *  ERR_CRYPTO. */
MUST_CHECK enum err note_sign(const struct publish_key *key, struct span text, char *out,
                              size_t out_size, size_t *ret_size);
/** Verifies; `ret_text` borrows `note`. ERR_MALFORMED, ERR_KEY (no line of this key),
 *  ERR_SIGNATURE, ERR_LIMIT (more than 16 signature lines). */
MUST_CHECK enum err note_open(const struct verify_key *key, struct span note,
                              struct span *ret_text);

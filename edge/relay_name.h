/* SPDX-License-Identifier: Apache-2.0 */
/* Relay name: a file of the publication, as an edge that relays it keeps it and is asked for it.
 * Pure.
 *
 *   path               key in the store (edge/store_format.h)
 *   /head              1
 *   /log/<number>      2, number 8
 *   /index/<sha256>    3, SHA-256 32
 *   /pack/<sha256>     4, SHA-256 32
 *   /blob/<sha256>     5, SHA-256 32
 *
 * A number is decimal without leading zeros and not 0, a hash is 64 lower-case hex digits. There is
 * one path for a file: whatever is written in another way is not there. */
#pragma once

#include "lib/digest.h"

enum relay_kind { RELAY_HEAD = 1, RELAY_LOG, RELAY_INDEX, RELAY_PACK, RELAY_BLOB };

struct relay_name {
    enum relay_kind kind;
    uint64_t number;    /* RELAY_LOG */
    struct sha256 hash; /* RELAY_INDEX, RELAY_PACK, RELAY_BLOB */
};

static inline struct relay_name relay_name_head(void)
{
    return (struct relay_name){.kind = RELAY_HEAD};
}

static inline struct relay_name relay_name_log(uint64_t number)
{
    return (struct relay_name){.kind = RELAY_LOG, .number = number};
}

static inline struct relay_name relay_name_of(enum relay_kind kind, const struct sha256 *hash)
{
    return (struct relay_name){.kind = kind, .hash = *hash};
}

/** `path` begins with "/" and has no query. ERR_NOT_FOUND: it names no file. */
MUST_CHECK enum err relay_name_read(struct span path, struct relay_name *ret);

#define RELAY_KEY_BYTES_MAX (1 + SHA256_BYTES)
/** Returns the key's size. */
size_t relay_key_write(const struct relay_name *name, uint8_t ret[static RELAY_KEY_BYTES_MAX]);
/** The size of a key that begins so; 0: none does. */
size_t relay_key_size(uint8_t first_octet);
/** ERR_MALFORMED: not a key. */
MUST_CHECK enum err relay_key_read(struct span key, struct relay_name *ret);

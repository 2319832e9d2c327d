/* SPDX-License-Identifier: Apache-2.0 */
/* Serial numbers and keys.
 *
 * A serial is the content octets of the DER INTEGER (RFC 5280 4.1.2.2), leading zero octet
 * included where the encoding has one. Keys order by (issuer id, serial size, octets), which is
 * numeric order for positive serials of one issuer.
 *
 * The wire form of a key is issuer id (8, big-endian) || serial size (1) || octets: memcmp order
 * is key order. Two sizes are reserved for bounds: 0 is before every serial, 255 after. */
#pragma once

#include "lib/err.h"
#include "lib/limit.h"
#include "lib/span.h"

#define SERIAL_SIZE_END 255
#define KEY_BYTES_MAX   (8 + 1 + SERIAL_BYTES_MAX)

struct serial {
    uint8_t size; /* 1..SERIAL_BYTES_MAX; 0 and SERIAL_SIZE_END only in bounds */
    uint8_t octets[SERIAL_BYTES_MAX];
};

/** The bound before every serial, and the one after. */
#define SERIAL_BEFORE_ALL ((struct serial){.size = 0})
#define SERIAL_AFTER_ALL  ((struct serial){.size = SERIAL_SIZE_END})

/** <0, 0, >0 in key order (size, then octets). Takes bounds too. */
int serial_compare(const struct serial *a, const struct serial *b);

/** Content octets of a DER INTEGER -> serial. ERR_LIMIT when longer than SERIAL_BYTES_MAX,
 *  ERR_MALFORMED when empty, negative, or not minimally encoded (X.690 8.3.2). */
MUST_CHECK enum err serial_from_content(struct span content, struct serial *ret);

/** Hexadecimal as people and index.txt write it (case, a leading 0x, colons and leading zeros
 *  accepted) -> the DER content octets of that positive number. Zero is a valid number here.
 *  ERR_MALFORMED for anything that is not hexadecimal, ERR_LIMIT when too long. */
MUST_CHECK enum err serial_from_hex(struct span hex, struct serial *ret);

/** Upper-case hex of the octets, NUL-terminated, without the leading zero octet that only keeps
 *  the INTEGER positive (as OpenSSL's index.txt has it). */
#define SERIAL_HEX_MAX (2 * SERIAL_BYTES_MAX + 1)
void serial_to_hex(const struct serial *serial, char ret[static SERIAL_HEX_MAX]);

/** Writes the wire form of a key (or bound) and returns its size. */
size_t key_write(uint64_t issuer_id, const struct serial *serial,
                 uint8_t ret[static KEY_BYTES_MAX]);

/** Reads a whole wire key (bounds too). ERR_TRUNCATED, ERR_TRAILING, ERR_LIMIT. */
MUST_CHECK enum err key_read(struct span wire, uint64_t *ret_issuer_id, struct serial *ret_serial);

/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a CA or of a responder, as strict as the profile asks for: country, state, locality,
 * organisation and common name, each at most once, each one RDN (RFC 5280 4.1.2.4, BR 7.1.2.10.2).
 *
 * Pure. There is one encoding of a name: general before particular, the country as
 * PrintableString, the others as UTF8String. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

/* name, typed as, last octet of 2.5.4.x, most characters (RFC 5280 A.1) */
#define CA_NAME_TABLE(X)         \
    X(COUNTRY, "C", 6, 2)        \
    X(STATE, "ST", 8, 128)       \
    X(LOCALITY, "L", 7, 128)     \
    X(ORGANIZATION, "O", 10, 64) \
    X(COMMON_NAME, "CN", 3, 64)

enum ca_name_part {
#define X(name, typed, octet, most) CA_NAME_##name,
    CA_NAME_TABLE(X)
#undef X
        CA_NAME_PARTS
};

#define CA_NAME_TEXT_BYTES (4 * 128 + 1)
#define CA_NAME_DER_MAX    2600

struct ca_name {
    char parts[CA_NAME_PARTS][CA_NAME_TEXT_BYTES]; /* UTF-8; empty: not there */
};

#define CA_NAME_WHY_BYTES 96

/** Reads "C=GB,O=Example\, Ltd,CN=Example Root R1": a backslash takes the next character as it is,
 *  no blanks around a value. ERR_MALFORMED with the reason in `ret_why`. */
MUST_CHECK enum err ca_name_read(const char *text, struct ca_name *ret,
                                 char ret_why[static CA_NAME_WHY_BYTES]);
/** Reads a Name in DER: one attribute an RDN, of the table's types, PrintableString or UTF8String.
 *  ERR_MALFORMED with the reason in `ret_why`. */
MUST_CHECK enum err ca_name_decode(struct span der, struct ca_name *ret,
                                   char ret_why[static CA_NAME_WHY_BYTES]);
/** ERR_NO_SPACE. */
MUST_CHECK enum err ca_name_encode(const struct ca_name *name, uint8_t *out, size_t out_size,
                                   size_t *ret_size);
/** As ca_name_read() takes it. ERR_NO_SPACE. */
MUST_CHECK enum err ca_name_write(const struct ca_name *name, char *out, size_t out_size);

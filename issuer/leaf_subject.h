/* SPDX-License-Identifier: Apache-2.0 */
/* The validated subject of an OV or EV certificate (BR 7.1.2.7.4, 7.1.4.2; EVG 7.1.4.2): from an
 * approval, never from a request. Pure. */
#pragma once

#include "issuer/leaf_reason.h"
#include "lib/digest.h"

enum leaf_kind { LEAF_DV, LEAF_OV, LEAF_EV, LEAF_KIND_COUNT };

#define LEAF_SUBJECT_TEXT_BYTES (4 * 128 + 1)
#define LEAF_SUBJECT_DER_MAX    6600 /* all parts at their longest, and their headers */

/* name, word in JSON, OID, most characters (X.520, RFC 5280 A.1), how many DER strings it may be:
 * P PrintableString, U UTF8String. The order is that of BR 7.1.4.2, in which they are written. */
#define LEAF_SUBJECT_TABLE(X)                                                                      \
    X(COUNTRY, "country", 2, P, 0x55, 4, 6)                                                        \
    X(STATE, "state", 128, U, 0x55, 4, 8)                                                          \
    X(LOCALITY, "locality", 128, U, 0x55, 4, 7)                                                    \
    X(POSTAL_CODE, "postal_code", 40, U, 0x55, 4, 17)                                              \
    X(STREET, "street", 128, U, 0x55, 4, 9)                                                        \
    X(ORGANIZATION, "organization", 64, U, 0x55, 4, 10)                                            \
    X(BUSINESS_CATEGORY, "business_category", 128, U, 0x55, 4, 15)                                 \
    X(JURISDICTION_COUNTRY, "jurisdiction_country", 2, P, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 60, 2, 1,  \
      3)                                                                                           \
    X(JURISDICTION_STATE, "jurisdiction_state", 128, U, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 60, 2, 1, 2) \
    X(JURISDICTION_LOCALITY, "jurisdiction_locality", 128, U, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 60, 2, \
      1, 1)                                                                                        \
    X(SERIAL_NUMBER, "serial_number", 64, P, 0x55, 4, 5)                                           \
    X(COMMON_NAME, "common_name", 64, U, 0x55, 4, 3) /* never set by a person: leaf_plan() does */

enum leaf_subject_part {
#define X(name, word, most, string, ...) LEAF_SUBJECT_##name,
    LEAF_SUBJECT_TABLE(X)
#undef X
        LEAF_SUBJECT_PARTS
};

struct leaf_subject {
    char parts[LEAF_SUBJECT_PARTS][LEAF_SUBJECT_TEXT_BYTES]; /* UTF-8; "": not there */
};

/** Sets the attribute with that word. ERR_MALFORMED: SUBJECT_UNKNOWN (common_name too),
 *  SUBJECT_VALUE, SUBJECT_LONG, SUBJECT_PLACEHOLDER. */
MUST_CHECK enum err leaf_subject_set(struct leaf_subject *subject, struct span word,
                                     struct span value, struct problem *why);
/** The part with that OID (its content octets). ERR_NOT_FOUND. */
MUST_CHECK enum err leaf_subject_find(struct span oid, enum leaf_subject_part *ret);
/** Whether a certificate of the kind may have the part. */
bool leaf_subject_allows(enum leaf_kind kind, enum leaf_subject_part part);
/** Whether it has to be a PrintableString. */
bool leaf_subject_is_printable(enum leaf_subject_part part);
/** Not more characters of UTF-8 than it may have. */
bool leaf_subject_fits(enum leaf_subject_part part, struct span value);
/** Only says that there is no value (BR 7.1.2.7.4). */
bool leaf_subject_is_placeholder(struct span value);
/** One of the four of EVG 7.1.4.2.3. */
bool leaf_subject_is_category(struct span value);
/** A country of ISO 3166-1 in two capital letters, or XX. */
bool leaf_country_valid(struct span code);
/** The word of a part, as in JSON. */
const char *leaf_subject_word(enum leaf_subject_part part);
/** Whether a certificate of the kind may have this subject, and it has all that it must.
 *  ERR_MALFORMED. */
MUST_CHECK enum err leaf_subject_check(const struct leaf_subject *subject, enum leaf_kind kind,
                                       struct problem *why);
/** A Name in DER, one attribute an RDN. ERR_NO_SPACE. */
MUST_CHECK enum err leaf_subject_encode(const struct leaf_subject *subject, uint8_t *out,
                                        size_t out_size, size_t *ret_size);
/** What two operators approve: the SHA-256 of the Name without common name. */
struct sha256 leaf_subject_hash(const struct leaf_subject *subject);

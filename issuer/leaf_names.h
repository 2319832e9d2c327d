/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a leaf: DNS names (RFC 5280 4.2.1.6, BR 7.1.2.7.12, 4.2.2) and addresses (RFC 8738).
 *
 * A struct leaf_name is always in its one form: a DNS name in lower case without a dot at the end,
 * A-labels only; an address as octets, with the text of RFC 5952. A list is sorted (DNS before
 * addresses, each in octet order) and has nothing twice, so equal lists have equal octets. Pure
 * but for the tables of libpsl and libidn2. */
#pragma once

#include "issuer/leaf_reason.h"

#define LEAF_NAMES_MAX      100 /* in one certificate, as other CAs have it */
#define LEAF_NAME_BYTES_MAX 253 /* RFC 1035 2.3.4 less the length octets of the ends */
#define LEAF_LABEL_MAX      63

enum leaf_name_type { LEAF_NAME_DNS, LEAF_NAME_IP };

struct leaf_name {
    enum leaf_name_type type;
    uint8_t size;                       /* of the text */
    uint8_t address_size;               /* 4 or 16; 0 of a DNS name */
    uint8_t address[16];                /* network order */
    char text[LEAF_NAME_BYTES_MAX + 1]; /* NUL-terminated */
};

struct leaf_names {
    size_t count;
    struct leaf_name at[LEAF_NAMES_MAX];
};

/* Public suffixes (publicsuffix.org). Read-only once open: any thread. */
struct leaf_suffixes;
/** The list of a file, or with NULL the one the system's libpsl has. ERR_NOT_FOUND, ERR_MALFORMED.
 */
MUST_CHECK enum err leaf_suffixes_open(const char *path, struct leaf_suffixes **ret);
struct leaf_suffixes *leaf_suffixes_close(struct leaf_suffixes *suffixes);
/** Whether a domain, in lower case, is one that registries made ("uk", "co.uk"). */
bool leaf_suffixes_have(const struct leaf_suffixes *suffixes, const char *domain);

/** The form of a DNS name only: labels, lengths, the star, A-labels. Upper-case letters are
 *  lowered; nothing else is mended. ERR_MALFORMED with the reason. */
MUST_CHECK enum err leaf_name_dns(struct span text, struct leaf_name *ret, struct problem *why);
/** An address as text (RFC 8738 3: dotted quad, RFC 5952). ERR_MALFORMED. */
MUST_CHECK enum err leaf_name_ip_text(struct span text, struct leaf_name *ret, struct problem *why);
/** An address as the octets of an iPAddress. ERR_MALFORMED. */
MUST_CHECK enum err leaf_name_ip(struct span octets, struct leaf_name *ret, struct problem *why);
/** Either, from text of a person or of JSON: what has the form of an address is one. */
MUST_CHECK enum err leaf_name_read(struct span text, struct leaf_name *ret, struct problem *why);

static inline bool leaf_name_is_wildcard(const struct leaf_name *name)
{
    return name->type == LEAF_NAME_DNS && name->text[0] == '*';
}
/** The name whose control has to be validated: without "*.". Borrowed. */
const char *leaf_name_base(const struct leaf_name *name);

/** What a name may be for anybody: not in a reserved domain or network, no public suffix nor a
 *  wildcard right under one. ERR_MALFORMED with the reason. */
MUST_CHECK enum err leaf_name_policy(const struct leaf_name *name,
                                     const struct leaf_suffixes *suffixes, struct problem *why);

/** <0, 0, >0 in the order of a list. */
int leaf_name_compare(const struct leaf_name *a, const struct leaf_name *b);
/** Puts a name in its place; one that is there already is no error. ERR_LIMIT (NAMES_TOO_MANY). */
MUST_CHECK enum err leaf_names_add(struct leaf_names *names, const struct leaf_name *name,
                                   struct problem *why);
bool leaf_names_have(const struct leaf_names *names, const struct leaf_name *name);
bool leaf_names_equal(const struct leaf_names *a, const struct leaf_names *b);

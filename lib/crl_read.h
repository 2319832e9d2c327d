/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateList reader (RFC 5280 5.1): strict DER, bounded, nothing allocated; all spans borrow
 * the octets. Reads anybody's version 2 CRL; what it says is judged elsewhere. */
#pragma once

#include "lib/crl_write.h"
#include "lib/der_read.h"

/* What RFC 5280 or the Baseline Requirements would not have, though it can be read. */
enum crl_flag {
    CRL_FLAG_TIME_FORM = 1 << 0,   /* GeneralizedTime before 2050 or UTCTime for after */
    CRL_FLAG_EMPTY_LIST = 1 << 1,  /* revokedCertificates there and empty (5.1.2.6) */
    CRL_FLAG_REASON_ZERO = 1 << 2, /* reason unspecified said in an entry (5.3.1) */
    CRL_FLAG_REASON_BAD = 1 << 3,  /* a reason that is not of BR 7.2.2: 1, 3, 4, 5 or 9 */
    CRL_FLAG_INDIRECT = 1 << 4,    /* indirectCRL or onlySomeReasons or attribute certificates */
    CRL_FLAG_IDP_NOT_CRITICAL = 1 << 5,
    CRL_FLAG_URLS = 1 << 6,            /* the distribution point is not exactly one URL */
    CRL_FLAG_ALGORITHMS = 1 << 7,      /* the two AlgorithmIdentifiers differ */
    CRL_FLAG_ENTRY_EXTENSION = 1 << 8, /* an entry has an extension besides reason and invalidity */
    CRL_FLAG_KEY_ID_FORM = 1 << 9,     /* authorityKeyIdentifier has more than a key id, or none */
    CRL_FLAG_CRITICAL = 1 << 10,       /* one that must not be is marked critical */
    CRL_FLAG_REPEATED = 1 << 11        /* an extension of the CRL is there twice */
};

struct crl {
    struct span tbs; /* with its header: what is signed */
    struct span algorithm;
    struct span signature; /* in X.509 form */
    struct span issuer;    /* Name in DER */
    uint64_t this_update_s;
    uint64_t next_update_s; /* 0: not there */
    struct span number;     /* cRLNumber's INTEGER octets; empty: not there */
    struct span base_number;
    struct span key_id; /* of authorityKeyIdentifier; empty: not there */
    bool has_idp;
    struct span url;  /* of the distribution point; the first when there are several */
    struct span urls; /* its GeneralNames, for crl_url_next() */
    enum crl_scope scope;
    struct span entries; /* content of revokedCertificates */
    uint32_t flags;      /* enum crl_flag, of the frame; entries add theirs as they are read */
};

/** ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED, ERR_UNSUPPORTED (version 1, or a critical extension
 *  that is not of RFC 5280). Entries are not looked at. */
MUST_CHECK enum err crl_open(struct span der, struct crl *ret);

/** Takes the next URL off the front of `urls`, other kinds of names passed over. ERR_NOT_FOUND: no
 *  more. */
MUST_CHECK enum err crl_url_next(struct span *urls, struct span *ret);

struct crl_cursor {
    struct der_reader reader;
    uint32_t flags; /* of the entries so far */
};
void crl_cursor_start(struct crl_cursor *cursor, const struct crl *crl);
/** The next entry in the order of the CRL. ERR_NOT_FOUND at the end; ERR_MALFORMED, ERR_LIMIT (a
 *  serial longer than SERIAL_BYTES_MAX), ERR_UNSUPPORTED (a critical entry extension). */
MUST_CHECK enum err crl_cursor_next(struct crl_cursor *cursor, struct crl_entry *ret);

/** cRLNumber as an integer. ERR_NOT_FOUND (not there), ERR_LIMIT (above 2^64). */
MUST_CHECK enum err crl_number(struct span number, uint64_t *ret);
/** Compares two numbers of any width: <0, 0, >0. Both positive. */
int crl_number_compare(struct span a, struct span b);

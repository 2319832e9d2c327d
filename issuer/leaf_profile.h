/* SPDX-License-Identifier: Apache-2.0 */
/* What certificates of a profile are, and the plan of one: all facts of a certificate, decided
 * before an octet of it is written (BR 7.1.2.7). Pure: the time and the random octets are given. */
#pragma once

#include <openssl/types.h>

#include "issuer/csr.h"
#include "issuer/leaf_subject.h"
#include "lib/crl_shard.h"
#include "lib/serial.h"
#include "lib/sig_alg.h"

/* How much of the subject is validated: name, text, last arc of 2.23.140.1.* (BR 7.1.6.1, EVG). */
#define LEAF_KIND_TABLE(X)                 \
    X(DV, "dv", 0x67, 0x81, 0x0c, 1, 2, 1) \
    X(OV, "ov", 0x67, 0x81, 0x0c, 1, 2, 2) \
    X(EV, "ev", 0x67, 0x81, 0x0c, 1, 1)

/* The longest validity by the day of issuance: from, days, where it says so. The last row whose day
 * has come counts; a plan goes by the rows of LEAF_ISSUED_WITHIN_S later. */
#define LEAF_VALIDITY_TABLE(X)                             \
    X(0, 398, "BR 6.3.2")                                  \
    X(1773532800 /* 2026-03-15 */, 200, "BR 6.3.2 SC-081") \
    X(1805068800 /* 2027-03-15 */, 100, "BR 6.3.2 SC-081") \
    X(1868227200 /* 2029-03-15 */, 47, "BR 6.3.2 SC-081")
/* The same of a short-lived one, which needs no revocation. */
#define LEAF_SHORT_LIVED_TABLE(X)                  \
    X(1710460800 /* 2024-03-15 */, 10, "BR 1.6.1") \
    X(1773532800 /* 2026-03-15 */, 7, "BR 1.6.1")

#define LEAF_DAY_S            86400u
#define LEAF_BACKDATE_S       3600u /* at most; the clock of a client may be behind */
#define LEAF_ISSUED_WITHIN_S  600u  /* of the plan: linter, audit log, signer; and clocks differ */
#define LEAF_VALIDITY_S_MIN   7200u
#define LEAF_REMAINING_S_MIN  3600u /* less is left of the CA: no certificate */
#define LEAF_JITTER_MINUTES   60    /* off the end: renewals and OCSP spread */
#define LEAF_POLICIES_MAX     4
#define LEAF_OID_BYTES_MAX    32
#define LEAF_ALLOW_MAX        16
#define LEAF_PROFILE_NAME_MAX 31
#define LEAF_REASON_BYTES_MIN 12 /* of an allowance: a word is no reason */

/* A rule of the linter that a profile may break, and why. */
struct leaf_allow {
    const char *lint;   /* id of a rule (leaf_lint.h) */
    const char *reason; /* at least LEAF_REASON_BYTES_MIN octets */
};

/* An OBJECT IDENTIFIER element in DER. */
struct leaf_oid {
    uint8_t size;
    uint8_t der[LEAF_OID_BYTES_MAX];
};

/* Strings are borrowed, for as long as the profile is used. */
struct leaf_profile {
    const char *name; /* 1..LEAF_PROFILE_NAME_MAX of [a-z0-9-] */
    enum leaf_kind kind;
    bool short_lived;    /* at most what LEAF_SHORT_LIVED_TABLE has */
    uint64_t validity_s; /* wanted; the tables and the CA's end shorten it */
    unsigned key_algs;   /* bits 1 << enum key_alg */
    uint32_t names_max;  /* 1..LEAF_NAMES_MAX */
    bool wildcards, addresses;
    bool ocsp_url, crl_url; /* pointers to where its status is */
    bool must_staple;       /* for who asks; needs ocsp_url */
    bool common_name;       /* the first name that fits 64 characters; else not there */
    bool subject_key_id;    /* BR 7.1.2.7.6: not recommended */
    bool basic_constraints; /* critical, not a CA; else not there */
    bool key_encipherment;  /* of RSA keys, for TLS 1.2 without ECDHE */
    bool client_auth;       /* besides serverAuth */
    struct leaf_oid policies[LEAF_POLICIES_MAX]; /* besides the reserved one of the kind */
    size_t policy_count;
    struct leaf_allow allow[LEAF_ALLOW_MAX];
    size_t allow_count;
};

/* The CA that issues. Spans and strings are borrowed. */
struct leaf_ca {
    X509 *certificate;
    struct span subject; /* Name in DER: the leaf's issuer, octet for octet */
    struct span key_id;  /* its subjectKeyIdentifier */
    enum sig_alg alg;    /* what it signs with */
    uint64_t not_before_s, not_after_s;
    const char *ocsp_url; /* NULL or "": none, these three */
    const char *ca_issuers_url;
    const char *crl_url_base;
};

/* All facts of one certificate. Spans are borrowed from the CA, the request and the profile. */
struct leaf {
    enum leaf_kind kind;
    bool short_lived;
    struct serial serial;
    enum sig_alg alg; /* of the CA's key */
    struct span issuer;
    struct span issuer_key_id;
    struct span spki;
    enum key_alg key_alg;
    uint64_t not_before_s;
    uint64_t not_after_s;                  /* the last second */
    uint8_t subject[LEAF_SUBJECT_DER_MAX]; /* Name in DER; may be the empty SEQUENCE */
    size_t subject_size;
    struct leaf_names names;
    bool must_staple, subject_key_id, basic_constraints, key_encipherment, client_auth;
    struct leaf_oid policies[1 + LEAF_POLICIES_MAX];
    size_t policy_count;
    const char *ocsp_url, *ca_issuers_url; /* NULL: none */
    char crl_url[CRL_SHARD_URL_MAX];       /* "": none */
    uint32_t shard;
};

struct leaf_order {
    const struct leaf_profile *profile;
    const struct csr *csr;
    const struct leaf_names *names;     /* csr_names() */
    const struct leaf_subject *subject; /* validated, of OV and EV; NULL for DV */
    const struct leaf_suffixes *suffixes;
    const struct leaf_ca *ca;
    uint64_t now_s;
    struct serial serial; /* cert_serial_shape() */
    uint32_t shard;       /* crl_shard_of() */
    uint32_t backdate_s;  /* at most LEAF_BACKDATE_S */
    uint16_t random;      /* settles the jitter */
};

/** Whether the profile can be used: it says nothing that contradicts the requirements or itself.
 *  For reading a configuration. ERR_CONFIG with the reason. */
MUST_CHECK enum err leaf_profile_check(const struct leaf_profile *profile, struct problem *why);
/** Whether the profile may break the lint with that id. */
bool leaf_profile_allows(const struct leaf_profile *profile, const char *lint);
const char *leaf_kind_text(enum leaf_kind kind);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err leaf_kind_from_text(struct span text, enum leaf_kind *ret);
/** The reserved policy OID of a kind (BR 7.1.6.1). */
struct leaf_oid leaf_kind_policy(enum leaf_kind kind);
/** Dotted decimal -> DER element. ERR_MALFORMED. */
MUST_CHECK enum err leaf_oid_read(struct span text, struct leaf_oid *ret);

/** The longest validity of what is issued at that time, and where it says so. 0: none such. */
uint64_t leaf_validity_max_s(bool short_lived, uint64_t issued_s, const char **ret_section);

/** Whether a certificate of the profile may have these names: how many, wildcards and addresses,
 *  and leaf_name_policy() of each. Needs no validation, so it may come before it. */
MUST_CHECK enum err leaf_profile_names_check(const struct leaf_profile *profile,
                                             const struct leaf_names *names,
                                             const struct leaf_suffixes *suffixes,
                                             struct problem *why);

/** The facts of a CA's certificate; the URLs are NULL. It has to be one that may issue leaves:
 *  basicConstraints CA, keyCertSign, a subjectKeyIdentifier. CA_MAY_NOT; ERR_KEY. */
MUST_CHECK enum err leaf_ca_read(X509 *certificate, struct leaf_ca *ret, struct problem *why);

/** Whether a certificate of the profile by this CA, whose URLs are set, could pass the linter at
 *  all: its key's algorithm, and what authorityInfoAccess will have. For reading a configuration.
 *  ERR_CONFIG with the reason. */
MUST_CHECK enum err leaf_ca_check(const struct leaf_ca *ca, const struct leaf_profile *profile,
                                  struct problem *why);

/** Judges the order and settles all facts. Refuses what the profile, the CA or the requirements do
 *  not allow; reserves nothing. `ret` holds on to the request, the CA and the profile. */
MUST_CHECK enum err leaf_plan(const struct leaf_order *order, struct leaf *ret,
                              struct problem *why);

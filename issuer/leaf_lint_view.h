/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of the linter look at: a certificate as OpenSSL reads it. Of leaf_lint*.c. */
#pragma once

#include <openssl/x509v3.h>

#include "issuer/leaf_lint.h"
#include "issuer/leaf_lint_table.h"

/* An extension that is not there, is there twice or does not parse is NULL here: rules about what
 * is in it keep quiet, and others speak. */
struct leaf_view {
    X509 *certificate;
    X509 *issuer; /* borrowed */
    const struct leaf_lint_facts *facts;
    uint64_t from_s, until_s; /* 0: not readable */
    EVP_PKEY *key;            /* borrowed; NULL: not readable */
    enum key_alg key_alg;     /* of a key that is readable and of a kind we know */
    enum key_flaw key_flaw;
    struct span spki; /* of `spki_der` */
    unsigned char *spki_der;
    GENERAL_NAMES *names;
    CERTIFICATEPOLICIES *policies;
    CRL_DIST_POINTS *points;
    AUTHORITY_INFO_ACCESS *access;
    EXTENDED_KEY_USAGE *usages;
    BASIC_CONSTRAINTS *basic;
    AUTHORITY_KEYID *issuer_key;
    ASN1_OCTET_STRING *subject_key;
    ASN1_BIT_STRING *usage;
    TLS_FEATURE *features;
};

/** ERR_MALFORMED: no certificate. */
MUST_CHECK enum err leaf_view_open(struct span der, const struct leaf_lint_facts *facts,
                                   struct leaf_view *ret);
void leaf_view_close(struct leaf_view *v);

bool leaf_view_has(const struct leaf_view *v, int nid);
bool leaf_view_critical(const struct leaf_view *v, int nid);
static inline struct span leaf_view_octets(const ASN1_STRING *string)
{
    return span_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}
/** The content of an OBJECT IDENTIFIER. */
static inline struct span leaf_view_oid(const ASN1_OBJECT *object)
{
    return span_of(OBJ_get0_data(object), OBJ_length(object));
}
/** Whether its time is that of a short-lived one (BR 1.6.1). */
bool leaf_view_short_lived(const struct leaf_view *v);

/* A rule's judge: whether the certificate keeps it, or it does not apply. */
#define X(id, section, zlint, from) bool leaf_lint_##id(const struct leaf_view *v);
LEAF_LINT_TABLE(X)
#undef X

/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an offline ceremony, each from its options to its end: `statim ca` is these. What
 * was done is printed on standard output. Each is refused with one line, and then nothing was
 * written. */
#pragma once

#include "issuer/ca_key.h"

struct ca_options {
    enum ca_kind kind;
    const char *folder;
    const char *input;                     /* the request, the certificate */
    const char *issuer;                    /* installing: the certificate of the CA above */
    const char *out;                       /* NULL: only in the folder */
    const char *subject;                   /* NULL: as the request says */
    const char *days;                      /* NULL: the kind's default */
    const char *path_length;               /* NULL: 0 */
    const char *policies[CA_POLICIES_MAX]; /* dotted; none: anyPolicy */
    size_t policy_count;
    const char *ocsp_url, *ca_issuers_url, *crl_url;
    const char *blocked_keys; /* NULL: no list */
    const char *operator_name;
    const char *revoke, *reason; /* serial in hex; a name of facts.h */
    bool client_auth, signs_ocsp, yes;
    struct ca_key_options key;
    uint64_t now_s;
};

/** A folder with a key and its self-signed certificate. */
MUST_CHECK enum err ca_root(const struct ca_options *o, struct ca_refusal *why);
/** A folder with a key, and a request for its certificate. */
MUST_CHECK enum err ca_csr(const struct ca_options *o, struct ca_refusal *why);
/** A certificate for a request, by the CA of the folder. */
MUST_CHECK enum err ca_sign(const struct ca_options *o, struct ca_refusal *why);
/** Takes the certificate into the folder that has its key. */
MUST_CHECK enum err ca_install(const struct ca_options *o, struct ca_refusal *why);
/** The next CRL of the folder's CA, after revoking a certificate if asked. */
MUST_CHECK enum err ca_crl(const struct ca_options *o, struct ca_refusal *why);
/** Checks a transcript; `head`: the hash of a line that it must contain, or NULL. */
MUST_CHECK enum err ca_transcript_check(const char *path, const char *head, struct ca_refusal *why);

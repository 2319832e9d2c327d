/* SPDX-License-Identifier: Apache-2.0 */
/* What `statim crl-check` finds in anybody's CRL: the rules of RFC 5280, the CA/Browser Forum's
 * Baseline Requirements for TLS, the CCADB and Microsoft, and what Mozilla's CRL aggregator (which
 * makes the filter that Firefox has) goes by. One failing shard makes it pass over all of an
 * issuer: the column `drops` says which findings do that.
 *
 * The octets are untrusted: read by lib/crl_read.h in bounded memory; the signature by OpenSSL. */
#pragma once

#include "lib/crl_gate.h"
#include "tools/crl_check_issuer.h"

enum crl_severity { CRL_NOTE, CRL_WARNING, CRL_ERROR };

/* Mozilla's aggregator: no CRL older than this. */
#define CRL_FRESH_MAX_S (336u * 3600)
/* Microsoft: no file larger than this. */
#define CRL_ADVISED_BYTES_MAX 10000000u
/* BR 4.9.7, of a CA whose certificates are CAs: twelve months. */
#define CRL_CA_VALIDITY_MAX_S (366u * 86400)
/* A revocation may be dated this far ahead of our clock. */
#define CRL_CHECK_FUTURE_S 600u
/* What is looked at at all; the largest CRLs in the field have some 100 MB. */
#define CRL_CHECK_BYTES_MAX  (256u << 20)
#define CRL_CHECK_SERIAL_MAX 20u /* octets, RFC 5280 4.1.2.2 */

/* enum, word, severity, whether Mozilla's aggregator drops the issuer, text, section. Those that
 * are named like a row of CRL_LINT_TABLE are found by lib/crl_gate.h. */
#define CRL_CHECK_TABLE(X)                                                                         \
    X(DOWNLOAD, download, ERROR, true, "it cannot be fetched", "CCADB 6.2")                        \
    X(CONTENT_TYPE, content_type, WARNING, false, "Content-Type is not application/pkix-crl",      \
      "RFC 5280 4.2.1.13")                                                                         \
    X(PEM, pem, ERROR, true, "it is served in PEM, not in DER", "RFC 5280 4.2.1.13")               \
    X(FORM, form, ERROR, true, "it cannot be read", "RFC 5280 5.1")                                \
    X(NOT_VERIFIED, not_verified, NOTE, false, "no --issuer: signature and issuer are not judged", \
      "")                                                                                          \
    X(SIGNATURE, signature, ERROR, true, "the signature does not verify under the issuer's key",   \
      "RFC 5280 5.1.1")                                                                            \
    X(SIGNATURE_HASH, signature_hash, ERROR, false, "it is signed with SHA-1 or MD5",              \
      "BR 7.1.3.2")                                                                                \
    X(ISSUER, issuer, ERROR, true, "the issuer is not the CA's subject, octet for octet",          \
      "BR 7.2")                                                                                    \
    X(KEY_ID, key_id, ERROR, false, "authorityKeyIdentifier is not the CA's subjectKeyIdentifier", \
      "RFC 5280 5.2.1")                                                                            \
    X(NO_KEY_ID, no_key_id, ERROR, false, "no authorityKeyIdentifier", "RFC 5280 5.2.1")           \
    X(KEY_ID_FORM, key_id_form, ERROR, false, "authorityKeyIdentifier is not a key id alone",      \
      "BR 7.2.2")                                                                                  \
    X(NOT_FRESH, not_fresh, ERROR, true, "thisUpdate is more than 336 hours ago", "Mozilla")       \
    X(EXPIRED, expired, ERROR, false, "nextUpdate has passed", "RFC 5280 5.1.2.5")                 \
    X(FUTURE, future, ERROR, false, "thisUpdate or a revocation lies in the future",               \
      "RFC 5280 5.1.2.4")                                                                          \
    X(NO_NEXT_UPDATE, no_next_update, ERROR, false, "no nextUpdate", "RFC 5280 5.1.2.5")           \
    X(VALIDITY, validity, ERROR, false,                                                            \
      "nextUpdate is not after thisUpdate, or by more than ten days (twelve months of CA CRLs)",   \
      "BR 7.2")                                                                                    \
    X(DISTRIBUTION_POINT, distribution_point, ERROR, true,                                         \
      "the distribution point is not the URL, octet for octet, and no other disclosed shard",      \
      "BR 7.2.2.1")                                                                                \
    X(NO_DISTRIBUTION_POINT, no_distribution_point, ERROR, true,                                   \
      "a disclosed shard without a distribution point", "BR 7.2.2.1")                              \
    X(NOT_DISCLOSED, not_disclosed, ERROR, false, "a shard whose URL is not disclosed",            \
      "CCADB 6.2")                                                                                 \
    X(IDP_NOT_CRITICAL, idp_not_critical, ERROR, false, "the distribution point is not critical",  \
      "RFC 5280 5.2.5")                                                                            \
    X(URLS, urls, WARNING, false, "the distribution point is not exactly one URL", "BR 7.2.2.1")   \
    X(INDIRECT, indirect, ERROR, false, "an indirect CRL, or for some reasons only", "BR 7.2")     \
    X(DELTA, delta, ERROR, false, "a delta CRL where a complete one belongs", "RFC 5280 5.2.4")    \
    X(ALGORITHMS, algorithms, ERROR, false, "the two signature algorithms differ",                 \
      "RFC 5280 5.1.1.2")                                                                          \
    X(NO_NUMBER, no_number, ERROR, false, "no cRLNumber, or one above 20 octets",                  \
      "RFC 5280 5.2.3")                                                                            \
    X(CRITICAL, critical, ERROR, false, "an extension that must not be is marked critical",        \
      "RFC 5280 5.2.3")                                                                            \
    X(REPEATED, repeated, ERROR, false, "an extension is there twice", "RFC 5280 4.2")             \
    X(TIME_FORM, time_form, ERROR, false, "UTCTime from 2050 on, or GeneralizedTime before",       \
      "RFC 5280 5.1.2.4")                                                                          \
    X(EMPTY_LIST, empty_list, ERROR, false, "revokedCertificates is there and empty",              \
      "RFC 5280 5.1.2.6")                                                                          \
    X(REASON_ZERO, reason_zero, ERROR, false, "an entry says reason unspecified", "BR 7.2.2")      \
    X(REASON_BAD, reason_bad, ERROR, false, "an entry has a reason other than 1, 3, 4, 5 or 9",    \
      "BR 7.2.2")                                                                                  \
    X(NO_REASON, no_reason, ERROR, false, "an entry for a CA certificate has no reason",           \
      "BR 7.2.2")                                                                                  \
    X(ENTRY_EXTENSION, entry_extension, WARNING, false,                                            \
      "an entry has an extension besides reason and invalidity", "BR 7.2.2")                       \
    X(SERIAL_SIZE, serial_size, WARNING, false, "a serial has more than 20 octets",                \
      "RFC 5280 4.1.2.2")                                                                          \
    X(SERIAL_TWICE, serial_twice, ERROR, false, "a serial is there twice", "RFC 5280 5.1.2.6")     \
    X(SIZE, size, WARNING, false, "it is larger than 10 MB", "Microsoft 3.2.3")                    \
    X(OLDER, older, ERROR, true, "thisUpdate is before that of the CRL before", "Mozilla")         \
    X(NUMBER_BACK, number_back, ERROR, false, "its number is below that of the CRL before",        \
      "RFC 5280 5.2.3")                                                                            \
    X(NUMBER_REUSED, number_reused, ERROR, false, "its number was given to other octets",          \
      "RFC 5280 5.2.3")                                                                            \
    X(SCOPE_MOVED, scope_moved, ERROR, false,                                                      \
      "issuer, distribution point or scope are not those of the CRL before", "RFC 5280 5.2.5")     \
    X(ENTRY_GONE, entry_gone, WARNING, false,                                                      \
      "an entry of the CRL before is gone; only that of an expired certificate may be",            \
      "BR 4.10.1")

enum crl_finding {
#define X(name, word, severity, drops, text, section) CRL_FOUND_##name,
    CRL_CHECK_TABLE(X)
#undef X
        CRL_FOUND_COUNT
};

struct crl_finding_info {
    const char *word;
    enum crl_severity severity;
    bool drops;
    const char *text;
    const char *section;
};
const struct crl_finding_info *crl_finding_info(enum crl_finding finding);

#define CRL_DETAIL_BYTES 256

/* What was found in one CRL. */
struct crl_judged {
    bool found[CRL_FOUND_COUNT];
    char detail[CRL_FOUND_COUNT][CRL_DETAIL_BYTES]; /* printable; may be empty */
    bool read;                                      /* the rest is set */
    size_t bytes;
    struct crl crl; /* borrows the octets */
    uint64_t entry_count;
};

/* What it is held against. */
struct crl_check {
    const struct crl_check_issuer *issuer; /* NULL: unknown */
    const struct crl_shards *shards;       /* the disclosed URLs; NULL: unknown */
    struct span previous;                  /* DER of the CRL before; empty: none */
    uint64_t now_s;
    bool of_cas; /* a CA that has issued CA certificates only */
};

/** Judges the octets. `url` is where they were fetched; NULL: it was a file. ERR_MEMORY; what is
 *  wrong with the CRL is no error but in `judged`, which is zeroed but for findings so far. */
MUST_CHECK enum err crl_check_judge(const struct crl_check *check, const char *url, struct span der,
                                    struct crl_judged *judged);

/** Notes a finding; the detail is cut, and octets that do not print become '?'. NULL: none. */
__attribute__((format(printf, 3, 4))) void
crl_found(struct crl_judged *judged, enum crl_finding finding, const char *format, ...);

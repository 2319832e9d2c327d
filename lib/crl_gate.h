/* SPDX-License-Identifier: Apache-2.0 */
/* The gates before a CRL is published: what must be true of its octets, by themselves and beside
 * the CRL that they are to replace. Pure; nothing allocated. The first gate that is shut is the
 * verdict, in the order of the table.
 *
 * Entries of both CRLs must ascend by serial, as crl_write.h's callers put them: only then a
 * missing one is found in one walk over both. */
#pragma once

#include "lib/crl_read.h"

/* RFC 5280 and the Baseline Requirements: at most ten days (BR 4.9.7). */
#define CRL_VALIDITY_MAX_S (10u * 86400)

/* enum, metric word, what a refusal says, where it is asked for */
#define CRL_GATE_TABLE(X)                                                                         \
    X(FORM, form, "it, or the CRL before it, cannot be read", "RFC 5280 5.1")                     \
    X(SIGNATURE, signature, "the signature does not verify under the CA's key", "RFC 5280 5.1.1") \
    X(ISSUER, issuer, "the issuer or its key id is not the CA's, octet for octet", "BR 7.2")      \
    X(IDP, idp, "the distribution point or the scope is not the one of the certificates",         \
      "RFC 5280 5.2.5")                                                                           \
    X(SIZE, size, "it is larger than a blob may be", "limit.h")                                   \
    X(LINT, lint, "a rule of RFC 5280 or the Baseline Requirements is broken", "BR 7.2")          \
    X(ORDER, order, "its entries do not ascend", "crl_gate.h")                                    \
    X(SAME_NUMBER_OTHER_OCTETS, same_number_other_octets, "its number was given to other octets", \
      "RFC 5280 5.2.3")                                                                           \
    X(NUMBER_NOT_GREATER, number_not_greater, "its number is below that of the CRL before",       \
      "RFC 5280 5.2.3")                                                                           \
    X(SEQUENCE_BACK, sequence_back, "it was made from an older state than the CRL before",        \
      "formats.md")                                                                               \
    X(ENTRY_MISSING, entry_missing, "an entry is gone before a CRL past its expiry had it",       \
      "RFC 5280 3.3")

enum crl_gate {
    CRL_GATE_OPEN, /* nothing against it */
#define X(name, word, text, section) CRL_GATE_##name,
    CRL_GATE_TABLE(X)
#undef X
        CRL_GATE_COUNT
};

/* enum, what is wrong, where it is asked for. A CRL may have several. */
#define CRL_LINT_TABLE(X)                                                                     \
    X(TIME_FORM, "UTCTime from 2050 on, or GeneralizedTime before", "RFC 5280 5.1.2.4")       \
    X(EMPTY_LIST, "revokedCertificates is there and empty", "RFC 5280 5.1.2.6")               \
    X(REASON_ZERO, "an entry says reason unspecified", "RFC 5280 5.3.1")                      \
    X(REASON_BAD, "an entry has a reason other than 1, 3, 4, 5 or 9", "BR 7.2.2")             \
    X(INDIRECT, "an indirect CRL, or for some reasons only", "BR 7.2.2.1")                    \
    X(IDP_NOT_CRITICAL, "the distribution point is not critical", "RFC 5280 5.2.5")           \
    X(URLS, "the distribution point is not exactly one URL", "BR 7.2.2.1")                    \
    X(ALGORITHMS, "the two signature algorithms differ", "RFC 5280 5.1.1.2")                  \
    X(ENTRY_EXTENSION, "an entry has an extension besides reason and invalidity", "BR 7.2.2") \
    X(KEY_ID_FORM, "authorityKeyIdentifier is not a key id alone", "BR 7.2.2")                \
    X(CRITICAL, "an extension that must not be is marked critical", "RFC 5280 5.2.3")         \
    X(REPEATED, "an extension is there twice", "RFC 5280 4.2")                                \
    X(NO_NUMBER, "no cRLNumber, or one above 20 octets", "RFC 5280 5.2.3")                    \
    X(NO_NEXT_UPDATE, "no nextUpdate", "RFC 5280 5.1.2.5")                                    \
    X(VALIDITY, "nextUpdate is not after thisUpdate, or by more than ten days", "BR 4.9.7")   \
    X(FUTURE, "thisUpdate or a revocation lies in the future", "RFC 5280 5.1.2.4")            \
    X(EXPIRED, "nextUpdate has passed", "RFC 5280 5.1.2.5")                                   \
    X(DELTA, "a delta CRL where a complete one belongs, or not to its base", "RFC 5280 5.2.4")

enum crl_lint {
#define X(name, text, section) CRL_LINT_##name,
    CRL_LINT_TABLE(X)
#undef X
        CRL_LINT_COUNT
};

/** What the CRL should be. */
struct crl_expectation {
    struct span issuer; /* the CA's subject Name */
    struct span key_id;
    struct span url; /* of the distribution point; empty: none */
    enum crl_scope scope;
    uint64_t base_number; /* of a delta CRL; 0: it is a complete one */
    uint64_t now_s;
    uint64_t future_max_s; /* how far clocks may differ: revocations lie no further ahead */
    uint64_t validity_max_s;
    uint64_t bytes_max;
    uint64_t covers_sequence; /* of the state it was made from */
    /** Whether `signature` (X.509 form) over `tbs` is the CA's. */
    bool (*verify)(void *context, struct span tbs, struct span signature);
    void *context;
};

/** The CRL that it replaces. */
struct crl_previous {
    struct span der; /* empty: its octets are lost, only the numbers are looked at */
    uint64_t number; /* used when the octets are lost */
    uint64_t covers_sequence;
    /** Whether an entry of it may be gone now: the certificate had expired at `this_update_s`, when
     *  it was made. NULL: none may. */
    bool (*may_go)(void *context, const struct serial *serial, uint64_t this_update_s);
    void *context;
};

struct crl_verdict {
    enum crl_gate gate;
    uint32_t lints;        /* 1 << enum crl_lint, all there are; with CRL_GATE_LINT */
    struct serial missing; /* with CRL_GATE_ENTRY_MISSING */
};

/* The lints by themselves, for anybody's CRL. Of `expected` only times are looked at. */

/** Of all but the entries: 1 << enum crl_lint. */
uint32_t crl_lint_frame(const struct crl *crl, const struct crl_expectation *expected);

struct crl_walk {
    uint32_t lints;
    bool ascends;         /* by serial, none twice */
    uint64_t entry_count; /* those that could be read */
};
/** Of the entries. Errors of crl_cursor_next(); `ret` is then set up to the entry that cannot be
 *  read. */
MUST_CHECK enum err crl_lint_entries(const struct crl *crl, const struct crl_expectation *expected,
                                     struct crl_walk *ret);

/** `previous` NULL: there is none yet. */
struct crl_verdict crl_gate_check(struct span der, const struct crl_expectation *expected,
                                  const struct crl_previous *previous);

/** "signature"; the metric word. "open" for CRL_GATE_OPEN. */
const char *crl_gate_word(enum crl_gate gate);
const char *crl_gate_text(enum crl_gate gate);
const char *crl_gate_section(enum crl_gate gate);
const char *crl_lint_text(enum crl_lint lint);
const char *crl_lint_section(enum crl_lint lint);

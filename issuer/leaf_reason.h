/* SPDX-License-Identifier: Apache-2.0 */
/* Why a leaf certificate is not made: a named reason, which is the `rule` of a problem document.
 *
 * Each reason is one that a client, an operator or a test can tell from all others; its word never
 * changes its meaning. A broken rule of the linter has its own id instead (leaf_lint.h). */
#pragma once

#include "issuer/problem.h"

/* name, type of the problem, word, what it means */
#define LEAF_REASON_TABLE(X)                                                                     \
    /* the request */                                                                            \
    X(CSR_EMPTY, CSR, "csr-empty", "there is no request")                                        \
    X(CSR_TOO_LARGE, CSR, "csr-too-large", "the request has more than 16 KiB")                   \
    X(CSR_NOT_PEM, CSR, "csr-not-pem", "neither one whole PEM block nor DER")                    \
    X(CSR_PEM_LABEL, CSR, "csr-pem-label", "a PEM block of something else")                      \
    X(CSR_PEM_TRAILING, CSR, "csr-pem-trailing", "more than blanks around the one PEM block")    \
    X(CSR_NOT_DER, CSR, "csr-not-der", "no CertificationRequest in DER (RFC 2986 4)")            \
    X(CSR_TRAILING, CSR, "csr-trailing", "octets after the request")                             \
    X(CSR_VERSION, CSR, "csr-version", "not version 1 (RFC 2986 4.1)")                           \
    X(CSR_SUBJECT, CSR, "csr-subject", "a subject that is no Name in DER")                       \
    X(CSR_COMMON_NAME_TWICE, CSR, "csr-common-name-twice", "more than one common name")          \
    X(CSR_COMMON_NAME_OTHER, CSR, "csr-common-name-other",                                       \
      "a common name that is none of the names")                                                 \
    X(CSR_ATTRIBUTE, CSR, "csr-attribute", "a malformed attribute")                              \
    X(CSR_ATTRIBUTE_TWICE, CSR, "csr-attribute-twice", "an attribute that is there twice")       \
    X(CSR_EXTENSION, CSR, "csr-extension", "a malformed extension is asked for")                 \
    X(CSR_EXTENSION_TWICE, CSR, "csr-extension-twice", "an extension is asked for twice")        \
    X(CSR_WANTS_CA, CSR, "csr-wants-ca", "asks for the certificate of a CA")                     \
    X(CSR_WANTS_USAGE, CSR, "csr-wants-usage",                                                   \
      "asks for extended key usages, but not for serverAuth")                                    \
    X(CSR_TLS_FEATURE, CSR, "csr-tls-feature", "asks for a TLS feature other than must-staple")  \
    X(CSR_MUST_STAPLE, POLICY, "csr-must-staple",                                                \
      "asks for must-staple, which the profile does not have")                                   \
    X(CSR_SIGNATURE_ALGORITHM, PROOF, "csr-signature-algorithm",                                 \
      "signed neither with SHA-256 or better nor with Ed25519")                                  \
    X(CSR_SIGNATURE, PROOF, "csr-signature", "the signature is not of the key")                  \
    /* the key */                                                                                \
    X(KEY_MALFORMED, PUBLIC_KEY, "key-malformed", "a public key that is none")                   \
    X(KEY_FORM, PUBLIC_KEY, "key-form", "a key in an encoding that BR 7.1.3.1 does not have")    \
    X(KEY_ALGORITHM, PUBLIC_KEY, "key-algorithm", "a kind of key that is not allowed")           \
    X(KEY_CURVE, PUBLIC_KEY, "key-curve", "a curve that is neither P-256 nor P-384 by name")     \
    X(KEY_POINT, PUBLIC_KEY, "key-point", "a point that is no key on its curve")                 \
    X(KEY_RSA_SIZE, PUBLIC_KEY, "key-rsa-size", "RSA of a size that is not allowed (BR 6.1.5)")  \
    X(KEY_RSA_EXPONENT, PUBLIC_KEY, "key-rsa-exponent",                                          \
      "an RSA exponent that is even, below 65537 or from 2^256 on (BR 6.1.6)")                   \
    X(KEY_SMALL_FACTOR, PUBLIC_KEY, "key-small-factor",                                          \
      "an RSA modulus with a factor below 752 (BR 6.1.6)")                                       \
    X(KEY_FERMAT, PUBLIC_KEY, "key-fermat",                                                      \
      "an RSA modulus of primes that are close to each other (BR 6.1.1.3)")                      \
    X(KEY_ROCA, PUBLIC_KEY, "key-roca", "an RSA key of the ROCA generator (BR 6.1.1.3)")         \
    X(KEY_DEBIAN, PUBLIC_KEY, "key-debian",                                                      \
      "an RSA key of Debian's broken generator (BR 6.1.1.3)")                                    \
    X(KEY_BLOCKED, BLOCKED_KEY, "key-blocked", "a blocked key (BR 6.1.1.3)")                     \
    X(KEY_OF_CA, PUBLIC_KEY, "key-of-ca", "the key of the CA itself")                            \
    /* the names */                                                                              \
    X(NAMES_NONE, NAME, "names-none", "no name is asked for")                                    \
    X(NAMES_TOO_MANY, NAME, "names-too-many", "more names than are allowed")                     \
    X(NAMES_DIFFER, NAME, "names-differ", "the request has other names than the order")          \
    X(NAME_TYPE, NAME, "name-type", "a name that is neither dNSName nor iPAddress")              \
    X(NAME_EMPTY, NAME, "name-empty", "a name or a label of no octets")                          \
    X(NAME_LONG, NAME, "name-long", "a name of more than 253 octets")                            \
    X(NAME_LABEL_LONG, NAME, "name-label-long", "a label of more than 63 octets")                \
    X(NAME_OCTET, NAME, "name-octet", "an octet that is no letter, digit, hyphen or dot")        \
    X(NAME_UNDERSCORE, NAME, "name-underscore", "an underscore (BR 7.1.2.7.12)")                 \
    X(NAME_HYPHEN, NAME, "name-hyphen", "a label that begins or ends with a hyphen")             \
    X(NAME_TRAILING_DOT, NAME, "name-trailing-dot", "a dot at the end")                          \
    X(NAME_ONE_LABEL, NAME, "name-one-label", "one label only: an internal name (BR 4.2.2)")     \
    X(NAME_TOP_NUMERIC, NAME, "name-top-numeric", "a top label of digits")                       \
    X(NAME_IDN, NAME, "name-idn", "an xn-- label that is no A-label (RFC 5890 2.3.2.1)")         \
    X(NAME_RESERVED_LABEL, NAME, "name-reserved-label",                                          \
      "hyphens at the third and fourth place, but no xn before (RFC 5890 2.3.1)")                \
    X(NAME_RESERVED, NAME, "name-reserved",                                                      \
      "under a domain that is not in the public DNS (BR 4.2.2)")                                 \
    X(NAME_PUBLIC_SUFFIX, NAME, "name-public-suffix", "a public suffix")                         \
    X(NAME_WILDCARD, NAME, "name-wildcard", "a star that is not the whole leftmost label")       \
    X(NAME_WILDCARD_SUFFIX, NAME, "name-wildcard-suffix",                                        \
      "a wildcard right under a public suffix (BR 3.2.2.6)")                                     \
    X(NAME_WILDCARD_PROFILE, POLICY, "name-wildcard-profile",                                    \
      "a wildcard, which the profile does not have")                                             \
    X(NAME_IP_SIZE, NAME, "name-ip-size", "an iPAddress of neither 4 nor 16 octets")             \
    X(NAME_IP_TEXT, NAME, "name-ip-text", "no address in the form of RFC 8738 3")                \
    X(NAME_IP_RESERVED, NAME, "name-ip-reserved",                                                \
      "an address of a network that is not public (BR 4.2.2)")                                   \
    X(NAME_IP_PROFILE, POLICY, "name-ip-profile", "an address, which the profile does not have") \
    /* the validated subject */                                                                  \
    X(SUBJECT_UNKNOWN, FIELD, "subject-unknown", "an attribute that no subject of ours has")     \
    X(SUBJECT_VALUE, FIELD, "subject-value", "a value that the attribute cannot have")           \
    X(SUBJECT_LONG, FIELD, "subject-long", "a value that is longer than X.520 allows")           \
    X(SUBJECT_PLACEHOLDER, FIELD, "subject-placeholder",                                         \
      "a value that only says that there is none (BR 7.1.2.7.4)")                                \
    X(SUBJECT_MISSING, POLICY, "subject-missing", "an attribute that the kind has to have")      \
    X(SUBJECT_NOT_OF_KIND, POLICY, "subject-not-of-kind",                                        \
      "an attribute that the kind cannot have")                                                  \
    /* the profile and the CA */                                                                 \
    X(PROFILE, POLICY, "profile", "the profile contradicts itself or the requirements")          \
    X(VALIDITY, POLICY, "validity", "no validity is left")                                       \
    X(CA_TIME, POLICY, "ca-time", "the CA is not valid, or not long enough")                     \
    X(CA_MAY_NOT, POLICY, "ca-may-not", "the CA's own certificate does not let it issue this")   \
    X(NO_STATUS, POLICY, "no-status", "neither short-lived nor with a CRL (BR 7.1.2.11.2)")      \
    X(URL, POLICY, "url", "a URL that a certificate cannot carry")                               \
    X(SERIAL, POLICY, "serial", "a serial that is not one of ours (BR 7.1)")                     \
    X(SIZE, POLICY, "size", "the certificate would be too large")                                \
    /* the linters, and what was signed */                                                       \
    X(LINT_HOOK, LINT, "lint-hook", "a finding of the external linter")                          \
    X(LINT_HOOK_SILENT, LINTER, "lint-hook-silent", "no answer of the external linter")          \
    X(TBS_DIFFERS, INTERNAL, "tbs-differs", "other octets were signed than were linted")         \
    X(SIGNATURE, INTERNAL, "signature", "what was signed does not verify under the CA's key")    \
    X(FAILED, INTERNAL, "failed", "the library failed, or there is no memory")

enum leaf_reason {
#define X(name, type, word, text) LEAF_WHY_##name,
    LEAF_REASON_TABLE(X)
#undef X
        LEAF_REASON_COUNT
};

/** Sets the problem's type, its rule (the word) and its detail: the format's line, or what the
 *  reason means when `format` is NULL. Returns the type's error, which is never ERR_OK. */
__attribute__((format(printf, 3, 4))) MUST_CHECK enum err
leaf_refuse(struct problem *why, enum leaf_reason reason, const char *format, ...);

/** The word of a reason ("key-fermat"), and what it means. */
const char *leaf_reason_word(enum leaf_reason reason);
const char *leaf_reason_text(enum leaf_reason reason);

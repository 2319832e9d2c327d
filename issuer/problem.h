/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents (RFC 9457): every refusal of the issuer is a row of one table, with one detail
 * line for the caller and, where a rule of a profile or a lint was broken, that rule's name.
 *
 * Pure: no allocation; issuer/problem_json.h writes the document. A detail may quote what a client
 * sent: control characters and octets that are not ASCII become "?". It never says what only we
 * should know (paths, statements, addresses): such things go to the program's log. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

/* "urn:statim:problem:<word>". A client acts on the word, so a word never changes its meaning. */
#define PROBLEM_URN "urn:statim:problem:"

/* name, word, HTTP status, what problem_set() returns, title. Grouped by who says it. */
#define PROBLEM_TABLE(X)                                                                          \
    /* HTTP, before a handler is called */                                                        \
    X(MALFORMED, "malformed", 400, MALFORMED, "The request is malformed")                         \
    X(UNAUTHORIZED, "unauthorized", 401, KEY, "No valid key was presented")                       \
    X(FORBIDDEN, "forbidden", 403, KEY, "This caller may not do that")                            \
    X(NOT_FOUND, "not-found", 404, NOT_FOUND, "There is no such thing")                           \
    X(METHOD, "method-not-allowed", 405, UNSUPPORTED, "The method is not allowed here")           \
    X(TIMEOUT, "timeout", 408, BUSY, "The request did not arrive in time")                        \
    X(LENGTH_REQUIRED, "length-required", 411, MALFORMED, "A body needs a Content-Length")        \
    X(TOO_LARGE, "too-large", 413, LIMIT, "The body is too large")                                \
    X(URI_TOO_LONG, "uri-too-long", 414, LIMIT, "The target is too long")                         \
    X(MEDIA_TYPE, "unsupported-media-type", 415, UNSUPPORTED, "The media type is not accepted")   \
    X(HEAD_TOO_LARGE, "head-too-large", 431, LIMIT, "The head is too large")                      \
    X(HTTP_VERSION, "http-version", 505, UNSUPPORTED, "The HTTP version is not supported")        \
    X(INTERNAL, "internal", 500, IO, "The issuer failed")                                         \
    X(UNAVAILABLE, "unavailable", 503, BUSY, "The issuer cannot do this now")                     \
    /* bodies and parameters */                                                                   \
    X(JSON, "bad-json", 400, MALFORMED, "The body is not the JSON that is expected")              \
    X(FIELD, "bad-field", 400, MALFORMED, "A field or parameter is missing, unknown or wrong")    \
    X(CURSOR, "bad-cursor", 400, MALFORMED, "The cursor is not one that was given out")           \
    /* orders and what stands before issuing */                                                   \
    X(ORDER_CONFLICT, "order-conflict", 409, CONFLICT,                                            \
      "The order id was used for another request")                                                \
    X(ORDER_PENDING, "order-pending", 409, BUSY, "The order is being worked on")                  \
    X(PROFILE, "unknown-profile", 422, NOT_FOUND, "There is no such profile")                     \
    X(CA, "unknown-ca", 422, NOT_FOUND, "There is no such CA, or it does not issue")              \
    X(DCV, "dcv-missing", 403, KEY, "A name has no valid domain validation")                      \
    X(APPROVAL, "approval-missing", 403, KEY, "Two operators must approve before this is issued") \
    /* the request for a certificate */                                                           \
    X(CSR, "bad-csr", 422, MALFORMED, "The certificate request is refused")                       \
    X(PROOF, "bad-proof", 422, SIGNATURE, "The request does not prove possession of its key")     \
    X(PUBLIC_KEY, "bad-public-key", 422, KEY, "The public key is refused")                        \
    X(BLOCKED_KEY, "blocked-key", 422, KEY, "The public key is blocked")                          \
    X(NAME, "bad-name", 422, MALFORMED, "A name is refused")                                      \
    X(POLICY, "policy", 422, UNSUPPORTED, "The profile does not allow this")                      \
    X(LINT, "lint", 422, UNSUPPORTED, "The certificate would break a rule")                       \
    /* what issuing stands on: nothing was signed unless the detail says so */                    \
    X(LINTER, "linter-unavailable", 503, BUSY, "The external linter gave no verdict")             \
    X(AUDIT, "audit-unavailable", 503, IO, "The audit log cannot take entries")                   \
    X(REGISTRY, "registry-unavailable", 503, STORE, "The registry cannot be reached")             \
    X(SIGNER, "signer-unavailable", 503, CRYPTO, "The signing key cannot be used")                \
    /* revocation and the feed */                                                                 \
    X(REVOKED, "already-revoked", 409, EXISTS, "The certificate is revoked already")              \
    X(REASON, "bad-reason", 422, RANGE, "The reason is not allowed")                              \
    X(EXPIRED, "expired", 409, EXPIRED, "The certificate has expired")                            \
    X(POSITION, "bad-position", 409, RANGE, "The position is of another history")                 \
    X(EXISTS, "exists", 409, EXISTS, "It exists already")

enum problem_type {
#define X(name, word, status, err, title) PROBLEM_##name,
    PROBLEM_TABLE(X)
#undef X
        PROBLEM_COUNT
};

#define PROBLEM_DETAIL_BYTES       400
#define PROBLEM_RULE_BYTES         80
#define PROBLEM_FIELD_BYTES        64
#define PROBLEM_ERROR_DETAIL_BYTES 160
/* What a person reads at once; further errors of the same request are left out. */
#define PROBLEM_ERRORS_MAX 8

struct problem_error {
    char field[PROBLEM_FIELD_BYTES]; /* "csr_pem", "domains[3]", a lint's id */
    char detail[PROBLEM_ERROR_DETAIL_BYTES];
};

/* Zeroed to begin with. */
struct problem {
    enum problem_type type;
    char detail[PROBLEM_DETAIL_BYTES];
    char rule[PROBLEM_RULE_BYTES]; /* the named rule that was broken ("rsa-too-small", a lint's id);
                                      empty without */
    struct problem_error errors[PROBLEM_ERRORS_MAX];
    uint8_t error_count;
};

/** Sets type and detail, with no rule and no errors; returns the type's error, which is never
 *  ERR_OK: `return problem_set(why, PROBLEM_CSR, "...")`. Neither can fail. */
__attribute__((format(printf, 3, 4))) enum err
problem_set(struct problem *problem, enum problem_type type, const char *format, ...);
/** The same with a rule. */
__attribute__((format(printf, 4, 5))) enum err problem_set_rule(struct problem *problem,
                                                                enum problem_type type,
                                                                const char *rule,
                                                                const char *format, ...);
/** Adds one of several errors. The problem must have been set before. */
__attribute__((format(printf, 3, 4))) void problem_add(struct problem *problem, const char *field,
                                                       const char *format, ...);

const char *problem_word(enum problem_type type);
const char *problem_title(enum problem_type type);
uint16_t problem_status(enum problem_type type);
/** What problem_set() returns for it. */
enum err problem_err(enum problem_type type);

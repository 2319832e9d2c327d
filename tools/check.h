/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of `statim check`: one row, one function rule_<name>(). A rule returns true when the
 * responder keeps it, and otherwise writes what was seen to `why`. Sections: 6960 and so on are
 * RFCs, BR the CA/Browser Forum Baseline Requirements for TLS. */
#pragma once

#include <stdio.h>

#include "tools/ocsp_ask.h"

#define CHECK_WHY_BYTES 512

struct check {
    const char *url;
    struct ocsp_issuer issuer;
    struct serial good;
    struct serial revoked;
    uint64_t now_s;
    /* Asked once, judged by many rules: */
    struct ocsp_answer get_good;     /* GET, SHA-256 CertID */
    struct ocsp_answer get_good_old; /* GET, SHA-1 CertID */
    struct ocsp_answer get_revoked;
    struct ocsp_answer get_random;
    /* The newer of both hashes that gave a signed answer: for rules about its content. */
    const struct ocsp_answer *signed_good;
};

#define CHECK_RULE_TABLE(X)                                                                      \
    X(get_good, "BR 4.9.9", "GET answers the good certificate: good, verified")                  \
    X(post_good, "9919 6", "POST answers the good certificate: good, verified")                  \
    X(get_revoked, "6960 2.2", "GET answers the revoked certificate: revoked, verified")         \
    X(post_revoked, "6960 2.2", "POST answers the revoked certificate: revoked, verified")       \
    X(random_serial, "BR 4.9.9", "GET of a serial that was never issued is not good")            \
    X(random_serial_post, "BR 4.9.9", "POST of a serial that was never issued is not good")      \
    X(forward_slashes, "6960 A.1", "GET whose base64 has a run of slashes is taken as it is")    \
    X(sha256_certid, "9919 3.1.1", "a SHA-256 CertID finds its SingleResponse")                  \
    X(sha1_certid, "9919 3.1.1", "a SHA-1 CertID (transitional) finds its SingleResponse")       \
    X(unencoded_plus, "6960 A.1", "GET whose base64 has a plus that is not percent-encoded")     \
    X(unauthorized, "9919 3.2.3", "no record: unauthorized")                                     \
    X(nonce, "9654 2.1", "a request with a nonce is answered")                                   \
    X(content_type, "6960 A.2", "Content-Type: application/ocsp-response")                       \
    X(content_length, "6960 A.2", "Content-Length is there and right")                           \
    X(date, "9110 5.6.7", "Date is an IMF-fixdate in GMT")                                       \
    X(expires, "9919 7.2", "Expires is an IMF-fixdate in GMT and equals nextUpdate")             \
    X(last_modified, "9919 7.2", "Last-Modified is an IMF-fixdate in GMT and equals thisUpdate") \
    X(etag, "9919 7.2", "a strong ETag")                                                         \
    X(cache_control, "9919 7.2", "max-age, public, no-transform, must-revalidate; no no-cache")  \
    X(max_age, "9919 7.2", "max-age ends before nextUpdate")                                     \
    X(match_exact, "9110 13.1.2", "If-None-Match with the ETag: 304")                            \
    X(match_list, "9110 13.1.2", "If-None-Match with a list: 304")                               \
    X(match_weak, "9110 13.1.2", "If-None-Match compares weakly: 304")                           \
    X(match_any, "9110 13.1.2", "If-None-Match: * gives 304")                                    \
    X(match_other, "9110 13.1.2", "If-None-Match with another tag: 200")                         \
    X(modified_since, "9110 13.1.3", "If-Modified-Since with Last-Modified: 304")                \
    X(not_modified_fields, "9110 15.4.5",                                                        \
      "304 has the ETag, Cache-Control, Expires and Date of a 200")                              \
    X(head, "9110 9.3.2", "HEAD has the fields of GET and no body")                              \
    X(method, "9110 15.5.6", "another method: 405 with Allow")                                   \
    X(uncached_unauthorized, "9919 7.2", "an unauthorized answer may not be cached")             \
    X(malformed, "6960 2.3", "octets that are no request: malformedRequest or HTTP 400")         \
    X(trailing, "6960 4.1.1", "a request with trailing octets is refused")                       \
    X(size_cap, "6960 5", "a body of 200,000 octets is refused")                                 \
    X(canonical, "6960 4.2.1", "the response is DER with nothing behind it")                     \
    X(next_update, "9919 3.2.4", "nextUpdate is there and ahead, thisUpdate is not")             \
    X(validity, "BR 4.9.9", "validity of 8 hours to 10 days")                                    \
    X(refresh, "BR 4.9.9",                                                                       \
      "renewed in time: half of a short validity, else 8 h before its end, 4 d at most")         \
    X(by_key, "9919 3.2.2", "the responder id is byKey")                                         \
    X(no_extensions, "9919 3.2.1", "no responseExtensions")                                      \
    X(single_count, "9919 3.2.1", "one SingleResponse, or two for both hashes")                  \
    X(signature_hash, "BR 7.3", "not signed with SHA-1")                                         \
    X(response_time, "BR 4.10.2", "answered within 10 seconds")

#define X(name, section, text) bool rule_##name(struct check *c, char why[static CHECK_WHY_BYTES]);
CHECK_RULE_TABLE(X)
#undef X

#define WHY(...) (void)snprintf(why, CHECK_WHY_BYTES, __VA_ARGS__)

/** Asks with further request field `field` (or NULL); the caller ends `ret` with
 * ocsp_answer_done(). */
enum err check_ask(struct check *c, const struct serial *serial, enum certid_hash hash,
                   enum ask_method method, const char *field, struct ocsp_answer *ret);
/** Whether an answer is signed, verified, matched and of that V_OCSP_CERTSTATUS; else why. */
bool check_status(const struct ocsp_answer *answer, int status, char why[static CHECK_WHY_BYTES]);
/** A serial nobody issued: 20 random octets, positive. */
void check_random_serial(struct serial *ret);

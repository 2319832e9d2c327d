/* SPDX-License-Identifier: Apache-2.0 */
/* Answer: (snapshot, time, request) -> response octets and one outcome. Pure.
 *
 * In three steps, so that the lookups of several requests can run side by side: answer_begin()
 * reads the request, the snapshot lookup runs when it asks for one, answer_finish() writes the
 * response.
 *
 * Decisions where the norms leave room:
 *  - A GET path that is not base64 is answered 404 (a stray /favicon.ico), one that is base64 but
 * not an OCSPRequest with malformedRequest.
 *  - A POST without Content-Type is taken as an OCSP request; another media type is answered 415.
 *  - Conditional fields count for GET and HEAD only (RFC 9110 13.1.2 and 13.1.3).
 *  - If-Modified-Since never gets a revoked answer confirmed: its seconds cannot tell it from a
 * good one signed in the same second.
 *  - A statement is stale, too, when the responder certificate that signed it has ended.
 *  - thisUpdate may not be one second ahead: an edge with a slow clock says tryLater.
 *  - When the planned signing has passed (the presigner is late), max-age is ANSWER_LATE_MAX_AGE_S,
 *    still bounded by nextUpdate, so that caches ask again soon but do not fall on the edge at
 * once.
 *  - A path at which there is a file (edge/answer_file.h) is no OCSP request's, even below the
 *    prefix: files come first.
 *  - No Server field: it only helps who looks for versions.
 *  - Answers that are not statements carry "Cache-Control: no-store, no-cache, max-age=0". */
#pragma once

#include "edge/outcome.h"
#include "edge/relay_name.h"
#include "edge/snapshot.h"
#include "lib/day_text.h"
#include "lib/http_request.h"

#define ANSWER_LATE_MAX_AGE_S  60
#define ANSWER_PATH_PREFIX_MAX 127
/* The largest response: its buffer must have at least this much room. */
#define ANSWER_BYTES_MAX (HTTP_RESPONSE_HEAD_MAX + OCSP_RESPONSE_BYTES_MAX)

struct answer_config {
    char path_prefix[ANSWER_PATH_PREFIX_MAX + 1]; /* starts and ends with "/"; "/" by default */
    size_t path_prefix_size;
};

/** `prefix` must start and end with "/". ERR_CONFIG. */
MUST_CHECK enum err answer_config_set(struct answer_config *config, const char *path_prefix);

/** The second that answers are made in, with its text and that of the days around it: renewed once
 * a second, not once an answer. */
struct answer_clock {
    uint64_t now_s;
    uint8_t date[IMF_FIXDATE_BYTES];
    struct day_table days;
};
/** Cheap when the second is the one it already has. Zero-initialise before the first call. */
void answer_clock_set(struct answer_clock *clock, uint64_t now_s);

/** What the connection does after the answer, as the response must say it. */
enum answer_connection {
    ANSWER_KEEP,     /* HTTP/1.1: nothing to say */
    ANSWER_KEEP_1_0, /* HTTP/1.0 with keep-alive: "Connection: keep-alive" */
    ANSWER_CLOSE,    /* "Connection: close" */
};

/** A request between the steps. Borrows the request's octets. */
struct answer_query {
    bool needs_lookup; /* else the outcome is decided */
    enum outcome outcome;
    bool without_body; /* HEAD */
    bool is_ocsp;      /* an OCSPRequest was decoded: hash and has_nonce are set */
    bool has_nonce;
    enum certid_hash hash;
    bool condition_repeated; /* repeated If-None-Match: no condition */
    struct span if_none_match;
    struct span if_modified_since;
    const struct snapshot_issuer *issuer;
    const struct path_file *file; /* at the path; NULL: none */
    bool is_relay;                /* asked of a relay listener (edge/answer_relay.h) */
    /* Set by answer_finish(): octets of the file that follow the response, which are not in its
     * buffer. 0: none */
    uint32_t body_bytes;
    uint32_t body_at;
    struct snapshot_lookup lookup;
    struct span range; /* these five only with a file; empty: none */
    struct span if_range;
    struct span if_unmodified_since;
    bool has_if_match;
    bool if_match_holds;          /* its list has the file's entity tag */
    struct relay_name relay_name; /* these two only with a relay's file, which `file` then is */
    struct path_file relay_file;
};

/** Reads a request whose body is `body` (empty unless POST). `snapshot` may be NULL. When
 *  needs_lookup is set, stage 1 of the lookup has been started. */
void answer_begin(const struct snapshot *snapshot, const struct answer_config *config,
                  const struct http_request *request, struct span body, struct answer_query *query);

/** Writes the response and returns the outcome. For a query that needs a lookup, the
 *  stages up to snapshot_find_approach() must have run. out_size >= ANSWER_BYTES_MAX. The same
 * snapshot as before.
 */
enum outcome answer_finish(const struct snapshot *snapshot, const struct answer_clock *clock,
                           struct answer_query *query, enum answer_connection connection,
                           uint8_t *out, size_t out_size, size_t *ret_size);

/** A response that needs no query: HTTP errors of framing and time. Connection: close. */
void answer_error(const struct answer_clock *clock, enum outcome outcome, bool without_body,
                  uint8_t *out, size_t out_size, size_t *ret_size);

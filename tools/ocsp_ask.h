/* SPDX-License-Identifier: Apache-2.0 */
/* One OCSP question over HTTP: request, exchange, judgement. */
#pragma once

#include "tools/http_client.h"
#include "tools/ocsp_reply.h"

enum ask_method { ASK_GET, ASK_POST };
/* How the base64 of a GET travels in the path. */
enum ask_encoding { ASK_ENCODED, ASK_RAW };

struct ocsp_question {
    const char *url; /* of the responder */
    const struct ocsp_issuer *issuer;
    struct serial serial;
    enum certid_hash hash;
    enum ask_method method;
    enum ask_encoding encoding;
    const char *field; /* a further request field, or NULL */
    bool head_only;    /* HEAD instead of GET */
};

struct ocsp_answer {
    struct http_reply http;
    bool is_ocsp; /* the body was an OCSPResponse: `ocsp` is set */
    struct ocsp_reply ocsp;
};

#define ASK_URL_BYTES_MAX (OCSP_REQUEST_BYTES_MAX * 4)

/** The URL of a GET for these request octets: the responder's, one "/", the base64. ERR_NO_SPACE.
 */
MUST_CHECK enum err ocsp_get_url(const char *url, struct span der, enum ask_encoding encoding,
                                 char *out, size_t out_size);

/** Asks. ERR_IO (no HTTP answer; `ret->http.error` says why) and the errors of its parts. `ret` is
 * set in every case and freed by ocsp_answer_done(). */
MUST_CHECK enum err ocsp_ask(const struct ocsp_question *question, struct ocsp_answer *ret);
void ocsp_answer_done(struct ocsp_answer *answer);

/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange through libcurl, for the verbs that ask a responder or fetch a CRL. The path is
 * sent as it is: nothing is normalised; no redirect is followed unless that is asked for. */
#pragma once

#include "lib/err.h"
#include "lib/os/file.h"

/* Just beyond the 10 seconds that Baseline Requirements 4.10.2 give a responder. */
#define HTTP_CLIENT_TIMEOUT_S         11
#define HTTP_CLIENT_REPLY_BYTES_MAX   (1u << 20)
#define HTTP_CLIENT_HEADERS_BYTES_MAX (64u << 10)

struct http_exchange {
    const char *method; /* "GET", "HEAD", "POST" or anything else */
    const char *url;
    struct span body;         /* sent when data is not NULL */
    const char *content_type; /* of the body; NULL for none */
    const char *field;        /* one further field line "Name: value", or NULL */
    size_t reply_bytes_max;   /* of the body; 0: HTTP_CLIENT_REPLY_BYTES_MAX */
    uint32_t timeout_s;       /* 0: HTTP_CLIENT_TIMEOUT_S */
    uint32_t redirects_max;
};

struct http_reply {
    long status;           /* 0: no HTTP answer */
    struct buffer headers; /* field lines as sent, NUL-terminated; of the final answer only */
    struct buffer body;
    size_t body_bytes_max;
    char error[256]; /* why there is no answer */
};

/** ERR_IO (no answer; `error` says why), ERR_LIMIT (a larger answer), ERR_MEMORY. `ret` is set in
 *  every case and freed by http_reply_done(). */
MUST_CHECK enum err http_client_exchange(const struct http_exchange *exchange,
                                         struct http_reply *ret);
void http_reply_done(struct http_reply *reply);

/** Value of the first field of that name (any case) without surrounding blanks, or data == NULL. */
struct span http_reply_field(const struct http_reply *reply, const char *name);

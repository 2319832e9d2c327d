/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTPS request at a time to an issuer, by libcurl's multi interface: TLS 1.2 or later, both
 * sides with certificates. The issuer is known by the configured CA and the host of the URL alone;
 * no redirects, no proxy, nothing of the environment. The files of certificates are read at each
 * new connection, so renewed ones need no restart. */
#pragma once

#include <curl/curl.h>

#include "lib/os/file.h"
#include "presigner/config.h"

#define FEED_CONNECT_TIMEOUT_S 5
/* Beyond the time that the issuer may keep an answer. */
#define FEED_ANSWER_TIMEOUT_S 10
#define FEED_ANSWER_BYTES_MAX (FEED_EVENTS_MAX * (FEED_LINE_BYTES_MAX + 1))
#define FEED_URL_BYTES        (PATH_BYTES_MAX + 256)

struct feed_link {
    CURL *curl;
    CURLM *multi;            /* of all links; borrowed */
    struct curl_slist *head; /* fields of a POST */
    bool busy;
    char url[FEED_URL_BYTES];
    struct buffer body;   /* of the request */
    struct buffer answer; /* its body */
    char message[CURL_ERROR_SIZE];
    void *owner; /* the caller's */
};

/** ERR_MEMORY. */
MUST_CHECK enum err feed_link_make(struct feed_link *l, CURLM *multi, void *owner);
void feed_link_done(struct feed_link *l);

/** Starts a GET of l->url, or a POST of l->body to it, and takes `wait_s` longer than usual for
 *  slow. ERR_MEMORY. */
MUST_CHECK enum err feed_link_get(struct feed_link *l, const struct feed_config *feed,
                                  uint64_t wait_s);
MUST_CHECK enum err feed_link_post(struct feed_link *l, const struct feed_config *feed);
/** The link of a finished transfer. */
struct feed_link *feed_link_of(CURL *curl);
/** Ends the request: `ret_status` is that of an answer that came whole; its body is in l->answer.
 *  ERR_IO: none came, l->message says why. ERR_LIMIT: it is too long. */
MUST_CHECK enum err feed_link_end(struct feed_link *l, CURLcode code, long *ret_status);
/** Whether the answer has this media type. After feed_link_end(). */
bool feed_link_is(const struct feed_link *l, const char *media_type);
/** The URL that the answer has for the issuer's CRLs (lib/feed_event.h); empty: none, or one that
 * is too long. After feed_link_end(). */
void feed_link_crl(const struct feed_link *l, char ret_url[static CRL_SHARD_URL_MAX]);

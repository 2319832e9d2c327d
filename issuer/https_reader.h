/* SPDX-License-Identifier: Apache-2.0 */
/* From the octets of a connection to whole requests that a route takes. Pure: the same verdict
 * however the octets arrive. */
#pragma once

#include "issuer/https_route.h"

enum https_read {
    HTTPS_READ_MORE,
    HTTPS_READ_CONTINUE, /* once, when the client waits for "100 Continue" before its body */
    HTTPS_READ_REQUEST,  /* complete: https_reader_request() */
    HTTPS_READ_REFUSED,  /* answer with `why` */
};

/* Zeroed before each request, but for `routes`. */
struct https_reader {
    const struct https_route *routes;
    struct https_match match;
    size_t seen;        /* of the head, without its end */
    size_t head_bytes;  /* 0: the head is not complete */
    size_t total_bytes; /* head and body, once the head is complete */
    bool is_head;       /* HEAD: the answer goes without its body */
    bool keep_alive;    /* another request may follow on the connection */
    bool continued;
};

/** `bytes` begins with the request and has at least what the last call had. After REQUEST and
 *  REFUSED, total_bytes may be dropped when keep_alive is set. `why` is set by REFUSED. */
enum https_read https_reader_step(struct https_reader *reader, struct span bytes,
                                  struct problem *why);

/** Fills what the octets tell: method, path, params, query, content_type, head, body. Only after
 *  REQUEST, with the same octets, wherever they now are. */
void https_reader_request(const struct https_reader *reader, struct span bytes,
                          struct https_request *ret);

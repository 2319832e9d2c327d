/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.1 answer, strictly: what is not exactly framed by a Content-Length is no
 * answer here. Pure; looks at all octets of the head at once, so whoever gets it in pieces keeps
 * the pieces and asks again. */
#pragma once

#include "lib/span.h"

/* Longer than any sensible head; ours are below 512. */
#define REPLY_HEAD_BYTES_MAX 8192u
/* A CRL of this size is a mistake. */
#define REPLY_BODY_BYTES_MAX (UINT64_C(1) << 32)

enum reply_found { REPLY_MORE, REPLY_HEAD, REPLY_BAD };

struct reply_head {
    uint16_t status;
    bool keep_alive; /* the server will take another request on this connection */
    size_t head_size;
    uint64_t body_size; /* follows the head */
};

/** REPLY_MORE: what is there is the beginning of a head. `ret` is set with REPLY_HEAD only. */
enum reply_found reply_head_parse(struct span octets, struct reply_head *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of an answer: head and body in one buffer. */
#pragma once

#include "issuer/https.h"

struct https_answer_traits {
    const char *request_id;
    const char *allow; /* NULL: no Allow */
    bool is_head;      /* Content-Length of the body, without it */
    bool keep_alive;   /* else "Connection: close" */
    uint64_t time_s;
};

/** Replaces what `ret` holds. A response whose fields make no head becomes an empty 500.
 *  ERR_MEMORY. */
MUST_CHECK enum err https_answer_write(const struct https_response *response,
                                       const struct https_answer_traits *traits,
                                       struct buffer *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* "127.0.0.1:8080", "[::1]:8080" <-> sockaddr. Numeric only: nothing is resolved. */
#pragma once

#include <netinet/in.h>

#include "lib/err.h"
#include "lib/span.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa;
    socklen_t size;
};

#define ADDRESS_TEXT_BYTES 56

/** ERR_MALFORMED. Port 0 is allowed. */
MUST_CHECK enum err address_from_text(struct span text, struct address *ret);
void address_to_text(const struct address *address, char ret[static ADDRESS_TEXT_BYTES]);

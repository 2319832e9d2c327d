/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may do. A key of the public listener has exactly one role; a certificate of the
 * internal listener has those that the configuration gives it. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

/* name, bit, word, what it may do */
#define ROLE_TABLE(X)                                                            \
    X(CUSTOMER, 1, "customer", "issue, read and revoke what is its own")         \
    X(OPERATOR, 2, "operator", "domains, approvals, incidents, any certificate") \
    X(ADMIN, 4, "admin", "API keys, blocked keys")                               \
    X(FEED, 8, "feed", "a presigner: events, and what it says it has published") \
    X(AUDITOR, 16, "auditor", "reads everything but the feed, changes nothing")

enum role {
#define X(name, bit, word, text) ROLE_##name = bit,
    ROLE_TABLE(X)
#undef X
};

/** "customer" -> ROLE_CUSTOMER. ERR_NOT_FOUND. */
MUST_CHECK enum err role_from_text(struct span text, enum role *ret);
/** The word of one role; "" for what is none. */
const char *role_text(enum role role);

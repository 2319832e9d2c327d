/* SPDX-License-Identifier: Apache-2.0 */
/* What both handlers of the feed need. */
#pragma once

#include "issuer/authority.h"
#include "issuer/issuer.h"
#include "issuer/issuer_counters.h"
#include "issuer/problem.h"

/** The CA whose id is `text`. PROBLEM_FIELD (no id), PROBLEM_CA (none of ours). */
static inline enum err feed_ca(const struct issuer *issuer, struct span text,
                               const struct authority **ret, struct problem *why)
{
    uint64_t id = 0;
    if (text.data == NULL || authority_id_from_text(text, &id) != ERR_OK)
        return problem_set(why, PROBLEM_FIELD, "ca is not 16 lower-case hex digits");
    const struct authority *authority = authority_by_id(issuer->authorities, id);
    if (authority == NULL)
        return problem_set(why, PROBLEM_CA, "there is no CA %.*s here", (int)text.size,
                           (const char *)text.data);
    *ret = authority;
    return ERR_OK;
}

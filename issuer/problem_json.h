/* SPDX-License-Identifier: Apache-2.0 */
/* A problem as "application/problem+json" (RFC 9457): type, title, status, detail, request_id and,
 * where there are such, rule and errors. */
#pragma once

#include "issuer/problem.h"
#include "lib/os/file.h"

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/** Replaces what `ret` holds. `request_id` may be NULL. ERR_MEMORY. */
MUST_CHECK enum err problem_to_json(const struct problem *problem, const char *request_id,
                                    struct buffer *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* What a request's target and its conditions mean. Pure. */
#pragma once

#include "lib/span.h"

/** The path of the target: for the absolute form the part after the authority. Query included.
 *  false: neither form. */
bool http_target_path(struct span target, struct span *ret);

/** RFC 9110 13.1.2, weak comparison: whether the field value names `etag` (the opaque tag with its
 *  quotes) or is "*". A malformed value matches nothing. */
bool http_etag_matches(struct span if_none_match, struct span etag);
/** RFC 9110 13.1.1, strong comparison: a weak tag never matches. */
bool http_etag_is_listed(struct span if_match, struct span etag);

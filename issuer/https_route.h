/* SPDX-License-Identifier: Apache-2.0 */
/* Which route a path is for. Pure. A path matches as it was sent: no decoding, no dot segments, no
 * doubled or trailing slash, so that there is one spelling of every resource. */
#pragma once

#include "issuer/https.h"

struct https_match {
    const struct https_route *route; /* NULL: no route of that method */
    struct span params[HTTPS_PARAMS_MAX];
    bool allows_get, allows_post; /* of the path; both false: there is no such path */
};

/** `method` is GET or POST; for anything else no route is found, but what is allowed. */
void https_route_find(const struct https_route *routes, enum http_method method, struct span path,
                      struct https_match *ret);

/** "GET, HEAD, POST" or the part of it that is allowed. */
const char *https_match_allow(const struct https_match *match);

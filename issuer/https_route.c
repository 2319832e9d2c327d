/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_route.h"

#include "lib/check.h"

static bool is_param_octet(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static bool matches(const char *pattern, struct span path, struct span params[HTTPS_PARAMS_MAX])
{
    size_t at = 0, count = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (at == path.size || path.data[at++] != (uint8_t)*pattern++)
                return false;
            continue;
        }
        size_t start = at;
        while (at < path.size && is_param_octet(path.data[at]))
            at++;
        if (at == start)
            return false;
        CHECK(count < HTTPS_PARAMS_MAX);
        params[count++] = span_of(path.data + start, at - start);
        pattern = strchr(pattern, '}');
        CHECK(pattern != NULL);
        pattern++;
    }
    return at == path.size;
}

/* "/certificate/{id}" would take "/certificate/by-serial": words come before parameters. */
static bool is_literal(const char *pattern)
{
    return strchr(pattern, '{') == NULL;
}

static bool scan(const struct https_route *routes, enum http_method method, struct span path,
                 bool literal, struct https_match *m)
{
    bool found = false;
    for (const struct https_route *r = routes; r->pattern != NULL; r++) {
        struct span params[HTTPS_PARAMS_MAX] = {0};
        if (is_literal(r->pattern) != literal || !matches(r->pattern, path, params))
            continue;
        found = true;
        m->allows_get |= r->method == HTTP_GET;
        m->allows_post |= r->method == HTTP_POST;
        if (r->method == method && m->route == NULL) {
            m->route = r;
            memcpy(m->params, params, sizeof params);
        }
    }
    return found;
}

void https_route_find(const struct https_route *routes, enum http_method method, struct span path,
                      struct https_match *ret)
{
    *ret = (struct https_match){0};
    if (!scan(routes, method, path, true, ret))
        scan(routes, method, path, false, ret);
}

const char *https_match_allow(const struct https_match *match)
{
    if (match->allows_get)
        return match->allows_post ? "GET, HEAD, POST" : "GET, HEAD";
    return match->allows_post ? "POST" : "";
}

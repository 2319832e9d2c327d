/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask and say through the control socket, as JSON objects: pure, no socket.
 *
 *   {"do":"top"}  {"do":"stats"}  {"do":"allow"}  {"do":"deny"}  {"do":"level"}  {"do":"route"}
 *   {"do":"allow","prefix":"192.0.2.0/24","for_s":3600}   the same with deny
 *   {"do":"allow","prefix":"192.0.2.0/24","remove":true}  the same with deny
 *   {"do":"level","shed_permille":250,"for_s":600}   {"do":"level","auto":true}
 *   {"do":"route","route":"withdraw","for_s":600}    {"do":"route","auto":true}
 *
 * An answer is {"ok":true,...} or {"ok":false,"error":"..."}. */
#pragma once

#include <jansson.h>

#include "bpf/control.h"
#include "bpf/controller.h"
#include "bpf/prefix.h"

#define SHED_WORD_TABLE(X) \
    X(TOP, "top")          \
    X(STATS, "stats")      \
    X(ALLOW, "allow")      \
    X(DENY, "deny")        \
    X(LEVEL, "level")      \
    X(ROUTE, "route")
enum shed_word_kind {
#define X(name, text) SHED_WORD_##name,
    SHED_WORD_TABLE(X)
#undef X
        SHED_WORD_COUNT
};

struct shed_word {
    enum shed_word_kind kind;
    bool given;             /* something is told; else only asked */
    bool takes_back;        /* "remove" or "auto" */
    struct prefix prefix;   /* allow and deny */
    uint32_t shed_permille; /* level */
    enum route_action route;
    uint64_t for_s; /* 1 to CONTROL_WORD_MAX_S; not where it takes back */
};

/** Strict: what does not belong to the request is refused. ERR_MALFORMED; `*ret_why` is then a
 * constant text for the operator. */
MUST_CHECK enum err shed_word_read(const json_t *request, struct shed_word *ret,
                                   const char **ret_why);

/* SPDX-License-Identifier: Apache-2.0 */
/* What the sync core asks of its shell, and what it is told: see edge/sync_core.h. */
#pragma once

#include "edge/store_format.h"

/* name, text */
#define SYNC_ACTION_TABLE(X)                           \
    X(WAIT, "wait")                                    \
    X(FETCH_HEAD, "fetch the head")                    \
    X(FETCH_LOG, "fetch a log entry")                  \
    X(FETCH_INDEX, "fetch an index")                   \
    X(FETCH_PACK, "fetch a pack")                      \
    X(FETCH_BLOB, "fetch a blob")                      \
    X(PUT_BLOB, "store a blob")                        \
    X(APPLY_HEAD, "record the head")                   \
    X(APPLY_LOG, "apply a log entry")                  \
    X(BEGIN_INDEX, "put in the templates of an index") \
    X(APPLY_RANGE, "apply a range of an index")        \
    X(APPLY_PATH, "apply a path of an index")          \
    X(FINISH_INDEX, "drop what the index does not have, record it as applied")

enum sync_action_type {
#define X(name, text) SYNC_##name,
    SYNC_ACTION_TABLE(X)
#undef X
        SYNC_ACTION_COUNT
};
/** Never NULL. */
const char *sync_action_text(enum sync_action_type type);

struct sync_action {
    enum sync_action_type type;
    uint32_t origin;    /* FETCH_*: which origin to ask */
    uint64_t number;    /* FETCH_LOG */
    struct sha256 hash; /* FETCH_INDEX, FETCH_PACK, FETCH_BLOB */
    uint64_t bytes_max; /* FETCH_*: more is not read */
    bool keep;          /* FETCH_PACK: needed by an APPLY that comes after other fetches */
    uint64_t until_ns;  /* WAIT */
    uint64_t lane_ns;   /* WAIT: when the fast lane opens; UINT64_MAX: it is closed */
};

enum sync_event_type { SYNC_TICK, SYNC_FETCHED, SYNC_HAVE, SYNC_FAILED, SYNC_APPLIED, SYNC_LANE };

struct sync_event {
    enum sync_event_type type;
    struct span bytes;               /* SYNC_FETCHED, SYNC_LANE (empty: announced only) */
    uint64_t number;                 /* SYNC_LANE */
    uint64_t after;                  /* SYNC_LANE: what the lane was asked after */
    enum err err;                    /* SYNC_FAILED */
    const struct position *position; /* SYNC_APPLIED */
};

struct sync_time {
    uint64_t monotonic_ns;
    uint64_t wall_s;
};

/* SPDX-License-Identifier: Apache-2.0 */
/* What the load is made of, prepared once and then only read: issuer, serials, request forms. */
#pragma once

#include "bench/load/request_write.h"
#include "bench/load/run.h"
#include "bench/load/serials.h"
#include "bench/load/zipf.h"
#include "tools/ocsp_reply.h"

#define TARGET_HOST_MAX (LOAD_HOST_MAX + 8)

/* Both ways to ask about a serial of one size. */
struct target_shape {
    struct request_form forms[2][2]; /* by is_get, close */
    uint8_t certid_prefix[QUESTION_PREFIX_MAX];
    size_t certid_prefix_size;
};

struct load_target {
    bool is_plain;
    char host[TARGET_HOST_MAX];
    struct request_issuer id;
    struct ocsp_issuer issuer; /* certificate NULL when plain */
    struct serials serials;
    struct target_shape *shapes[SERIAL_BYTES_MAX + 1]; /* NULL: no serial has this size */
    uint8_t *plain[LOAD_PATHS_MAX][2];                 /* requests, by close */
    size_t plain_sizes[LOAD_PATHS_MAX][2];
    struct zipf zipf;
    size_t request_room; /* of the longest request; 0 when plain */
};

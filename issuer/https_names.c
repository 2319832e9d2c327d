/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of issuer/https.h. */
#include "issuer/https.h"

const struct https_deadlines https_deadlines_usual = {
#define X(name, default_ms) .name##_ms = default_ms,
    HTTPS_DEADLINE_TABLE(X)
#undef X
};

const struct metric_row https_counter_rows[HTTPS_COUNTER_COUNT] = {
#define X(name, kind, help) {"https_" #name, METRIC_##kind, help},
    HTTPS_COUNTER_TABLE(X)
#undef X
};

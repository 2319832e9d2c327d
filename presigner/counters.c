/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/counters.h"

const struct metric_row presigner_metric_rows[COUNT_COUNT] = {
#define X(name, kind, help) {#name, METRIC_##kind, help},
    PRESIGNER_COUNTER_TABLE(X)
#undef X
};

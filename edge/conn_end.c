/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/conn_end.h"

#include "lib/check.h"

static const struct {
    const char *label;
    const char *text;
} ends[] = {
#define X(name, label, text) {label, text},
    CONN_END_TABLE(X)
#undef X
};

const char *conn_end_label(enum conn_end end)
{
    CHECK((unsigned)end < CONN_END_COUNT);
    return ends[end].label;
}

const char *conn_end_text(enum conn_end end)
{
    CHECK((unsigned)end < CONN_END_COUNT);
    return ends[end].text;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/check.h"

void text_writer_start(struct text_writer *w, char *out, size_t out_size)
{
    CHECK(out_size > 0);
    *w = (struct text_writer){.out = out, .out_size = out_size};
    out[0] = '\0';
}

void text_writer_format(struct text_writer *w, const char *format, ...)
{
    if (w->err != ERR_OK)
        return;
    size_t room = w->out_size - w->size;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(w->out + w->size, room, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= room) {
        /* Half a line would be a wrong number to its reader. */
        w->out[w->size] = '\0';
        w->err = ERR_NO_SPACE;
        return;
    }
    w->size += (size_t)size;
}

static const char *suffix(const struct metric_row *row)
{
    return row->kind == METRIC_COUNTER ? "_total" : "";
}

void metrics_write_head(struct text_writer *w, const char *prefix, const struct metric_row *row)
{
    text_writer_format(w, "# HELP %s_%s%s %s\n# TYPE %s_%s%s %s\n", prefix, row->name, suffix(row),
                       row->help, prefix, row->name, suffix(row),
                       row->kind == METRIC_COUNTER ? "counter" : "gauge");
}

void metrics_write_row(struct text_writer *w, const char *prefix, const struct metric_row *row,
                       uint64_t value)
{
    metrics_write_head(w, prefix, row);
    text_writer_format(w, "%s_%s%s %" PRIu64 "\n", prefix, row->name, suffix(row), value);
}

void metrics_write_labelled(struct text_writer *w, const char *prefix, const struct metric_row *row,
                            const char *labels, uint64_t value)
{
    text_writer_format(w, "%s_%s%s{%s} %" PRIu64 "\n", prefix, row->name, suffix(row), labels,
                       value);
}

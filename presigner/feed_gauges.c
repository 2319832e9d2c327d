/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feed_gauges.h"

#include <stdio.h>

static const struct metric_row rows[FEED_GAUGE_COUNT] = {
#define X(name, help) {#name, METRIC_GAUGE, help},
    FEED_GAUGE_TABLE(X)
#undef X
};

void feed_gauges_start(struct feed_gauges *g, const struct presigner_config *config)
{
    *g = (struct feed_gauges){0};
    for (size_t i = 0; i < config->issuer_count; i++)
        if (config->issuers[i].feed.url != NULL)
            g->feeds[g->count++].issuer = config->issuers[i].name;
}

/* issuer="name", with what the text format wants escaped. */
static void write_label(const char *name, char *out, size_t out_size)
{
    struct text_writer w;
    text_writer_start(&w, out, out_size);
    text_writer_format(&w, "issuer=\"");
    for (; *name != '\0'; name++)
        if (*name == '\n')
            text_writer_format(&w, "\\n");
        else
            text_writer_format(&w, *name == '"' || *name == '\\' ? "\\%c" : "%c", *name);
    text_writer_format(&w, "\"");
}

void feed_gauges_write(const struct feed_gauges *g, struct text_writer *w, const char *prefix)
{
    char label[16 + 2 * NETWORK_NAME_MAX];
    for (size_t row = 0; g->count > 0 && row < FEED_GAUGE_COUNT; row++) {
        metrics_write_head(w, prefix, &rows[row]);
        for (size_t i = 0; i < g->count; i++) {
            write_label(g->feeds[i].issuer, label, sizeof label);
            metrics_write_labelled(w, prefix, &rows[row], label,
                                   counter_get(&g->feeds[i].values[row]));
        }
    }
}

size_t feed_gauges_set(const struct feed_gauges *g, enum feed_gauge gauge)
{
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++)
        count += counter_get(&g->feeds[i].values[gauge]) != 0;
    return count;
}

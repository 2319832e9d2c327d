/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/serve_counters.h"

#include <stdio.h>

static const struct metric_row rows[] = {
#define X(name, metric, kind, help) {metric, kind, help},
    SERVE_COUNTER_TABLE(X)
#undef X
};

static const struct metric_row outcome_row = {"outcomes", METRIC_COUNTER,
                                              "Requests by outcome; the sum equals requests"};
static const struct metric_row end_row = {"connections_ended", METRIC_COUNTER,
                                          "Connections by the reason they ended"};

static void write_outcomes(struct text_writer *w, const char *prefix, const uint64_t *sums)
{
    metrics_write_head(w, prefix, &outcome_row);
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info((enum outcome)i);
        char labels[96];
        snprintf(labels, sizeof labels, "outcome=\"%s\",status=\"%u\"", info->label,
                 (unsigned)info->http_status);
        metrics_write_labelled(w, prefix, &outcome_row, labels,
                               sums[serve_counter_outcome((enum outcome)i)]);
    }
}

static void write_ends(struct text_writer *w, const char *prefix, const uint64_t *sums)
{
    metrics_write_head(w, prefix, &end_row);
    for (unsigned i = 0; i < CONN_END_COUNT; i++) {
        char labels[96];
        snprintf(labels, sizeof labels, "reason=\"%s\"", conn_end_label((enum conn_end)i));
        metrics_write_labelled(w, prefix, &end_row, labels,
                               sums[serve_counter_end((enum conn_end)i)]);
    }
}

void serve_counters_write(struct text_writer *w, const char *prefix,
                          const uint64_t sums[static SERVE_COUNTER_COUNT])
{
    for (unsigned i = 0; i < SERVE_COUNTER_OUTCOMES; i++)
        metrics_write_row(w, prefix, &rows[i], sums[i]);
    write_outcomes(w, prefix, sums);
    write_ends(w, prefix, sums);
}

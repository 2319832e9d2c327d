/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_metrics.h"

#include <inttypes.h>

#define PREFIX "statim_issuer"

/* name, kind, value, help */
#define AUDIT_METRIC_TABLE(X)                                                             \
    X(audit_failed, GAUGE, s->err != ERR_OK,                                              \
      "1 while the audit log cannot be written: "                                         \
      "nothing is issued")                                                                \
    X(audit_entries, GAUGE, s->size, "entries of the audit log")                          \
    X(audit_lag_entries, GAUGE, s->size - s->signed_size, "entries without a checkpoint") \
    X(audit_waiting, GAUGE, s->waiting, "entries that wait for the disk")                 \
    X(audit_commits, COUNTER, s->commits, "groups of entries written")                    \
    X(audit_checkpoints, COUNTER, s->checkpoints, "checkpoints signed")                   \
    X(audit_failures, COUNTER, s->failures, "times the audit log could not be written")   \
    X(audit_refused, COUNTER, s->refused, "entries that were refused or could not be written")

static const struct metric_row lag_row = {"audit_lag_seconds", METRIC_GAUGE,
                                          "how long the oldest of them has waited for one"};

void audit_metrics_write(const struct journal_status *s, struct text_writer *w)
{
#define X(name, kind, value, help) \
    metrics_write_row(w, PREFIX, &(const struct metric_row){#name, METRIC_##kind, help}, value);
    AUDIT_METRIC_TABLE(X)
#undef X
    metrics_write_head(w, PREFIX, &lag_row);
    text_writer_format(w, PREFIX "_audit_lag_seconds %.3f\n", (double)s->unsigned_ns / 1e9);
}

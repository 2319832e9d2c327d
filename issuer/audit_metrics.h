/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's state as metrics. */
#pragma once

#include "issuer/journal.h"
#include "lib/metrics.h"

void audit_metrics_write(const struct journal_status *status, struct text_writer *w);

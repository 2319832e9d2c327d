/* SPDX-License-Identifier: Apache-2.0 */
/* What the publisher tells those who wait for a new head, such as the fast lane. */
#pragma once

#include <stdint.h>

struct publish_news {
    uint64_t log_first; /* the log entries that are there */
    uint64_t log_last;
    uint64_t revoked_number;    /* newest new log entry with revocations; 0: none */
    uint64_t revoked_commit_ms; /* wall clock of the oldest of these; 0: not known */
};

struct publish_watch {
    /** Called by the publishing thread when the head was replaced: must not wait. NULL: nobody. */
    void (*published)(void *context, const struct publish_news *news);
    void *context;
};

/* SPDX-License-Identifier: Apache-2.0 */
/* What /metrics says of each issuer's feed, beside the counters of all. Written by the feeds'
 * thread, read by the admin thread. */
#pragma once

#include "lib/metrics.h"
#include "presigner/config.h"

/* name, help */
#define FEED_GAUGE_TABLE(X)                                                         \
    X(feed_seq, "newest event of the issuer that was taken")                        \
    X(feed_published_seq, "events of the issuer up to here are published")          \
    X(feed_said_seq, "what of that the issuer knows")                               \
    X(feed_heard_seconds, "when the issuer was last heard; 0: not yet")             \
    X(feed_failing, "1: the latest request failed or was refused")                  \
    X(feed_stopped, "1: its events contradict what is known: a person has to look") \
    X(feed_crl_missing, "1: its new certificates name CRLs that are not published here")

enum feed_gauge {
#define X(name, help) GAUGE_##name,
    FEED_GAUGE_TABLE(X)
#undef X
        FEED_GAUGE_COUNT
};

struct feed_gauges {
    size_t count;
    struct {
        const char *issuer; /* its name in the configuration */
        uint64_t values[FEED_GAUGE_COUNT];
    } feeds[CONFIG_ISSUERS_MAX];
};

/** One row of zeros for each issuer with a feed; the configuration stays borrowed. */
void feed_gauges_start(struct feed_gauges *g, const struct presigner_config *config);
void feed_gauges_write(const struct feed_gauges *g, struct text_writer *w, const char *prefix);
/** How many have this one set. */
size_t feed_gauges_set(const struct feed_gauges *g, enum feed_gauge gauge);

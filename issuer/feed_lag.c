/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/feed_lag.h"

#include <inttypes.h>
#include <stdio.h>

#include "issuer/registry_event.h"

#define PREFIX "statim_issuer"

static enum err keep_time(void *context, const struct registry_event *row)
{
    *(uint64_t *)context = row->at_s;
    return ERR_OK;
}

enum err feed_lag_take(struct registry *r, const struct authority *authority, struct feed_lag *ret)
{
    /* First what is published: what comes meanwhile makes the lag longer, never negative. */
    struct feed_lag lag = {.published_seq = authority_published(authority)};
    TRY(registry_event_last(r, authority->id, &lag.last_seq));
    if (lag.last_seq > lag.published_seq)
        TRY(registry_events(r, authority->id, lag.published_seq, 1, keep_time,
                            &lag.waiting_since_s));
    *ret = lag;
    return ERR_OK;
}

static uint64_t last(const struct feed_lag *lag, uint64_t now_s)
{
    (void)now_s;
    return lag->last_seq;
}

static uint64_t published(const struct feed_lag *lag, uint64_t now_s)
{
    (void)now_s;
    return lag->published_seq;
}

static uint64_t behind(const struct feed_lag *lag, uint64_t now_s)
{
    (void)now_s;
    return lag->last_seq > lag->published_seq ? lag->last_seq - lag->published_seq : 0;
}

static uint64_t seconds(const struct feed_lag *lag, uint64_t now_s)
{
    bool waits = lag->waiting_since_s != 0 && now_s > lag->waiting_since_s;
    return waits ? now_s - lag->waiting_since_s : 0;
}

static const struct {
    struct metric_row row;
    uint64_t (*value)(const struct feed_lag *lag, uint64_t now_s);
} rows[] = {
    {{"feed_last_seq", METRIC_GAUGE, "newest status event"}, last},
    {{"feed_published_seq", METRIC_GAUGE, "status events up to here are published"}, published},
    {{"feed_lag_events", METRIC_GAUGE, "status events that the presigner has not published"},
     behind},
    {{"feed_lag_seconds", METRIC_GAUGE, "how long the oldest of them has waited"}, seconds},
};

void feed_lags_write(const struct authority_set *set, const struct feed_lag *lags, uint64_t now_s,
                     struct text_writer *w)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        metrics_write_head(w, PREFIX, &rows[i].row);
        for (size_t ca = 0; ca < set->count; ca++) {
            char labels[32];
            snprintf(labels, sizeof labels, "ca=\"%s\"", set->authorities[ca].id_text);
            metrics_write_labelled(w, PREFIX, &rows[i].row, labels,
                                   rows[i].value(&lags[ca], now_s));
        }
    }
}

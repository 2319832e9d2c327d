/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/pages.h"

#include <inttypes.h>

#include "edge/worker_time.h"
#include "lib/timetext.h"

#define PREFIX "statim_edge"

static uint64_t gauge(const struct pages *p, enum serve_gauge which)
{
    const struct edge_shared *shared = p->shared;
    return counter_get(&shared->gauges[counter_get(&shared->serve_parity) & 1][which]);
}

static uint64_t sync_value(const struct pages *p, enum sync_counter which)
{
    return counter_get(&p->shared->sync[which]);
}

bool pages_health(const struct pages *p, struct text_writer *w)
{
    size_t begin = w->size;
    uint64_t now_s = p->now_s();
    uint64_t head_s = sync_value(p, SYNC_HEAD_TIME);
    if (counter_get(&p->shared->serve_alive) == 0)
        text_writer_format(w, "the serving process is not running\n");
    if (counter_get(&p->shared->sync_alive) == 0)
        text_writer_format(w, "the sync process is not running\n");
    if (gauge(p, GAUGE_READY) == 0)
        text_writer_format(w, "no snapshot is being served\n");
    else if (gauge(p, GAUGE_SNAPSHOT_COMPLETE) == 0)
        text_writer_format(w, "the data set is not complete yet\n");
    uint64_t checked_s = gauge(p, GAUGE_SNAPSHOT_CHECKED_S);
    if (gauge(p, GAUGE_READY) != 0 && checked_s + PAGES_SNAPSHOT_AGE_MAX_S < now_s)
        text_writer_format(w, "the served snapshot has been behind the store for %" PRIu64 " s\n",
                           now_s - checked_s);
    if (head_s == 0)
        text_writer_format(w, "no head has been accepted yet\n");
    else if (head_s + p->config->head_age_max_s < now_s)
        text_writer_format(w, "the newest head is %" PRIu64 " s old, at most %" PRIu64 "\n",
                           now_s - head_s, p->config->head_age_max_s);
    if (head_s != 0 && sync_value(p, SYNC_HEAD_VALID_UNTIL) < now_s)
        text_writer_format(w, "the newest head is past its validity\n");
    uint64_t stale = counter_get(&p->shared->stale_permille);
    if (stale > p->config->stale_permille_max)
        text_writer_format(
            w, "%" PRIu64 " of 1000 answers are past their nextUpdate, at most %" PRIu64 "\n",
            stale, p->config->stale_permille_max);
    return w->size == begin && w->err == ERR_OK;
}

static unsigned write_health(void *context, struct text_writer *w)
{
    if (!pages_health(context, w))
        return 503;
    text_writer_format(w, "ok\n");
    return 200;
}

static void write_gauges(const struct pages *p, struct text_writer *w)
{
    static const struct metric_row rows[] = {
#define X(name, metric, help) {metric, METRIC_GAUGE, help},
        SERVE_GAUGE_TABLE(X)
#undef X
    };
    for (unsigned i = 0; i < SERVE_GAUGE_COUNT; i++)
        metrics_write_row(w, PREFIX, &rows[i], gauge(p, (enum serve_gauge)i));
    static const struct metric_row stale = {"stale_permille", METRIC_GAUGE,
                                            "Of 1000 requests, answered as past their nextUpdate"};
    metrics_write_row(w, PREFIX, &stale, counter_get(&p->shared->stale_permille));
    static const struct metric_row running = {"processes_running", METRIC_GAUGE,
                                              "1 while the process is there"};
    metrics_write_head(w, PREFIX, &running);
    metrics_write_labelled(w, PREFIX, &running, "process=\"serve\"",
                           counter_get(&p->shared->serve_alive));
    metrics_write_labelled(w, PREFIX, &running, "process=\"sync\"",
                           counter_get(&p->shared->sync_alive));
    static const struct metric_row starts = {"process_starts", METRIC_COUNTER,
                                             "How often a process was started"};
    metrics_write_head(w, PREFIX, &starts);
    metrics_write_labelled(w, PREFIX, &starts, "process=\"serve\"",
                           counter_get(&p->shared->serve_starts));
    metrics_write_labelled(w, PREFIX, &starts, "process=\"sync\"",
                           counter_get(&p->shared->sync_starts));
    static const struct metric_row reloads = {"reloads", METRIC_COUNTER,
                                              "Reloads of the configuration"};
    metrics_write_head(w, PREFIX, &reloads);
    metrics_write_labelled(w, PREFIX, &reloads, "result=\"taken\"",
                           counter_get(&p->shared->reloads));
    metrics_write_labelled(w, PREFIX, &reloads, "result=\"failed\"",
                           counter_get(&p->shared->reloads_failed));
}

/* By the edge's own clock, so that nobody else's matters. Nothing before the first head. */
static void write_news_age(const struct pages *p, struct text_writer *w)
{
    static const struct metric_row row = {"news_age_seconds", METRIC_GAUGE,
                                          "Age of the newest head of the publication"};
    uint64_t head_s = sync_value(p, SYNC_HEAD_TIME);
    uint64_t now_s = p->now_s();
    if (head_s != 0)
        metrics_write_row(w, PREFIX, &row, now_s > head_s ? now_s - head_s : 0);
}

static unsigned write_metrics(void *context, struct text_writer *w)
{
    const struct pages *p = context;
    uint64_t sums[SERVE_COUNTER_COUNT];
    edge_shared_sum(p->shared, sums);
    serve_counters_write(w, PREFIX, sums);
    for (unsigned i = 0; i < SYNC_COUNTER_COUNT; i++)
        metrics_write_row(w, PREFIX, sync_counter_row((enum sync_counter)i),
                          sync_value(p, (enum sync_counter)i));
    write_gauges(p, w);
    write_news_age(p, w);
    worker_time_write(w, PREFIX, p->shared);
    return 200;
}

static void write_status_row(struct text_writer *w, const char *label, uint64_t value)
{
    text_writer_format(w, "<tr><th>%s</th><td>%" PRIu64 "</td></tr>\n", label, value);
}

static void write_outcomes(struct text_writer *w, const uint64_t *sums)
{
    text_writer_format(w, "<h2>Outcomes</h2>\n<table>\n");
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        uint64_t count = sums[serve_counter_outcome((enum outcome)i)];
        if (count > 0)
            write_status_row(w, outcome_info((enum outcome)i)->text, count);
    }
    text_writer_format(w, "</table>\n");
}

static unsigned write_status(void *context, struct text_writer *w)
{
    const struct pages *p = context;
    uint64_t sums[SERVE_COUNTER_COUNT];
    char time[ISO_TIME_BYTES + 1];
    edge_shared_sum(p->shared, sums);
    iso_time_write(sync_value(p, SYNC_HEAD_TIME), time);
    text_writer_format(w,
                       "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                       "<title>statim-edge</title>\n<style>body{font:15px sans-serif;margin:2em}"
                       "th{text-align:left;padding-right:2em;font-weight:normal}"
                       "td{text-align:right}</style>\n<h1>statim-edge %s</h1>\n<pre>",
                       STATIM_VERSION);
    if (pages_health(p, w))
        text_writer_format(w, "healthy");
    text_writer_format(w, "</pre>\n<table>\n<tr><th>newest head</th><td>%s</td></tr>\n", time);
    write_status_row(w, "log entry applied", sync_value(p, SYNC_LOG_NUMBER));
    write_status_row(w, "log entries behind", sync_value(p, SYNC_LOG_LAG));
    write_status_row(w, "log entry served", gauge(p, GAUGE_SNAPSHOT_LOG));
    write_status_row(w, "statements", gauge(p, GAUGE_SNAPSHOT_STATEMENTS));
    write_status_row(w, "connections open", sums[SERVE_OPEN]);
    write_status_row(w, "requests", sums[SERVE_REQUESTS]);
    text_writer_format(w, "</table>\n");
    write_outcomes(w, sums);
    text_writer_format(w,
                       "<p><a href=\"/metrics\">metrics</a> <a href=\"/healthz\">health</a></p>\n");
    return 200;
}

const struct admin_page *pages_table(void)
{
    static const struct admin_page table[] = {
        {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
        {"/healthz", "text/plain; charset=utf-8", write_health},
        {"/", "text/html; charset=utf-8", write_status},
        {NULL, NULL, NULL},
    };
    return table;
}

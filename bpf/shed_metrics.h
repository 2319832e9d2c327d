/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent says of itself: numbers from tables, as metrics and for `statim shed stats`, and
 * its health. The agent's loop writes a whole view at a time; the admin thread reads it. */
#pragma once

#include "bpf/filter.h"
#include "bpf/shed_config.h"
#include "lib/metrics.h"
#include "lib/os/admin.h"

/* enum name, kind, metric without the prefix statim_shed_ (and _total), help. */
#define SHED_VALUE_TABLE(X)                                                                       \
    X(LEVEL, METRIC_GAUGE, "level_permille",                                                      \
      "Share of source prefixes whose new connections are shed")                                  \
    X(OVERRIDDEN, METRIC_GAUGE, "overridden", "1: the level or the route is an operator's word")  \
    X(RULES_ALLOW, METRIC_GAUGE, "allow_prefixes", "Prefixes on the allow list")                  \
    X(RULES_DENY, METRIC_GAUGE, "deny_prefixes", "Prefixes on the deny list")                     \
    X(WORDS, METRIC_GAUGE, "words", "Prefixes of them by an operator's word")                     \
    X(EDGE_ANSWERED, METRIC_GAUGE, "edge_answered", "1: the last look at the edges was answered") \
    X(EDGE_READY, METRIC_GAUGE, "edge_ready", "1: it found a whole data set being served")        \
    X(EDGE_HEALTHY, METRIC_GAUGE, "edge_healthy", "1: all that serve are healthy")                \
    X(EDGE_LOAD, METRIC_GAUGE, "edge_load_permille", "Busy share of the busiest worker")          \
    X(EDGE_NEWS_AGE, METRIC_GAUGE, "edge_news_age_seconds", "Age of the news of the worst edge")  \
    X(EDGE_LATENCY, METRIC_GAUGE, "edge_latency_milliseconds", "Of a request of our own")         \
    X(QUEUE, METRIC_GAUGE, "queue_connections", "Connections waiting to be accepted")             \
    X(ROUTE_OK, METRIC_GAUGE, "route_ok",                                                         \
      "1: the routing daemon does as it was told, or there is none")                              \
    X(LOOKS, METRIC_COUNTER, "looks", "Looks at the edges")                                       \
    X(LOOKS_UNANSWERED, METRIC_COUNTER, "looks_unanswered", "Looks that no edge answered")        \
    X(LEVEL_CHANGES, METRIC_COUNTER, "level_changes", "Changes of the level")                     \
    X(ROUTE_CHANGES, METRIC_COUNTER, "route_changes", "Changes of the wanted route")              \
    X(ROUTE_FAILURES, METRIC_COUNTER, "route_failures",                                           \
      "Attempts at the routing daemon that failed")                                               \
    X(FILTER_FAILURES, METRIC_COUNTER, "filter_failures",                                         \
      "Calls to the kernel's filter that failed")                                                 \
    X(RELOADS, METRIC_COUNTER, "reloads", "Configurations reloaded")                              \
    X(RELOADS_FAILED, METRIC_COUNTER, "reloads_failed",                                           \
      "Configurations refused, the old one kept")                                                 \
    X(REQUESTS, METRIC_COUNTER, "control_requests", "Requests of operators")                      \
    X(EVENTS, METRIC_COUNTER, "events", "Sampled packets that were dropped or answered")
enum shed_value {
#define X(name, kind, metric, help) SHED_##name,
    SHED_VALUE_TABLE(X)
#undef X
        SHED_VALUE_COUNT
};

/* What one interface's filter counted. */
struct shed_interface_view {
    char name[SHED_INTERFACE_BYTES_MAX + 1];
    bool generic;
    struct filter_count counts[FILTER_REASON_COUNT];
    uint64_t trouble[FILTER_TROUBLE_COUNT];
};

struct shed_view {
    uint64_t values[SHED_VALUE_COUNT];
    struct shed_interface_view interfaces[SHED_INTERFACES_MAX];
    unsigned interface_count;
    bool route_known;
    enum route_action route;
    enum controller_reason reason;
    uint64_t made_ns;      /* monotonic */
    uint64_t fresh_for_ns; /* older than this the loop hangs */
    char trouble[256];     /* what is wrong, one line; "": nothing is */
};

/** Name and kind of a value, for whoever writes them in another form. */
const struct metric_row *shed_value_row(enum shed_value value);
/** Label and action of a reason, label of a trouble. */
const char *shed_reason_label(enum filter_reason reason);
enum filter_action shed_reason_action(enum filter_reason reason);
const char *shed_trouble_label(enum filter_trouble trouble);

/** The page of metrics. */
void shed_metrics_write(const struct shed_view *view, struct text_writer *w);
/** "ok", or a line a trouble. false: there is one. */
bool shed_health_write(const struct shed_view *view, uint64_t now_ns, struct text_writer *w);

struct shed_metrics;
/** `address` NULL: nobody listens. ERR_IO (errno tells), ERR_MEMORY. */
MUST_CHECK enum err shed_metrics_start(const struct address *address, struct shed_metrics **ret);
/** Another view from now on. */
void shed_metrics_publish(struct shed_metrics *m, const struct shed_view *view);
/** Takes NULL, returns NULL. */
struct shed_metrics *shed_metrics_stop(struct shed_metrics *m);

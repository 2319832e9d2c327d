/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/os/clock.h"

#define PREFIX       "statim_shed"
#define LABELS_BYTES 96

static const struct metric_row value_rows[SHED_VALUE_COUNT] = {
#define X(name, kind, metric, help) [SHED_##name] = {metric, kind, help},
    SHED_VALUE_TABLE(X)
#undef X
};
static const struct {
    const char *label, *help;
    enum filter_action action;
} reasons[FILTER_REASON_COUNT] = {
#define X(name, action, label, help) [FILTER_REASON_##name] = {label, help, FILTER_##action},
    FILTER_REASON_TABLE(X)
#undef X
};
static const struct metric_row trouble_rows[FILTER_TROUBLE_COUNT] = {
#define X(name, label, help) [FILTER_TROUBLE_##name] = {label, METRIC_COUNTER, help},
    FILTER_TROUBLE_TABLE(X)
#undef X
};
static const char *const action_labels[] = {
    [FILTER_PASS] = "pass", [FILTER_DROP] = "drop", [FILTER_TX] = "answer"};
static const struct metric_row packets_row = {"packets", METRIC_COUNTER,
                                              "Packets by what was done with them and why"};
static const struct metric_row bytes_row = {"bytes", METRIC_COUNTER, "Octets of their frames"};
static const struct metric_row generic_row = {
    "generic", METRIC_GAUGE, "1: the driver cannot filter, the kernel's generic mode is used"};
static const struct metric_row route_row = {"route", METRIC_GAUGE,
                                            "1: how the route is wanted to be announced, and why"};

const struct metric_row *shed_value_row(enum shed_value value)
{
    return &value_rows[value];
}

const char *shed_reason_label(enum filter_reason reason)
{
    return reasons[reason].label;
}

enum filter_action shed_reason_action(enum filter_reason reason)
{
    return reasons[reason].action;
}

const char *shed_trouble_label(enum filter_trouble trouble)
{
    return trouble_rows[trouble].name;
}

/* A name that holds a quote would break the page; the kernel takes nearly any. */
static const char *interface_label(const struct shed_interface_view *v,
                                   char out[static SHED_INTERFACE_BYTES_MAX + 1])
{
    snprintf(out, SHED_INTERFACE_BYTES_MAX + 1, "%s", v->name);
    for (char *c = out; *c != '\0'; c++)
        if (*c == '"' || *c == '\\')
            *c = '?';
    return out;
}

/* One sample a reason and interface: the packets, or the octets. */
static void write_reasons(struct text_writer *w, const struct shed_view *view,
                          const struct metric_row *row, bool octets)
{
    char name[SHED_INTERFACE_BYTES_MAX + 1], labels[LABELS_BYTES];
    metrics_write_head(w, PREFIX, row);
    for (unsigned i = 0; i < view->interface_count; i++) {
        const struct shed_interface_view *v = &view->interfaces[i];
        for (unsigned r = 0; r < FILTER_REASON_COUNT; r++) {
            snprintf(labels, sizeof labels, "interface=\"%s\",action=\"%s\",reason=\"%s\"",
                     interface_label(v, name), action_labels[reasons[r].action], reasons[r].label);
            metrics_write_labelled(w, PREFIX, row, labels,
                                   octets ? v->counts[r].bytes : v->counts[r].packets);
        }
    }
}

static void write_interfaces(struct text_writer *w, const struct shed_view *view)
{
    char name[SHED_INTERFACE_BYTES_MAX + 1], labels[LABELS_BYTES];
    write_reasons(w, view, &packets_row, false);
    write_reasons(w, view, &bytes_row, true);
    for (unsigned t = 0; t <= FILTER_TROUBLE_COUNT; t++) {
        bool last = t == FILTER_TROUBLE_COUNT;
        const struct metric_row *row = last ? &generic_row : &trouble_rows[t];
        metrics_write_head(w, PREFIX, row);
        for (unsigned i = 0; i < view->interface_count; i++) {
            const struct shed_interface_view *v = &view->interfaces[i];
            snprintf(labels, sizeof labels, "interface=\"%s\"", interface_label(v, name));
            metrics_write_labelled(w, PREFIX, row, labels, last ? v->generic : v->trouble[t]);
        }
    }
}

void shed_metrics_write(const struct shed_view *view, struct text_writer *w)
{
    char labels[LABELS_BYTES];
    for (unsigned i = 0; i < SHED_VALUE_COUNT; i++)
        metrics_write_row(w, PREFIX, &value_rows[i], view->values[i]);
    write_interfaces(w, view);
    metrics_write_head(w, PREFIX, &route_row);
    snprintf(labels, sizeof labels, "action=\"%s\",reason=\"%s\"",
             view->route_known ? route_action_label(view->route) : "unknown",
             controller_reason_label(view->reason));
    metrics_write_labelled(w, PREFIX, &route_row, labels, 1);
}

bool shed_health_write(const struct shed_view *view, uint64_t now_ns, struct text_writer *w)
{
    bool late = now_ns > view->made_ns && now_ns - view->made_ns > view->fresh_for_ns;
    if (late)
        text_writer_format(w, "the agent's loop hangs\n");
    if (view->trouble[0] != '\0')
        text_writer_format(w, "%s\n", view->trouble);
    if (late || view->trouble[0] != '\0')
        return false;
    text_writer_format(w, "ok\n");
    return true;
}

struct shed_metrics {
    pthread_mutex_t mutex;
    struct shed_view view;
    struct admin *admin;
};

static struct shed_view *copy_view(struct shed_metrics *m)
{
    struct shed_view *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return NULL;
    CHECK(pthread_mutex_lock(&m->mutex) == 0);
    *copy = m->view;
    CHECK(pthread_mutex_unlock(&m->mutex) == 0);
    return copy;
}

static unsigned metrics_page(void *context, struct text_writer *w)
{
    struct shed_view *view = copy_view(context);
    if (view == NULL)
        return 503;
    shed_metrics_write(view, w);
    free(view);
    return 200;
}

static unsigned health_page(void *context, struct text_writer *w)
{
    struct shed_view *view = copy_view(context);
    if (view == NULL)
        return 503;
    bool healthy = shed_health_write(view, clock_monotonic_ns(), w);
    free(view);
    return healthy ? 200 : 503;
}

static const struct admin_page pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_page},
    {"/healthz", "text/plain; charset=utf-8", health_page},
    {0},
};

enum err shed_metrics_start(const struct address *address, struct shed_metrics **ret)
{
    struct shed_metrics *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ERR_MEMORY;
    CHECK(pthread_mutex_init(&m->mutex, NULL) == 0);
    snprintf(m->view.trouble, sizeof m->view.trouble, "starting");
    m->view.fresh_for_ns = UINT64_MAX;
    enum err err = address == NULL ? ERR_OK : admin_start(address, pages, m, &m->admin);
    if (err != ERR_OK) {
        pthread_mutex_destroy(&m->mutex);
        free(m);
        return err;
    }
    *ret = m;
    return ERR_OK;
}

void shed_metrics_publish(struct shed_metrics *m, const struct shed_view *view)
{
    CHECK(pthread_mutex_lock(&m->mutex) == 0);
    m->view = *view;
    CHECK(pthread_mutex_unlock(&m->mutex) == 0);
}

struct shed_metrics *shed_metrics_stop(struct shed_metrics *m)
{
    if (m == NULL)
        return NULL;
    admin_stop(m->admin);
    pthread_mutex_destroy(&m->mutex);
    free(m);
    return NULL;
}

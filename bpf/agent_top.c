/* SPDX-License-Identifier: Apache-2.0 */
/* Who is dropped or answered most, from sampled events. */
#include <stdlib.h>

#include "bpf/agent_internal.h"

#define NS_PER_S  1000000000u
#define PERMILLE  1000u
#define TOP_SHOWN 50u

void agent_top_add(struct agent *a, const struct filter_event *event, uint64_t now_ns)
{
    const struct filter_config *c = &a->config->filter;
    if (event->version != 4 && event->version != 6)
        return;
    const struct prefix prefix = prefix_of(
        event->version, event->source, event->version == 4 ? c->v4_prefix_bits : c->v6_prefix_bits);
    a->view.values[SHED_EVENTS]++;
    if (c->sample_one_in > 0)
        top_add(a->top, &prefix, event->reason, c->sample_one_in, now_ns);
}

static uint64_t per_s(uint64_t packets, uint64_t during_ns)
{
    return (uint64_t)((double)packets * NS_PER_S / (double)during_ns + 0.5);
}

static json_t *row_of(const struct top_row *row, const struct top_report *report)
{
    char text[PREFIX_TEXT_BYTES];
    prefix_text(&row->prefix, text);
    uint64_t share = report->packets > 0 ? row->packets * PERMILLE / report->packets : 0;
    const char *reason = row->reason < FILTER_REASON_COUNT
                             ? shed_reason_label((enum filter_reason)row->reason)
                             : "unknown";
    return json_pack("{s:s, s:I, s:I, s:s}", "prefix", text, "packets_per_s",
                     (json_int_t)per_s(row->packets, report->during_ns), "share_permille",
                     (json_int_t)share, "reason", reason);
}

json_t *agent_top(struct agent *a, uint64_t now_ns)
{
    struct top_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return NULL;
    top_read(a->top, now_ns, report);
    json_t *sources = json_array();
    for (uint32_t i = 0; i < report->count && i < TOP_SHOWN; i++)
        json_array_append_new(sources, row_of(&report->rows[i], report));
    json_t *answer =
        json_pack("{s:b, s:I, s:I, s:o}", "ok", 1, "sample_one_in",
                  (json_int_t)a->config->filter.sample_one_in, "packets_per_s",
                  (json_int_t)per_s(report->packets, report->during_ns), "sources", sources);
    free(report);
    return answer;
}

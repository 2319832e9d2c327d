/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/admin_pages.h"

#include "lib/os/clock.h"

void admin_state_start(struct admin_state *state, const struct presigner_config *config,
                       uint64_t *counters, uint64_t now_s)
{
    state->counters = counters;
    state->head_validity_s = config->head_validity_s;
    counter_set(&state->step_err, ERR_OK);
    counter_set(&state->step_time_s, now_s);
}

void admin_state_step(struct admin_state *state, enum err err, uint64_t now_s)
{
    counter_set(&state->step_err, err);
    if (err == ERR_OK)
        counter_set(&state->step_time_s, now_s);
}

const char *admin_state_trouble(const struct admin_state *state, uint64_t now_s)
{
    const uint64_t *counters = state->counters;
    uint64_t head_time_s = counter_get(&counters[COUNT_head_time_seconds]);
    uint64_t next_update_s = counter_get(&counters[COUNT_earliest_next_update_seconds]);
    if (counter_get(&state->step_err) != ERR_OK)
        return err_text((enum err)counter_get(&state->step_err));
    if (now_s > counter_get(&state->step_time_s) + HEALTH_STEP_S)
        return "no publication step has ended for long";
    if (head_time_s == 0)
        return "no head has been published yet";
    if (now_s > head_time_s + state->head_validity_s)
        return "the head is past its validity";
    if (next_update_s != 0 && now_s > next_update_s)
        return "statements are past their nextUpdate";
    uint64_t crl_next_s = counter_get(&counters[COUNT_crl_earliest_next_update_seconds]);
    if (crl_next_s != 0 && now_s > crl_next_s)
        return "a CRL is past its nextUpdate";
    return NULL;
}

static unsigned metrics_page(void *context, struct text_writer *w)
{
    const struct admin_state *state = context;
    for (size_t i = 0; i < COUNT_COUNT; i++)
        metrics_write_row(w, "statim_presigner", &presigner_metric_rows[i],
                          counter_get(&state->counters[i]));
    feed_gauges_write(state->feeds, w, "statim_presigner");
    if (state->latencies == NULL)
        return 200;
    lane_latency_write(w, "statim_presigner", "revoked_to_applied_seconds",
                       "from a revocation's commit to an edge's acknowledgement, one an edge",
                       &state->latencies->each);
    lane_latency_write(w, "statim_presigner", "revoked_to_applied_everywhere_seconds",
                       "from a revocation's commit to the last live edge's acknowledgement",
                       &state->latencies->all);
    return 200;
}

static unsigned health_page(void *context, struct text_writer *w)
{
    const struct admin_state *state = context;
    if (counter_get(&state->counters[COUNT_lease_standby]) != 0) {
        text_writer_format(w, "standby\n");
        return 200;
    }
    const char *trouble = admin_state_trouble(state, clock_wall_s());
    text_writer_format(w, "%s\n", trouble == NULL ? "ok" : trouble);
    /* Nothing that another machine would do better: a line for people, and no 503. */
    if (counter_get(&state->counters[COUNT_crls_oversize]) != 0)
        text_writer_format(w, "warning: a CRL is larger than size_max_bytes\n");
    if (counter_get(&state->counters[COUNT_crls_abandoned]) != 0)
        text_writer_format(w, "warning: a CRL is published that no configured issuer makes\n");
    if (feed_gauges_set(state->feeds, GAUGE_feed_stopped) != 0)
        text_writer_format(w, "warning: an issuer's feed contradicts what is known, see the log\n");
    else if (feed_gauges_set(state->feeds, GAUGE_feed_failing) != 0)
        text_writer_format(w, "warning: an issuer's feed cannot be read, see the log\n");
    if (feed_gauges_set(state->feeds, GAUGE_feed_crl_missing) != 0)
        text_writer_format(w, "warning: an issuer's certificates name CRLs that are not published "
                              "here, see the log\n");
    return trouble == NULL ? 200 : 503;
}

const struct admin_page presigner_admin_pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_page},
    {"/healthz", "text/plain; charset=utf-8", health_page},
    {0},
};

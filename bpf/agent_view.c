/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of the agent: to the admin listener and to operators. */
#include <stdio.h>

#include "bpf/agent_internal.h"

#define NS_PER_S  1000000000u
#define NS_PER_MS 1000000u
/* Looks that may be missing before the loop is said to hang; a routing daemon may hold it up. */
#define FRESH_LOOKS 4u

static void view_interfaces(struct agent *a)
{
    struct shed_view *v = &a->view;
    v->interface_count = a->guards.count;
    a->filter_failed = false;
    for (unsigned i = 0; i < a->guards.count; i++) {
        const struct guard *guard = &a->guards.guards[i];
        struct shed_interface_view *ret = &v->interfaces[i];
        snprintf(ret->name, sizeof ret->name, "%s", guard->interface);
        ret->generic = guard->generic;
        if (shed_filter_counts(guard->filter, ret->counts, ret->trouble) == ERR_OK)
            continue;
        v->values[SHED_FILTER_FAILURES]++;
        a->filter_failed = true;
    }
}

static void view_trouble(struct agent *a)
{
    struct shed_view *v = &a->view;
    v->trouble[0] = '\0';
    if (a->filter_failed)
        snprintf(v->trouble, sizeof v->trouble, "the filter cannot be reached");
    else if (a->filter_lost)
        snprintf(v->trouble, sizeof v->trouble, "the filter is not attached to every interface");
    else if (a->route.trouble[0] != '\0')
        snprintf(v->trouble, sizeof v->trouble, "the route is not in force: %.200s",
                 a->route.trouble);
}

void agent_view(struct agent *a, uint64_t now_ns)
{
    struct shed_view *v = &a->view;
    view_interfaces(a);
    v->values[SHED_LEVEL] = a->decision.shed_permille;
    v->values[SHED_OVERRIDDEN] = (a->override.shed_set && now_ns < a->override.shed_until_ns) ||
                                 (a->override.route_set && now_ns < a->override.route_until_ns);
    v->values[SHED_ROUTE_OK] = a->route.driver == NULL || a->route.trouble[0] == '\0';
    v->route_known = a->decision.route_known;
    v->route = a->decision.route;
    v->reason = a->decision.reason;
    v->made_ns = now_ns;
    v->fresh_for_ns = FRESH_LOOKS * a->config->controller.poll_ms * NS_PER_MS +
                      ROUTE_TIMEOUT_MS * (uint64_t)NS_PER_MS + NS_PER_S;
    agent_rules_count(a);
    view_trouble(a);
    shed_metrics_publish(a->metrics, v);
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *reasons_of(const struct shed_interface_view *v)
{
    static const char *const actions[] = {
        [FILTER_PASS] = "pass", [FILTER_DROP] = "drop", [FILTER_TX] = "answer"};
    json_t *reasons = json_object();
    for (unsigned r = 0; r < FILTER_REASON_COUNT; r++) {
        enum filter_reason reason = (enum filter_reason)r;
        json_object_set_new(
            reasons, shed_reason_label(reason),
            json_pack("{s:s, s:o, s:o}", "action", actions[shed_reason_action(reason)], "packets",
                      number(v->counts[r].packets), "bytes", number(v->counts[r].bytes)));
    }
    return reasons;
}

static json_t *interface_of(const struct shed_interface_view *v)
{
    json_t *troubles = json_object();
    for (unsigned t = 0; t < FILTER_TROUBLE_COUNT; t++)
        json_object_set_new(troubles, shed_trouble_label((enum filter_trouble)t),
                            number(v->trouble[t]));
    return json_pack("{s:s, s:s, s:o, s:o}", "name", v->name, "mode",
                     v->generic ? "generic" : "native", "reasons", reasons_of(v), "troubles",
                     troubles);
}

json_t *agent_stats(struct agent *a, uint64_t now_ns)
{
    agent_view(a, now_ns);
    const struct shed_view *v = &a->view;
    json_t *values = json_object(), *interfaces = json_array();
    for (unsigned i = 0; i < SHED_VALUE_COUNT; i++)
        json_object_set_new(values, shed_value_row((enum shed_value)i)->name, number(v->values[i]));
    for (unsigned i = 0; i < v->interface_count; i++)
        json_array_append_new(interfaces, interface_of(&v->interfaces[i]));
    return json_pack("{s:b, s:o, s:s, s:s, s:s*, s:o}", "ok", 1, "values", values, "route",
                     v->route_known ? route_action_label(v->route) : "unknown", "reason",
                     controller_reason_label(v->reason), "trouble",
                     v->trouble[0] != '\0' ? v->trouble : NULL, "interfaces", interfaces);
}

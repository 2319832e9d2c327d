/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of operators. What they tell is in force, or refused, when the answer is written. */
#include <inttypes.h>

#include "bpf/agent_internal.h"
#include "lib/os/clock.h"

#define NS_PER_S 1000000000u

static json_t *refusal(const char *why)
{
    return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

/* Seconds left, rounded up: a word that holds is never shown with 0. */
static uint64_t left_s(uint64_t until_ns, uint64_t now_ns)
{
    return (until_ns - now_ns + NS_PER_S - 1) / NS_PER_S;
}

static json_t *with_left(json_t *answer, bool set, uint64_t until_ns, uint64_t now_ns)
{
    if (set && now_ns < until_ns)
        json_object_set_new(answer, "for_s", json_integer((json_int_t)left_s(until_ns, now_ns)));
    return answer;
}

static json_t *answer_level(struct agent *a, const struct shed_word *word, uint64_t now_ns)
{
    struct controller_override *o = &a->override;
    if (word->given) {
        o->shed_set = !word->takes_back;
        o->shed_permille = word->shed_permille;
        o->shed_until_ns = now_ns + word->for_s * NS_PER_S;
        a->look_ns = now_ns; /* the controller hears of it at once */
        agent_words_keep(a, now_ns);
    }
    if (word->given && o->shed_set) {
        log_warning("level: an operator says %" PRIu32 " per mille for %" PRIu64 " s",
                    word->shed_permille, word->for_s);
        if (a->decision.shed_permille != word->shed_permille)
            a->view.values[SHED_LEVEL_CHANGES]++;
        a->decision.shed_permille = word->shed_permille;
        agent_level(a, now_ns);
    } else if (word->given) {
        log_warning("level: an operator leaves it to the controller");
    }
    json_t *answer =
        json_pack("{s:b, s:I}", "ok", 1, "shed_permille", (json_int_t)a->decision.shed_permille);
    return with_left(answer, o->shed_set, o->shed_until_ns, now_ns);
}

static json_t *answer_route(struct agent *a, const struct shed_word *word, uint64_t now_ns)
{
    struct controller_override *o = &a->override;
    if (word->given && a->route.driver == NULL)
        return refusal("no route is configured");
    if (word->given) {
        o->route_set = !word->takes_back;
        o->route = word->route;
        o->route_until_ns = now_ns + word->for_s * NS_PER_S;
        a->look_ns = now_ns;
        agent_words_keep(a, now_ns);
    }
    if (word->given && o->route_set) {
        log_warning("route: an operator says %s for %" PRIu64 " s", route_action_label(word->route),
                    word->for_s);
        a->decision.route = word->route;
        a->decision.route_known = true;
        a->decision.reason = CONTROLLER_OPERATOR;
        agent_route(a, now_ns);
    } else if (word->given) {
        log_warning("route: an operator leaves it to the controller");
    }
    const struct decision *d = &a->decision;
    json_t *answer =
        json_pack("{s:b, s:s, s:s, s:s, s:s*}", "ok", 1, "route",
                  d->route_known ? route_action_label(d->route) : "unknown", "reason",
                  controller_reason_label(d->reason), "text", controller_reason_text(d->reason),
                  "trouble", a->route.trouble[0] != '\0' ? a->route.trouble : NULL);
    return with_left(answer, o->route_set, o->route_until_ns, now_ns);
}

static json_t *answer_prefix(struct agent *a, const struct shed_word *word, uint64_t now_ns)
{
    char message[AGENT_MESSAGE_BYTES] = "";
    bool deny = word->kind == SHED_WORD_DENY;
    if (word->given) {
        enum err err = agent_rules_say(a, word, now_ns, message);
        if (err != ERR_OK)
            return refusal(message[0] != '\0' ? message : err_text(err));
    }
    uint32_t configured = a->config->lists[deny ? FILTER_DENY_V4 : FILTER_ALLOW_V4].count +
                          a->config->lists[deny ? FILTER_DENY_V6 : FILTER_ALLOW_V6].count;
    return json_pack("{s:b, s:o, s:I}", "ok", 1, "words", agent_rules_list(a, deny, now_ns),
                     "configured", (json_int_t)configured);
}

json_t *agent_answer(void *context, const json_t *request)
{
    struct agent *a = context;
    struct shed_word word;
    const char *why = NULL;
    uint64_t now_ns = clock_monotonic_ns();
    a->view.values[SHED_REQUESTS]++;
    if (shed_word_read(request, &word, &why) != ERR_OK)
        return refusal(why);
    switch (word.kind) {
    case SHED_WORD_TOP:
        return agent_top(a, now_ns);
    case SHED_WORD_STATS:
        return agent_stats(a, now_ns);
    case SHED_WORD_ALLOW:
    case SHED_WORD_DENY:
        return answer_prefix(a, &word, now_ns);
    case SHED_WORD_LEVEL:
        return answer_level(a, &word, now_ns);
    case SHED_WORD_ROUTE:
        return answer_route(a, &word, now_ns);
    case SHED_WORD_COUNT:
        break;
    }
    return NULL;
}

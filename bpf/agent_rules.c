/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of the filter: those of the configuration, and what operators have said. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/agent_internal.h"
#include "lib/check.h"

#define NS_PER_S 1000000000u

static bool is_deny(enum filter_list list)
{
    return list == FILTER_DENY_V4 || list == FILTER_DENY_V6;
}

static unsigned version_of(enum filter_list list)
{
    return list == FILTER_ALLOW_V4 || list == FILTER_DENY_V4 ? 4 : 6;
}

/* --- the policy --- */

static enum err make_list(const struct agent *a, const struct shed_config *config,
                          enum filter_list list, struct shed_policy *policy)
{
    const struct shed_list *configured = &config->lists[list];
    const bool deny = is_deny(list);
    const unsigned version = version_of(list);
    uint32_t count = configured->count + said_count(a->said, deny, version);
    CHECK(count <= FILTER_RULES_MAX); /* SHED_RULES_MAX has room for all that operators may say */
    struct prefix *prefixes = calloc(count + 1, sizeof *prefixes);
    if (prefixes == NULL)
        return ERR_MEMORY;
    if (configured->count > 0)
        memcpy(prefixes, configured->prefixes, configured->count * sizeof *prefixes);
    struct prefix *next = prefixes + configured->count;
    for (uint32_t i = 0; i < a->said->count; i++) {
        const struct said *s = &a->said->said[i];
        if (s->deny == deny && s->prefix.version == version)
            *next++ = s->prefix;
    }
    policy->lists[list] = prefixes;
    policy->list_count[list] = count;
    return ERR_OK;
}

enum err agent_policy_make(const struct agent *a, const struct shed_config *config,
                           struct shed_policy *ret)
{
    static const enum filter_list lists[] = {FILTER_ALLOW_V4, FILTER_ALLOW_V6, FILTER_DENY_V4,
                                             FILTER_DENY_V6};
    struct shed_policy policy = {
        .config = config->filter,
        .services = config->services,
        .service_count = config->service_count,
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        enum err err = make_list(a, config, lists[i], &policy);
        if (err != ERR_OK) {
            agent_policy_free(&policy);
            return err;
        }
    }
    *ret = policy;
    return ERR_OK;
}

void agent_policy_free(struct shed_policy *policy)
{
    for (size_t i = 0; i < sizeof policy->lists / sizeof *policy->lists; i++) {
        free((void *)(uintptr_t)policy->lists[i]); /* made here, const for the filter */
        policy->lists[i] = NULL;
    }
}

/* The lists as they are now, instead of those of `before`. */
static enum err put_in_force(struct agent *a, const struct shed_policy *before,
                             char message[static AGENT_MESSAGE_BYTES])
{
    struct shed_policy policy;
    TRY(agent_policy_make(a, a->config, &policy));
    enum err err = guards_policy(&a->guards, &policy, before, message);
    agent_policy_free(&policy);
    return err;
}

/* --- what operators say --- */

static enum err change(struct agent *a, const struct shed_word *word, uint64_t now_ns,
                       char message[static AGENT_MESSAGE_BYTES])
{
    bool deny = word->kind == SHED_WORD_DENY;
    const struct said said = {
        .prefix = word->prefix, .deny = deny, .until_ns = now_ns + word->for_s * NS_PER_S};
    enum err err =
        word->takes_back ? said_remove(a->said, deny, &word->prefix) : said_put(a->said, &said);
    if (err == ERR_NOT_FOUND)
        snprintf(message, AGENT_MESSAGE_BYTES, "no operator has said so of this prefix");
    else if (err == ERR_LIMIT)
        snprintf(message, AGENT_MESSAGE_BYTES, "operators may name %u prefixes at a time",
                 SAID_MAX);
    return err;
}

enum err agent_rules_say(struct agent *a, const struct shed_word *word, uint64_t now_ns,
                         char message[static AGENT_MESSAGE_BYTES])
{
    struct shed_policy before;
    char text[PREFIX_TEXT_BYTES];
    struct said_list *kept = malloc(sizeof *kept);
    if (kept == NULL)
        return ERR_MEMORY;
    *kept = *a->said;
    enum err err = agent_policy_make(a, a->config, &before);
    if (err == ERR_OK) {
        err = change(a, word, now_ns, message);
        if (err == ERR_OK)
            err = put_in_force(a, &before, message);
        agent_policy_free(&before);
    }
    if (err != ERR_OK)
        *a->said = *kept;
    free(kept);
    TRY(err);
    prefix_text(&word->prefix, text);
    log_warning("%s: an operator says %s%s", text, word->takes_back ? "no more " : "",
                word->kind == SHED_WORD_DENY ? "deny" : "allow");
    agent_words_keep(a, now_ns);
    return ERR_OK;
}

/* What has ended and cannot be taken off stays on the list, to be tried again at the next look. */
void agent_rules_expire(struct agent *a, uint64_t now_ns)
{
    char message[AGENT_MESSAGE_BYTES] = "";
    struct said_list *kept = malloc(sizeof *kept);
    if (kept == NULL)
        return;
    *kept = *a->said;
    uint32_t ended = said_expire(a->said, now_ns);
    enum err err = ended > 0 ? put_in_force(a, NULL, message) : ERR_OK;
    if (err != ERR_OK) {
        *a->said = *kept;
        a->view.values[SHED_FILTER_FAILURES]++;
        log_error("the end of an operator's word: %s", message[0] ? message : err_text(err));
    } else if (ended > 0) {
        log_info("%" PRIu32 " prefix(es) of operators have ended", ended);
        agent_words_keep(a, now_ns);
    }
    free(kept);
}

json_t *agent_rules_list(const struct agent *a, bool deny, uint64_t now_ns)
{
    char text[PREFIX_TEXT_BYTES];
    json_t *list = json_array();
    for (uint32_t i = 0; i < a->said->count; i++) {
        const struct said *s = &a->said->said[i];
        if (s->deny != deny || now_ns >= s->until_ns)
            continue;
        prefix_text(&s->prefix, text);
        uint64_t left_s = (s->until_ns - now_ns + NS_PER_S - 1) / NS_PER_S;
        json_array_append_new(list,
                              json_pack("{s:s, s:I}", "prefix", text, "for_s", (json_int_t)left_s));
    }
    return list;
}

void agent_rules_count(struct agent *a)
{
    const struct shed_list *lists = a->config->lists;
    uint64_t denied = said_count(a->said, true, 4) + said_count(a->said, true, 6);
    uint64_t *v = a->view.values;
    v[SHED_WORDS] = a->said->count;
    v[SHED_RULES_DENY] = lists[FILTER_DENY_V4].count + lists[FILTER_DENY_V6].count + denied;
    v[SHED_RULES_ALLOW] =
        lists[FILTER_ALLOW_V4].count + lists[FILTER_ALLOW_V6].count + a->said->count - denied;
}

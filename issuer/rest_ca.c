/* SPDX-License-Identifier: Apache-2.0 */
/* The CAs, and which certificates expire soon. */
#include "issuer/expiring.h"
#include "issuer/registry_search.h"
#include "issuer/rest_certificate.h"
#include "issuer/rest_records.h"

#define DAY_S      86400u
#define DAYS_MAX   3660
#define LIST_LIMIT 100

static json_t *json_of(const struct authority *authority)
{
    const struct authority_config *config = authority->config;
    json_t *object = json_object(), *profiles = json_array();
    bool whole = profiles != NULL;
    for (size_t i = 0; i < config->profile_count; i++)
        whole &= json_array_append_new(profiles, json_string(config->profiles[i])) == 0;
    rest_json_set(&object, "ca", rest_json_ca(authority->id));
    rest_json_set(&object, "name", json_string(config->name));
    rest_json_set(&object, "profiles", profiles);
    rest_json_set(&object, "published_seq",
                  json_integer((json_int_t)authority_published(authority)));
    if (!whole) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static enum err rest_ca_list_work(struct rest_call *call)
{
    const struct authority_set *set = call->issuer->authorities;
    json_t *list = json_array(), *object = json_object();
    for (size_t i = 0; list != NULL && i < set->count; i++) {
        if (json_array_append_new(list, json_of(&set->authorities[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    rest_json_set(&object, "authorities", list);
    return rest_answer(call, 200, object);
}
REST_HANDLER(rest_ca_list)

static enum err rest_ca_certificate_work(struct rest_call *call)
{
    const struct authority *authority;
    TRY(rest_param_authority(call, 0, &authority));
    json_t *object = json_object();
    rest_json_set(&object, "ca", rest_json_ca(authority->id));
    rest_json_set(&object, "pem", rest_json_pem(span_of(authority->der.data, authority->der.size)));
    rest_json_set(&object, "chain_pem",
                  rest_json_text(span_of(authority->chain_pem.data, authority->chain_pem.size)));
    return rest_answer(call, 200, object);
}
REST_HANDLER(rest_ca_certificate)

/* --- Expiring --- */

static json_t *json_of_counts(const struct expiring *expiring)
{
    json_t *list = json_array();
    for (size_t i = 0; expiring->windows[i].days != 0; i++) {
        json_t *row = json_pack("{sI,sI}", "days", (json_int_t)expiring->windows[i].days, "count",
                                (json_int_t)expiring->windows[i].count);
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static enum err add_row(void *context, const struct registry_certificate *row)
{
    return json_array_append_new(context, rest_json_certificate(row)) == 0 ? ERR_OK : ERR_MEMORY;
}

/* Numbers with the first page; the further pages only list. */
static enum err rest_report_expiring_work(struct rest_call *call)
{
    static const char *const names[] = {"days", "cursor", "limit", NULL};
    struct https_query query;
    struct expiring expiring = {0};
    uint64_t days, limit;
    char cursor[REGISTRY_CURSOR_BYTES];
    TRY(https_query_read(call->request->query, names, &query, &call->why));
    TRY(https_query_number(query.values[0], "days", 1, DAYS_MAX,
                           call->issuer->config->expiring_days, &days, &call->why));
    TRY(https_query_number(query.values[2], "limit", 1, REGISTRY_PAGE_MAX, LIST_LIMIT, &limit,
                           &call->why));
    bool is_first = query.values[1].data == NULL;
    const struct registry_search search = {.expires_after_s = call->now_s,
                                           .expires_before_s = call->now_s + days * DAY_S,
                                           .cursor = query.values[1],
                                           .limit = limit};
    if (is_first)
        TRY(expiring_take(call->registry, call->now_s, days, &expiring));
    json_t *list = json_array(), *object = json_object();
    enum err err = registry_search(call->registry, &search, add_row, list, cursor);
    rest_json_set(&object, "certificates", list);
    if (err != ERR_OK) {
        json_decref(object);
        return err == ERR_MALFORMED && !is_first
                   ? problem_set(&call->why, PROBLEM_CURSOR, "the cursor is none of this report")
                   : err;
    }
    if (is_first)
        rest_json_set(&object, "expiring", json_of_counts(&expiring));
    if (cursor[0] != '\0')
        rest_json_set(&object, "cursor", json_string(cursor));
    return rest_answer(call, 200, object);
}
REST_HANDLER(rest_report_expiring)

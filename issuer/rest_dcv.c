/* SPDX-License-Identifier: Apache-2.0 */
/* POST and GET /v1/dcv: an operator records that a customer has shown to control a domain. */
#include "issuer/dcv.h"
#include "issuer/issuer_counters.h"
#include "issuer/registry_dcv.h"
#include "issuer/rest_records.h"

/* An operator's record is for a person to read again; a page of them is enough. */
#define LIST_LIMIT 100

enum { CUSTOMER, DOMAIN, METHOD, RESULT, VALID_FOR_S, WILDCARD, EVIDENCE };

static const struct json_field fields[] = {
    [CUSTOMER] = {"customer", JSON_KIND_TEXT, true, 1, HTTPS_CUSTOMER_BYTES - 1},
    [DOMAIN] = {"domain", JSON_KIND_TEXT, true, 1, LEAF_NAME_BYTES_MAX},
    [METHOD] = {"method", JSON_KIND_TEXT, true, 1, REGISTRY_WORD_MAX},
    [RESULT] = {"result", JSON_KIND_TEXT, false, 1, REGISTRY_WORD_MAX},
    [VALID_FOR_S] = {"valid_for_s", JSON_KIND_NUMBER, false, 1, TIME_S_MAX},
    [WILDCARD] = {"wildcard", JSON_KIND_FLAG, false, 0, 0},
    [EVIDENCE] = {"evidence", JSON_KIND_UTF8, false, 0, REGISTRY_TEXT_MAX},
    {0},
};

static const struct {
    const char *word;
    enum registry_dcv_result result;
} results[] = {
    {"valid", REGISTRY_DCV_VALID},
    {"failed", REGISTRY_DCV_FAILED},
    {"revoked", REGISTRY_DCV_REVOKED},
};

static const char *result_word(enum registry_dcv_result result)
{
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        if (results[i].result == result)
            return results[i].word;
    return "";
}

static enum err take_result(struct rest_call *call, struct span word, struct registry_dcv *row)
{
    row->result = REGISTRY_DCV_VALID;
    if (word.data == NULL)
        return ERR_OK;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        row->result = results[i].result;
        if (span_equal(word, span_text(results[i].word)))
            return ERR_OK;
    }
    return problem_set(&call->why, PROBLEM_FIELD, "result must be valid, failed or revoked");
}

/* The form that the registry has: lower case, without a star. */
static enum err take_domain(struct rest_call *call, struct span text, struct leaf_name *name)
{
    TRY(leaf_name_read(text, name, &call->why));
    if (leaf_name_is_wildcard(name))
        return problem_set(&call->why, PROBLEM_FIELD,
                           "domain: say it without \"*.\" and with wildcard true");
    return ERR_OK;
}

static enum err take(struct rest_call *call, const struct json_body *body, struct leaf_name *name,
                     struct registry_dcv *row)
{
    uint64_t reuse_s = dcv_reuse_max_s(call->now_s);
    uint64_t valid_for_s = json_body_number(body, VALID_FOR_S, reuse_s);
    TRY(take_domain(call, json_body_text(body, DOMAIN), name));
    if (valid_for_s > reuse_s)
        return problem_set(&call->why, PROBLEM_FIELD, "valid_for_s: at most %llu now (BR 4.2.1)",
                           (unsigned long long)reuse_s);
    row->customer = json_body_text(body, CUSTOMER);
    row->domain = span_of(name->text, name->size);
    row->method = json_body_text(body, METHOD);
    row->validated_at_s = row->at_s = call->now_s;
    row->expires_at_s = call->now_s + valid_for_s;
    row->wildcard = json_body_flag(body, WILDCARD, false);
    row->actor = span_text(call->request->actor->name);
    row->evidence = json_body_text(body, EVIDENCE);
    return take_result(call, json_body_text(body, RESULT), row);
}

static enum err store(struct registry *r, void *context)
{
    struct registry_dcv *row = context;
    return registry_dcv_add(r, row, &row->id);
}

static enum err record(struct rest_call *call, struct registry_dcv *row)
{
    struct audit_event event;
    rest_event(call, AUDIT_DCV_RECORDED, &event);
    audit_event_text(&event, AUDIT_FIELD_CUSTOMER, row->customer);
    audit_event_text(&event, AUDIT_FIELD_DOMAIN, row->domain);
    audit_event_text(&event, AUDIT_FIELD_METHOD, row->method);
    audit_event_text(&event, AUDIT_FIELD_RESULT, span_text(result_word(row->result)));
    audit_event_number(&event, AUDIT_FIELD_VALIDATED_AT, row->validated_at_s);
    audit_event_number(&event, AUDIT_FIELD_EXPIRES, row->expires_at_s);
    if (row->evidence.size > 0)
        audit_event_text(&event, AUDIT_FIELD_EVIDENCE, row->evidence);
    TRY(rest_record(call, &event, store, row));
    issuer_count(call->issuer->metrics, ISSUER_validations_recorded, 1);
    return ERR_OK;
}

static json_t *json_of(const struct registry_dcv *row)
{
    json_t *object = json_object();
    rest_json_set(&object, "id", json_integer((json_int_t)row->id));
    rest_json_set(&object, "customer", rest_json_text(row->customer));
    rest_json_set(&object, "domain", rest_json_text(row->domain));
    rest_json_set(&object, "method", rest_json_text(row->method));
    rest_json_set(&object, "result", json_string(result_word(row->result)));
    rest_json_set(&object, "validated_at", rest_json_time(row->validated_at_s));
    rest_json_set(&object, "expires_at", rest_json_time(row->expires_at_s));
    rest_json_set(&object, "wildcard", json_boolean(row->wildcard));
    rest_json_set(&object, "actor", rest_json_text(row->actor));
    rest_json_set(&object, "evidence", rest_json_text(row->evidence));
    return object;
}

static enum err rest_dcv_add_work(struct rest_call *call)
{
    struct json_body body = {0};
    struct leaf_name name;
    struct registry_dcv row = {0};
    TRY(json_body_read(call->request->body, fields, &body, &call->why));
    enum err err = take(call, &body, &name, &row);
    if (err == ERR_OK)
        err = record(call, &row);
    if (err == ERR_OK)
        err = rest_answer(call, 201, json_of(&row));
    json_body_done(&body);
    return err;
}
REST_HANDLER(rest_dcv_add)

static enum err add_row(void *context, const struct registry_dcv *row)
{
    return json_array_append_new(context, json_of(row)) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err rest_dcv_list_work(struct rest_call *call)
{
    static const char *const names[] = {"customer", "domain", NULL};
    struct https_query query;
    struct leaf_name name;
    TRY(https_query_read(call->request->query, names, &query, &call->why));
    if (query.values[0].size == 0 || query.values[1].size == 0)
        return problem_set(&call->why, PROBLEM_FIELD, "customer and domain are required");
    TRY(take_domain(call, query.values[1], &name));
    json_t *list = json_array(), *object = json_object();
    enum err err = registry_dcvs(call->registry, query.values[0], span_of(name.text, name.size),
                                 LIST_LIMIT, add_row, list);
    rest_json_set(&object, "validations", list);
    if (err == ERR_OK)
        return rest_answer(call, 200, object);
    json_decref(object);
    return err;
}
REST_HANDLER(rest_dcv_list)

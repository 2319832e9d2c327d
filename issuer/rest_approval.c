/* SPDX-License-Identifier: Apache-2.0 */
/* POST and GET /v1/approval: decisions of operators about the subject of an OV or EV order. */
#include "issuer/approval.h"
#include "issuer/issue.h"
#include "issuer/issuer_counters.h"
#include "issuer/registry_approval.h"
#include "issuer/rest_records.h"

enum { CUSTOMER, ORDER_ID, SUBJECT, DECISION, NOTE };

static const struct json_field fields[] = {
    [CUSTOMER] = {"customer", JSON_KIND_TEXT, true, 1, HTTPS_CUSTOMER_BYTES - 1},
    [ORDER_ID] = {"order_id", JSON_KIND_TEXT, true, 1, ISSUE_ORDER_ID_MAX},
    [SUBJECT] = {"subject", JSON_KIND_OBJECT, true, 1, LEAF_SUBJECT_TEXT_BYTES - 1},
    [DECISION] = {"decision", JSON_KIND_TEXT, true, 1, REGISTRY_WORD_MAX},
    [NOTE] = {"note", JSON_KIND_UTF8, false, 0, REGISTRY_TEXT_MAX},
    {0},
};

struct approval {
    struct sha256 hash;
    char subject[APPROVAL_SUBJECT_BYTES_MAX];
    char operator_name[sizeof((struct https_actor *)NULL)->person];
    struct registry_approval row;
    uint64_t approved, rejected; /* with this one */
    uint64_t decided_at_s;       /* before, by the same operator */
    bool has_approved;
};

static enum err take_decision(struct rest_call *call, struct span word, enum registry_decision *ret)
{
    bool approves = span_equal(word, span_text("approved"));
    if (!approves && !span_equal(word, span_text("rejected")))
        return problem_set(&call->why, PROBLEM_FIELD, "decision must be approved or rejected");
    *ret = approves ? REGISTRY_APPROVED : REGISTRY_REJECTED;
    return ERR_OK;
}

static enum err take_subject(struct rest_call *call, json_t *object, struct approval *a)
{
    const char *word;
    json_t *value;
    struct leaf_subject subject = {0};
    json_object_foreach(object, word, value) TRY(leaf_subject_set(
        &subject, span_text(word), span_text(json_string_value(value)), &call->why));
    if (approval_subject_write(&subject, a->subject) != ERR_OK || json_object_size(object) == 0)
        return problem_set(&call->why, PROBLEM_FIELD, "subject is empty or too long");
    a->hash = leaf_subject_hash(&subject);
    return ERR_OK;
}

/* "Alice" of an API key and "alice" of a client certificate are one person, not two who approve. */
static void take_operator(const char *person, struct approval *a)
{
    size_t size = 0;
    for (; *person != '\0'; person++) {
        bool is_upper = *person >= 'A' && *person <= 'Z';
        if (*person != ' ')
            a->operator_name[size++] = is_upper ? (char)(*person | 0x20) : *person;
    }
    a->operator_name[size] = '\0';
}

static enum err take(struct rest_call *call, const struct json_body *body, struct approval *a)
{
    take_operator(call->request->actor->person, a);
    TRY(take_subject(call, json_object_get(body->root, fields[SUBJECT].name), a));
    a->row = (struct registry_approval){
        .customer = json_body_text(body, CUSTOMER),
        .order_id = json_body_text(body, ORDER_ID),
        .subject_hash = a->hash,
        .operator_name = span_text(a->operator_name),
        .subject = span_text(a->subject),
        .note = json_body_text(body, NOTE),
        .at_s = call->now_s,
    };
    return take_decision(call, json_body_text(body, DECISION), &a->row.decision);
}

static enum err store(struct registry *r, void *context)
{
    return registry_approval_add(r, &((struct approval *)context)->row);
}

static const char *decision_word(enum registry_decision decision)
{
    return decision == REGISTRY_APPROVED ? "approved" : "rejected";
}

static uint64_t since_s(const struct rest_call *call)
{
    uint64_t valid_s = call->issuer->config->approval_valid_s;
    return call->now_s > valid_s ? call->now_s - valid_s : 0;
}

/* What this operator has said of it before. */
static enum err find_own(void *context, const struct registry_approval *row)
{
    struct approval *a = context;
    if (sha256_equal(&row->subject_hash, &a->hash) &&
        span_equal(row->operator_name, a->row.operator_name)) {
        a->decided_at_s = row->at_s;
        a->has_approved = row->decision == REGISTRY_APPROVED;
    }
    return ERR_OK;
}

static enum err decided_before(struct rest_call *call, struct approval *a)
{
    TRY(registry_approvals(call->registry, a->row.customer, a->row.order_id, find_own, a));
    bool is_old = a->has_approved && a->decided_at_s < since_s(call);
    return problem_set(&call->why, PROBLEM_EXISTS,
                       is_old ? "this operator has approved this subject of this order too long "
                                "ago, once and for all: another order_id is needed"
                              : "this operator has decided on this subject of this order");
}

static enum err record(struct rest_call *call, struct approval *a)
{
    struct audit_event event;
    rest_event(call, AUDIT_APPROVAL_RECORDED, &event);
    audit_event_text(&event, AUDIT_FIELD_CUSTOMER, a->row.customer);
    audit_event_text(&event, AUDIT_FIELD_ORDER, a->row.order_id);
    audit_event_text(&event, AUDIT_FIELD_DECISION, span_text(decision_word(a->row.decision)));
    audit_event_text(&event, AUDIT_FIELD_TARGET, a->row.operator_name);
    audit_event_hash(&event, AUDIT_FIELD_SUBJECT_SHA256, &a->hash);
    enum err err = rest_record(call, &event, store, a);
    if (err == ERR_EXISTS)
        return decided_before(call, a);
    TRY(err);
    issuer_count(call->issuer->metrics, ISSUER_approvals_recorded, 1);
    return registry_approval_count(call->registry, a->row.customer, a->row.order_id, &a->hash,
                                   since_s(call), &a->approved, &a->rejected);
}

static enum err rest_approval_add_work(struct rest_call *call)
{
    struct json_body body = {0};
    struct approval a = {0};
    TRY(json_body_read(call->request->body, fields, &body, &call->why));
    enum err err = take(call, &body, &a);
    if (err == ERR_OK)
        err = record(call, &a);
    json_body_done(&body);
    TRY(err);
    json_t *object = json_object();
    rest_json_set(&object, "subject_sha256", rest_json_hash(&a.hash));
    rest_json_set(&object, "approved", json_integer((json_int_t)a.approved));
    rest_json_set(&object, "rejected", json_integer((json_int_t)a.rejected));
    rest_json_set(&object, "needed", json_integer(APPROVALS_NEEDED));
    return rest_answer(call, 201, object);
}
REST_HANDLER(rest_approval_add)

static enum err add_row(void *context, const struct registry_approval *row)
{
    json_t *object = json_object();
    rest_json_set(&object, "subject_sha256", rest_json_hash(&row->subject_hash));
    rest_json_set(&object, "subject",
                  json_loadb((const char *)row->subject.data, row->subject.size, 0, NULL));
    rest_json_set(&object, "operator", rest_json_text(row->operator_name));
    rest_json_set(&object, "decision", json_string(decision_word(row->decision)));
    rest_json_set(&object, "note", rest_json_text(row->note));
    rest_json_set(&object, "at", rest_json_time(row->at_s));
    return json_array_append_new(context, object) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err rest_approval_list_work(struct rest_call *call)
{
    static const char *const names[] = {"customer", "order_id", NULL};
    struct https_query query;
    TRY(https_query_read(call->request->query, names, &query, &call->why));
    if (query.values[0].size == 0 || query.values[1].size == 0)
        return problem_set(&call->why, PROBLEM_FIELD, "customer and order_id are required");
    json_t *list = json_array(), *object = json_object();
    enum err err =
        registry_approvals(call->registry, query.values[0], query.values[1], add_row, list);
    rest_json_set(&object, "approvals", list);
    if (err == ERR_OK)
        return rest_answer(call, 200, object);
    json_decref(object);
    return err;
}
REST_HANDLER(rest_approval_list)

/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/incident: which certificates a mistake touches, and until when they are to be replaced. */
#include <stdio.h>

#include "issuer/registry_incident.h"
#include "issuer/rest_records.h"

#define LIST_LIMIT   100
#define TIME_BYTES   32
#define SERIAL_BYTES 64 /* hex of a serial */

static json_t *json_of(const struct registry_incident *row)
{
    json_t *object = json_object();
    rest_json_set(&object, "id", json_integer((json_int_t)row->id));
    rest_json_set(&object, "title", rest_json_text(row->title));
    rest_json_set(&object, "url", rest_json_text(row->url));
    if (row->renew_by_s != 0)
        rest_json_set(&object, "renew_by", rest_json_time(row->renew_by_s));
    rest_json_set(&object, "created_at", rest_json_time(row->created_at_s));
    if (row->closed_at_s != 0)
        rest_json_set(&object, "closed_at", rest_json_time(row->closed_at_s));
    rest_json_set(&object, "serial_count", json_integer((json_int_t)row->serial_count));
    return object;
}

/* What all changes of one have in common. `name` is borrowed until the event is written. */
static void begin(struct rest_call *call, struct audit_event *event, const char *name,
                  const char *change)
{
    rest_event(call, AUDIT_INCIDENT_CHANGED, event);
    audit_event_text(event, AUDIT_FIELD_INCIDENT, span_text(name));
    audit_event_text(event, AUDIT_FIELD_CHANGE, span_text(change));
}

static void name_of(uint64_t id, char ret[static TIME_BYTES])
{
    snprintf(ret, TIME_BYTES, "%llu", (unsigned long long)id);
}

/* --- Opening --- */

enum { TITLE, URL, RENEW_BY };

static const struct json_field add_fields[] = {
    [TITLE] = {"title", JSON_KIND_UTF8, true, 1, 200},
    [URL] = {"url", JSON_KIND_TEXT, false, 0, 1000},
    [RENEW_BY] = {"renew_by", JSON_KIND_TEXT, false, 1, TIME_BYTES},
    {0},
};

static enum err store(struct registry *r, void *context)
{
    struct registry_incident *row = context;
    return registry_incident_add(r, row, &row->id);
}

static enum err add(struct rest_call *call, const struct json_body *body)
{
    struct audit_event event;
    struct registry_incident row = {
        .title = json_body_text(body, TITLE),
        .url = json_body_text(body, URL),
        .created_at_s = call->now_s,
        .actor = span_text(call->request->actor->name),
    };
    TRY(rest_time(call, "renew_by", json_body_text(body, RENEW_BY), &row.renew_by_s));
    rest_event(call, AUDIT_INCIDENT_CHANGED, &event);
    audit_event_text(&event, AUDIT_FIELD_INCIDENT, row.title);
    audit_event_text(&event, AUDIT_FIELD_CHANGE, span_text("opened"));
    TRY(rest_record(call, &event, store, &row));
    snprintf(call->response->location, sizeof call->response->location, "/v1/incident/%llu",
             (unsigned long long)row.id);
    return rest_answer(call, 201, json_of(&row));
}

static enum err rest_incident_add_work(struct rest_call *call)
{
    struct json_body body = {0};
    TRY(json_body_read(call->request->body, add_fields, &body, &call->why));
    enum err err = add(call, &body);
    json_body_done(&body);
    return err;
}
REST_HANDLER(rest_incident_add)

/* --- Reading --- */

static enum err add_row(void *context, const struct registry_incident *row)
{
    return json_array_append_new(context, json_of(row)) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err rest_incident_list_work(struct rest_call *call)
{
    static const char *const names[] = {"after", "limit", NULL};
    struct https_query query;
    uint64_t after, limit;
    TRY(https_query_read(call->request->query, names, &query, &call->why));
    TRY(https_query_number(query.values[0], "after", 0, INT64_MAX, 0, &after, &call->why));
    TRY(https_query_number(query.values[1], "limit", 1, REGISTRY_PAGE_MAX, LIST_LIMIT, &limit,
                           &call->why));
    json_t *list = json_array(), *object = json_object();
    enum err err = registry_incidents(call->registry, after, limit, add_row, list);
    rest_json_set(&object, "incidents", list);
    if (err == ERR_OK)
        return rest_answer(call, 200, object);
    json_decref(object);
    return err;
}
REST_HANDLER(rest_incident_list)

struct place {
    json_t *list;
    uint64_t issuer_id;
    struct serial serial;
};

static enum err add_serial_row(void *context, uint64_t issuer_id, const struct serial *serial)
{
    struct place *place = context;
    json_t *object = json_object();
    place->issuer_id = issuer_id;
    place->serial = *serial;
    rest_json_set(&object, "ca", rest_json_ca(issuer_id));
    rest_json_set(&object, "serial", rest_json_serial(serial));
    return json_array_append_new(place->list, object) == 0 ? ERR_OK : ERR_MEMORY;
}

/* A cursor is the last row's CA and serial: "0123456789abcdef.5F". */
static enum err take_cursor(struct rest_call *call, struct span text, struct place *place)
{
    place->issuer_id = REGISTRY_ISSUER_ID_FIRST;
    place->serial = (struct serial){.size = 0};
    if (text.data == NULL)
        return ERR_OK;
    size_t digits = AUTHORITY_ID_TEXT_BYTES - 1;
    if (text.size <= digits + 1 || text.data[digits] != '.' ||
        authority_id_from_text(span_of(text.data, digits), &place->issuer_id) != ERR_OK ||
        serial_from_hex(span_of(text.data + digits + 1, text.size - digits - 1), &place->serial) !=
            ERR_OK)
        return problem_set(&call->why, PROBLEM_CURSOR, "the cursor is none of this list");
    return ERR_OK;
}

static json_t *cursor_of(const struct place *place)
{
    char serial[SERIAL_HEX_MAX], text[AUTHORITY_ID_TEXT_BYTES + SERIAL_HEX_MAX];
    serial_to_hex(&place->serial, serial);
    snprintf(text, sizeof text, "%016llx.%s", (unsigned long long)place->issuer_id, serial);
    return json_string(text);
}

static enum err rest_incident_get_work(struct rest_call *call)
{
    static const char *const names[] = {"cursor", "limit", NULL};
    struct https_query query;
    struct registry_incident row;
    struct place place = {0};
    uint64_t id, limit;
    TRY(rest_param_number(call, 0, &id));
    TRY(https_query_read(call->request->query, names, &query, &call->why));
    TRY(take_cursor(call, query.values[0], &place));
    TRY(https_query_number(query.values[1], "limit", 1, REGISTRY_PAGE_MAX, LIST_LIMIT, &limit,
                           &call->why));
    TRY(registry_incident_get(call->registry, id, &row));
    json_t *object = json_of(&row);
    struct serial after = place.serial;
    place.list = json_array();
    enum err err = registry_incident_serials(call->registry, id, place.issuer_id, &after, limit,
                                             add_serial_row, &place);
    if (err == ERR_OK && json_array_size(place.list) == limit)
        rest_json_set(&object, "cursor", cursor_of(&place));
    rest_json_set(&object, "serials", place.list);
    if (err == ERR_OK)
        return rest_answer(call, 200, object);
    json_decref(object);
    return err;
}
REST_HANDLER(rest_incident_get)

/* --- Changing --- */

enum { CA, SERIALS };

static const struct json_field serials_fields[] = {
    [CA] = {"ca", JSON_KIND_TEXT, true, 1, ISSUER_NAME_MAX},
    [SERIALS] = {"serials", JSON_KIND_TEXTS, true, 1, SERIAL_BYTES},
    {0},
};

struct addition {
    uint64_t id;
    const struct authority *authority;
    size_t count;
    struct serial serials[JSON_BODY_LIST_MAX];
};

static enum err store_serials(struct registry *r, void *context)
{
    const struct addition *a = context;
    for (size_t i = 0; i < a->count; i++)
        TRY(registry_incident_serial_add(r, a->id, a->authority->id, &a->serials[i]));
    return ERR_OK;
}

static enum err take_serials(struct rest_call *call, const struct json_body *body,
                             struct addition *a)
{
    TRY(rest_param_number(call, 0, &a->id));
    TRY(rest_authority(call, "ca", json_body_text(body, CA), &a->authority));
    a->count = json_body_count(body, SERIALS);
    for (size_t i = 0; i < a->count; i++)
        if (serial_from_hex(json_body_item(body, SERIALS, i), &a->serials[i]) != ERR_OK)
            return problem_set(&call->why, PROBLEM_FIELD, "serials[%zu] is not hexadecimal", i);
    return ERR_OK;
}

static enum err add_serials(struct rest_call *call, const struct json_body *body)
{
    char name[TIME_BYTES];
    struct audit_event event;
    struct addition a = {0};
    TRY(take_serials(call, body, &a));
    name_of(a.id, name);
    begin(call, &event, name, "serials added");
    audit_event_ca(&event, a.authority->id);
    audit_event_number(&event, AUDIT_FIELD_COUNT, a.count);
    enum err err = rest_record(call, &event, store_serials, &a);
    if (err == ERR_NOT_FOUND)
        return problem_set(&call->why, PROBLEM_NOT_FOUND,
                           "there is no such incident, or one of the serials was never used");
    if (err == ERR_CONFLICT)
        return problem_set(&call->why, PROBLEM_EXISTS, "the incident is closed");
    TRY(err);
    call->response->status = 204;
    return ERR_OK;
}

static enum err rest_incident_serials_work(struct rest_call *call)
{
    struct json_body body = {0};
    TRY(json_body_read(call->request->body, serials_fields, &body, &call->why));
    enum err err = add_serials(call, &body);
    json_body_done(&body);
    return err;
}
REST_HANDLER(rest_incident_serials)

struct closing {
    uint64_t id, at_s;
};

static enum err store_closing(struct registry *r, void *context)
{
    const struct closing *closing = context;
    return registry_incident_close(r, closing->id, closing->at_s);
}

static enum err rest_incident_close_work(struct rest_call *call)
{
    char name[TIME_BYTES];
    struct audit_event event;
    struct closing closing = {.at_s = call->now_s};
    TRY(rest_param_number(call, 0, &closing.id));
    name_of(closing.id, name);
    begin(call, &event, name, "closed");
    TRY(rest_record(call, &event, store_closing, &closing));
    call->response->status = 204;
    return ERR_OK;
}
REST_HANDLER(rest_incident_close)

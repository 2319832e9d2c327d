/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/rest_call.h"

#include <stdlib.h>

#include "issuer/issuer_counters.h"
#include "issuer/witness.h"
#include "lib/hex.h"
#include "lib/os/log.h"
#include "lib/timetext.h"

/* --- A call --- */

/* What the registry said, as a problem. */
static void explain(struct rest_call *call, enum err err)
{
    switch ((unsigned)err) {
    case ERR_NOT_FOUND:
        problem_set(&call->why, PROBLEM_NOT_FOUND, "there is no such thing");
        return;
    case ERR_EXISTS:
        problem_set(&call->why, PROBLEM_EXISTS, "it is there already");
        return;
    case ERR_CONFLICT:
        problem_set(&call->why, PROBLEM_EXISTS, "it is there in another state");
        return;
    case ERR_LIMIT:
    case ERR_RANGE:
    case ERR_MALFORMED:
        problem_set(&call->why, PROBLEM_FIELD, "a value is not taken: %s", err_text(err));
        return;
    case ERR_MEMORY:
        problem_set(&call->why, PROBLEM_INTERNAL, "out of memory");
        return;
    default:
        break;
    }
    log_error("request %s: registry: %s", call->request->request_id, err_text(err));
    issuer_count(call->issuer->metrics, ISSUER_database_errors, 1);
    if (err == ERR_IO)
        problem_set(&call->why, PROBLEM_REGISTRY,
                    "the registry was lost: look whether it happened before you try again");
    else
        problem_set(&call->why, PROBLEM_REGISTRY, "the registry cannot do this now");
}

enum https_done rest_run(void *server, void *worker, const struct https_request *request,
                         struct https_response *response, rest_work work)
{
    struct issuer_worker *own = worker;
    struct rest_call call = {.issuer = server,
                             .worker = own,
                             .registry = own->registry,
                             .request = request,
                             .response = response,
                             .now_s = issuer_now_s(server)};
    enum err err = registry_ready(call.registry);
    if (err == ERR_OK)
        err = work(&call);
    if (err == ERR_OK)
        return call.parked ? HTTPS_PARKED : HTTPS_ANSWERED;
    if (call.why.detail[0] == '\0')
        explain(&call, err);
    buffer_done(&response->body);
    https_answer_problem(request, &call.why, response);
    return HTTPS_ANSWERED;
}

enum err rest_answer(struct rest_call *call, uint16_t status, json_t *document)
{
    char *text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (text == NULL)
        return ERR_MEMORY;
    bool done = https_answer_body(call->response, "application/json", span_text(text)) &&
                https_answer_body(call->response, "application/json", span_text("\n"));
    free(text);
    call->response->status = status;
    return done ? ERR_OK : ERR_MEMORY;
}

/* --- Changes --- */

void rest_event(const struct rest_call *call, enum audit_event_type type, struct audit_event *event)
{
    audit_event_begin(event, type, call->now_s, span_text(call->request->actor->name),
                      span_text(call->request->request_id));
}

struct record {
    const struct witness *said;
    registry_work work;
    void *context;
};

static enum err do_record(struct registry *r, void *context)
{
    const struct record *record = context;
    TRY(record->work(r, record->context));
    return witness_ship(r, record->said);
}

enum err rest_record(struct rest_call *call, const struct audit_event *event, registry_work work,
                     void *context)
{
    struct witness said = {0};
    struct record record = {&said, work, context};
    enum err err = witness_say(call->worker, event, &said);
    if (err != ERR_OK) {
        log_error("request %s: audit log: %s", call->request->request_id, err_text(err));
        return problem_set(&call->why, PROBLEM_AUDIT, "the audit log takes no entries: %s",
                           err_text(err));
    }
    err = registry_transaction(call->registry, do_record, &record);
    witness_done(&said);
    return err;
}

/* --- Parameters --- */

static enum err not_there(struct rest_call *call)
{
    return problem_set(&call->why, PROBLEM_NOT_FOUND, "there is no such path");
}

enum err rest_param_serial(struct rest_call *call, size_t param, struct serial *ret)
{
    char again[SERIAL_HEX_MAX];
    struct span text = call->request->params[param];
    struct serial serial;
    if (serial_from_hex(text, &serial) != ERR_OK)
        return not_there(call);
    serial_to_hex(&serial, again); /* one spelling of every serial */
    if (!span_equal(text, span_text(again)))
        return not_there(call);
    *ret = serial;
    return ERR_OK;
}

enum err rest_param_authority(struct rest_call *call, size_t param, const struct authority **ret)
{
    uint64_t id;
    if (authority_id_from_text(call->request->params[param], &id) != ERR_OK)
        return not_there(call);
    const struct authority *found = authority_by_id(call->issuer->authorities, id);
    if (found == NULL)
        return problem_set(&call->why, PROBLEM_NOT_FOUND, "there is no such CA");
    *ret = found;
    return ERR_OK;
}

enum err rest_param_hash(struct rest_call *call, size_t param, struct sha256 *ret)
{
    enum err err = sha256_from_text(call->request->params[param], ret);
    return err == ERR_OK ? ERR_OK : not_there(call);
}

enum err rest_param_number(struct rest_call *call, size_t param, uint64_t *ret)
{
    struct problem why = {0};
    enum err err =
        https_query_number(call->request->params[param], "id", 0, INT64_MAX, 0, ret, &why);
    return err == ERR_OK ? ERR_OK : not_there(call);
}

enum err rest_time(struct rest_call *call, const char *name, struct span text, uint64_t *ret_s)
{
    uint64_t time_s = 0;
    if (text.data != NULL && (human_time_read(text, &time_s) != ERR_OK || time_s > TIME_S_MAX))
        return problem_set(&call->why, PROBLEM_FIELD, "%s is not a time (RFC 3339 or seconds)",
                           name);
    *ret_s = time_s;
    return ERR_OK;
}

enum err rest_authority(struct rest_call *call, const char *name, struct span text,
                        const struct authority **ret)
{
    uint64_t id;
    const struct authority *found = authority_by_name(call->issuer->authorities, text);
    if (found == NULL && authority_id_from_text(text, &id) == ERR_OK)
        found = authority_by_id(call->issuer->authorities, id);
    if (found == NULL)
        return problem_set(&call->why, PROBLEM_CA, "%s: there is no such CA", name);
    *ret = found;
    return ERR_OK;
}

/* --- Answers --- */

/* What is no UTF-8 comes out as "?": it was stored before this program looked. */
json_t *rest_json_text(struct span text)
{
    json_t *value =
        text.size == 0 ? json_string("") : json_stringn((const char *)text.data, text.size);
    return value != NULL ? value : json_string("?");
}

json_t *rest_json_time(uint64_t time_s)
{
    char text[ISO_TIME_BYTES + 1];
    iso_time_write(time_s, text);
    return json_string(text);
}

json_t *rest_json_ca(uint64_t issuer_id)
{
    char text[AUTHORITY_ID_TEXT_BYTES];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)issuer_id);
    return json_string(text);
}

json_t *rest_json_serial(const struct serial *serial)
{
    char text[SERIAL_HEX_MAX];
    serial_to_hex(serial, text);
    return json_string(text);
}

json_t *rest_json_hash(const struct sha256 *hash)
{
    char text[SHA256_TEXT_BYTES];
    sha256_to_text(hash, text);
    return json_string(text);
}

void rest_json_set(json_t **object, const char *name, json_t *value)
{
    if (*object != NULL && json_object_set_new(*object, name, value) == 0)
        return;
    if (*object == NULL)
        json_decref(value);
    json_decref(*object);
    *object = NULL;
}

bool rest_sees(const struct rest_call *call, struct span customer)
{
    const struct https_actor *actor = call->request->actor;
    return (actor->roles & (ROLE_OPERATOR | ROLE_AUDITOR)) != 0 ||
           (actor->customer[0] != '\0' && span_equal(customer, span_text(actor->customer)));
}

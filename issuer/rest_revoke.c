/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/certificate/{id}/revoke */
#include "issuer/rest_certificate.h"
#include "issuer/revoke.h"

#define REASON_BYTES_MAX 32

enum { REASON, EVIDENCE, COMPROMISED_AT };

static const struct json_field fields[] = {
    [REASON] = {"reason", JSON_KIND_TEXT, true, 1, REASON_BYTES_MAX},
    [EVIDENCE] = {"evidence", JSON_KIND_UTF8, false, 0, REVOKE_EVIDENCE_MAX},
    [COMPROMISED_AT] = {"compromised_at", JSON_KIND_TEXT, false, 1, REASON_BYTES_MAX},
    {0},
};

static enum err revoke(struct rest_call *call, const struct json_body *body,
                       struct revoke_result *ret)
{
    struct sha256 id;
    const struct https_actor *actor = call->request->actor;
    struct revoke_request request = {
        .id = &id,
        .customer = (actor->roles & ROLE_OPERATOR) != 0 ? NULL : actor->customer,
        .evidence = json_body_text(body, EVIDENCE),
        .actor = actor->name,
        .request_id = call->request->request_id,
    };
    TRY(rest_param_hash(call, 0, &id));
    if (reason_from_text(json_body_text(body, REASON), &request.reason) != ERR_OK)
        return problem_set(&call->why, PROBLEM_REASON, "there is no such reason (RFC 5280 5.3.1)");
    TRY(rest_time(call, "compromised_at", json_body_text(body, COMPROMISED_AT),
                  &request.compromised_at_s));
    return revoke_certificate(call->worker, &request, ret, &call->why);
}

static enum err rest_certificate_revoke_work(struct rest_call *call)
{
    struct json_body body = {0};
    struct revoke_result result;
    TRY(json_body_read(call->request->body, fields, &body, &call->why));
    enum err err = revoke(call, &body, &result);
    json_body_done(&body);
    TRY(err);
    json_t *object = json_object();
    rest_json_set(&object, "serial", rest_json_serial(&result.serial));
    rest_json_set(&object, "ca", rest_json_ca(result.authority->id));
    rest_json_set(&object, "status", json_string("revoked"));
    rest_json_set(&object, "revoked_at", rest_json_time(result.revoked_at_s));
    if (result.reason != REASON_ABSENT)
        rest_json_set(&object, "reason", json_string(reason_text((uint8_t)result.reason)));
    rest_json_set(&object, "published", json_boolean(result.published));
    return rest_answer(call, 200, object);
}
REST_HANDLER(rest_certificate_revoke)

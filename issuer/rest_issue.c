/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/certificate: from JSON to the cycle, and the wait until the edge can answer. */
#include <stdlib.h>

#include "issuer/issue.h"
#include "issuer/issuer_counters.h"
#include "issuer/rest_certificate.h"
#include "lib/check.h"

#define NS_PER_MS 1000000u
/* A request of RSA-8192 with a hundred names, in PEM. */
#define CSR_TEXT_BYTES_MAX 24000
#define NAME_BYTES_MAX     253

enum { CSR_PEM, ORDER_ID, PROFILE, CA, DCV_METHOD, DOMAINS };

static const struct json_field fields[] = {
    [CSR_PEM] = {"csr_pem", JSON_KIND_LINES, true, 1, CSR_TEXT_BYTES_MAX},
    [ORDER_ID] = {"order_id", JSON_KIND_TEXT, true, 1, ISSUE_ORDER_ID_MAX},
    [PROFILE] = {"profile", JSON_KIND_TEXT, true, 1, ISSUER_NAME_MAX},
    [CA] = {"ca", JSON_KIND_TEXT, false, 1, ISSUER_NAME_MAX},
    [DCV_METHOD] = {"dcv_method", JSON_KIND_TEXT, false, 1, REGISTRY_WORD_MAX},
    [DOMAINS] = {"domains", JSON_KIND_TEXTS, false, 1, NAME_BYTES_MAX},
    {0},
};

_Static_assert(ISSUE_NAMES_MAX >= JSON_BODY_LIST_MAX, "a list of names is taken whole");

/* What is issued and waits for the presigner. */
struct waiting {
    struct issue_result result;
};

static void waiting_drop(void *state)
{
    struct waiting *waiting = state;
    issue_result_done(&waiting->result);
    free(waiting);
}

static enum err answer(struct rest_call *call, const struct issue_result *result)
{
    char location[SHA256_TEXT_BYTES];
    json_t *object = json_object();
    rest_json_set(&object, "id", rest_json_hash(&result->id));
    rest_json_set(&object, "serial", rest_json_serial(&result->serial));
    rest_json_set(&object, "ca", rest_json_ca(result->authority->id));
    rest_json_set(&object, "profile", json_string(result->profile));
    rest_json_set(&object, "not_before", rest_json_time(result->not_before_s));
    rest_json_set(&object, "not_after", rest_json_time(result->not_after_s));
    rest_json_set(&object, "pem", rest_json_pem(span_of(result->der.data, result->der.size)));
    rest_json_set(&object, "published",
                  json_boolean(issue_is_published(result->authority, result->seq)));
    rest_json_add_issuer(&object, result->authority, result->shard);
    sha256_to_text(&result->id, location);
    snprintf(call->response->location, sizeof call->response->location, "/v1/certificate/%s",
             location);
    return rest_answer(call, result->repeated ? 200 : 201, object);
}

/* Published, out of time, or once more. */
static enum err wait_or_answer(struct rest_call *call, struct waiting *waiting)
{
    const struct https_request *request = call->request;
    const struct issue_result *result = &waiting->result;
    uint64_t waited_ms = call->issuer->config->publish_wait_ms;
    uint64_t until_ns = request->parked_since_ns + waited_ms * NS_PER_MS;
    uint64_t now_ns = issuer_now_ns(call->issuer);
    bool is_published = issue_is_published(result->authority, result->seq);
    if (!is_published && !request->last_call && now_ns < until_ns) {
        call->response->park_until_ns = until_ns;
        call->parked = true;
        return ERR_OK;
    }
    issue_wait_done(call->worker, is_published, now_ns - request->parked_since_ns);
    issuer_time(call->issuer->metrics, ISSUER_TIMED_TOTAL, now_ns - request->parked_since_ns);
    return answer(call, result);
}

static enum err issue(struct rest_call *call, const struct json_body *body, struct waiting *waiting)
{
    struct span names[JSON_BODY_LIST_MAX];
    const struct https_actor *actor = call->request->actor;
    struct issue_request request = {
        .csr = json_body_text(body, CSR_PEM),
        .order_id = json_body_text(body, ORDER_ID),
        .profile = json_body_text(body, PROFILE),
        .customer = actor->customer,
        .dcv_method = json_body_text(body, DCV_METHOD),
        .names = names,
        .name_count = json_body_count(body, DOMAINS),
        .actor = actor->name,
        .request_id = call->request->request_id,
    };
    for (size_t i = 0; i < request.name_count; i++)
        names[i] = json_body_item(body, DOMAINS, i);
    struct span ca = json_body_text(body, CA);
    if (ca.data != NULL)
        TRY(rest_authority(call, "ca", ca, &request.authority));
    return issue_certificate(call->worker, &request, &waiting->result, &call->why);
}

static enum err rest_certificate_issue_work(struct rest_call *call)
{
    struct https_slot *slot = call->request->slot;
    struct json_body body = {0};
    if (slot->state != NULL)
        return wait_or_answer(call, slot->state);
    uint64_t now_ns = issuer_now_ns(call->issuer);
    issuer_time(call->issuer->metrics, ISSUER_TIMED_QUEUE, now_ns - call->request->parked_since_ns);
    TRY(json_body_read(call->request->body, fields, &body, &call->why));
    struct waiting *waiting = calloc(1, sizeof *waiting);
    enum err err = waiting != NULL ? issue(call, &body, waiting) : ERR_MEMORY;
    json_body_done(&body);
    if (err != ERR_OK) {
        free(waiting);
        return err;
    }
    *slot = (struct https_slot){.state = waiting, .drop = waiting_drop};
    return wait_or_answer(call, waiting);
}
REST_HANDLER(rest_certificate_issue)

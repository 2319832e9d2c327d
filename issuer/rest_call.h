/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of issuer/rest.h share: one call with all it needs, answers as JSON, changes
 * with their audit leaf. */
#pragma once

#include <jansson.h>

#include "issuer/audit_event.h"
#include "issuer/https.h"
#include "issuer/https_query.h"
#include "issuer/issuer.h"
#include "issuer/json_body.h"
#include "issuer/registry.h"
#include "issuer/role.h"

struct rest_call {
    struct issuer *issuer;
    struct issuer_worker *worker;
    struct registry *registry;
    const struct https_request *request;
    struct https_response *response;
    uint64_t now_s;
    bool parked;        /* set by work that wants to be called again */
    struct problem why; /* of an error; without a detail the error itself tells */
};

/* ERR_OK: the response is made, or `parked`. Errors without a problem are the registry's. */
typedef enum err (*rest_work)(struct rest_call *call);

/** A handler: registry ready, work, problem document. */
enum https_done rest_run(void *server, void *worker, const struct https_request *request,
                         struct https_response *response, rest_work work);
#define REST_HANDLER_OF(name)                                                             \
    enum https_done name(void *server, void *worker, const struct https_request *request, \
                         struct https_response *response)
/* Defines the handler `name` of the work `name_work`. */
#define REST_HANDLER(name)                                               \
    REST_HANDLER_OF(name)                                                \
    {                                                                    \
        return rest_run(server, worker, request, response, name##_work); \
    }

/** Answers with `document`, which it takes, also NULL (out of memory). */
MUST_CHECK enum err rest_answer(struct rest_call *call, uint16_t status, json_t *document);

/** Says `event` in the audit log, and then does `work` and ships the leaf in one transaction. The
 *  work may be done again from its beginning (registry_transaction()). Its own ERR_NOT_FOUND,
 *  ERR_EXISTS and ERR_CONFLICT come back as they are, all else as a problem. */
MUST_CHECK enum err rest_record(struct rest_call *call, const struct audit_event *event,
                                registry_work work, void *context);
/** Begins an event of this call. */
void rest_event(const struct rest_call *call, enum audit_event_type type,
                struct audit_event *event);

/* Parameters of paths and queries. Problems: NOT_FOUND of a path, FIELD of a query or body. */
MUST_CHECK enum err rest_param_serial(struct rest_call *call, size_t param, struct serial *ret);
MUST_CHECK enum err rest_param_authority(struct rest_call *call, size_t param,
                                         const struct authority **ret);
MUST_CHECK enum err rest_param_hash(struct rest_call *call, size_t param, struct sha256 *ret);
MUST_CHECK enum err rest_param_number(struct rest_call *call, size_t param, uint64_t *ret);
/** RFC 3339 or seconds; 0 when absent. */
MUST_CHECK enum err rest_time(struct rest_call *call, const char *name, struct span text,
                              uint64_t *ret_s);
/** The CA of a body or query, by its 16 digits or its name. */
MUST_CHECK enum err rest_authority(struct rest_call *call, const char *name, struct span text,
                                   const struct authority **ret);

/* Members of answers; NULL when out of memory, which rest_answer() takes. */
json_t *rest_json_text(struct span text);
json_t *rest_json_time(uint64_t time_s);
json_t *rest_json_ca(uint64_t issuer_id);
json_t *rest_json_serial(const struct serial *serial);
json_t *rest_json_hash(const struct sha256 *hash);
/** Sets a member that is not NULL in an object that is not; else both become NULL, so that only the
 *  end has to be looked at. */
void rest_json_set(json_t **object, const char *name, json_t *value);

/** Whether this caller sees what belongs to that customer. */
bool rest_sees(const struct rest_call *call, struct span customer);

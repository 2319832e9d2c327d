/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/admin: API keys, keys that get no certificate. */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "issuer/registry_access.h"
#include "issuer/registry_key.h"
#include "issuer/rest_records.h"
#include "lib/hex.h"

#define LIST_LIMIT 100
/* Found by chance by nobody; the id is only a name. */
#define KEY_ID_BYTES     8
#define KEY_SECRET_BYTES 32

/* --- Making an API key --- */

enum { CUSTOMER, ROLE, VALID_FOR_S };

static const struct json_field key_fields[] = {
    [CUSTOMER] = {"customer", JSON_KIND_TEXT, true, 1, HTTPS_CUSTOMER_BYTES - 1},
    [ROLE] = {"role", JSON_KIND_TEXT, true, 1, REGISTRY_WORD_MAX},
    [VALID_FOR_S] = {"valid_for_s", JSON_KIND_NUMBER, false, 1, TIME_S_MAX / 2},
    {0},
};

struct fresh_key {
    char id[2 * KEY_ID_BYTES + 1];
    char secret[2 * KEY_SECRET_BYTES + 1];
    struct registry_api_key row;
};

static enum err draw(struct rest_call *call, struct fresh_key *key)
{
    uint8_t random[KEY_ID_BYTES + KEY_SECRET_BYTES];
    if (RAND_bytes(random, sizeof random) != 1)
        return problem_set(&call->why, PROBLEM_INTERNAL, "no random numbers");
    enum err err = hex_encode(span_of(random, KEY_ID_BYTES), key->id, sizeof key->id);
    if (err == ERR_OK)
        err = hex_encode(span_of(random + KEY_ID_BYTES, KEY_SECRET_BYTES), key->secret,
                         sizeof key->secret);
    OPENSSL_cleanse(random, sizeof random);
    return err;
}

static enum err take_key(struct rest_call *call, const struct json_body *body,
                         struct fresh_key *key)
{
    enum role role;
    struct span word = json_body_text(body, ROLE);
    if (role_from_text(word, &role) != ERR_OK || (role != ROLE_CUSTOMER && role != ROLE_OPERATOR))
        return problem_set(&call->why, PROBLEM_FIELD, "role must be customer or operator");
    TRY(draw(call, key));
    uint64_t valid_for_s = json_body_number(body, VALID_FOR_S, 0);
    key->row = (struct registry_api_key){
        .id = span_text(key->id),
        .secret_sha256 = sha256_of(span_text(key->secret)),
        .customer = json_body_text(body, CUSTOMER),
        .role = word,
        .created_at_s = call->now_s,
        .expires_at_s = valid_for_s != 0 ? call->now_s + valid_for_s : 0,
        .actor = span_text(call->request->actor->name),
    };
    return ERR_OK;
}

static enum err store_key(struct registry *r, void *context)
{
    return registry_api_key_add(r, &((struct fresh_key *)context)->row);
}

static json_t *json_of_key(const struct registry_api_key *row)
{
    json_t *object = json_object();
    rest_json_set(&object, "id", rest_json_text(row->id));
    rest_json_set(&object, "customer", rest_json_text(row->customer));
    rest_json_set(&object, "role", rest_json_text(row->role));
    rest_json_set(&object, "created_at", rest_json_time(row->created_at_s));
    if (row->expires_at_s != 0)
        rest_json_set(&object, "expires_at", rest_json_time(row->expires_at_s));
    if (row->disabled_at_s != 0)
        rest_json_set(&object, "disabled_at", rest_json_time(row->disabled_at_s));
    return object;
}

static enum err add_key(struct rest_call *call, const struct json_body *body, struct fresh_key *key)
{
    char token[sizeof key->id + sizeof key->secret];
    struct audit_event event;
    TRY(take_key(call, body, key));
    rest_event(call, AUDIT_ADMIN_ACTION, &event);
    audit_event_text(&event, AUDIT_FIELD_CHANGE, span_text("api key created"));
    audit_event_text(&event, AUDIT_FIELD_TARGET, key->row.id);
    audit_event_text(&event, AUDIT_FIELD_CUSTOMER, key->row.customer);
    audit_event_text(&event, AUDIT_FIELD_ROLE, key->row.role);
    TRY(rest_record(call, &event, store_key, key));
    json_t *object = json_of_key(&key->row);
    snprintf(token, sizeof token, "%s.%s", key->id, key->secret);
    rest_json_set(&object, "key", json_string(token));
    OPENSSL_cleanse(token, sizeof token);
    return rest_answer(call, 201, object);
}

static enum err rest_api_key_add_work(struct rest_call *call)
{
    struct json_body body = {0};
    struct fresh_key key = {0};
    TRY(json_body_read(call->request->body, key_fields, &body, &call->why));
    enum err err = add_key(call, &body, &key);
    json_body_done(&body);
    OPENSSL_cleanse(key.secret, sizeof key.secret);
    return err;
}
REST_HANDLER(rest_api_key_add)

/* --- API keys that are there --- */

static enum err add_row(void *context, const struct registry_api_key *row)
{
    return json_array_append_new(context, json_of_key(row)) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err rest_api_key_list_work(struct rest_call *call)
{
    static const char *const names[] = {"after", "limit", NULL};
    struct https_query query;
    uint64_t limit;
    TRY(https_query_read(call->request->query, names, &query, &call->why));
    TRY(https_query_number(query.values[1], "limit", 1, REGISTRY_PAGE_MAX, LIST_LIMIT, &limit,
                           &call->why));
    json_t *list = json_array(), *object = json_object();
    enum err err = registry_api_keys(call->registry, query.values[0], limit, add_row, list);
    rest_json_set(&object, "api_keys", list);
    if (err == ERR_OK)
        return rest_answer(call, 200, object);
    json_decref(object);
    return err;
}
REST_HANDLER(rest_api_key_list)

static enum err store_disabled(struct registry *r, void *context)
{
    const struct rest_call *call = context;
    return registry_api_key_disable(r, call->request->params[0], call->now_s);
}

static enum err rest_api_key_disable_work(struct rest_call *call)
{
    struct audit_event event;
    struct registry_api_key row;
    TRY(registry_api_key_get(call->registry, call->request->params[0], &row));
    rest_event(call, AUDIT_ADMIN_ACTION, &event);
    audit_event_text(&event, AUDIT_FIELD_CHANGE, span_text("api key disabled"));
    audit_event_text(&event, AUDIT_FIELD_TARGET, call->request->params[0]);
    TRY(rest_record(call, &event, store_disabled, call));
    call->response->status = 204;
    return ERR_OK;
}
REST_HANDLER(rest_api_key_disable)

/* --- Blocked keys --- */

enum { SPKI_SHA256, SOURCE };

static const struct json_field block_fields[] = {
    [SPKI_SHA256] = {"spki_sha256", JSON_KIND_TEXT, true, SHA256_TEXT_BYTES - 1,
                     SHA256_TEXT_BYTES - 1},
    [SOURCE] = {"source", JSON_KIND_TEXT, true, 1, REGISTRY_WORD_MAX},
    {0},
};

struct block {
    struct sha256 key;
    struct span source;
    uint64_t at_s;
    bool is_new;
};

static enum err store_block(struct registry *r, void *context)
{
    struct block *block = context;
    return registry_key_block(r, &block->key, block->source, block->at_s, &block->is_new);
}

static enum err block_key(struct rest_call *call, const struct json_body *body)
{
    struct audit_event event;
    struct block block = {.source = json_body_text(body, SOURCE), .at_s = call->now_s};
    if (sha256_from_text(json_body_text(body, SPKI_SHA256), &block.key) != ERR_OK)
        return problem_set(&call->why, PROBLEM_FIELD, "spki_sha256: 64 lower-case hex digits");
    rest_event(call, AUDIT_KEY_BLOCKED, &event);
    audit_event_hash(&event, AUDIT_FIELD_SPKI_SHA256, &block.key);
    audit_event_text(&event, AUDIT_FIELD_DETAIL, block.source);
    TRY(rest_record(call, &event, store_block, &block));
    json_t *object = json_object();
    rest_json_set(&object, "spki_sha256", rest_json_hash(&block.key));
    rest_json_set(&object, "new", json_boolean(block.is_new));
    return rest_answer(call, block.is_new ? 201 : 200, object);
}

static enum err rest_blocked_key_add_work(struct rest_call *call)
{
    struct json_body body = {0};
    TRY(json_body_read(call->request->body, block_fields, &body, &call->why));
    enum err err = block_key(call, &body);
    json_body_done(&body);
    return err;
}
REST_HANDLER(rest_blocked_key_add)

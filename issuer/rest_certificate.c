/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that are there: one, its chain, a page of many. */
#include "issuer/rest_certificate.h"

#include <stdlib.h>

#include "issuer/registry_search.h"
#include "lib/base64.h"
#include "lib/facts.h"

#define PEM_LINE 64 /* RFC 7468 2 */
#define PEM_TYPE "CERTIFICATE"

json_t *rest_json_pem(struct span der)
{
    size_t size = 0, room = BASE64_ENCODED_BYTES(der.size);
    struct buffer base64 = {0}, pem = {0};
    json_t *value = NULL;
    if (buffer_reserve(&base64, room + 1) != ERR_OK ||
        base64_encode(der, (char *)base64.data, room, &size) != ERR_OK)
        goto end;
    enum err err = buffer_append(&pem, span_text("-----BEGIN " PEM_TYPE "-----\n"));
    for (size_t at = 0; err == ERR_OK && at < size; at += PEM_LINE) {
        size_t line = size - at < PEM_LINE ? size - at : PEM_LINE;
        err = buffer_append(&pem, span_of(base64.data + at, line));
        if (err == ERR_OK)
            err = buffer_append(&pem, span_text("\n"));
    }
    if (err == ERR_OK)
        err = buffer_append(&pem, span_text("-----END " PEM_TYPE "-----\n"));
    if (err == ERR_OK)
        value = json_stringn((const char *)pem.data, pem.size);
end:
    buffer_done(&base64);
    buffer_done(&pem);
    return value;
}

json_t *rest_json_certificate(const struct registry_certificate *row)
{
    json_t *object = json_object();
    rest_json_set(&object, "id", rest_json_hash(&row->id));
    rest_json_set(&object, "serial", rest_json_serial(&row->serial));
    rest_json_set(&object, "ca", rest_json_ca(row->issuer_id));
    rest_json_set(&object, "profile", rest_json_text(row->profile));
    rest_json_set(&object, "customer", rest_json_text(row->customer));
    rest_json_set(&object, "order_id", rest_json_text(row->order_id));
    rest_json_set(&object, "not_before", rest_json_time(row->not_before_s));
    rest_json_set(&object, "not_after", rest_json_time(row->not_after_s));
    rest_json_set(&object, "status", json_string(row->revoked ? "revoked" : "good"));
    if (row->revoked)
        rest_json_set(&object, "revoked_at", rest_json_time(row->revoked_at_s));
    if (row->revoked && row->reason != REASON_ABSENT)
        rest_json_set(&object, "reason", json_string(reason_text(row->reason)));
    return object;
}

void rest_json_add_issuer(json_t **object, const struct authority *authority, uint32_t shard)
{
    char url[CRL_SHARD_URL_MAX];
    const struct authority_config *config = authority->config;
    const struct buffer *chain = &authority->chain_pem;
    rest_json_set(object, "chain_pem", rest_json_text(span_of(chain->data, chain->size)));
    if (config->ocsp_url != NULL)
        rest_json_set(object, "ocsp_url", json_string(config->ocsp_url));
    if (config->crl_url_base != NULL && shard != CRL_SHARD_NONE &&
        crl_shard_url(config->crl_url_base, shard, url) == ERR_OK)
        rest_json_set(object, "crl_url", json_string(url));
}

/* --- One --- */

static enum err hide(struct rest_call *call)
{
    return problem_set(&call->why, PROBLEM_NOT_FOUND, "there is no such certificate");
}

static enum err find(struct rest_call *call, struct registry_certificate *ret)
{
    struct sha256 id;
    TRY(rest_param_hash(call, 0, &id));
    enum err err = registry_certificate_by_id(call->registry, &id, ret);
    if (err == ERR_OK && ret->kind == REGISTRY_FINAL && rest_sees(call, ret->customer))
        return ERR_OK;
    return err == ERR_OK || err == ERR_NOT_FOUND ? hide(call) : err;
}

static enum err answer_one(struct rest_call *call, const struct registry_certificate *row)
{
    const struct authority *authority = authority_by_id(call->issuer->authorities, row->issuer_id);
    json_t *object = rest_json_certificate(row);
    rest_json_set(&object, "pem", rest_json_pem(row->der));
    if (authority != NULL) {
        rest_json_add_issuer(&object, authority, row->shard);
        rest_json_set(&object, "published",
                      json_boolean(authority_published(authority) >= row->issued_seq));
    }
    return rest_answer(call, 200, object);
}

static enum err rest_certificate_get_work(struct rest_call *call)
{
    struct registry_certificate row;
    TRY(find(call, &row));
    return answer_one(call, &row);
}
REST_HANDLER(rest_certificate_get)

static enum err rest_certificate_by_serial_work(struct rest_call *call)
{
    const struct authority *authority;
    struct serial serial;
    struct registry_certificate row;
    TRY(rest_param_authority(call, 0, &authority));
    TRY(rest_param_serial(call, 1, &serial));
    enum err err = registry_certificate_by_serial(call->registry, authority->id, &serial,
                                                  REGISTRY_FINAL, &row);
    if (err == ERR_NOT_FOUND || (err == ERR_OK && !rest_sees(call, row.customer)))
        return hide(call);
    TRY(err);
    return answer_one(call, &row);
}
REST_HANDLER(rest_certificate_by_serial)

/* The certificate and those above it, as a server wants them in its file. */
static enum err rest_certificate_chain_work(struct rest_call *call)
{
    struct registry_certificate row;
    TRY(find(call, &row));
    const struct authority *authority = authority_by_id(call->issuer->authorities, row.issuer_id);
    if (authority == NULL)
        return problem_set(&call->why, PROBLEM_NOT_FOUND, "the CA is no longer here");
    json_t *pem = rest_json_pem(row.der);
    if (pem == NULL)
        return ERR_MEMORY;
    static const char type[] = "application/pem-certificate-chain";
    const struct buffer *chain = &authority->chain_pem;
    bool done = https_answer_body(call->response, type,
                                  span_of(json_string_value(pem), json_string_length(pem))) &&
                https_answer_body(call->response, type, span_of(chain->data, chain->size));
    json_decref(pem);
    return done ? ERR_OK : ERR_MEMORY;
}
REST_HANDLER(rest_certificate_chain)

/* --- Many --- */

#define SEARCH_LIMIT_USUAL 100

enum { SAN, SUBDOMAINS, CUSTOMER, EXPIRES_AFTER, EXPIRES_BEFORE, CURSOR, LIMIT };

static const char *const search_names[] = {
    [SAN] = "san",
    [SUBDOMAINS] = "subdomains",
    [CUSTOMER] = "customer",
    [EXPIRES_AFTER] = "expires_after",
    [EXPIRES_BEFORE] = "expires_before",
    [CURSOR] = "cursor",
    [LIMIT] = "limit",
    NULL,
};

/* A customer searches among its own, whatever it asks for. */
static enum err take_customer(struct rest_call *call, struct span asked,
                              struct registry_search *search)
{
    const struct https_actor *actor = call->request->actor;
    search->customer = asked;
    if ((actor->roles & (ROLE_OPERATOR | ROLE_AUDITOR)) != 0)
        return ERR_OK;
    if (asked.data != NULL && !span_equal(asked, span_text(actor->customer)))
        return problem_set(&call->why, PROBLEM_FORBIDDEN, "customer: that is another one");
    search->customer = span_text(actor->customer);
    return ERR_OK;
}

static enum err take_search(struct rest_call *call, const struct https_query *query,
                            struct registry_search *search)
{
    uint64_t limit, subdomains;
    struct problem *why = &call->why;
    search->san = query->values[SAN];
    search->cursor = query->values[CURSOR];
    TRY(https_query_number(query->values[SUBDOMAINS], "subdomains", 0, 1, 0, &subdomains, why));
    search->subdomains = subdomains == 1;
    if (search->subdomains && search->san.size == 0)
        return problem_set(why, PROBLEM_FIELD, "subdomains needs san");
    TRY(https_query_number(query->values[LIMIT], "limit", 1, REGISTRY_PAGE_MAX, SEARCH_LIMIT_USUAL,
                           &limit, why));
    search->limit = limit;
    TRY(rest_time(call, "expires_after", query->values[EXPIRES_AFTER], &search->expires_after_s));
    TRY(rest_time(call, "expires_before", query->values[EXPIRES_BEFORE],
                  &search->expires_before_s));
    return take_customer(call, query->values[CUSTOMER], search);
}

static enum err add_row(void *context, const struct registry_certificate *row)
{
    json_t *list = context;
    return json_array_append_new(list, rest_json_certificate(row)) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err rest_certificate_search_work(struct rest_call *call)
{
    struct https_query query;
    struct registry_search search = {0};
    char cursor[REGISTRY_CURSOR_BYTES];
    TRY(https_query_read(call->request->query, search_names, &query, &call->why));
    TRY(take_search(call, &query, &search));
    json_t *list = json_array(), *object = json_object();
    enum err err = registry_search(call->registry, &search, add_row, list, cursor);
    rest_json_set(&object, "certificates", list);
    if (err != ERR_OK) {
        json_decref(object);
        return err == ERR_MALFORMED && search.cursor.size > 0
                   ? problem_set(&call->why, PROBLEM_CURSOR, "the cursor is none of this search")
                   : err;
    }
    if (cursor[0] != '\0')
        rest_json_set(&object, "cursor", json_string(cursor));
    return rest_answer(call, 200, object);
}
REST_HANDLER(rest_certificate_search)

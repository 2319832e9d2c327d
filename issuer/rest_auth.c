/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <stdio.h>

#include "issuer/issuer.h"
#include "issuer/issuer_counters.h"
#include "issuer/registry_access.h"
#include "issuer/rest.h"
#include "issuer/role.h"
#include "lib/os/log.h"

/* "Bearer" in any case (RFC 9110 11.1), one space, the token. */
static bool bearer_token(struct span value, struct span *ret)
{
    static const char scheme[] = "bearer ";
    size_t size = sizeof scheme - 1;
    if (value.size <= size)
        return false;
    for (size_t i = 0; i < size - 1; i++)
        if ((value.data[i] | 0x20) != (uint8_t)scheme[i])
            return false;
    *ret = span_of(value.data + size, value.size - size);
    return value.data[size - 1] == ' ';
}

/* "ID.SECRET" */
static bool split_token(struct span token, struct span *ret_id, struct span *ret_secret)
{
    const uint8_t *dot = memchr(token.data, '.', token.size);
    if (dot == NULL || dot == token.data)
        return false;
    size_t size = (size_t)(dot - token.data);
    *ret_id = span_of(token.data, size);
    *ret_secret = span_of(dot + 1, token.size - size - 1);
    return size <= REGISTRY_WORD_MAX && ret_secret->size > 0;
}

static bool find_token(const struct https_request *request, struct span *ret_id,
                       struct span *ret_secret)
{
    struct span value, token;
    bool repeated = false;
    return https_field(request->head, "Authorization", &value, &repeated) && !repeated &&
           bearer_token(value, &token) && split_token(token, ret_id, ret_secret);
}

/* The time it takes does not depend on how much of the secret is right. */
static bool is_good(const struct registry_api_key *key, struct span secret, uint64_t now_s)
{
    struct sha256 hash = sha256_of(secret);
    bool matches = CRYPTO_memcmp(hash.octets, key->secret_sha256.octets, sizeof hash.octets) == 0;
    return matches && key->disabled_at_s == 0 &&
           (key->expires_at_s == 0 || now_s < key->expires_at_s);
}

static enum err take_key(const struct registry_api_key *key, struct https_actor *ret)
{
    enum role role;
    if (role_from_text(key->role, &role) != ERR_OK ||
        (role != ROLE_CUSTOMER && role != ROLE_OPERATOR))
        return ERR_UNSUPPORTED;
    if (key->customer.size == 0 || key->customer.size >= sizeof ret->person)
        return ERR_LIMIT;
    ret->roles = role;
    snprintf(ret->name, sizeof ret->name, "api-key:%.*s", (int)key->id.size,
             (const char *)key->id.data);
    memcpy(ret->person, key->customer.data, key->customer.size);
    if (role == ROLE_CUSTOMER)
        memcpy(ret->customer, key->customer.data, key->customer.size);
    return ERR_OK;
}

/* What is wrong is not said: a key that has expired tells a thief no more than a wrong one. */
static enum err unknown_key(struct issuer *issuer, struct problem *why)
{
    issuer_count(issuer->metrics, ISSUER_api_key_failures, 1);
    return problem_set(why, PROBLEM_UNAUTHORIZED, "a valid API key is needed");
}

enum err rest_authorize_public(void *server, void *worker, const struct https_request *request,
                               struct https_actor *ret, struct problem *why)
{
    struct issuer *issuer = server;
    struct registry *r = ((struct issuer_worker *)worker)->registry;
    struct span id, secret;
    struct registry_api_key key;
    if (!find_token(request, &id, &secret))
        return unknown_key(issuer, why);
    enum err err = registry_ready(r);
    if (err == ERR_OK)
        err = registry_api_key_get(r, id, &key);
    if (err == ERR_NOT_FOUND || err == ERR_MALFORMED)
        return unknown_key(issuer, why);
    if (err != ERR_OK) {
        log_error("request %s: API keys cannot be read: %s", request->request_id, err_text(err));
        return problem_set(why, PROBLEM_REGISTRY, "API keys cannot be looked up now");
    }
    if (!is_good(&key, secret, issuer_now_s(issuer)))
        return unknown_key(issuer, why);
    if (take_key(&key, ret) != ERR_OK) {
        log_error("API key %.*s has a role or an owner that cannot be", (int)key.id.size,
                  (const char *)key.id.data);
        return unknown_key(issuer, why);
    }
    return ERR_OK;
}

enum err rest_authorize_internal(void *server, void *worker, const struct https_request *request,
                                 struct https_actor *ret, struct problem *why)
{
    struct issuer *issuer = server;
    const struct https_peer *peer = request->peer;
    const char *name = NULL;
    (void)worker;
    unsigned roles =
        peer->has_certificate
            ? issuing_config_client(issuer->config, &peer->fingerprint, peer->common_name, &name)
            : 0;
    if (roles == 0 || name == NULL) {
        issuer_count(issuer->metrics, ISSUER_client_failures, 1);
        return problem_set(why, PROBLEM_FORBIDDEN, "this certificate has no role here");
    }
    ret->roles = roles;
    snprintf(ret->name, sizeof ret->name, "client:%s", name);
    snprintf(ret->person, sizeof ret->person, "%s", name);
    return ERR_OK;
}

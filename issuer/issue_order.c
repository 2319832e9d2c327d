/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle's stage `claim`: what is asked for, by which CA, and whether it was asked before. */
#include "issuer/issue_cycle.h"
#include "issuer/issuer_counters.h"
#include "issuer/registry_certificate.h"
#include "issuer/registry_order.h"
#include "lib/os/log.h"
#include "lib/wire.h"

#include <openssl/evp.h>

enum err cycle_registry_problem(struct cycle *c, const char *what, enum err err)
{
    log_error("registry: %s: %s", what, err_text(err));
    issuer_count(c->worker->issuer->metrics, ISSUER_database_errors, 1);
    return problem_set(c->why, PROBLEM_REGISTRY, "the registry cannot be used now");
}

/* --- What is asked for --- */

static enum err put_part(EVP_MD_CTX *context, struct span part)
{
    uint8_t size[8];
    be64_store(size, part.size);
    return EVP_DigestUpdate(context, size, sizeof size) == 1 &&
                   EVP_DigestUpdate(context, part.data, part.size) == 1
               ? ERR_OK
               : ERR_CRYPTO;
}

static enum err put_list(EVP_MD_CTX *context, const struct issue_request *request)
{
    for (size_t i = 0; i < request->name_count; i++)
        TRY(put_part(context, request->names[i]));
    return ERR_OK;
}

static enum err put_set(EVP_MD_CTX *context, const struct leaf_names *set)
{
    for (size_t i = 0; i < set->count; i++)
        TRY(put_part(context, span_of(set->at[i].text, set->at[i].size)));
    return ERR_OK;
}

/* `set` is NULL for the list as it came. */
static enum err put_request(EVP_MD_CTX *context, const struct cycle *c,
                            const struct leaf_names *set)
{
    const struct issue_request *request = c->request;
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        return ERR_CRYPTO;
    TRY(put_part(context, request->csr));
    TRY(put_part(context, request->profile));
    TRY(put_part(context, span_text(c->authority->id_text)));
    TRY(put_part(context, request->dcv_method));
    return set != NULL ? put_set(context, set) : put_list(context, request);
}

static enum err hash(struct cycle *c, const struct leaf_names *set, struct sha256 *ret)
{
    struct sha256 hash;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    enum err err = context == NULL ? ERR_MEMORY : put_request(context, c, set);
    if (err == ERR_OK && EVP_DigestFinal_ex(context, hash.octets, NULL) != 1)
        err = ERR_CRYPTO;
    EVP_MD_CTX_free(context);
    if (err != ERR_OK)
        return problem_set(c->why, PROBLEM_INTERNAL, "the request cannot be hashed");
    *ret = hash;
    return ERR_OK;
}

/* False: one of them is no name, for which the order will be refused. */
static bool names_are(const struct issue_request *request, struct leaf_names *ret)
{
    struct problem ignored = {0};
    for (size_t i = 0; i < request->name_count; i++) {
        struct leaf_name name;
        if (leaf_name_read(request->names[i], &name, &ignored) != ERR_OK ||
            leaf_names_add(ret, &name, &ignored) != ERR_OK)
            return false;
    }
    return true;
}

/* Over all that decides what will be in the certificate; each part with its size before it. Names
 * are a set: in whatever order, case and number they come, they make the same certificate. */
static enum err hash_request(struct cycle *c)
{
    struct leaf_names set = {0};
    TRY(hash(c, NULL, &c->listed_hash));
    return hash(c, names_are(c->request, &set) ? &set : NULL, &c->request_hash);
}

static bool is_order_id(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x21 || text.data[i] > 0x7e)
            return false;
    return text.size >= 1 && text.size <= ISSUE_ORDER_ID_MAX;
}

static enum err take_request(struct cycle *c)
{
    const struct issue_request *request = c->request;
    const struct issuer *issuer = c->worker->issuer;
    if (!is_order_id(request->order_id))
        return problem_set(c->why, PROBLEM_FIELD, "order_id: 1 to %d visible characters of ASCII",
                           ISSUE_ORDER_ID_MAX);
    memcpy(c->order_id, request->order_id.data, request->order_id.size);
    c->profile = issuing_config_profile(issuer->config, request->profile);
    if (c->profile == NULL)
        return problem_set(c->why, PROBLEM_PROFILE, "there is no such profile");
    c->authority = request->authority != NULL
                       ? request->authority
                       : authority_for_profile(issuer->authorities, request->profile);
    if (c->authority == NULL || !authority_has_profile(c->authority, request->profile))
        return problem_set(c->why, PROBLEM_CA, "%s does not issue by this profile",
                           c->authority == NULL ? "any CA" : c->authority->config->name);
    return hash_request(c);
}

/* --- Whether it was asked before --- */

static enum err take_certificate(struct cycle *c, uint64_t issuer_id, const struct serial *serial)
{
    struct registry_certificate row;
    enum err err = registry_certificate_by_serial(c->worker->registry, issuer_id, serial,
                                                  REGISTRY_FINAL, &row);
    if (err != ERR_OK)
        return cycle_registry_problem(c, "a fulfilled order has no certificate", err);
    c->authority = authority_by_id(c->worker->issuer->authorities, issuer_id);
    if (c->authority == NULL || row.der.size > sizeof c->der)
        return problem_set(c->why, PROBLEM_CA, "the CA of this order is no longer here");
    c->id = row.id;
    c->seq = row.issued_seq;
    c->leaf.serial = row.serial;
    c->leaf.not_before_s = row.not_before_s;
    c->leaf.not_after_s = row.not_after_s;
    c->leaf.shard = row.shard;
    memcpy(c->der, row.der.data, row.der.size);
    c->der_size = row.der.size;
    c->is_repeated = true;
    return ERR_OK;
}

enum err cycle_take_order(struct cycle *c, const struct registry_order *order)
{
    if (!sha256_equal(&order->request_hash, &c->request_hash))
        return problem_set(c->why, PROBLEM_ORDER_CONFLICT,
                           "this order_id was used with another content");
    const struct serial serial = order->serial;
    switch (order->state) {
    case REGISTRY_ORDER_ISSUED:
        return take_certificate(c, order->issuer_id, &serial);
    case REGISTRY_ORDER_WORKING:
        return problem_set(c->why, PROBLEM_ORDER_PENDING,
                           "the order is being worked on: ask again with the same order_id");
    case REGISTRY_ORDER_REFUSED:
        return problem_set(c->why, PROBLEM_ORDER_CONFLICT, "the order was refused for good");
    case REGISTRY_ORDER_FAILED:
        break;
    }
    return ERR_OK;
}

enum err cycle_claim(struct cycle *c)
{
    struct registry_order order;
    struct registry *r = c->worker->registry;
    TRY(take_request(c));
    enum err err = registry_ready(r);
    if (err == ERR_OK)
        err = registry_order_get(r, c->customer, c->request->order_id, &order);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    if (err != ERR_OK)
        return cycle_registry_problem(c, "orders cannot be read", err);
    /* An order of the time when its names were a list has the hash of that list, and keeps it. */
    if (sha256_equal(&order.request_hash, &c->listed_hash))
        c->request_hash = c->listed_hash;
    return cycle_take_order(c, &order);
}

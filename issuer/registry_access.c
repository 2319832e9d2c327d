/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_access.h"

#include "issuer/registry_internal.h"

static enum err read_key(struct sql_row *row, struct registry_api_key *ret)
{
    ret->id = sql_get_text(row);
    ret->secret_sha256 = sql_get_hash(row);
    ret->customer = sql_get_text(row);
    ret->role = sql_get_text(row);
    ret->created_at_s = sql_get_number(row);
    ret->expires_at_s = sql_get_number(row);
    ret->disabled_at_s = sql_get_number(row);
    ret->actor = sql_get_text(row);
    return sql_row_end(row);
}

enum err registry_api_key_add(struct registry *r, const struct registry_api_key *k)
{
    return registry_change(r, STATEMENT_API_KEY_ADD,
                           REGISTRY_PARAMS(param_word(k->id), sql_hash(&k->secret_sha256),
                                           param_customer(k->customer), param_word(k->role),
                                           sql_number(k->created_at_s), sql_number(k->expires_at_s),
                                           sql_number(k->disabled_at_s), param_customer(k->actor)),
                           ERR_EXISTS);
}

struct one_key {
    struct registry *r;
    struct registry_api_key key;
};

static enum err keep_key(void *context, struct sql_row *row)
{
    struct one_key *one = context;
    TRY(read_key(row, &one->key));
    TRY(registry_keep(one->r, &one->key.id));
    TRY(registry_keep(one->r, &one->key.customer));
    TRY(registry_keep(one->r, &one->key.role));
    return registry_keep(one->r, &one->key.actor);
}

enum err registry_api_key_get(struct registry *r, struct span id, struct registry_api_key *ret)
{
    struct one_key one = {.r = r};
    TRY(registry_one(r, STATEMENT_API_KEY_GET, REGISTRY_PARAMS(param_word(id)), keep_key, &one));
    *ret = one.key;
    return ERR_OK;
}

enum err registry_api_key_disable(struct registry *r, struct span id, uint64_t at_s)
{
    if (at_s == 0)
        return ERR_RANGE;
    return registry_change(r, STATEMENT_API_KEY_DISABLE,
                           REGISTRY_PARAMS(param_word(id), sql_number(at_s)), ERR_NOT_FOUND);
}

struct key_list {
    registry_api_key_row row;
    void *context;
};

static enum err give_key(void *context, struct sql_row *row)
{
    const struct key_list *list = context;
    struct registry_api_key key;
    TRY(read_key(row, &key));
    return list->row(list->context, &key);
}

enum err registry_api_keys(struct registry *r, struct span after, size_t limit,
                           registry_api_key_row row, void *context)
{
    struct key_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(r, STATEMENT_API_KEY_LIST,
                        REGISTRY_PARAMS(param_word(after), sql_number(limit)), give_key, &list);
}

enum err registry_account_add(struct registry *r, const struct registry_account *a,
                              uint64_t *ret_id)
{
    uint64_t id = 0;
    TRY(registry_next_id(r, "account", &id));
    TRY(registry_change(r, STATEMENT_ACCOUNT_ADD,
                        REGISTRY_PARAMS(sql_number(id), sql_hash(&a->jwk_thumbprint),
                                        param_text(a->jwk), param_word(a->status),
                                        param_text(a->contact), param_customer(a->customer),
                                        sql_number(a->created_at_s)),
                        ERR_EXISTS));
    *ret_id = id;
    return ERR_OK;
}

struct one_account {
    struct registry *r;
    struct registry_account account;
};

static enum err keep_account(void *context, struct sql_row *row)
{
    struct one_account *one = context;
    struct registry_account *a = &one->account;
    a->id = sql_get_number(row);
    a->jwk_thumbprint = sql_get_hash(row);
    a->jwk = sql_get_text(row);
    a->status = sql_get_text(row);
    a->contact = sql_get_text(row);
    a->customer = sql_get_text(row);
    a->created_at_s = sql_get_number(row);
    TRY(sql_row_end(row));
    TRY(registry_keep(one->r, &a->jwk));
    TRY(registry_keep(one->r, &a->status));
    TRY(registry_keep(one->r, &a->contact));
    return registry_keep(one->r, &a->customer);
}

enum err registry_account_by_key(struct registry *r, const struct sha256 *jwk_thumbprint,
                                 struct registry_account *ret)
{
    struct one_account one = {.r = r};
    TRY(registry_one(r, STATEMENT_ACCOUNT_BY_KEY, REGISTRY_PARAMS(sql_hash(jwk_thumbprint)),
                     keep_account, &one));
    *ret = one.account;
    return ERR_OK;
}

enum err registry_account_by_id(struct registry *r, uint64_t id, struct registry_account *ret)
{
    struct one_account one = {.r = r};
    TRY(registry_one(r, STATEMENT_ACCOUNT_BY_ID, REGISTRY_PARAMS(sql_number(id)), keep_account,
                     &one));
    *ret = one.account;
    return ERR_OK;
}

enum err registry_account_status(struct registry *r, uint64_t id, struct span from, struct span to)
{
    return registry_change(r, STATEMENT_ACCOUNT_STATUS,
                           REGISTRY_PARAMS(sql_number(id), param_word(from), param_word(to)),
                           ERR_NOT_FOUND);
}

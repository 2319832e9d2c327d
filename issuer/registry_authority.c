/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_authority.h"

#include "issuer/registry_internal.h"
#include "lib/crl_shard.h"

static enum err read_authority(struct sql_row *row, struct registry_authority *ret)
{
    ret->issuer_id = sql_get_bits(row);
    ret->name = sql_get_text(row);
    ret->subject = sql_get_octets(row);
    ret->certificate = sql_get_octets(row);
    ret->event_seq = sql_get_number(row);
    ret->published_seq = sql_get_number(row);
    return sql_row_end(row);
}

enum err registry_authority_add(struct registry *r, const struct registry_authority *a)
{
    enum err err =
        registry_one(r, STATEMENT_AUTHORITY_NAMED,
                     REGISTRY_PARAMS(param_word(a->name), sql_bits(a->issuer_id)), NULL, NULL);
    if (err != ERR_NOT_FOUND)
        return err == ERR_OK ? ERR_CONFLICT : err;
    return registry_change(r, STATEMENT_AUTHORITY_ADD,
                           REGISTRY_PARAMS(sql_bits(a->issuer_id), param_word(a->name),
                                           sql_octets(a->subject, REGISTRY_DER_MAX),
                                           sql_octets(a->certificate, REGISTRY_DER_MAX)),
                           ERR_STORE);
}

struct one_authority {
    struct registry *r;
    struct registry_authority authority;
};

static enum err keep_authority(void *context, struct sql_row *row)
{
    struct one_authority *one = context;
    TRY(read_authority(row, &one->authority));
    TRY(registry_keep(one->r, &one->authority.name));
    TRY(registry_keep(one->r, &one->authority.subject));
    return registry_keep(one->r, &one->authority.certificate);
}

enum err registry_authority_get(struct registry *r, uint64_t issuer_id,
                                struct registry_authority *ret)
{
    struct one_authority one = {.r = r};
    TRY(registry_one(r, STATEMENT_AUTHORITY_GET, REGISTRY_PARAMS(sql_bits(issuer_id)),
                     keep_authority, &one));
    *ret = one.authority;
    return ERR_OK;
}

struct authority_list {
    registry_authority_row row;
    void *context;
};

static enum err give_authority(void *context, struct sql_row *row)
{
    const struct authority_list *list = context;
    struct registry_authority authority;
    TRY(read_authority(row, &authority));
    return list->row(list->context, &authority);
}

enum err registry_authorities(struct registry *r, registry_authority_row row, void *context)
{
    struct authority_list list = {row, context};
    return registry_run(r, STATEMENT_AUTHORITY_LIST, NULL, 0, give_authority, &list);
}

enum err registry_crl_set_use(struct registry *r, uint64_t issuer_id, uint16_t set, uint32_t count)
{
    uint64_t is = 0, event_seq = 0;
    if (set == 0 || count == 0 || count > CRL_SET_COUNT_MAX)
        return ERR_RANGE;
    TRY(registry_number(r, STATEMENT_AUTHORITY_LOCK, REGISTRY_PARAMS(sql_bits(issuer_id)),
                        &event_seq));
    TRY(registry_run(r, STATEMENT_CRL_SET_ADD,
                     REGISTRY_PARAMS(sql_bits(issuer_id), sql_number(set), sql_number(count)), NULL,
                     NULL));
    TRY(registry_number(r, STATEMENT_CRL_SET_GET,
                        REGISTRY_PARAMS(sql_bits(issuer_id), sql_number(set)), &is));
    if (is != count)
        return ERR_CONFLICT;
    return registry_change(r, STATEMENT_CRL_SET_USE,
                           REGISTRY_PARAMS(sql_bits(issuer_id), sql_number(set)), ERR_STORE);
}

struct current_set {
    uint16_t set;
    uint32_t count;
};

static enum err read_set(void *context, struct sql_row *row)
{
    struct current_set *current = context;
    current->set = (uint16_t)sql_get_number_to(row, UINT16_MAX);
    current->count = (uint32_t)sql_get_number_to(row, CRL_SET_COUNT_MAX);
    return sql_row_end(row);
}

enum err registry_crl_set_current(struct registry *r, uint64_t issuer_id, uint16_t *ret_set,
                                  uint32_t *ret_count)
{
    struct current_set current;
    TRY(registry_one(r, STATEMENT_CRL_SET_CURRENT, REGISTRY_PARAMS(sql_bits(issuer_id)), read_set,
                     &current));
    *ret_set = current.set;
    *ret_count = current.count;
    return ERR_OK;
}

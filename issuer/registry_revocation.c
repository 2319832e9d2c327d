/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_revocation.h"

#include "issuer/registry_event_add.h"
#include "issuer/registry_internal.h"
#include "issuer/registry_serial.h"
#include "lib/facts.h"

/* Reasons that end a certificate for good (RFC 5280 5.3.1). */
static bool reason_is_final(uint8_t reason)
{
    return reason_valid(reason) && reason != REASON_CERTIFICATE_HOLD &&
           reason != REASON_REMOVE_FROM_CRL;
}

static enum err read_last(void *context, struct sql_row *row)
{
    struct registry_revocation *last = context;
    last->seq = sql_get_number(row);
    last->reason = (uint8_t)sql_get_number_to(row, REASON_ABSENT);
    last->revoked_at_s = sql_get_number(row);
    return sql_row_end(row);
}

/* The lattice: what `now` becomes above `last`, which has seq 0 when there is none. ERR_EXISTS. */
static enum err join(const struct registry_revocation *last, struct registry_revocation *now)
{
    if (last->seq == 0)
        return ERR_OK;
    if (now->reason != REASON_KEY_COMPROMISE || last->reason == REASON_KEY_COMPROMISE)
        return ERR_EXISTS;
    if (last->revoked_at_s < now->revoked_at_s)
        now->revoked_at_s = last->revoked_at_s;
    now->supersedes = last->seq;
    return ERR_OK;
}

static enum err add_row(struct registry *r, const struct registry_revocation *v,
                        uint64_t not_after_s)
{
    return registry_change(r, STATEMENT_REVOCATION_ADD,
                           REGISTRY_PARAMS(sql_bits(v->issuer_id), sql_serial(&v->serial),
                                           sql_number(v->seq), sql_number(v->reason),
                                           sql_number(v->revoked_at_s), sql_number(not_after_s),
                                           sql_number(v->at_s), param_customer(v->actor),
                                           param_text(v->evidence), sql_number(v->supersedes)),
                           ERR_STORE);
}

enum err registry_revoke(struct registry *r, const struct registry_revocation *revocation,
                         uint64_t *ret_seq)
{
    struct registry_revocation now = *revocation;
    struct registry_revocation last = {.seq = 0};
    struct registry_reservation serial;
    if (!reason_is_final(now.reason) || now.revoked_at_s == 0)
        return ERR_RANGE;
    /* Before an event has its number: texts that no database takes. */
    TRY(param_customer(now.actor).err);
    TRY(param_text(now.evidence).err);
    TRY(registry_serial_get(r, now.issuer_id, &now.serial, &serial));
    if (serial.state != REGISTRY_SERIAL_ISSUED && serial.state != REGISTRY_SERIAL_ABANDONED)
        return ERR_CONFLICT;
    now.supersedes = 0;
    enum err err = registry_one(r, STATEMENT_REVOCATION_LAST,
                                REGISTRY_PARAMS(sql_bits(now.issuer_id), sql_serial(&now.serial)),
                                read_last, &last);
    if (err != ERR_NOT_FOUND)
        TRY(err);
    TRY(join(&last, &now));
    struct registry_event event = {.issuer_id = now.issuer_id,
                                   .type = REGISTRY_EVENT_REVOKED,
                                   .serial = now.serial,
                                   .not_after_s = serial.not_after_s,
                                   .shard = serial.shard,
                                   .revoked_at_s = now.revoked_at_s,
                                   .reason = now.reason,
                                   .at_s = now.at_s};
    TRY(registry_event_add(r, &event));
    now.seq = event.seq;
    TRY(add_row(r, &now, serial.not_after_s));
    *ret_seq = now.seq;
    return ERR_OK;
}

struct revocation_list {
    registry_revocation_row row;
    void *context;
    uint64_t issuer_id;
    const struct serial *serial;
};

static enum err give_revocation(void *context, struct sql_row *row)
{
    const struct revocation_list *list = context;
    struct registry_revocation v = {.issuer_id = list->issuer_id, .serial = *list->serial};
    v.seq = sql_get_number(row);
    v.reason = (uint8_t)sql_get_number_to(row, REASON_ABSENT);
    v.revoked_at_s = sql_get_number(row);
    v.at_s = sql_get_number(row);
    v.actor = sql_get_text(row);
    v.evidence = sql_get_text(row);
    v.supersedes = sql_get_number(row);
    TRY(sql_row_end(row));
    return list->row(list->context, &v);
}

enum err registry_revocations(struct registry *r, uint64_t issuer_id, const struct serial *serial,
                              registry_revocation_row row, void *context)
{
    struct revocation_list list = {row, context, issuer_id, serial};
    return registry_run(r, STATEMENT_REVOCATION_LIST,
                        REGISTRY_PARAMS(sql_bits(issuer_id), sql_serial(serial)), give_revocation,
                        &list);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_event.h"

#include "issuer/registry_event_add.h"
#include "issuer/registry_internal.h"
#include "issuer/registry_serial.h"
#include "lib/check.h"
#include "lib/facts.h"

const char *registry_event_type_text(enum registry_event_type type)
{
    switch (type) {
#define X(name, number, text)   \
    case REGISTRY_EVENT_##name: \
        return text;
        REGISTRY_EVENT_TABLE(X)
#undef X
    }
    return "unknown";
}

enum err registry_event_add(struct registry *r, struct registry_event *event)
{
    uint64_t seq = 0;
    TRY(registry_number(r, STATEMENT_EVENT_NEXT, REGISTRY_PARAMS(sql_bits(event->issuer_id)),
                        &seq));
    TRY(registry_change(r, STATEMENT_EVENT_ADD,
                        REGISTRY_PARAMS(sql_bits(event->issuer_id), sql_number(seq),
                                        sql_number(event->type), sql_serial(&event->serial),
                                        sql_number(event->not_after_s), sql_number(event->shard),
                                        sql_number(event->revoked_at_s), sql_number(event->reason),
                                        sql_number(event->at_s)),
                        ERR_STORE));
    event->seq = seq;
    return ERR_OK;
}

enum err registry_event_issued(struct registry *r, uint64_t issuer_id, const struct serial *serial,
                               uint64_t at_s, uint64_t *ret_seq)
{
    uint64_t seq;
    struct registry_reservation reservation;
    TRY(registry_serial_get(r, issuer_id, serial, &reservation));
    if (reservation.state != REGISTRY_SERIAL_ISSUED)
        return ERR_CONFLICT;
    enum err err = registry_number(r, STATEMENT_EVENT_ISSUED,
                                   REGISTRY_PARAMS(sql_bits(issuer_id), sql_serial(serial)), &seq);
    if (err != ERR_NOT_FOUND)
        return err == ERR_OK ? ERR_CONFLICT : err;
    struct registry_event event = {.issuer_id = issuer_id,
                                   .type = REGISTRY_EVENT_ISSUED,
                                   .serial = *serial,
                                   .not_after_s = reservation.not_after_s,
                                   .shard = reservation.shard,
                                   .reason = REASON_ABSENT,
                                   .at_s = at_s};
    TRY(registry_event_add(r, &event));
    CHECK(r->events_owed > 0);
    r->events_owed--;
    *ret_seq = event.seq;
    return ERR_OK;
}

struct event_list {
    registry_event_row row;
    void *context;
    uint64_t issuer_id;
    uint64_t last_seq;
};

static enum err give_event(void *context, struct sql_row *row)
{
    struct event_list *list = context;
    struct registry_event event = {.issuer_id = list->issuer_id};
    event.seq = sql_get_number(row);
    event.type = (enum registry_event_type)sql_get_number_to(row, REGISTRY_EVENT_REVOKED);
    event.serial = sql_get_serial(row);
    event.not_after_s = sql_get_number(row);
    event.shard = (uint32_t)sql_get_number_to(row, UINT32_MAX);
    event.revoked_at_s = sql_get_number(row);
    event.reason = (uint8_t)sql_get_number_to(row, REASON_ABSENT);
    event.at_s = sql_get_number(row);
    TRY(sql_row_end(row));
    if (event.seq != list->last_seq + 1)
        return ERR_CHAIN;
    list->last_seq = event.seq;
    return list->row(list->context, &event);
}

enum err registry_events(struct registry *r, uint64_t issuer_id, uint64_t after_seq, size_t limit,
                         registry_event_row row, void *context)
{
    struct event_list list = {row, context, issuer_id, after_seq};
    TRY(registry_check_limit(limit));
    return registry_run(
        r, STATEMENT_EVENT_LIST,
        REGISTRY_PARAMS(sql_bits(issuer_id), sql_number(after_seq), sql_number(limit)), give_event,
        &list);
}

enum err registry_event_last(struct registry *r, uint64_t issuer_id, uint64_t *ret_seq)
{
    return registry_number(r, STATEMENT_EVENT_LAST, REGISTRY_PARAMS(sql_bits(issuer_id)), ret_seq);
}

enum err registry_published_set(struct registry *r, uint64_t issuer_id, uint64_t seq, uint64_t at_s)
{
    uint64_t last = 0;
    TRY(registry_event_last(r, issuer_id, &last));
    if (seq > last)
        return ERR_RANGE;
    return registry_run(r, STATEMENT_PUBLISHED_SET,
                        REGISTRY_PARAMS(sql_bits(issuer_id), sql_number(seq), sql_number(at_s)),
                        NULL, NULL);
}

enum err registry_published(struct registry *r, uint64_t issuer_id, uint64_t *ret_seq)
{
    return registry_number(r, STATEMENT_PUBLISHED_GET, REGISTRY_PARAMS(sql_bits(issuer_id)),
                           ret_seq);
}

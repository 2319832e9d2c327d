/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/issuer_counters.h"
#include "issuer/registry_order.h"
#include "issuer/registry_revocation.h"
#include "issuer/registry_serial.h"
#include "issuer/witness.h"
#include "lib/facts.h"
#include "lib/os/log.h"

#define BATCH_MAX 64
#define ACTOR     "program:recovery"

/* One serial without an end. */
struct unfinished {
    struct issuer_worker *worker;
    uint64_t now_s;
    uint64_t issuer_id;
    struct serial serial;
    enum registry_serial_state state;
    bool is_in_doubt; /* something may have been signed */
    char customer[REGISTRY_CUSTOMER_MAX + 1];
    char order_id[REGISTRY_ORDER_ID_MAX + 1];
    struct witness said;
};

static enum err copy_text(struct span text, char *out, size_t out_size)
{
    if (text.size >= out_size)
        return ERR_LIMIT;
    if (text.size > 0)
        memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return ERR_OK;
}

static enum err take_reservation(const struct registry_reservation *row, struct unfinished *u)
{
    u->issuer_id = row->issuer_id;
    u->serial = row->serial;
    u->state = row->state;
    TRY(copy_text(row->customer, u->customer, sizeof u->customer));
    return copy_text(row->order_id, u->order_id, sizeof u->order_id);
}

/* --- What is said --- */

static void begin(const struct unfinished *u, enum audit_event_type type, struct audit_event *event)
{
    audit_event_begin(event, type, u->now_s, span_text(ACTOR), SPAN_EMPTY);
    audit_event_ca(event, u->issuer_id);
    audit_event_serial(event, &u->serial);
    audit_event_text(event, AUDIT_FIELD_CUSTOMER, span_text(u->customer));
    audit_event_text(event, AUDIT_FIELD_ORDER, span_text(u->order_id));
}

static enum err say_refused(struct unfinished *u)
{
    struct audit_event event;
    begin(u, AUDIT_CERT_REFUSED, &event);
    audit_event_text(&event, AUDIT_FIELD_PROBLEM, span_text("interrupted"));
    return witness_say(u->worker, &event, &u->said);
}

static enum err say_abandoned(struct unfinished *u)
{
    struct audit_event events[2];
    begin(u, AUDIT_CERT_ABANDONED, &events[0]);
    audit_event_flag(&events[0], AUDIT_FIELD_IN_DOUBT, true);
    begin(u, AUDIT_CERT_REVOKED, &events[1]);
    audit_event_text(&events[1], AUDIT_FIELD_REASON,
                     span_text(reason_text(REASON_CESSATION_OF_OPERATION)));
    audit_event_number(&events[1], AUDIT_FIELD_REVOKED_AT, u->now_s);
    return witness_say_all(u->worker, events, 2, &u->said);
}

/* --- What is done --- */

/* The order is free for another try, unless it has come to another end or serial. */
static enum err free_order(struct registry *r, const struct unfinished *u)
{
    enum err err =
        registry_order_finish(r, span_text(u->customer), span_text(u->order_id), &u->serial,
                              REGISTRY_ORDER_FAILED, span_text("interrupted"), u->now_s);
    return err == ERR_CONFLICT || err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err refuse(struct registry *r, struct unfinished *u)
{
    return registry_serial_step(r, u->issuer_id, &u->serial, u->state, REGISTRY_SERIAL_REFUSED);
}

static enum err abandon(struct registry *r, struct unfinished *u)
{
    uint64_t seq = 0;
    const struct registry_revocation revocation = {
        .issuer_id = u->issuer_id,
        .serial = u->serial,
        .reason = REASON_CESSATION_OF_OPERATION,
        .revoked_at_s = u->now_s,
        .at_s = u->now_s,
        .actor = span_text(ACTOR),
        .evidence = span_text("it may have been signed, and was not stored"),
    };
    if (u->state != REGISTRY_SERIAL_ABANDONED)
        TRY(registry_serial_step(r, u->issuer_id, &u->serial, u->state, REGISTRY_SERIAL_ABANDONED));
    return registry_revoke(r, &revocation, &seq);
}

/* The event comes last: others of this CA wait from there to the commit. */
static enum err write_end(struct registry *r, void *context)
{
    struct unfinished *u = context;
    TRY(witness_ship(r, &u->said));
    TRY(free_order(r, u));
    return u->is_in_doubt ? abandon(r, u) : refuse(r, u);
}

static bool has_end(enum registry_serial_state state)
{
    return state != REGISTRY_SERIAL_RESERVED && state != REGISTRY_SERIAL_SIGNING;
}

/* Which end it has; ERR_OK also when it has one already. A commit whose outcome is unknown is
 * looked up: when it did not happen it is done again the next time. */
static enum err bring_to_end(struct unfinished *u)
{
    char text[SERIAL_HEX_MAX];
    struct issuer_metrics *metrics = u->worker->issuer->metrics;
    TRY(u->is_in_doubt ? say_abandoned(u) : say_refused(u));
    enum err err = registry_transaction(u->worker->registry, write_end, u);
    witness_done(&u->said);
    /* Its owner was faster. */
    if (err == ERR_CONFLICT)
        return ERR_OK;
    TRY(err);
    serial_to_hex(&u->serial, text);
    log_warning("serial %s of CA %016" PRIx64 ": %s", text, u->issuer_id,
                u->is_in_doubt ? "given up; it may have been signed, so it is revoked"
                               : "given up; it was not signed");
    issuer_count(metrics, ISSUER_certificates_abandoned, 1);
    if (u->is_in_doubt)
        issuer_count(metrics, ISSUER_certificates_in_doubt, 1);
    return ERR_OK;
}

enum err recover_serial(struct issuer_worker *worker, uint64_t issuer_id,
                        const struct serial *serial, bool may_be_signed)
{
    struct registry_reservation row;
    struct unfinished u = {
        .worker = worker, .now_s = issuer_now_s(worker->issuer), .is_in_doubt = may_be_signed};
    TRY(registry_ready(worker->registry));
    enum err err = registry_serial_get(worker->registry, issuer_id, serial, &row);
    if (err == ERR_NOT_FOUND || (err == ERR_OK && has_end(row.state)))
        return ERR_OK;
    TRY(err);
    TRY(take_reservation(&row, &u));
    err = bring_to_end(&u);
    if (err == ERR_OK && may_be_signed)
        issuer_ring(worker->issuer);
    return err;
}

/* --- All of them --- */

struct batch {
    size_t count;
    enum err err;
    struct unfinished *rows;
};

static enum err take_row(void *context, const struct registry_reservation *row)
{
    struct batch *batch = context;
    struct unfinished *u = &batch->rows[batch->count];
    TRY(take_reservation(row, u));
    /* One that was to be signed may be: only its own process knew. */
    u->is_in_doubt = row->state != REGISTRY_SERIAL_RESERVED;
    batch->count++;
    return ERR_OK;
}

typedef enum err (*list_function)(struct registry *r, uint64_t before_s, size_t limit,
                                  registry_reservation_row row, void *context);

/* Those that a program with two transactions left; ours does both in one. */
static enum err list_abandoned(struct registry *r, uint64_t before_s, size_t limit,
                               registry_reservation_row row, void *context)
{
    (void)before_s;
    return registry_abandoned_good(r, limit, row, context);
}

static enum err recover_list(struct issuer_worker *worker, list_function list, uint64_t before_s,
                             uint64_t *count)
{
    struct unfinished *rows = calloc(BATCH_MAX, sizeof *rows);
    struct batch batch = {.count = BATCH_MAX, .rows = rows};
    enum err err = rows == NULL ? ERR_MEMORY : ERR_OK;
    while (err == ERR_OK && batch.count == BATCH_MAX) {
        batch.count = 0;
        err = list(worker->registry, before_s, BATCH_MAX, take_row, &batch);
        for (size_t i = 0; err == ERR_OK && i < batch.count; i++) {
            rows[i].worker = worker;
            rows[i].now_s = issuer_now_s(worker->issuer);
            err = bring_to_end(&rows[i]);
            *count += err == ERR_OK;
        }
    }
    free(rows);
    return err;
}

static enum err recover_before(struct issuer_worker *worker, uint64_t before_s, uint64_t *ret_count)
{
    uint64_t count = 0;
    TRY(registry_ready(worker->registry));
    TRY(recover_list(worker, registry_unfinished, before_s, &count));
    TRY(recover_list(worker, list_abandoned, before_s, &count));
    *ret_count = count;
    if (count > 0)
        issuer_ring(worker->issuer);
    return ERR_OK;
}

enum err recover_all(struct issuer_worker *worker, uint64_t *ret_count)
{
    return recover_before(worker, INT64_MAX, ret_count);
}

enum err recover_late(struct issuer_worker *worker, uint64_t *ret_count)
{
    return recover_before(worker, issuer_now_s(worker->issuer) - RECOVER_AGE_S, ret_count);
}

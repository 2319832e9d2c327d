/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle's two transactions: `reserve` is the first, `record` and `commit` are the second. */
#include "issuer/issue_cycle.h"
#include "issuer/issuer_counters.h"
#include "issuer/registry_certificate.h"
#include "issuer/registry_event.h"
#include "issuer/registry_key.h"
#include "issuer/registry_order.h"
#include "lib/os/log.h"

/* --- T1: the order is ours, the serial is used up --- */

static enum err claim_order(struct cycle *c)
{
    const struct registry_order order = {
        .customer = c->customer,
        .order_id = c->request->order_id,
        .request_hash = c->request_hash,
        .profile = span_text(c->profile->name),
        .issuer_id = c->authority->id,
        .serial = c->leaf.serial,
        .created_at_s = c->now_s,
    };
    struct registry_order found;
    bool is_new = false;
    enum err err = registry_order_claim(c->worker->registry, &order, &is_new, &found);
    if (err == ERR_CONFLICT)
        return problem_set(c->why, PROBLEM_ORDER_CONFLICT,
                           "this order_id was used with another content");
    TRY(err);
    return is_new ? ERR_OK : ERR_EXISTS;
}

static enum err reserve(struct registry *r, void *context)
{
    struct cycle *c = context;
    const struct registry_reservation reservation = {
        .issuer_id = c->authority->id,
        .serial = c->leaf.serial,
        .state = REGISTRY_SERIAL_SIGNING,
        .shard = c->leaf.shard,
        .not_after_s = c->leaf.not_after_s,
        .tbs_sha256 = c->tbs_sha256,
        .profile = span_text(c->profile->name),
        .customer = c->customer,
        .order_id = c->request->order_id,
        .reserved_at_s = c->now_s,
    };
    TRY(claim_order(c));
    enum err err = registry_serial_reserve(r, &reservation);
    /* 158 random bits were drawn before: the random generator cannot be trusted. */
    return err == ERR_EXISTS ? ERR_CRYPTO : err;
}

/* The commit of T1 broke off. The serial is random: when it is there, it is ours. */
static enum err reserve_look_up(struct cycle *c)
{
    struct registry_reservation row;
    issuer_count(c->worker->issuer->metrics, ISSUER_database_in_doubt, 1);
    TRY(registry_ready(c->worker->registry));
    return registry_serial_get(c->worker->registry, c->authority->id, &c->leaf.serial, &row);
}

/* Another request with this order was faster. */
static enum err take_winner(struct cycle *c)
{
    struct registry_order order;
    enum err err =
        registry_order_get(c->worker->registry, c->customer, c->request->order_id, &order);
    if (err != ERR_OK)
        return cycle_registry_problem(c, "orders cannot be read", err);
    TRY(cycle_take_order(c, &order));
    return c->is_repeated ? ERR_OK
                          : problem_set(c->why, PROBLEM_ORDER_PENDING,
                                        "the order failed a moment ago: ask again");
}

/* ERR_IO: the connection was lost, and the serial is not there. */
static enum err try_reserve(struct cycle *c)
{
    enum err err = registry_transaction(c->worker->registry, reserve, c);
    if (err != ERR_IO)
        return err;
    err = reserve_look_up(c);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        c->reach = CYCLE_RESERVED; /* perhaps */
    return err == ERR_NOT_FOUND ? ERR_IO : err;
}

enum err cycle_reserve(struct cycle *c)
{
    enum err err = try_reserve(c);
    if (err == ERR_IO && c->reach == CYCLE_NOTHING)
        err = try_reserve(c);
    if (err == ERR_EXISTS)
        return take_winner(c);
    if (err == ERR_CONFLICT)
        return err;
    if (err == ERR_CRYPTO)
        return problem_set(c->why, PROBLEM_INTERNAL, "a random serial was used before");
    if (err != ERR_OK)
        return cycle_registry_problem(c, "a serial cannot be reserved", err);
    c->reach = CYCLE_RESERVED;
    return ERR_OK;
}

/* --- T2: the certificate is there --- */

static enum err store(struct cycle *c)
{
    struct span names[LEAF_NAMES_MAX];
    const struct registry_certificate row = {
        .id = c->id,
        .issuer_id = c->authority->id,
        .serial = c->leaf.serial,
        .kind = REGISTRY_FINAL,
        .profile = span_text(c->profile->name),
        .customer = c->customer,
        .order_id = c->request->order_id,
        .not_before_s = c->leaf.not_before_s,
        .not_after_s = c->leaf.not_after_s,
        .shard = c->leaf.shard,
        .spki_sha256 = c->csr.spki_sha256,
        .tbs_sha256 = c->tbs_sha256,
        .stored_at_s = issuer_now_s(c->worker->issuer),
        .der = span_of(c->der, c->der_size),
    };
    for (size_t i = 0; i < c->leaf.names.count; i++)
        names[i] = span_text(c->leaf.names.at[i].text);
    return registry_certificate_store(c->worker->registry, &row, names, c->leaf.names.count);
}

/* A key may have been blocked since `check`; from here on it is not, until this one is seen. */
static enum err check_blocked(struct cycle *c)
{
    bool is_blocked = false;
    TRY(registry_key_admit(c->worker->registry, &c->csr.spki_sha256, &is_blocked));
    return is_blocked ? ERR_KEY : ERR_OK;
}

static enum err record(struct cycle *c)
{
    struct registry *r = c->worker->registry;
    uint64_t now_s = issuer_now_s(c->worker->issuer);
    TRY(registry_begin(r));
    TRY(check_blocked(c));
    TRY(store(c));
    TRY(registry_order_finish(r, c->customer, c->request->order_id, &c->leaf.serial,
                              REGISTRY_ORDER_ISSUED, SPAN_EMPTY, now_s));
    TRY(witness_ship(r, &c->announced));
    TRY(witness_ship(r, &c->witnessed));
    return registry_event_issued(r, c->authority->id, &c->leaf.serial, now_s, &c->seq);
}

/* Nothing of it has happened when it fails, so it may be done again. */
static enum err record_stubbornly(struct cycle *c)
{
    enum err err = record(c);
    for (unsigned i = 0; i < REGISTRY_TRIES && (err == ERR_BUSY || err == ERR_IO); i++) {
        registry_rollback(c->worker->registry);
        issuer_count(c->worker->issuer->metrics, ISSUER_database_retries, 1);
        if (err == ERR_IO)
            TRY(registry_ready(c->worker->registry));
        err = record(c);
    }
    return err;
}

enum err cycle_record(struct cycle *c)
{
    enum err err = record_stubbornly(c);
    if (err == ERR_KEY)
        return leaf_refuse(c->why, LEAF_WHY_KEY_BLOCKED, "the key was blocked a moment ago");
    if (err != ERR_OK)
        return cycle_registry_problem(c, "a certificate cannot be stored", err);
    return ERR_OK;
}

/* The commit broke off: whether it happened the registry knows, when it is back. */
static enum err commit_look_up(struct cycle *c)
{
    struct registry_certificate row;
    struct registry *r = c->worker->registry;
    issuer_count(c->worker->issuer->metrics, ISSUER_database_in_doubt, 1);
    TRY(registry_ready(r));
    enum err err =
        registry_certificate_by_serial(r, c->authority->id, &c->leaf.serial, REGISTRY_FINAL, &row);
    if (err == ERR_OK)
        c->seq = row.issued_seq;
    return err == ERR_NOT_FOUND ? ERR_BUSY : err;
}

enum err cycle_commit(struct cycle *c)
{
    enum err err = ERR_BUSY;
    for (unsigned i = 0; i < REGISTRY_TRIES && err == ERR_BUSY; i++) {
        if (i > 0)
            TRY(cycle_record(c));
        err = registry_commit(c->worker->registry);
        if (err == ERR_IO)
            err = commit_look_up(c);
    }
    if (err != ERR_OK)
        return cycle_registry_problem(c, "whether a certificate is stored is not known", err);
    c->reach = CYCLE_ISSUED;
    return ERR_OK;
}

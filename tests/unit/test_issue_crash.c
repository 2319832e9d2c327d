/* SPDX-License-Identifier: Apache-2.0 */
/* Something goes wrong at each instant of a cycle and of a revocation: the process ends, a call
 * fails with or without effect, everything is away for a while. Whatever it was,
 *
 *   - no certificate is without its audit leaves, and each leaf has its row in the outbox,
 *   - no serial is signed twice,
 *   - each serial that was reserved has an end, and each that was signed a status,
 *   - events have no gaps, and what was once an event stays as it was,
 *   - what was answered is so, and the order can be fulfilled in the end, once.
 *
 * STATIM_SEEDS=1000 tries more of the random ones; a failure prints its seed for STATIM_SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "issuer/recover.h"
#include "issuer/registry_certificate.h"
#include "issuer/registry_event.h"
#include "issuer/registry_order.h"
#include "issuer/registry_revocation.h"
#include "issuer/revoke.h"
#include "lib/random.h"
#include "tests/unit/issue_faults.h"
#include "tests/unit/issue_world.h"

#define EVENTS_MAX 4096

static struct issue_world world;
static struct buffer csr;
static EVP_PKEY *key;
/* Which scenario it is, for a failure. */
static char scenario[200];

/* --- What the registry says, against what was seen before --- */

static struct registry_event events[EVENTS_MAX];
static size_t event_count;

struct new_events {
    size_t count;
};

static enum err take_event(void *context, const struct registry_event *row)
{
    struct new_events *found = context;
    size_t at = found->count++;
    assert_true(at < EVENTS_MAX);
    if (at < event_count &&
        (events[at].type != row->type || serial_compare(&events[at].serial, &row->serial) != 0 ||
         events[at].revoked_at_s != row->revoked_at_s))
        fail_msg("%s: event %zu is another than before", scenario, at + 1);
    if (row->seq != at + 1)
        fail_msg("%s: event %zu has number %llu", scenario, at + 1, (unsigned long long)row->seq);
    events[at] = *row;
    return ERR_OK;
}

static uint64_t issuer_id(void)
{
    return world.foundation.authorities->authorities[0].id;
}

static void read_events(void)
{
    struct new_events found = {0};
    uint64_t after = 0;
    size_t before;
    do {
        before = found.count;
        assert_int_equal(
            registry_events(world.worker.registry, issuer_id(), after, 1000, take_event, &found),
            ERR_OK);
        after = found.count;
    } while (found.count > before);
    if (found.count < event_count)
        fail_msg("%s: events are gone", scenario);
    event_count = found.count;
}

static enum err none(void *context, const struct registry_reservation *row)
{
    (void)row;
    ++*(unsigned *)context;
    return ERR_OK;
}

static enum err none_of_orders(void *context, const struct registry_order *row)
{
    (void)row;
    ++*(unsigned *)context;
    return ERR_OK;
}

static void check_ends(void)
{
    unsigned count = 0;
    struct registry *r = world.worker.registry;
    assert_int_equal(registry_unfinished(r, INT64_MAX, 100, none, &count), ERR_OK);
    assert_int_equal(registry_abandoned_good(r, 100, none, &count), ERR_OK);
    assert_int_equal(registry_orders_unfinished(r, INT64_MAX, 100, none_of_orders, &count), ERR_OK);
    if (count != 0)
        fail_msg("%s: something has no end", scenario);
}

static bool has_event(const struct serial *serial)
{
    for (size_t i = 0; i < event_count; i++)
        if (serial_compare(&events[i].serial, serial) == 0)
            return true;
    return false;
}

static void check_signed(void)
{
    for (unsigned i = 0; i < signed_count; i++) {
        if (!has_event(&signed_serials[i]))
            fail_msg("%s: a signed serial has no status", scenario);
        for (unsigned j = 0; j < i; j++)
            if (serial_compare(&signed_serials[i], &signed_serials[j]) == 0)
                fail_msg("%s: a serial is signed twice", scenario);
    }
}

static void check_all(void)
{
    read_events();
    check_ends();
    check_signed();
}

static void restart(void)
{
    issue_world_close(&world);
    faults_heal();
    if (issue_world_open(&world) != ERR_OK)
        fail_msg("%s: does not start again", scenario);
}

/* --- The audit log --- */

struct leaves {
    json_t *signing; /* serials */
    json_t *issued;  /* ids of certificates */
    json_t *revoked; /* serials */
};

static enum err take_leaf(void *context, uint64_t index, struct span entry)
{
    (void)index;
    struct leaves *l = context;
    json_t *leaf = json_loadb((const char *)entry.data, entry.size, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(leaf, "type"));
    const char *serial = json_string_value(json_object_get(leaf, "serial"));
    const char *id = json_string_value(json_object_get(leaf, "certificate"));
    assert_non_null(type);
    if (strcmp(type, "cert.signing") == 0)
        json_object_set_new(l->signing, serial, json_true());
    else if (strcmp(type, "cert.issued") == 0)
        json_object_set_new(l->issued, id, json_true());
    else if (strcmp(type, "cert.revoked") == 0 || strcmp(type, "revocation.updated") == 0)
        json_object_set_new(l->revoked, serial, json_true());
    json_decref(leaf);
    return ERR_OK;
}

static void check_certificate(const struct leaves *l, const struct registry_event *event,
                              const char *serial)
{
    char id[SHA256_TEXT_BYTES];
    struct registry_certificate row;
    assert_int_equal(registry_certificate_by_serial(world.worker.registry, issuer_id(),
                                                    &event->serial, REGISTRY_FINAL, &row),
                     ERR_OK);
    assert_int_equal(row.issued_seq, event->seq);
    sha256_to_text(&row.id, id);
    if (json_object_get(l->issued, id) == NULL || json_object_get(l->signing, serial) == NULL)
        fail_msg("a certificate has no audit leaf");
}

static void every_event_has_its_leaf(void)
{
    char serial[SERIAL_HEX_MAX];
    struct leaves l = {json_object(), json_object(), json_object()};
    /* The end of the journal signs all that it has. */
    restart();
    issue_world_audit(&world, take_leaf, &l);
    for (size_t i = 0; i < event_count; i++) {
        serial_to_hex(&events[i].serial, serial);
        if (events[i].type == REGISTRY_EVENT_ISSUED)
            check_certificate(&l, &events[i], serial);
        else if (json_object_get(l.revoked, serial) == NULL)
            fail_msg("a revocation has no audit leaf");
    }
    for (unsigned i = 0; i < signed_count; i++) {
        serial_to_hex(&signed_serials[i], serial);
        if (json_object_get(l.signing, serial) == NULL)
            fail_msg("something was signed without an audit leaf");
    }
    json_decref(l.signing);
    json_decref(l.issued);
    json_decref(l.revoked);
}

/* --- Scenarios --- */

/* After a fault: a dead process starts again, one that lives does what its keeper does. */
static void come_back(enum fault fault)
{
    uint64_t count = 0;
    if (fault == FAULT_DIE_BEFORE || fault == FAULT_DIE_AFTER) {
        restart();
        return;
    }
    faults_heal();
    if (recover_all(&world.worker, &count) != ERR_OK)
        fail_msg("%s: does not recover", scenario);
}

static enum err ask(const char *order_id, struct issue_result *ret, struct problem *why)
{
    return issue_world_ask(&world, span_of(csr.data, csr.size), order_id, ret, why);
}

/* The order again, without faults: there is one certificate for it, the answered one if any was. */
static void fulfil(const char *order_id, const struct sha256 *answered, struct issue_result *ret)
{
    struct problem why;
    struct issue_result again = {0};
    if (ask(order_id, ret, &why) != ERR_OK)
        fail_msg("%s: the order cannot be fulfilled: %s", scenario, why.detail);
    if (answered != NULL && !sha256_equal(answered, &ret->id))
        fail_msg("%s: another certificate than was answered", scenario);
    assert_int_equal(ask(order_id, &again, &why), ERR_OK);
    if (!again.repeated || !sha256_equal(&again.id, &ret->id))
        fail_msg("%s: two certificates for one order", scenario);
    issue_result_done(&again);
}

#define CALLS_MAX 128

static unsigned scenario_count;
static unsigned last_calls;
static enum call last_kinds[CALLS_MAX];

static void note_calls(void)
{
    last_calls = faults_calls();
    for (unsigned i = 0; i < last_calls && i < CALLS_MAX; i++)
        last_kinds[i] = faults_call(i);
}

/* Whether the instant was reached. */
static bool issue_with(enum fault fault, unsigned instant)
{
    char order_id[32];
    struct issue_result first = {0}, second = {0};
    struct problem why;
    snprintf(order_id, sizeof order_id, "o%u", scenario_count++);
    snprintf(scenario, sizeof scenario, "issuing, call %u: %s", instant, fault_text(fault));
    faults_set(fault, instant);
    enum err err = ask(order_id, &first, &why);
    bool is_reached = faults_calls() > instant;
    note_calls();
    come_back(fault);
    check_all();
    fulfil(order_id, err == ERR_OK ? &first.id : NULL, &second);
    issue_result_done(&first);
    issue_result_done(&second);
    return is_reached;
}

static enum err revoke_it(const struct sha256 *id, struct revoke_result *ret)
{
    struct problem why = {0};
    const struct revoke_request request = {
        .id = id, .reason = REASON_SUPERSEDED, .actor = "key:test", .request_id = ""};
    return revoke_certificate(&world.worker, &request, ret, &why);
}

static bool revoke_with(enum fault fault, unsigned instant)
{
    char order_id[32];
    struct issue_result r = {0};
    struct revoke_result first = {0}, second = {0};
    struct problem why;
    snprintf(order_id, sizeof order_id, "o%u", scenario_count++);
    snprintf(scenario, sizeof scenario, "revoking, call %u: %s", instant, fault_text(fault));
    assert_int_equal(ask(order_id, &r, &why), ERR_OK);
    faults_set(fault, instant);
    enum err err = revoke_it(&r.id, &first);
    bool is_reached = faults_calls() > instant;
    note_calls();
    come_back(fault);
    check_all();
    if (revoke_it(&r.id, &second) != ERR_OK)
        fail_msg("%s: cannot be revoked", scenario);
    if (err == ERR_OK && (!second.repeated || first.seq != second.seq))
        fail_msg("%s: was answered, and is not so", scenario);
    check_all();
    issue_result_done(&r);
    return is_reached;
}

/* What the calls are when nothing goes wrong. */
static unsigned clean_calls(bool (*with)(enum fault fault, unsigned instant),
                            enum call ret[static CALLS_MAX])
{
    with(FAULT_NONE, 0);
    /* Fewer would mean that the wraps are not in the way. */
    assert_true(last_calls > 8 && last_calls <= CALLS_MAX);
    memcpy(ret, last_kinds, sizeof last_kinds);
    return last_calls;
}

static void each_instant(bool (*with)(enum fault fault, unsigned instant))
{
    enum call kinds[CALLS_MAX];
    unsigned count = clean_calls(with, kinds);
    for (enum fault fault = FAULT_DIE_BEFORE; fault < FAULT_COUNT; fault++)
        for (unsigned instant = 0; instant < count; instant++)
            if (fault_applies(fault, kinds[instant]) && !with(fault, instant))
                fail_msg("%s: was not reached", scenario);
}

static void issuing_survives_every_fault(void **state)
{
    (void)state;
    each_instant(issue_with);
    every_event_has_its_leaf();
}

static void revoking_survives_every_fault(void **state)
{
    (void)state;
    each_instant(revoke_with);
    every_event_has_its_leaf();
}

static uint64_t number_of(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

/* One fault during an order, another during what mends it, then a restart; all by the seed. */
static void faults_of_seed(uint64_t seed)
{
    char order_id[32];
    struct issue_result r = {0}, again = {0};
    struct problem why;
    uint64_t count = 0, state = seed;
    enum fault first = (enum fault)(1 + random_next(&state) % (FAULT_COUNT - 1));
    enum fault second = (enum fault)(1 + random_next(&state) % (FAULT_COUNT - 1));
    unsigned instant = (unsigned)(random_next(&state) % 40);
    snprintf(order_id, sizeof order_id, "o%u", scenario_count++);
    snprintf(scenario, sizeof scenario, "STATIM_SEED=%llu: call %u: %s, then %s",
             (unsigned long long)seed, instant, fault_text(first), fault_text(second));
    faults_set(first, instant);
    enum err err = ask(order_id, &r, &why);
    faults_heal();
    faults_set(second, (unsigned)(random_next(&state) % 16));
    (void)!recover_all(&world.worker, &count);
    restart();
    check_all();
    fulfil(order_id, err == ERR_OK ? &r.id : NULL, &again);
    issue_result_done(&r);
    issue_result_done(&again);
}

/* STATIM_SEEDS of them from STATIM_SEED on. */
static void recovering_survives_faults(void **state)
{
    (void)state;
    uint64_t first = number_of("STATIM_SEED", 1), count = number_of("STATIM_SEEDS", 30);
    for (uint64_t i = 0; i < count; i++)
        faults_of_seed(first + i);
    every_event_has_its_leaf();
}

static int setup(void **state)
{
    (void)state;
    /* Nothing here loses power, and a disk that syncs takes most of the time. */
    if (getenv("TMPDIR") == NULL && access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1);
    key = EVP_EC_gen("P-256");
    csr = issue_world_csr(key, "a.example.com");
    issue_world_make(&world, "");
    assert_int_equal(issue_world_open(&world), ERR_OK);
    issue_world_validate(&world, WORLD_DOMAIN);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    issue_world_remove(&world);
    buffer_done(&csr);
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issuing_survives_every_fault),
        cmocka_unit_test(revoking_survives_every_fault),
        cmocka_unit_test(recovering_survives_faults),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

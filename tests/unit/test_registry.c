/* SPDX-License-Identifier: Apache-2.0 */
/* Serials, certificates, events and revocations: the registry's core, on both databases. */
#include "tests/unit/registry_world.h"

static void begin(void)
{
    OK(registry_begin(reg));
}

static void commit(void)
{
    OK(registry_commit(reg));
}

static void test_serial_is_reserved_once(void **state)
{
    (void)state;
    struct registry_reservation v = world_reservation(ISSUER, 1), is;
    begin();
    OK(registry_serial_reserve(reg, &v));
    assert_int_equal(registry_serial_reserve(reg, &v), ERR_EXISTS);
    /* Another CA's is another serial; the transaction goes on. */
    v.issuer_id = ISSUER_2;
    OK(registry_serial_reserve(reg, &v));
    v.issuer_id = 77;
    assert_int_equal(registry_serial_reserve(reg, &v), ERR_NOT_FOUND);
    v = world_reservation(ISSUER, 2);
    v.state = REGISTRY_SERIAL_ISSUED;
    assert_int_equal(registry_serial_reserve(reg, &v), ERR_RANGE);
    commit();
    v = world_reservation(ISSUER, 1);
    begin();
    assert_int_equal(registry_serial_reserve(reg, &v), ERR_EXISTS);
    commit();
    OK(registry_serial_get(reg, ISSUER, &v.serial, &is));
    assert_true(is.issuer_id == ISSUER);
    assert_int_equal(serial_compare(&is.serial, &v.serial), 0);
    assert_int_equal(is.state, REGISTRY_SERIAL_SIGNING);
    assert_int_equal(is.shard, v.shard);
    assert_int_equal(is.not_after_s, v.not_after_s);
    assert_true(sha256_equal(&is.tbs_sha256, &v.tbs_sha256));
    assert_true(span_equal(is.profile, v.profile));
    assert_true(span_equal(is.customer, v.customer));
    assert_true(span_equal(is.order_id, v.order_id));
    assert_int_equal(is.reserved_at_s, NOW_S);
    v.serial = world_serial(99);
    assert_int_equal(registry_serial_get(reg, ISSUER, &v.serial, &is), ERR_NOT_FOUND);
}

static void test_rollback_leaves_nothing(void **state)
{
    (void)state;
    struct registry_reservation v = world_reservation(ISSUER, 1), is;
    begin();
    OK(registry_serial_reserve(reg, &v));
    registry_rollback(reg);
    assert_int_equal(registry_serial_get(reg, ISSUER, &v.serial, &is), ERR_NOT_FOUND);
    begin();
    OK(registry_serial_reserve(reg, &v));
    commit();
}

static void test_serial_steps(void **state)
{
    (void)state;
    enum { N = REGISTRY_SERIAL_ABANDONED };
    static const char allowed[N + 1][N + 2] = {
        /* to:  .RSIFA */
        [REGISTRY_SERIAL_RESERVED] = "..S.F.",  [REGISTRY_SERIAL_SIGNING] = "....FA",
        [REGISTRY_SERIAL_ISSUED] = "......",    [REGISTRY_SERIAL_REFUSED] = "......",
        [REGISTRY_SERIAL_ABANDONED] = "......",
    };
    for (int from = 1; from <= N; from++) {
        for (int to = 1; to <= N; to++) {
            struct registry_reservation v =
                world_reservation(ISSUER, (uint64_t)(100 + from * 10 + to));
            enum err expected = allowed[from][to] != '.' ? ERR_OK : ERR_RANGE;
            v.state = from == REGISTRY_SERIAL_RESERVED ? REGISTRY_SERIAL_RESERVED
                                                       : REGISTRY_SERIAL_SIGNING;
            begin();
            OK(registry_serial_reserve(reg, &v));
            assert_int_equal(registry_serial_step(reg, ISSUER, &v.serial,
                                                  (enum registry_serial_state)from,
                                                  (enum registry_serial_state)to),
                             expected);
            if (expected == ERR_OK) {
                /* It is there no more. */
                assert_int_equal(registry_serial_step(reg, ISSUER, &v.serial,
                                                      (enum registry_serial_state)from,
                                                      (enum registry_serial_state)to),
                                 ERR_CONFLICT);
            }
            commit();
        }
    }
}

struct seen {
    size_t count;
    struct serial serials[16];
};

static enum err see_reservation(void *context, const struct registry_reservation *row)
{
    struct seen *seen = context;
    seen->serials[seen->count++] = row->serial;
    return ERR_OK;
}

static void test_unfinished_and_abandoned(void **state)
{
    (void)state;
    struct registry_revocation revocation =
        world_revocation(ISSUER, 3, REASON_CESSATION_OF_OPERATION, NOW_S);
    struct seen seen = {0};
    uint64_t seq;
    begin();
    for (uint64_t n = 1; n <= 5; n++) {
        struct registry_reservation v = world_reservation(ISSUER, n);
        v.reserved_at_s = NOW_S + 10 - n;
        v.state = n == 1 ? REGISTRY_SERIAL_RESERVED : REGISTRY_SERIAL_SIGNING;
        OK(registry_serial_reserve(reg, &v));
    }
    struct serial two = world_serial(2), three = world_serial(3);
    OK(registry_serial_step(reg, ISSUER, &two, REGISTRY_SERIAL_SIGNING, REGISTRY_SERIAL_REFUSED));
    OK(registry_serial_step(reg, ISSUER, &three, REGISTRY_SERIAL_SIGNING,
                            REGISTRY_SERIAL_ABANDONED));
    commit();
    OK(registry_unfinished(reg, NOW_S + 9, 10, see_reservation, &seen));
    /* 5 is the oldest; 1 was reserved at the second of the bound. */
    assert_int_equal(seen.count, 2);
    assert_int_equal(serial_compare(&seen.serials[0], &(struct serial[]){world_serial(5)}[0]), 0);
    seen.count = 0;
    OK(registry_unfinished(reg, NOW_S + 10, 1, see_reservation, &seen));
    assert_int_equal(seen.count, 1);
    seen.count = 0;
    OK(registry_abandoned_good(reg, 10, see_reservation, &seen));
    assert_int_equal(seen.count, 1);
    assert_int_equal(serial_compare(&seen.serials[0], &three), 0);
    begin();
    OK(registry_revoke(reg, &revocation, &seq));
    commit();
    seen.count = 0;
    OK(registry_abandoned_good(reg, 10, see_reservation, &seen));
    assert_int_equal(seen.count, 0);
}

static enum err see_name(void *context, struct span name)
{
    char *all = context;
    snprintf(all + strlen(all), 200 - strlen(all), "%.*s ", (int)name.size, name.data);
    return ERR_OK;
}

static void test_certificate_comes_back(void **state)
{
    (void)state;
    struct registry_reservation v = world_reservation(ISSUER, 1);
    struct span names[] = {TEXT("www.example.com"), TEXT("*.b.example"), TEXT("192.0.2.7"),
                           TEXT("2001:db8::1"), TEXT("example.com")};
    struct registry_certificate c = world_certificate(&v, 1), is;
    char all[200] = "";
    uint8_t der[600];
    memcpy(der, c.der.data, sizeof der);
    begin();
    assert_int_equal(world_issue_as(reg, &v, 1, names, 5), 1);
    commit();
    for (int by_serial = 0; by_serial < 2; by_serial++) {
        OK(by_serial ? registry_certificate_by_serial(reg, ISSUER, &v.serial, REGISTRY_FINAL, &is)
                     : registry_certificate_by_id(reg, &c.id, &is));
        assert_true(sha256_equal(&is.id, &c.id) && is.issuer_id == ISSUER);
        assert_int_equal(serial_compare(&is.serial, &c.serial), 0);
        assert_true(span_equal(is.der, span_of(der, sizeof der)));
        assert_true(span_equal(is.profile, TEXT("dv")) && span_equal(is.customer, TEXT("acme")));
        assert_true(span_equal(is.order_id, TEXT("order")));
        assert_true(is.not_before_s == NOW_S && is.not_after_s == c.not_after_s);
        assert_true(is.shard == c.shard && is.kind == REGISTRY_FINAL && is.stored_at_s == NOW_S);
        assert_true(sha256_equal(&is.spki_sha256, &c.spki_sha256));
        assert_true(sha256_equal(&is.tbs_sha256, &c.tbs_sha256));
        assert_int_equal(is.issued_seq, 1);
        assert_false(is.revoked);
        assert_int_equal(is.reason, REASON_ABSENT);
    }
    OK(registry_certificate_names(reg, ISSUER, &v.serial, see_name, all));
    assert_string_equal(all, "192.0.2.7 2001:db8::1 example.com www.example.com *.b.example ");
    assert_int_equal(registry_certificate_by_serial(reg, ISSUER, &v.serial, REGISTRY_PRECERT, &is),
                     ERR_NOT_FOUND);
    assert_int_equal(registry_certificate_by_id(reg, &c.tbs_sha256, &is), ERR_NOT_FOUND);
}

/* A certificate that is not what was reserved. */
static void test_certificate_must_be_what_was_reserved(void **state)
{
    (void)state;
    struct registry_reservation v = world_reservation(ISSUER, 1);
    struct registry_certificate good = world_certificate(&v, 1), bad;
    begin();
    assert_int_equal(registry_certificate_store(reg, &good, NULL, 0), ERR_NOT_FOUND);
    OK(registry_serial_reserve(reg, &v));
    bad = good, bad.not_after_s++;
    assert_int_equal(registry_certificate_store(reg, &bad, NULL, 0), ERR_CONFLICT);
    bad = good, bad.shard++;
    assert_int_equal(registry_certificate_store(reg, &bad, NULL, 0), ERR_CONFLICT);
    bad = good, bad.tbs_sha256.octets[0]++;
    assert_int_equal(registry_certificate_store(reg, &bad, NULL, 0), ERR_CONFLICT);
    struct span names[] = {TEXT("a.example"), TEXT("a..example")};
    assert_int_equal(registry_certificate_store(reg, &good, names, 2), ERR_MALFORMED);
    /* The transaction has not suffered from our own checks. */
    uint64_t seq;
    assert_int_equal(registry_event_issued(reg, ISSUER, &v.serial, NOW_S, &seq), ERR_CONFLICT);
    OK(registry_certificate_store(reg, &good, names, 1));
    assert_int_equal(registry_certificate_store(reg, &good, names, 1), ERR_CONFLICT);
    OK(registry_event_issued(reg, ISSUER, &v.serial, NOW_S, &seq));
    assert_int_equal(registry_event_issued(reg, ISSUER, &v.serial, NOW_S, &seq), ERR_CONFLICT);
    commit();
}

/* With Certificate Transparency: the final TBS differs from the reserved one by its SCTs. */
static void test_precertificate_then_final(void **state)
{
    (void)state;
    struct registry_reservation v = world_reservation(ISSUER, 1);
    struct registry_certificate precert = world_certificate(&v, 1), last = world_certificate(&v, 2);
    struct span name = TEXT("a.example");
    uint64_t seq;
    precert.kind = REGISTRY_PRECERT;
    precert.id.octets[0]++;
    last.tbs_sha256.octets[0]++;
    begin();
    OK(registry_serial_reserve(reg, &v));
    assert_int_equal(registry_certificate_store(reg, &last, &name, 1), ERR_CONFLICT);
    OK(registry_certificate_store(reg, &precert, &name, 1));
    commit();
    begin();
    assert_int_equal(registry_certificate_store(reg, &precert, &name, 1), ERR_EXISTS);
    OK(registry_certificate_store(reg, &last, &name, 1));
    OK(registry_event_issued(reg, ISSUER, &v.serial, NOW_S, &seq));
    commit();
    struct registry_certificate is;
    OK(registry_certificate_by_serial(reg, ISSUER, &v.serial, REGISTRY_PRECERT, &is));
    OK(registry_certificate_by_serial(reg, ISSUER, &v.serial, REGISTRY_FINAL, &is));
}

struct events {
    size_t count;
    struct registry_event rows[32];
    size_t stop_at; /* 0: never */
};

static enum err see_event(void *context, const struct registry_event *row)
{
    struct events *events = context;
    events->rows[events->count++] = *row;
    return events->count == events->stop_at ? ERR_STOPPED : ERR_OK;
}

static void test_events_are_numbered_for_each_ca(void **state)
{
    (void)state;
    struct events e = {0};
    uint64_t last = 99, published = 99;
    OK(registry_event_last(reg, ISSUER, &last));
    assert_int_equal(last, 0);
    assert_int_equal(registry_event_last(reg, 5, &last), ERR_NOT_FOUND);
    for (uint64_t n = 1; n <= 4; n++)
        assert_int_equal(world_issue(reg, ISSUER, n), n);
    assert_int_equal(world_issue(reg, ISSUER_2, 1), 1);
    OK(registry_events(reg, ISSUER, 1, 2, see_event, &e));
    assert_int_equal(e.count, 2);
    assert_true(e.rows[0].seq == 2 && e.rows[1].seq == 3);
    assert_true(e.rows[0].type == REGISTRY_EVENT_ISSUED && e.rows[0].issuer_id == ISSUER);
    assert_int_equal(serial_compare(&e.rows[0].serial, &(struct serial[]){world_serial(2)}[0]), 0);
    assert_true(e.rows[0].not_after_s == NOW_S + 90 * DAY_S && e.rows[0].shard == (1u << 16 | 3));
    assert_true(e.rows[0].revoked_at_s == 0 && e.rows[0].reason == REASON_ABSENT);
    assert_int_equal(e.rows[0].at_s, NOW_S);
    e = (struct events){.stop_at = 3};
    assert_int_equal(registry_events(reg, ISSUER, 0, 1000, see_event, &e), ERR_STOPPED);
    assert_int_equal(e.count, 3);
    e = (struct events){0};
    OK(registry_events(reg, ISSUER, 4, 1000, see_event, &e));
    assert_int_equal(e.count, 0);
    assert_int_equal(registry_events(reg, ISSUER, 0, 0, see_event, &e), ERR_RANGE);
    assert_int_equal(registry_events(reg, ISSUER, 0, 1001, see_event, &e), ERR_RANGE);

    OK(registry_published(reg, ISSUER, &published));
    assert_int_equal(published, 0);
    begin();
    assert_int_equal(registry_published_set(reg, ISSUER, 5, NOW_S), ERR_RANGE);
    OK(registry_published_set(reg, ISSUER, 3, NOW_S));
    OK(registry_published_set(reg, ISSUER, 2, NOW_S));
    commit();
    OK(registry_published(reg, ISSUER, &published));
    assert_int_equal(published, 3);
    assert_int_equal(registry_published(reg, 5, &published), ERR_NOT_FOUND);
}

static void test_gap_of_events_is_seen(void **state)
{
    (void)state;
    struct events e = {0};
    for (uint64_t n = 1; n <= 3; n++)
        assert_int_equal(world_issue(reg, ISSUER, n), n);
    assert_true(world_raw(world_postgresql ? "DROP TRIGGER status_event_delete ON status_event"
                                           : "DROP TRIGGER status_event_delete"));
    assert_true(world_raw("DELETE FROM status_event WHERE seq = 2"));
    assert_int_equal(registry_events(reg, ISSUER, 0, 10, see_event, &e), ERR_CHAIN);
    assert_int_equal(e.count, 1);
}

/* first reason and time, then those, what comes out, reason and time that hold. */
static const struct {
    uint8_t first_reason;
    uint64_t first_s;
    uint8_t reason;
    uint64_t at_s;
    enum err expected;
    uint8_t holds_reason;
    uint64_t holds_s;
} lattice[] = {
    {REASON_ABSENT, 100, REASON_ABSENT, 100, ERR_EXISTS, REASON_ABSENT, 100},
    {REASON_SUPERSEDED, 100, REASON_SUPERSEDED, 50, ERR_EXISTS, REASON_SUPERSEDED, 100},
    {REASON_SUPERSEDED, 100, REASON_CESSATION_OF_OPERATION, 50, ERR_EXISTS, REASON_SUPERSEDED, 100},
    {REASON_SUPERSEDED, 100, REASON_KEY_COMPROMISE, 50, ERR_OK, REASON_KEY_COMPROMISE, 50},
    {REASON_SUPERSEDED, 100, REASON_KEY_COMPROMISE, 150, ERR_OK, REASON_KEY_COMPROMISE, 100},
    {REASON_ABSENT, 100, REASON_KEY_COMPROMISE, 100, ERR_OK, REASON_KEY_COMPROMISE, 100},
    {REASON_KEY_COMPROMISE, 100, REASON_KEY_COMPROMISE, 50, ERR_EXISTS, REASON_KEY_COMPROMISE, 100},
    {REASON_KEY_COMPROMISE, 100, REASON_ABSENT, 50, ERR_EXISTS, REASON_KEY_COMPROMISE, 100},
    {REASON_SUPERSEDED, 100, REASON_CERTIFICATE_HOLD, 50, ERR_RANGE, REASON_SUPERSEDED, 100},
    {REASON_SUPERSEDED, 100, REASON_REMOVE_FROM_CRL, 50, ERR_RANGE, REASON_SUPERSEDED, 100},
    {REASON_SUPERSEDED, 100, 7, 50, ERR_RANGE, REASON_SUPERSEDED, 100},
    {REASON_SUPERSEDED, 100, REASON_KEY_COMPROMISE, 0, ERR_RANGE, REASON_SUPERSEDED, 100},
};

static void test_lattice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lattice / sizeof lattice[0]; i++) {
        struct registry_revocation first = world_revocation(ISSUER, i, lattice[i].first_reason,
                                                            lattice[i].first_s),
                                   again = world_revocation(ISSUER, i, lattice[i].reason,
                                                            lattice[i].at_s);
        struct registry_certificate is;
        uint64_t seq = 0, before = 0, after = 0;
        world_issue(reg, ISSUER, i);
        begin();
        OK(registry_revoke(reg, &first, &seq));
        commit();
        OK(registry_event_last(reg, ISSUER, &before));
        assert_int_equal(seq, before);
        begin();
        assert_int_equal(registry_revoke(reg, &again, &seq), lattice[i].expected);
        commit();
        OK(registry_event_last(reg, ISSUER, &after));
        assert_int_equal(after - before, lattice[i].expected == ERR_OK);
        OK(registry_certificate_by_serial(reg, ISSUER, &first.serial, REGISTRY_FINAL, &is));
        assert_true(is.revoked);
        assert_int_equal(is.reason, lattice[i].holds_reason);
        assert_int_equal(is.revoked_at_s, lattice[i].holds_s);
    }
}

struct revocations {
    size_t count;
    uint64_t seqs[4];
    uint64_t supersedes[4];
};

static enum err see_revocation(void *context, const struct registry_revocation *row)
{
    struct revocations *v = context;
    assert_true(span_equal(row->actor, TEXT("op:alice")));
    assert_true(span_equal(row->evidence, TEXT("mail of today")));
    assert_int_equal(row->at_s, NOW_S + 5);
    v->seqs[v->count] = row->seq;
    v->supersedes[v->count++] = row->supersedes;
    return ERR_OK;
}

static void test_revocation_rows_and_event(void **state)
{
    (void)state;
    struct registry_revocation v = world_revocation(ISSUER, 1, REASON_SUPERSEDED, NOW_S);
    struct revocations rows = {0};
    struct events e = {0};
    uint64_t seq = 0;
    world_issue(reg, ISSUER, 1);
    begin();
    OK(registry_revoke(reg, &v, &seq));
    assert_int_equal(seq, 2);
    v.reason = REASON_KEY_COMPROMISE;
    v.revoked_at_s = NOW_S - 1000;
    OK(registry_revoke(reg, &v, &seq));
    commit();
    OK(registry_revocations(reg, ISSUER, &v.serial, see_revocation, &rows));
    assert_int_equal(rows.count, 2);
    assert_true(rows.seqs[0] == 2 && rows.supersedes[0] == 0);
    assert_true(rows.seqs[1] == 3 && rows.supersedes[1] == 2);
    OK(registry_events(reg, ISSUER, 0, 10, see_event, &e));
    assert_int_equal(e.count, 3);
    assert_true(e.rows[2].type == REGISTRY_EVENT_REVOKED &&
                e.rows[2].reason == REASON_KEY_COMPROMISE &&
                e.rows[2].revoked_at_s == NOW_S - 1000 && e.rows[2].shard == (1u << 16 | 3) &&
                e.rows[2].not_after_s == NOW_S + 90 * DAY_S && e.rows[2].at_s == NOW_S + 5);
}

static void test_who_can_be_revoked(void **state)
{
    (void)state;
    struct registry_reservation v = world_reservation(ISSUER, 1);
    struct registry_revocation revocation = world_revocation(ISSUER, 1, REASON_ABSENT, NOW_S);
    uint64_t seq = 0;
    begin();
    assert_int_equal(registry_revoke(reg, &revocation, &seq), ERR_NOT_FOUND);
    OK(registry_serial_reserve(reg, &v));
    assert_int_equal(registry_revoke(reg, &revocation, &seq), ERR_CONFLICT);
    OK(registry_serial_step(reg, ISSUER, &v.serial, REGISTRY_SERIAL_SIGNING,
                            REGISTRY_SERIAL_ABANDONED));
    OK(registry_revoke(reg, &revocation, &seq));
    assert_int_equal(seq, 1);
    v = world_reservation(ISSUER, 2), revocation.serial = v.serial;
    OK(registry_serial_reserve(reg, &v));
    OK(registry_serial_step(reg, ISSUER, &v.serial, REGISTRY_SERIAL_SIGNING,
                            REGISTRY_SERIAL_REFUSED));
    assert_int_equal(registry_revoke(reg, &revocation, &seq), ERR_CONFLICT);
    commit();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_serial_is_reserved_once),
        WORLD_TEST(test_rollback_leaves_nothing),
        WORLD_TEST(test_serial_steps),
        WORLD_TEST(test_unfinished_and_abandoned),
        WORLD_TEST(test_certificate_comes_back),
        WORLD_TEST(test_certificate_must_be_what_was_reserved),
        WORLD_TEST(test_precertificate_then_final),
        WORLD_TEST(test_events_are_numbered_for_each_ca),
        WORLD_TEST(test_gap_of_events_is_seen),
        WORLD_TEST(test_lattice),
        WORLD_TEST(test_revocation_rows_and_event),
        WORLD_TEST(test_who_can_be_revoked),
    };
    return world_run("registry", tests, sizeof tests / sizeof tests[0]);
}

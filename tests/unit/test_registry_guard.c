/* SPDX-License-Identifier: Apache-2.0 */
/* What the database itself refuses to everybody: changes of what happened, deleting what is young,
 * going back; and which schemas the program takes. */
#include <time.h>

#include "issuer/registry_approval.h"
#include "issuer/registry_dcv.h"
#include "issuer/registry_key.h"
#include "issuer/registry_order.h"
#include "issuer/registry_outbox.h"
#include "tests/unit/registry_world.h"

/* One row of everything; `age_s` ago, all of it. */
static void fill(uint64_t n, uint64_t at_s)
{
    struct span name = TEXT("www.example.com");
    struct registry_reservation v = world_reservation(ISSUER, n);
    struct registry_revocation revocation = world_revocation(ISSUER, n, REASON_SUPERSEDED, at_s);
    struct registry_dcv dcv = {.customer = TEXT("acme"),
                               .domain = name,
                               .method = TEXT("dns"),
                               .result = REGISTRY_DCV_VALID,
                               .validated_at_s = at_s,
                               .expires_at_s = at_s,
                               .at_s = at_s,
                               .actor = TEXT("op")};
    struct registry_approval approval = {.customer = TEXT("acme"),
                                         .order_id = TEXT("a"),
                                         .subject_hash = world_hash("subject", n),
                                         .operator_name = TEXT("op"),
                                         .decision = REGISTRY_APPROVED,
                                         .at_s = at_s};
    char order_id[16];
    snprintf(order_id, sizeof order_id, "order%u", (unsigned)n);
    struct registry_order order = {.customer = TEXT("acme"),
                                   .order_id = span_text(order_id),
                                   .request_hash = world_hash("order", n),
                                   .profile = TEXT("dv"),
                                   .created_at_s = at_s},
                          is;
    struct registry_leaf leaf = {.leaf_index = n, .event = TEXT("{}")};
    struct sha256 key = world_hash("key", n);
    uint64_t id;
    bool is_new;
    v.not_after_s = v.reserved_at_s = at_s;
    struct registry_certificate c = world_certificate(&v, n);
    c.stored_at_s = at_s;
    revocation.at_s = at_s;
    OK(registry_begin(reg));
    OK(registry_serial_reserve(reg, &v));
    OK(registry_certificate_store(reg, &c, &name, 1));
    OK(registry_event_issued(reg, ISSUER, &v.serial, at_s, &id));
    OK(registry_revoke(reg, &revocation, &id));
    OK(registry_published_set(reg, ISSUER, id, at_s));
    OK(registry_dcv_add(reg, &dcv, &id));
    OK(registry_approval_add(reg, &approval));
    OK(registry_order_claim(reg, &order, &is_new, &is));
    OK(registry_order_finish(reg, order.customer, order.order_id, NULL, REGISTRY_ORDER_ISSUED,
                             SPAN_EMPTY, at_s));
    OK(registry_outbox_add(reg, &leaf));
    OK(registry_key_block(reg, &key, TEXT("keyCompromise"), at_s, &is_new));
    OK(registry_crl_set_use(reg, ISSUER, 1, 4));
    OK(registry_commit(reg));
}

static const char *const refused[] = {
    "UPDATE certificate SET not_after = not_after + 1",
    "UPDATE certificate SET der = der",
    "UPDATE certificate_name SET name = 'evil.example'",
    "UPDATE revocation SET reason = 5",
    "UPDATE revocation SET revoked_at = revoked_at - 1",
    "UPDATE status_event SET seq = seq + 100",
    "UPDATE status_event SET type = 1",
    "UPDATE dcv_event SET expires_at = expires_at + 1",
    "UPDATE approval SET decision = 2",
    "UPDATE blocked_key SET source = ''",
    "UPDATE serial_reservation SET state = 2",
    "UPDATE serial_reservation SET state = 5",
    "UPDATE serial_reservation SET not_after = 1",
    "UPDATE serial_reservation SET state = 3",
    "UPDATE certificate_authority SET event_seq = event_seq - 1",
    "UPDATE certificate_authority SET event_seq = event_seq + 2",
    "UPDATE certificate_authority SET ca = 3",
    "UPDATE published SET seq = seq - 1",
    "UPDATE crl_set SET count = count + 1",
    "UPDATE certificate_order SET state = 1",
    "UPDATE certificate_order SET problem = 'x'",
    "UPDATE retention SET seconds = seconds - 1",
    "UPDATE audit_outbox SET event = 'x'",
    "DELETE FROM certificate",
    "DELETE FROM revocation",
    "DELETE FROM status_event",
    "DELETE FROM dcv_event",
    "DELETE FROM approval",
    "DELETE FROM certificate_order",
    "DELETE FROM serial_reservation",
    "DELETE FROM blocked_key",
    "DELETE FROM certificate_authority",
    "DELETE FROM published",
    "DELETE FROM crl_set",
    "DELETE FROM retention",
    "DELETE FROM audit_outbox",
    "INSERT INTO retention VALUES (2, 0)",
};

static const char *const refused_by_postgresql[] = {
    "TRUNCATE revocation",
    "TRUNCATE status_event",
    "TRUNCATE certificate",
    "TRUNCATE dcv_event",
    "TRUNCATE approval",
    "TRUNCATE blocked_key",
    "TRUNCATE audit_outbox",
    "TRUNCATE retention",
    "TRUNCATE published",
    "TRUNCATE serial_reservation CASCADE",
    "INSERT INTO retention VALUES (1, 0) ON CONFLICT (one) DO UPDATE SET seconds = 0",
};

static const char *const refused_by_sqlite[] = {
    "PRAGMA recursive_triggers = ON; REPLACE INTO retention VALUES (1, 0)",
    "INSERT INTO retention VALUES (1, 0) ON CONFLICT (one) DO UPDATE SET seconds = 0",
};

static const char replaces_the_guard[] =
    "CREATE OR REPLACE FUNCTION registry_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RETURN NEW; END $$";

static const char *const not_for_a_writer[] = {
    "ALTER TABLE revocation DISABLE TRIGGER ALL",
    "DROP TRIGGER revocation_update ON revocation",
    "DROP TABLE status_event CASCADE",
    replaces_the_guard,
    "SET session_replication_role = replica",
    "TRUNCATE audit_outbox",
    "DELETE FROM certificate",
};

static void expect_raw(const char *text, bool expected)
{
    if (world_raw(text) != expected)
        fail_msg("%s: %s", expected ? "refused" : "not refused", text);
}

static void expect_all_refused(const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_raw(texts[i], false);
}

static void test_what_happened_stays(void **state)
{
    (void)state;
    struct registry_certificate is;
    struct serial serial = world_serial(1);
    fill(1, (uint64_t)time(NULL));
    expect_all_refused(refused, sizeof refused / sizeof refused[0]);
    if (world_postgresql)
        expect_all_refused(refused_by_postgresql,
                           sizeof refused_by_postgresql / sizeof refused_by_postgresql[0]);
    else
        expect_all_refused(refused_by_sqlite,
                           sizeof refused_by_sqlite / sizeof refused_by_sqlite[0]);
    OK(registry_certificate_by_serial(reg, ISSUER, &serial, REGISTRY_FINAL, &is));
    assert_true(is.revoked);
}

/* In the order that foreign keys need. */
static const char *const with_time[] = {
    "DELETE FROM revocation",       "DELETE FROM status_event",       "DELETE FROM certificate",
    "DELETE FROM dcv_event",        "DELETE FROM certificate_order",  "DELETE FROM approval",
    "DELETE FROM certificate_name", "DELETE FROM serial_reservation",
};

static void test_what_is_old_may_go(void **state)
{
    (void)state;
    uint64_t now_s = (uint64_t)time(NULL), is = 0;
    fill(1, now_s - REGISTRY_RETENTION_S + 600);
    for (size_t i = 0; i < sizeof with_time / sizeof with_time[0]; i++) {
        if (strstr(with_time[i], "certificate_name") == NULL)
            expect_raw(with_time[i], false);
    }
    OK(world_stop(NULL)), OK(world_start(NULL));
    fill(1, now_s - REGISTRY_RETENTION_S - 600);
    OK(registry_retention(reg, &is));
    assert_int_equal(is, REGISTRY_RETENTION_S);
    OK(registry_begin(reg));
    assert_int_equal(registry_retention_set(reg, is - 1), ERR_CONFLICT);
    OK(registry_retention_set(reg, is + 1200));
    OK(registry_commit(reg));
    expect_raw(with_time[0], false);
    OK(world_stop(NULL)), OK(world_start(NULL));
    fill(1, now_s - REGISTRY_RETENTION_S - 600);
    for (size_t i = 0; i < sizeof with_time / sizeof with_time[0]; i++)
        expect_raw(with_time[i], true);
}

/* A statement of ours that a trigger refuses takes its transaction with it, on both databases. */
static void test_refused_statement_loses_the_transaction(void **state)
{
    (void)state;
    struct registry_reservation v = world_reservation(ISSUER, 1), is;
    bool is_new;
    struct sha256 key = world_hash("key", 1);
    assert_true(world_raw(world_postgresql
                              ? "CREATE TRIGGER t BEFORE INSERT ON blocked_key FOR EACH ROW"
                                " EXECUTE FUNCTION registry_refuse()"
                              : "CREATE TRIGGER t BEFORE INSERT ON blocked_key"
                                " BEGIN SELECT RAISE(ABORT, 'no'); END"));
    OK(registry_begin(reg));
    OK(registry_serial_reserve(reg, &v));
    assert_int_equal(registry_key_block(reg, &key, TEXT("x"), NOW_S, &is_new), ERR_CONFLICT);
    assert_int_equal(registry_serial_reserve(reg, &v), ERR_STORE);
    assert_int_equal(registry_commit(reg), ERR_STORE);
    assert_int_equal(registry_serial_get(reg, ISSUER, &v.serial, &is), ERR_NOT_FOUND);
    OK(registry_begin(reg));
    OK(registry_serial_reserve(reg, &v));
    OK(registry_commit(reg));
}

/* A program that may write rows, and no more, has all that it needs, and cannot take the guards
 * away. */
static void test_a_role_that_owns_nothing(void **state)
{
    (void)state;
    if (!world_postgresql)
        skip();
    char conninfo[PG_CLUSTER_TEXT_BYTES + 32];
    struct registry_options options = world_options;
    struct registry *r = NULL;
    snprintf(conninfo, sizeof conninfo, "%s user=issuer", world_cluster.conninfo);
    options.postgresql = conninfo;
    pg_cluster_run(&world_cluster,
                   "DROP ROLE IF EXISTS issuer; CREATE ROLE issuer LOGIN;"
                   "GRANT USAGE ON SCHEMA public TO issuer;"
                   "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO issuer");
    OK(registry_open(&options, &r));
    OK(registry_migrate(r));
    assert_int_equal(world_issue(r, ISSUER, 1), 1);
    registry_close(r);
    for (size_t i = 0; i < sizeof not_for_a_writer / sizeof not_for_a_writer[0]; i++) {
        PGconn *conn = PQconnectdb(conninfo);
        PGresult *result = PQexec(conn, not_for_a_writer[i]);
        if (PQresultStatus(result) != PGRES_FATAL_ERROR)
            fail_msg("not refused: %s", not_for_a_writer[i]);
        PQclear(result);
        PQfinish(conn);
    }
    pg_cluster_run(&world_cluster, "DROP OWNED BY issuer; DROP ROLE issuer");
}

static void test_other_schemas(void **state)
{
    (void)state;
    struct registry *other = NULL;
    OK(registry_migrate(reg));
    OK(registry_schema_check(reg));
    assert_true(world_raw("INSERT INTO schema_version VALUES (2, 'the next')"));
    assert_int_equal(registry_migrate(reg), ERR_UNSUPPORTED);
    assert_int_equal(registry_schema_check(reg), ERR_UNSUPPORTED);
    OK(registry_open(&world_options, &other));
    assert_int_equal(registry_migrate(other), ERR_UNSUPPORTED);
    registry_close(other);
    assert_true(world_raw("DELETE FROM schema_version"));
    assert_int_equal(registry_schema_check(reg), ERR_NOT_FOUND);
}

static void test_options(void **state)
{
    (void)state;
    struct registry *r = NULL;
    struct registry_options options = {0};
    assert_int_equal(registry_open(&options, &r), ERR_CONFIG);
    options.sqlite_path = "a", options.postgresql = "host=b";
    assert_int_equal(registry_open(&options, &r), ERR_CONFIG);
    options.sqlite_path = NULL, options.postgresql = "host=/nowhere nonsense";
    assert_int_equal(registry_open(&options, &r), ERR_CONFIG);
    options.postgresql = "host=/nowhere user=statim";
    options.connect_timeout_ms = 300;
    assert_int_equal(registry_open(&options, &r), ERR_IO);
    options = (struct registry_options){.sqlite_path = "/nowhere/registry"};
    assert_int_equal(registry_open(&options, &r), ERR_IO);
    assert_null(r);
}

static enum err count_authorities(void *context, const struct registry_authority *row)
{
    (void)row;
    ++*(size_t *)context;
    return ERR_OK;
}

/* A CA that is renewed under its name and key keeps what it has. */
static void test_authorities(void **state)
{
    (void)state;
    struct registry_authority a = {.issuer_id = ISSUER,
                                   .name = TEXT("uno"),
                                   .subject = TEXT("0\0"),
                                   .certificate = TEXT("0\3\2\1\5")},
                              is;
    uint16_t set = 0;
    uint32_t count = 0;
    size_t authority_count = 0;
    world_issue(reg, ISSUER, 1);
    OK(registry_begin(reg));
    OK(registry_authority_add(reg, &a));
    a.name = TEXT("two");
    assert_int_equal(registry_authority_add(reg, &a), ERR_CONFLICT);
    assert_int_equal(registry_crl_set_use(reg, ISSUER, 0, 1), ERR_RANGE);
    assert_int_equal(registry_crl_set_use(reg, ISSUER, 1, 65536), ERR_RANGE);
    assert_int_equal(registry_crl_set_use(reg, 5, 1, 1), ERR_NOT_FOUND);
    OK(registry_crl_set_use(reg, ISSUER, 1, 16));
    OK(registry_crl_set_use(reg, ISSUER, 2, 128));
    assert_int_equal(registry_crl_set_use(reg, ISSUER, 1, 17), ERR_CONFLICT);
    OK(registry_commit(reg));
    OK(registry_authority_get(reg, ISSUER, &is));
    assert_true(span_equal(is.name, TEXT("uno")) && span_equal(is.subject, TEXT("0\0")));
    assert_true(span_equal(is.certificate, TEXT("0\3\2\1\5")) && is.issuer_id == ISSUER);
    assert_int_equal(is.event_seq, 1);
    OK(registry_crl_set_current(reg, ISSUER, &set, &count));
    assert_true(set == 2 && count == 128);
    OK(registry_begin(reg));
    OK(registry_crl_set_use(reg, ISSUER, 1, 16));
    OK(registry_commit(reg));
    OK(registry_crl_set_current(reg, ISSUER, &set, &count));
    assert_true(set == 1 && count == 16);
    assert_int_equal(registry_crl_set_current(reg, ISSUER_2, &set, &count), ERR_NOT_FOUND);
    OK(registry_authorities(reg, count_authorities, &authority_count));
    assert_int_equal(authority_count, 2);
    assert_int_equal(registry_authority_get(reg, 5, &is), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_what_happened_stays),
        WORLD_TEST(test_what_is_old_may_go),
        WORLD_TEST(test_refused_statement_loses_the_transaction),
        WORLD_TEST(test_a_role_that_owns_nothing),
        WORLD_TEST(test_other_schemas),
        WORLD_TEST(test_options),
        WORLD_TEST(test_authorities),
    };
    return world_run("registry's guards", tests, sizeof tests / sizeof tests[0]);
}

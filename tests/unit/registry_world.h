/* SPDX-License-Identifier: Apache-2.0 */
/* A registry for each test, in SQLite and then in PostgreSQL: every test runs on both. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>

#include "issuer/registry_authority.h"
#include "issuer/registry_certificate.h"
#include "issuer/registry_event.h"
#include "issuer/registry_revocation.h"
#include "lib/facts.h"
#include "tests/fixture/pg_cluster.h"
#include "tests/unit/scratch.h"

#define ISSUER   0xF00000000000001Du /* the top bit is set: a negative number in SQL */
#define ISSUER_2 0x0123456789ABCDEFu
#define NOW_S    1795000000u
#define DAY_S    86400u

static bool world_postgresql;
static struct pg_cluster world_cluster;
static char world_folder[SCRATCH_BYTES];
static char world_path[SCRATCH_BYTES + 16];
static struct registry_options world_options;
static struct registry *reg;

#define OK(expression) assert_int_equal(expression, ERR_OK)
#define TEXT(text)     span_of(text, sizeof(text) - 1)

static inline struct registry *world_open(void)
{
    struct registry *r = NULL;
    OK(registry_open(&world_options, &r));
    return r;
}

static inline void world_add_authority(struct registry *r, uint64_t issuer_id, const char *name)
{
    struct registry_authority a = {.issuer_id = issuer_id,
                                   .name = span_text(name),
                                   .subject = TEXT("0\0"),
                                   .certificate = TEXT("0\0")};
    OK(registry_begin(r));
    OK(registry_authority_add(r, &a));
    OK(registry_commit(r));
}

static inline int world_start(void **state)
{
    (void)state;
    scratch_make(world_folder);
    snprintf(world_path, sizeof world_path, "%s/registry", world_folder);
    world_options = (struct registry_options){.statement_timeout_ms = 20000};
    if (world_postgresql) {
        world_options.postgresql = world_cluster.conninfo;
        pg_cluster_run(&world_cluster, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    } else {
        world_options.sqlite_path = world_path;
    }
    reg = world_open();
    OK(registry_migrate(reg));
    world_add_authority(reg, ISSUER, "one");
    world_add_authority(reg, ISSUER_2, "two");
    return 0;
}

static inline int world_stop(void **state)
{
    (void)state;
    reg = registry_close(reg);
    scratch_remove(world_folder);
    return 0;
}

/* Runs a statement behind the registry's back: what the database itself says. */
static inline bool world_raw(const char *text)
{
    bool ok;
    if (world_postgresql) {
        PGconn *conn = PQconnectdb(world_cluster.conninfo);
        PGresult *result = PQexec(conn, text);
        ExecStatusType status = PQresultStatus(result);
        ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
        PQclear(result);
        PQfinish(conn);
    } else {
        sqlite3 *db = NULL;
        ok = sqlite3_open(world_path, &db) == SQLITE_OK &&
             sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK;
        sqlite3_close(db);
    }
    return ok;
}

/* Serial number `n` of a test: 20 octets. */
static inline struct serial world_serial(uint64_t n)
{
    struct serial serial = {.size = 20, .octets = {0x5A, 0x00, 0x27}};
    for (int i = 0; i < 8; i++)
        serial.octets[12 + i] = (uint8_t)(n >> (56 - 8 * i));
    return serial;
}

static inline struct sha256 world_hash(const char *of, uint64_t n)
{
    return sha256_of_two(span_text(of), span_of(&n, sizeof n));
}

static inline struct registry_reservation world_reservation(uint64_t issuer_id, uint64_t n)
{
    return (struct registry_reservation){.issuer_id = issuer_id,
                                         .serial = world_serial(n),
                                         .state = REGISTRY_SERIAL_SIGNING,
                                         .shard = 1u << 16 | 3,
                                         .not_after_s = NOW_S + 90 * DAY_S,
                                         .tbs_sha256 = world_hash("tbs", n),
                                         .profile = TEXT("dv"),
                                         .customer = TEXT("acme"),
                                         .order_id = TEXT("order"),
                                         .reserved_at_s = NOW_S};
}

static inline struct registry_certificate world_certificate(const struct registry_reservation *v,
                                                            uint64_t n)
{
    static _Thread_local uint8_t der[600];
    memcpy(der, &n, sizeof n);
    memcpy(der + sizeof n, &v->issuer_id, sizeof v->issuer_id);
    return (struct registry_certificate){.id = sha256_of(span_of(der, sizeof der)),
                                         .issuer_id = v->issuer_id,
                                         .serial = v->serial,
                                         .kind = REGISTRY_FINAL,
                                         .profile = v->profile,
                                         .customer = v->customer,
                                         .order_id = v->order_id,
                                         .not_before_s = NOW_S,
                                         .not_after_s = v->not_after_s,
                                         .shard = v->shard,
                                         .spki_sha256 = world_hash("spki", n),
                                         .tbs_sha256 = v->tbs_sha256,
                                         .stored_at_s = NOW_S,
                                         .der = span_of(der, sizeof der)};
}

/* The whole life of a certificate up to its event, in the caller's transaction. */
static inline uint64_t world_issue_as(struct registry *r, const struct registry_reservation *v,
                                      uint64_t n, const struct span *names, size_t name_count)
{
    uint64_t seq = 0;
    struct registry_certificate c = world_certificate(v, n);
    OK(registry_serial_reserve(r, v));
    OK(registry_certificate_store(r, &c, names, name_count));
    OK(registry_event_issued(r, v->issuer_id, &v->serial, NOW_S, &seq));
    return seq;
}

static inline uint64_t world_issue(struct registry *r, uint64_t issuer_id, uint64_t n)
{
    struct span name = TEXT("www.example.com");
    struct registry_reservation v = world_reservation(issuer_id, n);
    OK(registry_begin(r));
    uint64_t seq = world_issue_as(r, &v, n, &name, 1);
    OK(registry_commit(r));
    return seq;
}

static inline struct registry_revocation world_revocation(uint64_t issuer_id, uint64_t n,
                                                          uint8_t reason, uint64_t revoked_at_s)
{
    return (struct registry_revocation){.issuer_id = issuer_id,
                                        .serial = world_serial(n),
                                        .reason = reason,
                                        .revoked_at_s = revoked_at_s,
                                        .at_s = NOW_S + 5,
                                        .actor = TEXT("op:alice"),
                                        .evidence = TEXT("mail of today")};
}

/* Runs the tests on SQLite, and on PostgreSQL where there is one. */
static inline int world_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    char title[128];
    const char *missing = pg_cluster_missing();
    snprintf(title, sizeof title, "%s, SQLite", name);
    int failed = _cmocka_run_group_tests(title, tests, count, NULL, NULL);
    if (missing != NULL) {
        printf("PostgreSQL: SKIPPED: %s\n", missing);
        return failed;
    }
    world_postgresql = true;
    pg_cluster_start(&world_cluster);
    snprintf(title, sizeof title, "%s, PostgreSQL", name);
    failed += _cmocka_run_group_tests(title, tests, count, NULL, NULL);
    pg_cluster_stop(&world_cluster);
    return failed;
}

#define WORLD_TEST(function) cmocka_unit_test_setup_teardown(function, world_start, world_stop)

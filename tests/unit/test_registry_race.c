/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, each with a registry of its own, at one database. */
#include <pthread.h>
#include <stdatomic.h>

#include "issuer/registry_internal.h"
#include "issuer/registry_key.h"
#include "issuer/registry_migrations.h"
#include "issuer/registry_order.h"
#include "tests/unit/registry_world.h"

#define THREADS 8

struct thread {
    pthread_t thread;
    size_t number;
    size_t rounds;
    void (*work)(struct thread *t, struct registry *r, size_t round);
    size_t won; /* rounds */
};

static pthread_barrier_t round_begins;

static void *run_thread(void *argument)
{
    struct thread *t = argument;
    struct registry *r = world_open();
    for (size_t round = 0; round < t->rounds; round++) {
        pthread_barrier_wait(&round_begins);
        t->work(t, r, round);
    }
    registry_close(r);
    return NULL;
}

/* The rounds begin at the same moment in all threads. Returns how many rounds were won in all. */
static size_t race(size_t rounds, void (*work)(struct thread *, struct registry *, size_t))
{
    struct thread threads[THREADS];
    size_t won = 0;
    pthread_barrier_init(&round_begins, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.number = i, .rounds = rounds, .work = work};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i].thread, NULL);
        won += threads[i].won;
    }
    pthread_barrier_destroy(&round_begins);
    return won;
}

struct attempt {
    struct thread *thread;
    size_t round;
    bool won;
    bool gives_up;
};

static enum err reserve(struct registry *r, void *context)
{
    struct attempt *a = context;
    struct registry_reservation v = world_reservation(ISSUER, a->round);
    enum err err = registry_serial_reserve(r, &v);
    a->won = err == ERR_OK;
    return err == ERR_EXISTS ? ERR_OK : err;
}

static void race_for_serial(struct thread *t, struct registry *r, size_t round)
{
    struct attempt a = {.thread = t, .round = round};
    OK(registry_transaction(r, reserve, &a));
    t->won += a.won;
}

static void test_one_serial(void **state)
{
    (void)state;
    assert_int_equal(race(30, race_for_serial), 30);
}

static enum err claim(struct registry *r, void *context)
{
    struct attempt *a = context;
    char order_id[24];
    snprintf(order_id, sizeof order_id, "order %zu", a->round);
    struct registry_order is, order = {.customer = TEXT("acme"),
                                       .order_id = span_text(order_id),
                                       .request_hash = world_hash("order", a->round),
                                       .profile = TEXT("dv"),
                                       .created_at_s = NOW_S};
    enum err err = registry_order_claim(r, &order, &a->won, &is);
    if (err != ERR_OK || !a->won || !a->gives_up)
        return err;
    a->won = false;
    return registry_order_finish(r, order.customer, order.order_id, NULL, REGISTRY_ORDER_FAILED,
                                 TEXT("again"), NOW_S);
}

static void race_for_order(struct thread *t, struct registry *r, size_t round)
{
    /* Two give it up again as failed: it is still one of the others that has it in the end. */
    struct attempt a = {.thread = t, .round = round, .gives_up = t->number < 2};
    OK(registry_transaction(r, claim, &a));
    t->won += a.won;
}

static void test_one_order(void **state)
{
    (void)state;
    assert_int_equal(race(30, race_for_order), 30);
}

/* A reader that must never see a gap, nor a number before the one below it is there. */
static atomic_bool writers_are_done;

struct reader {
    pthread_t thread;
    uint64_t seen;
    size_t polls;
    enum err err;
};

static enum err see_event(void *context, const struct registry_event *row)
{
    ((struct reader *)context)->seen = row->seq;
    return ERR_OK;
}

static void *run_reader(void *argument)
{
    struct reader *reader = argument;
    struct registry *r = world_open();
    bool last = false;
    while (!last && reader->err == ERR_OK) {
        last = atomic_load(&writers_are_done);
        reader->err = registry_events(r, ISSUER, reader->seen, 100, see_event, reader);
        reader->polls++;
    }
    registry_close(r);
    return NULL;
}

static enum err issue(struct registry *r, void *context)
{
    const struct attempt *a = context;
    uint64_t n = a->thread->number * 1000 + a->round, seq;
    struct span name = TEXT("www.example.com");
    struct registry_reservation v = world_reservation(ISSUER, n);
    struct registry_certificate c = world_certificate(&v, n);
    TRY(registry_serial_reserve(r, &v));
    TRY(registry_certificate_store(r, &c, &name, 1));
    return registry_event_issued(r, ISSUER, &v.serial, NOW_S, &seq);
}

static void issue_or_give_up(struct thread *t, struct registry *r, size_t round)
{
    struct attempt a = {.thread = t, .round = round};
    /* Every fifth one is rolled back behind its event: its number must come again. */
    if ((t->number + round) % 5 == 0) {
        enum err err;
        while ((err = registry_begin(r)) == ERR_BUSY)
            ;
        OK(err);
        err = issue(r, &a);
        assert_true(err == ERR_OK || err == ERR_BUSY);
        registry_rollback(r);
        return;
    }
    OK(registry_transaction(r, issue, &a));
    t->won++;
}

static void test_events_are_gapless_in_commit_order(void **state)
{
    (void)state;
    struct reader reader = {.err = ERR_OK};
    uint64_t last = 0;
    atomic_store(&writers_are_done, false);
    assert_int_equal(pthread_create(&reader.thread, NULL, run_reader, &reader), 0);
    size_t issued = race(25, issue_or_give_up);
    atomic_store(&writers_are_done, true);
    pthread_join(reader.thread, NULL);
    assert_int_equal(issued, THREADS * 25 * 4 / 5);
    OK(registry_event_last(reg, ISSUER, &last));
    assert_int_equal(last, issued);
    assert_int_equal(reader.err, ERR_OK);
    /* The last poll may have met the page's end. */
    reader.seen = 0;
    OK(registry_events(reg, ISSUER, 0, 1000, see_event, &reader));
    assert_int_equal(reader.seen, issued);
}

static enum err revoke_first(struct registry *r, void *context)
{
    struct attempt *a = context;
    uint64_t seq;
    struct registry_revocation v =
        world_revocation(ISSUER, a->round, REASON_SUPERSEDED, NOW_S + a->thread->number);
    enum err err = registry_revoke(r, &v, &seq);
    a->won = err == ERR_OK;
    return err == ERR_EXISTS ? ERR_OK : err;
}

static void race_to_revoke(struct thread *t, struct registry *r, size_t round)
{
    struct attempt a = {.thread = t, .round = round};
    OK(registry_transaction(r, revoke_first, &a));
    t->won += a.won;
}

static void test_one_revocation(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 15; n++)
        world_issue(reg, ISSUER, n);
    assert_int_equal(race(15, race_to_revoke), 15);
    uint64_t last = 0;
    OK(registry_event_last(reg, ISSUER, &last));
    assert_int_equal(last, 30);
}

/* A certificate that is stored while recovery gives its serial up: one of both happens. */
static enum err store_or_abandon(struct registry *r, void *context)
{
    struct attempt *a = context;
    uint64_t seq;
    struct registry_reservation v = world_reservation(ISSUER, a->round);
    struct registry_certificate c = world_certificate(&v, a->round);
    if (a->thread->number % 2 == 0) {
        enum err err = registry_certificate_store(r, &c, NULL, 0);
        if (err == ERR_OK)
            err = registry_event_issued(r, ISSUER, &v.serial, NOW_S, &seq);
        a->won = err == ERR_OK;
        return err == ERR_CONFLICT ? ERR_OK : err;
    }
    enum err err = registry_serial_step(r, ISSUER, &v.serial, REGISTRY_SERIAL_SIGNING,
                                        REGISTRY_SERIAL_ABANDONED);
    a->won = err == ERR_OK;
    return err == ERR_CONFLICT ? ERR_OK : err;
}

static void race_with_recovery(struct thread *t, struct registry *r, size_t round)
{
    struct attempt a = {.thread = t, .round = round};
    OK(registry_transaction(r, store_or_abandon, &a));
    t->won += a.won;
}

static void test_issue_or_abandon(void **state)
{
    (void)state;
    OK(registry_begin(reg));
    for (uint64_t n = 0; n < 20; n++) {
        struct registry_reservation v = world_reservation(ISSUER, n);
        OK(registry_serial_reserve(reg, &v));
    }
    OK(registry_commit(reg));
    assert_int_equal(race(20, race_with_recovery), 20);
}

#define KEY_ROUNDS 20
static atomic_size_t stored[KEY_ROUNDS];
static size_t seen[KEY_ROUNDS];

static enum err store_with_key(struct registry *r, void *context)
{
    struct attempt *a = context;
    bool is_blocked = true;
    uint64_t seq, n = a->thread->number * 1000 + a->round;
    struct registry_reservation v =
        world_reservation(a->thread->number % 2 == 0 ? ISSUER : ISSUER_2, n);
    struct registry_certificate c = world_certificate(&v, n);
    c.spki_sha256 = world_hash("key", a->round);
    TRY(registry_key_admit(r, &c.spki_sha256, &is_blocked));
    a->won = !is_blocked;
    if (is_blocked)
        return ERR_OK;
    TRY(registry_serial_reserve(r, &v));
    TRY(registry_certificate_store(r, &c, NULL, 0));
    return registry_event_issued(r, v.issuer_id, &v.serial, NOW_S, &seq);
}

static enum err block_key(struct registry *r, void *context)
{
    return registry_key_block(r, context, TEXT("keyCompromise"), NOW_S, &(bool){false});
}

static enum err count_certificate(void *context, const struct registry_certificate *row)
{
    (void)row;
    ++*(size_t *)context;
    return ERR_OK;
}

static void race_with_block(struct thread *t, struct registry *r, size_t round)
{
    struct attempt a = {.thread = t, .round = round};
    struct sha256 key = world_hash("key", round);
    if (t->number > 0) {
        OK(registry_transaction(r, store_with_key, &a));
        atomic_fetch_add(&stored[round], a.won);
        return;
    }
    OK(registry_transaction(r, block_key, &key));
    OK(registry_certificates_of_key(r, &key, 100, count_certificate, &seen[round]));
}

/* A key is blocked while two CAs store certificates with it: each of them is refused, or seen by
 * who has blocked it. */
static void test_block_or_see(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_ROUNDS; i++)
        atomic_store(&stored[i], seen[i] = 0);
    assert_int_equal(race(KEY_ROUNDS, race_with_block), 0);
    for (size_t i = 0; i < KEY_ROUNDS; i++)
        assert_int_equal(seen[i], atomic_load(&stored[i]));
}

/* Several programs that start at once: one migrates, all find what they need. */
static void *run_migration(void *argument)
{
    struct registry *r = world_open();
    *(enum err *)argument = registry_migrate(r);
    registry_close(r);
    return NULL;
}

static void test_migrations_at_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    enum err errs[THREADS];
    reg = registry_close(reg);
    if (world_postgresql)
        pg_cluster_run(&world_cluster, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    else
        assert_int_equal(unlink(world_path), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_migration, &errs[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(errs[i], ERR_OK);
    }
    reg = world_open();
    OK(registry_schema_check(reg));
}

#define SHORT_MS 150

static void *run_schema(void *argument)
{
    struct registry *r = world_open();
    sql_limit(r->sql, SHORT_MS);
    *(enum err *)argument = registry_schema_migrate(r->sql);
    assert_int_equal(sql_limit_ms(r->sql), SHORT_MS);
    registry_close(r);
    atomic_store(&writers_are_done, true);
    return NULL;
}

/* Whether a session has waited for a lock longer than an ordinary statement may. */
static bool waits_for_long(PGconn *conn)
{
    PGresult *result = PQexec(conn, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"
                                    " AND clock_timestamp() - query_start > interval '0.4 s'");
    bool is_there = PQntuples(result) == 1;
    PQclear(result);
    return is_there;
}

/* The time limit of ordinary statements is none for those of a migration. */
static void test_a_migration_takes_its_time(void **state)
{
    (void)state;
    pthread_t thread;
    enum err err = ERR_STORE;
    if (!world_postgresql)
        skip();
    reg = registry_close(reg);
    pg_cluster_run(&world_cluster, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    PGconn *conn = PQconnectdb(world_cluster.conninfo);
    PQclear(PQexec(conn, "SELECT pg_advisory_lock(126879264729453)"));
    atomic_store(&writers_are_done, false);
    assert_int_equal(pthread_create(&thread, NULL, run_schema, &err), 0);
    while (!waits_for_long(conn) && !atomic_load(&writers_are_done))
        ;
    PQfinish(conn);
    pthread_join(thread, NULL);
    OK(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_one_serial),
        WORLD_TEST(test_one_order),
        WORLD_TEST(test_events_are_gapless_in_commit_order),
        WORLD_TEST(test_one_revocation),
        WORLD_TEST(test_issue_or_abandon),
        WORLD_TEST(test_block_or_see),
        WORLD_TEST(test_migrations_at_once),
        WORLD_TEST(test_a_migration_takes_its_time),
    };
    return world_run("registry under threads", tests, sizeof tests / sizeof tests[0]);
}

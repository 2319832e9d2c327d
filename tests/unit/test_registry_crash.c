/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 of PostgreSQL, of its children and of a program with a registry, in the middle of
 * transactions: what was acknowledged is there, what was not is there whole or not at all, and who
 * asks after an unknown outcome gets the truth. And of programs only one has the registry. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "issuer/registry_owner.h"
#include "lib/os/clock.h"
#include "tests/unit/registry_world.h"

#define WRITERS   3
#define ISSUE_MAX 4000

/* What became of issuance n of a writer. */
enum fate { FATE_NONE, FATE_DONE, FATE_NOT, FATE_UNKNOWN };

struct writer {
    pthread_t thread;
    size_t number;
    size_t count;
    uint8_t fates[ISSUE_MAX];
    size_t unknown_count;
    size_t settled_count; /* commits cut short whose fate the registry found out by itself */
};

static atomic_bool stop;

static uint64_t id_of(const struct writer *w, size_t i)
{
    return w->number * 100000 + i;
}

static enum err issue(struct registry *r, uint64_t n)
{
    uint64_t seq;
    struct span name = TEXT("www.example.com");
    struct registry_reservation v = world_reservation(ISSUER, n);
    struct registry_certificate c = world_certificate(&v, n);
    TRY(registry_begin(r));
    enum err err = registry_serial_reserve(r, &v);
    if (err == ERR_OK)
        err = registry_certificate_store(r, &c, &name, 1);
    if (err == ERR_OK)
        err = registry_event_issued(r, ISSUER, &v.serial, NOW_S, &seq);
    if (err != ERR_OK) {
        registry_rollback(r);
        return ERR_BUSY;
    }
    err = registry_commit(r);
    return err;
}

static enum err is_there(struct registry *r, uint64_t n)
{
    struct registry_reservation is;
    struct serial serial = world_serial(n);
    return registry_serial_get(r, ISSUER, &serial, &is);
}

/* As a handler does: what is unknown is asked for when the registry is ready again. */
static enum fate issue_one(struct writer *w, struct registry *r, uint64_t n)
{
    enum err err = issue(r, n);
    if (err == ERR_OK)
        return FATE_DONE;
    if (err != ERR_IO)
        return FATE_NOT;
    w->unknown_count++;
    while ((err = registry_ready(r)) != ERR_OK) {
        if (atomic_load(&stop))
            return FATE_UNKNOWN;
    }
    err = is_there(r, n);
    return err == ERR_OK ? FATE_DONE : err == ERR_NOT_FOUND ? FATE_NOT : FATE_UNKNOWN;
}

static void *run_writer(void *argument)
{
    struct writer *w = argument;
    struct registry *r = world_open();
    while (!atomic_load(&stop) && w->count < ISSUE_MAX) {
        w->fates[w->count] = (uint8_t)issue_one(w, r, id_of(w, w->count));
        w->count++;
    }
    registry_close(r);
    return NULL;
}

struct chain {
    size_t count;
};

static enum err count_event(void *context, const struct registry_event *row)
{
    (void)row;
    ((struct chain *)context)->count++;
    return ERR_OK;
}

static size_t count_events(struct registry *r)
{
    struct chain chain = {0};
    for (size_t before = SIZE_MAX; before != chain.count;) {
        before = chain.count;
        OK(registry_events(r, ISSUER, chain.count, 1000, count_event, &chain));
    }
    return chain.count;
}

/* All that was acknowledged is there, all else is not; each with its certificate and event. */
static void check_fates(const struct writer *writers)
{
    size_t done = 0;
    struct registry *r = world_open();
    for (size_t i = 0; i < WRITERS; i++) {
        for (size_t j = 0; j < writers[i].count; j++) {
            enum err err = is_there(r, id_of(&writers[i], j));
            if (writers[i].fates[j] == FATE_DONE)
                assert_int_equal(err, ERR_OK);
            if (writers[i].fates[j] == FATE_NOT)
                assert_int_equal(err, ERR_NOT_FOUND);
            if (err == ERR_OK) {
                struct registry_certificate is;
                struct serial serial = world_serial(id_of(&writers[i], j));
                OK(registry_certificate_by_serial(r, ISSUER, &serial, REGISTRY_FINAL, &is));
                assert_true(is.issued_seq > 0);
                done++;
            }
        }
    }
    assert_int_equal(count_events(r), done);
    assert_true(done > 0);
    registry_close(r);
}

static void wait_for_events(uint64_t count)
{
    uint64_t deadline_ns = clock_monotonic_ns() + 30000000000u, last = 0, first = UINT64_MAX;
    struct registry *r = world_open();
    while (clock_monotonic_ns() < deadline_ns && last < first + count) {
        if (registry_event_last(r, ISSUER, &last) == ERR_OK && first == UINT64_MAX)
            first = last;
        if (first == UINT64_MAX)
            last = 0;
    }
    assert_true(last >= first + count);
    registry_close(r);
}

static void start_writers(struct writer *writers)
{
    atomic_store(&stop, false);
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i].number = i + 1;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, run_writer, &writers[i]), 0);
    }
}

static void stop_writers(struct writer *writers)
{
    atomic_store(&stop, true);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
}

static void test_kill_of_the_server(void **state)
{
    (void)state;
    if (!world_postgresql)
        skip();
    struct writer *writers = calloc(WRITERS, sizeof *writers);
    start_writers(writers);
    for (int i = 0; i < 4; i++) {
        wait_for_events(15);
        if (i % 2 == 0) {
            pg_cluster_kill(&world_cluster);
            pg_cluster_restart(&world_cluster);
        } else {
            pg_cluster_kill_children(&world_cluster);
        }
    }
    wait_for_events(5);
    stop_writers(writers);
    check_fates(writers);
    free(writers);
}

/* A child issues and says each one that is done; it is killed while it does. */
static void issue_for_ever(int fd)
{
    struct registry *r = world_open();
    for (uint64_t n = 1;; n++) {
        if (issue(r, n) == ERR_OK && write(fd, &n, sizeof n) != (ssize_t)sizeof n)
            _exit(1);
    }
}

static void test_kill_of_the_program(void **state)
{
    (void)state;
    struct writer w = {.number = 0};
    uint64_t last = 0, n = 0;
    for (int i = 0; i < 4; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[0]);
            issue_for_ever(ends[1]);
        }
        close(ends[1]);
        /* It begins where the one before it was killed: what is there already comes as EXISTS. */
        for (int j = 0; j < 7 + i; j++)
            assert_int_equal(read(ends[0], &n, sizeof n), sizeof n);
        kill(pid, SIGKILL);
        while (read(ends[0], &n, sizeof n) == (ssize_t)sizeof n)
            ;
        waitpid(pid, NULL, 0);
        close(ends[0]);
        for (uint64_t j = 1; j <= n; j++)
            OK(is_there(reg, id_of(&w, j)));
        assert_true(n > last);
        last = n;
    }
    /* The database may still be at the last COMMIT of one that was killed. */
    uint64_t seq = 0, deadline_ns = clock_monotonic_ns() + 30000000000u;
    while (OK(registry_event_last(reg, ISSUER, &seq)), count_events(reg) != seq)
        assert_true(clock_monotonic_ns() < deadline_ns);
    /* One may have been committed and not said. */
    assert_in_range(seq, last, last + 1);
}

/* A connection that breaks in the middle of a transaction: nothing happened, and the next one goes.
 */
static void test_connection_lost_before_the_commit(void **state)
{
    (void)state;
    if (!world_postgresql)
        skip();
    struct registry_reservation v = world_reservation(ISSUER, 1);
    OK(registry_begin(reg));
    OK(registry_serial_reserve(reg, &v));
    pg_cluster_kill_children(&world_cluster);
    struct registry_reservation other = world_reservation(ISSUER, 2);
    assert_int_equal(registry_serial_reserve(reg, &other), ERR_IO);
    assert_int_equal(registry_commit(reg), ERR_STORE);
    uint64_t deadline_ns = clock_monotonic_ns() + 30000000000u;
    while (registry_ready(reg) != ERR_OK)
        assert_true(clock_monotonic_ns() < deadline_ns);
    assert_int_equal(is_there(reg, 1), ERR_NOT_FOUND);
    OK(registry_begin(reg));
    OK(registry_serial_reserve(reg, &v));
    OK(registry_commit(reg));
}

/* An idle connection that broke is no error for who reads or begins next. */
static void test_connection_lost_while_idle(void **state)
{
    (void)state;
    if (!world_postgresql)
        skip();
    pg_cluster_kill(&world_cluster);
    assert_int_equal(is_there(reg, 1), ERR_IO);
    pg_cluster_restart(&world_cluster);
    assert_int_equal(is_there(reg, 1), ERR_NOT_FOUND);
    pg_cluster_kill(&world_cluster);
    pg_cluster_restart(&world_cluster);
    world_issue(reg, ISSUER, 1);
    OK(is_there(reg, 1));
}

/* --- One issuer at a registry --- */

/* A busy machine may need seconds for a connection, and for the end of another one. */
static enum err take_in_time(struct registry_owner **ret)
{
    struct registry_options options = world_options;
    options.connect_timeout_ms = 20000;
    return registry_owner_take(&options, ret);
}

/* Another one has it. */
static void expect_taken(void)
{
    struct registry_owner *owner = NULL;
    struct registry_options options = world_options;
    uint64_t deadline_ns = clock_monotonic_ns() + 20000000000u;
    enum err err;
    options.connect_timeout_ms = 100;
    while ((err = registry_owner_take(&options, &owner)) == ERR_IO)
        assert_true(clock_monotonic_ns() < deadline_ns);
    assert_int_equal(err, ERR_BUSY);
}

static void test_one_owner(void **state)
{
    (void)state;
    struct registry_owner *one = NULL, *two = NULL;
    char link[sizeof world_path + 8];
    OK(take_in_time(&one));
    expect_taken();
    OK(registry_owner_keep(one));
    if (!world_postgresql) {
        /* By another name it is the same. */
        struct registry_options by_link = {.sqlite_path = link};
        snprintf(link, sizeof link, "%s.link", world_path);
        assert_int_equal(symlink(world_path, link), 0);
        assert_int_equal(registry_owner_take(&by_link, &two), ERR_BUSY);
    }
    assert_null(registry_owner_drop(one));
    OK(take_in_time(&two));
    assert_null(registry_owner_drop(two));
    assert_null(registry_owner_drop(NULL));
}

static _Noreturn void own_until_killed(int fd)
{
    struct registry_owner *owner = NULL;
    if (take_in_time(&owner) != ERR_OK || write(fd, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void test_a_killed_owner(void **state)
{
    (void)state;
    int fds[2];
    char octet = 0;
    struct registry_owner *owner = NULL;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0)
        own_until_killed(fds[1]);
    assert_int_equal(read(fds[0], &octet, 1), 1);
    expect_taken();
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    OK(take_in_time(&owner));
    registry_owner_drop(owner);
    close(fds[0]);
    close(fds[1]);
}

/* Until it is what is expected: the server needs a moment to end a session. */
static void keep_until(struct registry_owner *owner, enum err expected)
{
    uint64_t deadline_ns = clock_monotonic_ns() + 20000000000u;
    while (registry_owner_keep(owner) != expected)
        assert_true(clock_monotonic_ns() < deadline_ns);
}

static void end_owners(void)
{
    pg_cluster_run(&world_cluster, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                   " WHERE application_name LIKE 'statim-issuer %'");
}

static void test_an_owner_whose_session_is_lost(void **state)
{
    (void)state;
    struct registry_owner *one = NULL, *two = NULL;
    if (!world_postgresql)
        skip();
    OK(take_in_time(&one));
    end_owners();
    keep_until(one, ERR_OK);
    expect_taken();
    end_owners();
    OK(take_in_time(&two));
    keep_until(one, ERR_BUSY);
    registry_owner_drop(two);
    keep_until(one, ERR_OK);
    registry_owner_drop(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_kill_of_the_server),
        WORLD_TEST(test_kill_of_the_program),
        WORLD_TEST(test_connection_lost_before_the_commit),
        WORLD_TEST(test_connection_lost_while_idle),
        WORLD_TEST(test_one_owner),
        WORLD_TEST(test_a_killed_owner),
        WORLD_TEST(test_an_owner_whose_session_is_lost),
    };
    return world_run("registry and crashes", tests, sizeof tests / sizeof tests[0]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A COMMIT that is cut off, at each side of its effect: between libpq and PostgreSQL stands a proxy
 * that ends the connection before the server has it, after the server has done it, or while nobody
 * knows. What the registry says then is what the database holds. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/os/clock.h"
#include "tests/unit/registry_world.h"

/* What the proxy does with the next COMMIT. */
enum cut {
    CUT_NONE,
    CUT_BEFORE,  /* not delivered; both ends are closed */
    CUT_AFTER,   /* delivered and done; the answer is not */
    CUT_LATE,    /* delivered only when the next connection asks what became of it, and waits */
    CUT_DROPPED, /* not delivered, and its server learns that only when somebody waits for it */
};

#define PAIRS_MAX    32
#define CHUNK_BYTES  65536
#define PATIENCE_NS  20000000000u
#define PATIENCE_MS  20000 /* where a connection is to come about, on a busy machine */
#define IMPATIENT_MS 500   /* where none is */

static const char commit_message[] = "Q\0\0\0\x0b"
                                     "COMMIT";
static const char settle_text[] = "settled = settled + 1";

static struct proxy {
    char folder[SCRATCH_BYTES];
    pthread_t thread;
    int listener;
    int held; /* the server's end of a connection whose COMMIT is not decided */
    int client[PAIRS_MAX], server[PAIRS_MAX]; /* -1: none */
    atomic_int cut;
    atomic_bool is_down, stop;
} proxy;

static struct sockaddr_un address_in(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", folder);
    return address;
}

static void send_all(int fd, const void *data, size_t size)
{
    CHECK(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void pair_close(size_t i)
{
    close(proxy.client[i]);
    if (proxy.server[i] >= 0)
        close(proxy.server[i]);
    proxy.client[i] = proxy.server[i] = -1;
}

static void take_connection(void)
{
    struct sockaddr_un address = address_in(world_cluster.folder);
    int client = accept(proxy.listener, NULL, NULL);
    CHECK(client >= 0);
    if (atomic_load(&proxy.is_down)) {
        close(client);
        return;
    }
    size_t i = 0;
    while (proxy.client[i] >= 0)
        CHECK(++i < PAIRS_MAX);
    proxy.client[i] = client;
    proxy.server[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(proxy.server[i], (struct sockaddr *)&address, sizeof address) == 0);
}

/* Until the server has somebody who waits for a lock. */
static void wait_for_waiter(void)
{
    uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    PGconn *conn = PQconnectdb(world_cluster.conninfo);
    bool is_waiting = false;
    while (!is_waiting) {
        PGresult *result = PQexec(conn, "SELECT 1 FROM pg_locks WHERE NOT granted");
        is_waiting = PQntuples(result) > 0;
        PQclear(result);
        CHECK(clock_monotonic_ns() < deadline_ns);
    }
    PQfinish(conn);
}

/* Somebody waits for what became of the COMMIT: now it is decided. */
static void decide_held(enum cut cut)
{
    char answer[256];
    wait_for_waiter();
    if (cut == CUT_LATE) {
        send_all(proxy.held, commit_message, sizeof commit_message);
        CHECK(recv(proxy.held, answer, sizeof answer, 0) > 0);
    }
    close(proxy.held);
    proxy.held = -1;
    atomic_store(&proxy.cut, CUT_NONE);
}

static void cut_commit(size_t i, enum cut cut)
{
    char answer[256];
    if (cut == CUT_AFTER) {
        send_all(proxy.server[i], commit_message, sizeof commit_message);
        CHECK(recv(proxy.server[i], answer, sizeof answer, 0) > 0);
    }
    if (cut == CUT_LATE || cut == CUT_DROPPED) {
        proxy.held = proxy.server[i];
        proxy.server[i] = -1;
    } else {
        atomic_store(&proxy.cut, CUT_NONE);
    }
    pair_close(i);
}

static void from_client(size_t i)
{
    static char chunk[CHUNK_BYTES];
    enum cut cut = (enum cut)atomic_load(&proxy.cut);
    ssize_t size = recv(proxy.client[i], chunk, sizeof chunk, 0);
    if (size <= 0) {
        pair_close(i);
        return;
    }
    bool is_commit = (size_t)size == sizeof commit_message &&
                     memcmp(chunk, commit_message, sizeof commit_message) == 0;
    if (is_commit && cut != CUT_NONE && proxy.held < 0) {
        cut_commit(i, cut);
        return;
    }
    send_all(proxy.server[i], chunk, (size_t)size);
    if (proxy.held >= 0 && memmem(chunk, (size_t)size, settle_text, sizeof settle_text - 1) != NULL)
        decide_held(cut);
}

static void from_server(size_t i)
{
    static char chunk[CHUNK_BYTES];
    ssize_t size = recv(proxy.server[i], chunk, sizeof chunk, 0);
    /* A client that waited for too long has gone. */
    if (size <= 0 || send(proxy.client[i], chunk, (size_t)size, MSG_NOSIGNAL) != size)
        pair_close(i);
}

static void *proxy_main(void *context)
{
    struct pollfd fds[1 + 2 * PAIRS_MAX];
    while (!atomic_load(&proxy.stop)) {
        fds[0] = (struct pollfd){.fd = proxy.listener, .events = POLLIN};
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            fds[1 + 2 * i] = (struct pollfd){.fd = proxy.client[i], .events = POLLIN};
            fds[2 + 2 * i] = (struct pollfd){.fd = proxy.server[i], .events = POLLIN};
        }
        CHECK(poll(fds, sizeof fds / sizeof *fds, 20) >= 0);
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (proxy.client[i] >= 0 && fds[1 + 2 * i].revents != 0)
                from_client(i);
            else if (proxy.server[i] >= 0 && fds[2 + 2 * i].revents != 0)
                from_server(i);
        }
        if (fds[0].revents != 0)
            take_connection();
    }
    return context;
}

static void proxy_start(void)
{
    proxy = (struct proxy){.held = -1};
    scratch_make(proxy.folder);
    struct sockaddr_un address = address_in(proxy.folder);
    for (size_t i = 0; i < PAIRS_MAX; i++)
        proxy.client[i] = proxy.server[i] = -1;
    proxy.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(proxy.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(proxy.listener, 8), 0);
    assert_int_equal(pthread_create(&proxy.thread, NULL, proxy_main, NULL), 0);
}

static void proxy_stop(void)
{
    atomic_store(&proxy.stop, true);
    pthread_join(proxy.thread, NULL);
    for (size_t i = 0; i < PAIRS_MAX; i++)
        if (proxy.client[i] >= 0)
            pair_close(i);
    close(proxy.listener);
    scratch_remove(proxy.folder);
}

/* `timeout_ms` is all that it takes to be connected again and to ask what became of a COMMIT. */
static struct registry *open_through_proxy(uint32_t timeout_ms)
{
    char conninfo[SCRATCH_BYTES + 64];
    struct registry *r = NULL;
    snprintf(conninfo, sizeof conninfo, "host=%s user=statim dbname=postgres", proxy.folder);
    const struct registry_options options = {.postgresql = conninfo,
                                             .connect_timeout_ms = timeout_ms};
    enum err err;
    uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    while ((err = registry_open(&options, &r)) == ERR_IO)
        assert_true(clock_monotonic_ns() < deadline_ns);
    OK(err);
    return r;
}

static enum err is_there(struct registry *r, uint64_t n)
{
    struct registry_reservation is;
    struct serial serial = world_serial(n);
    return registry_serial_get(r, ISSUER, &serial, &is);
}

/* Reserves serial `n` in a transaction whose COMMIT is cut. */
static enum err commit_with(struct registry *r, uint64_t n, enum cut cut)
{
    struct registry_reservation v = world_reservation(ISSUER, n);
    OK(registry_begin(r));
    OK(registry_serial_reserve(r, &v));
    atomic_store(&proxy.cut, cut);
    return registry_commit(r);
}

static void test_the_registry_finds_out(void **state)
{
    (void)state;
    static const struct {
        enum cut cut;
        enum err commit, there;
    } rows[] = {
        {CUT_NONE, ERR_OK, ERR_OK},
        {CUT_BEFORE, ERR_BUSY, ERR_NOT_FOUND},
        {CUT_AFTER, ERR_OK, ERR_OK},
        {CUT_LATE, ERR_OK, ERR_OK},
        {CUT_DROPPED, ERR_BUSY, ERR_NOT_FOUND},
    };
    if (!world_postgresql)
        skip();
    proxy_start();
    struct registry *r = open_through_proxy(PATIENCE_MS);
    for (uint64_t n = 0; n < sizeof rows / sizeof *rows; n++) {
        assert_int_equal(commit_with(r, n, rows[n].cut), rows[n].commit);
        assert_int_equal(atomic_load(&proxy.cut), CUT_NONE);
        assert_int_equal(is_there(r, n), rows[n].there);
        assert_int_equal(is_there(reg, n), rows[n].there);
    }
    registry_close(r);
    proxy_stop();
}

static void wait_until_ready(struct registry *r)
{
    enum err err;
    uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    while ((err = registry_ready(r)) == ERR_IO)
        assert_true(clock_monotonic_ns() < deadline_ns);
    OK(err);
}

/* The server cannot be asked: the outcome is unknown, and no question is answered until it can. */
static void test_an_unknown_outcome_is_not_guessed(void **state)
{
    (void)state;
    if (!world_postgresql)
        skip();
    proxy_start();
    struct registry *r = open_through_proxy(IMPATIENT_MS);
    for (enum cut cut = CUT_BEFORE; cut <= CUT_AFTER; cut++) {
        atomic_store(&proxy.is_down, true);
        assert_int_equal(commit_with(r, cut, cut), ERR_IO);
        assert_int_equal(is_there(r, cut), ERR_IO);
        atomic_store(&proxy.is_down, false);
        wait_until_ready(r);
        assert_int_equal(is_there(r, cut), cut == CUT_AFTER ? ERR_OK : ERR_NOT_FOUND);
    }
    registry_close(r);
    proxy_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_the_registry_finds_out),
        WORLD_TEST(test_an_unknown_outcome_is_not_guessed),
    };
    return world_run("registry and cut commits", tests, sizeof tests / sizeof tests[0]);
}

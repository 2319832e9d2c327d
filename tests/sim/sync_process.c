/* SPDX-License-Identifier: Apache-2.0 */
/* The real sync process over a publication in a folder: killed with SIGKILL at random instants
 * while the publisher goes on, and short of room. Afterwards the store must hold exactly what was
 * published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "edge/sync.h"
#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "tests/sim/sim_keys.h"
#include "tests/sim/sim_relay.h"
#include "tests/sim/sim_world.h"

#define KILLS      40
#define DEADLINE_S 30
#define MAP_BYTES  (256u << 20)
#define MAP_SMALL  (96u << 10)
#define ROOM       (512u << 10)
#define MS         UINT64_C(1000000)

static struct edge_config config;
static struct edge_shared *shared;
static char directory[SIM_PATH_BYTES];
static char publication_path[128], data_path[128], vkey[VKEY_TEXT_BYTES];
static char *origins[] = {publication_path};
static struct sim_publication *publication;
static bool *meta_fails; /* shared with the sync process */

/* LMDB's: it writes whole pages but for the meta page. By its name in the library, which our own
 * calls do not have where off_t is 64 bits wide. */
__attribute__((visibility("default"))) ssize_t
pwrite_of_lmdb(int fd, const void *octets, size_t size, off_t offset) __asm__("pwrite");
ssize_t pwrite_of_lmdb(int fd, const void *octets, size_t size, off_t offset)
{
    if (meta_fails != NULL && *meta_fails && size % STORE_PAGE_BYTES != 0) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, octets, size, offset);
}

static void write_file(const char *name, struct span content)
{
    char path[256];
    assert_int_equal(path_join(path, sizeof path, publication_path, name), ERR_OK);
    assert_int_equal(file_publish_lazy(path, content, 0644), ERR_OK);
}

/* Everything that is new, and the head last. */
static void write_publication(void)
{
    static uint32_t written;
    for (; written < publication->file_count; written++)
        write_file(publication->files[written].name, publication->files[written].content);
    for (uint32_t i = 0; i < publication->file_count; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", publication_path, publication->files[i].name);
        if (publication->files[i].gone)
            unlink(path);
    }
    write_file("head", publication->heads[publication->head_count - 1]);
}

static void publish(void)
{
    publication->now_s = clock_wall_s();
    sim_publish(publication);
    write_publication();
}

static int start(void **state)
{
    (void)state;
    sim_keys_start();
    sim_directory(directory);
    snprintf(publication_path, sizeof publication_path, "%s/pub", directory);
    snprintf(data_path, sizeof data_path, "%s/data", directory);
    static const char *const folders[] = {"log", "index", "pack", "blob"};
    for (size_t i = 0; i < 4; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", publication_path, folders[i]);
        CHECK(directory_make(path, 0755) == ERR_OK);
    }
    verify_key_to_text(publish_key_public(sim_publish_key()), vkey);
    config.sync = (struct sync_config){.origins = origins,
                                       .origins_count = 1,
                                       .network_key = vkey,
                                       .data_dir = data_path,
                                       .map_bytes = MAP_BYTES,
                                       .poll_ms = 5,
                                       .index_when_behind = 20,
                                       .verify_log = SYNC_VERIFY_ALL,
                                       .verify_packs = SYNC_VERIFY_SAMPLE,
                                       .connect_timeout_s = 5,
                                       .stall_timeout_s = 5};
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    meta_fails =
        mmap(NULL, sizeof *meta_fails, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(meta_fails != MAP_FAILED);
    log_start("sync_process", LOG_LEVEL_ERROR);
    publication = sim_publication_new(3, clock_wall_s());
    publication->large_blobs = true;
    write_publication();
    return 0;
}

static int finish(void **state)
{
    (void)state;
    sim_publication_free(publication);
    munmap(shared, sizeof *shared);
    munmap(meta_fails, sizeof *meta_fails);
    sim_remove(directory);
    sim_keys_stop();
    return 0;
}

static pid_t run_sync(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        _exit(sync_run(&config, shared));
    }
    return pid;
}

static void pause_ns(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

/* Waits for a counter to reach a value. */
static void await(enum sync_counter counter, uint64_t value)
{
    uint64_t deadline = clock_monotonic_ns() + DEADLINE_S * 1000 * MS;
    while (counter_get(&shared->sync[counter]) < value) {
        if (clock_monotonic_ns() > deadline)
            fail_msg("%s did not reach %" PRIu64, sync_counter_row(counter)->name, value);
        pause_ns(2 * MS);
    }
}

static void await_in_step(void)
{
    await(SYNC_LOG_NUMBER, publication->state.log_last);
    await(SYNC_COMPLETE, 1);
}

static void stop_gracefully(pid_t pid)
{
    int status = 0;
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void check_content(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/store", data_path);
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    struct store_config store_config = {.path = path, .map_bytes = MAP_BYTES, .read_only = true};
    assert_int_equal(store_open(&store_config, &store), ERR_OK);
    assert_int_equal(store_read(store, &txn), ERR_OK);
    assert_int_equal(store_position(txn)->log_number, publication->state.log_last);
    assert_true(store_equals_model(txn, &publication->state.content));
    assert_true(sim_paths_equal_store(&publication->state.paths, txn));
    store_abort(txn);
    store_close(store);
}

static void follows_and_stops(void **state)
{
    (void)state;
    pid_t pid = run_sync();
    for (uint32_t i = 0; i < 10; i++) {
        publish();
        await_in_step();
    }
    stop_gracefully(pid);
    check_content();
}

static void survives_kills(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (uint32_t i = 0; i < KILLS; i++) {
        pid_t pid = run_sync();
        for (uint32_t n = sim_below(&random, 4); n > 0; n--)
            publish();
        pause_ns(sim_below(&random, 25000) * UINT64_C(1000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    counter_set(&shared->sync[SYNC_LOG_NUMBER], 0);
    pid_t pid = run_sync();
    await_in_step();
    stop_gracefully(pid);
    check_content();
}

/* A store that may not grow: counted, waited for, and gone on with once there is room. */
static void waits_for_room(void **state)
{
    (void)state;
    snprintf(data_path, sizeof data_path, "%s/small", directory);
    memset(shared->sync, 0, sizeof shared->sync);
    config.sync.map_bytes = MAP_SMALL;
    pid_t pid = run_sync();
    await(SYNC_DISK_FULL, 2);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    stop_gracefully(pid);
    config.sync.map_bytes = MAP_BYTES;
    pid = run_sync();
    await_in_step();
    stop_gracefully(pid);
    check_content();
}

/* The CA certificates of issuers `first` up to `end` in a file, as the edge is configured. */
static void trust_issuers_of(uint32_t first, uint32_t end)
{
    static char path[256];
    static char *files[] = {path};
    snprintf(path, sizeof path, "%s/cas.pem", directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (uint32_t i = first; i < end; i++)
        assert_int_equal(PEM_write_X509(file, sim_signer(i, 0)->cert), 1);
    fclose(file);
    config.sync.ca_certificates = files;
    config.sync.ca_certificates_count = 1;
}

static bool store_has(uint32_t first, uint32_t end)
{
    const struct serial before = SERIAL_BEFORE_ALL, after = SERIAL_AFTER_ALL;
    struct model want = model_copy(&publication->state.content);
    for (uint32_t i = 0; i < SIM_ISSUERS; i++)
        if (i < first || i >= end)
            model_remove(&want, sim_signer(i, 0)->t.issuer_id, &before, &after);
    char path[256];
    snprintf(path, sizeof path, "%s/store", data_path);
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    struct store_config store_config = {.path = path, .map_bytes = MAP_BYTES, .read_only = true};
    assert_int_equal(store_open(&store_config, &store), ERR_OK);
    assert_int_equal(store_read(store, &txn), ERR_OK);
    bool same = store_position(txn)->log_number == publication->state.log_last &&
                store_equals_model(txn, &want);
    store_abort(txn);
    store_close(store);
    assert_true(want.count > 0);
    model_done(&want);
    return same;
}

/* Publishes until the store has exactly these issuers' statements: the index that brings them is
 * made now and then. Returns how often the log was trimmed up to its end, so that whoever stood one
 * entry before it had to take the index. */
static uint32_t follow_until_it_has(uint32_t first, uint32_t end)
{
    pid_t pid = run_sync();
    uint32_t overtaken = 0;
    for (uint32_t i = 0; i < 200; i++) {
        publish();
        overtaken += publication->state.log_first > publication->state.log_last;
        await_in_step();
        if (store_has(first, end) && i >= 5)
            break;
    }
    stop_gracefully(pid);
    assert_true(store_has(first, end));
    return overtaken;
}

/* What is published of other issuers is no reason to stop; it comes when they are trusted. */
static void other_issuers_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        uint32_t first, end;
    } rows[] = {{0, 1}, {0, 2}, {1, 3}, {0, SIM_ISSUERS}, {2, 3}};
    snprintf(data_path, sizeof data_path, "%s/some", directory);
    memset(shared->sync, 0, sizeof shared->sync);
    uint64_t resyncs = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trust_issuers_of(rows[i].first, rows[i].end);
        follow_until_it_has(rows[i].first, rows[i].end);
        assert_true(i == 0 || counter_get(&shared->sync[SYNC_RESYNCS_DONE]) > resyncs);
        resyncs = counter_get(&shared->sync[SYNC_RESYNCS_DONE]);
        /* A restart takes nothing anew. */
        resyncs += follow_until_it_has(rows[i].first, rows[i].end);
        assert_int_equal(counter_get(&shared->sync[SYNC_RESYNCS_DONE]), resyncs);
        assert_int_equal(counter_get(&shared->sync[SYNC_CONTENT_REFUSED]), 0);
    }
    assert_true(counter_get(&shared->sync[SYNC_PASSED_OVER]) > 0);
    config.sync.ca_certificates_count = 0;
}

static enum sim_relay_state relayed(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/store", data_path);
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    struct store_config store_config = {.path = path, .map_bytes = MAP_BYTES, .read_only = true};
    assert_int_equal(store_open(&store_config, &store), ERR_OK);
    assert_int_equal(store_read(store, &txn), ERR_OK);
    enum sim_relay_state state = sim_relay_state(publication, txn);
    store_abort(txn);
    store_close(store);
    return state;
}

/* What others get stays whole through kills, also when it begins with a store that is full. */
static void relays(void **state)
{
    (void)state;
    uint64_t random = 17;
    snprintf(data_path, sizeof data_path, "%s/relaying", directory);
    memset(shared->sync, 0, sizeof shared->sync);
    pid_t pid = run_sync();
    await_in_step();
    stop_gracefully(pid);
    assert_int_equal(relayed(), SIM_RELAY_NONE);
    config.sync.relay = true;
    for (uint32_t i = 0; i < KILLS / 2; i++) {
        pid = run_sync();
        for (uint32_t n = sim_below(&random, 4); n > 0; n--)
            publish();
        pause_ns(sim_below(&random, 25000) * UINT64_C(1000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_not_equal(relayed(), SIM_RELAY_BROKEN);
    }
    counter_set(&shared->sync[SYNC_LOG_NUMBER], 0);
    counter_set(&shared->sync[SYNC_RELAY_LOG], 0);
    pid = run_sync();
    await_in_step();
    await(SYNC_RELAY_LOG, publication->state.log_last);
    stop_gracefully(pid);
    check_content();
    assert_int_equal(relayed(), SIM_RELAY_NEWEST);
    assert_int_equal(counter_get(&shared->sync[SYNC_RELAY_GIVEN_UP]), 0);
}

static int await_end(pid_t pid)
{
    int status = 0;
    uint64_t deadline = clock_monotonic_ns() + DEADLINE_S * 1000 * MS;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (clock_monotonic_ns() > deadline)
            fail_msg("process %d did not end", pid);
        pause_ns(2 * MS);
    }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* LMDB does nothing more for a process that failed to write its meta page. The next one goes on. */
static void ends_when_the_store_is_broken(void **state)
{
    (void)state;
    snprintf(data_path, sizeof data_path, "%s/broken", directory);
    memset(shared->sync, 0, sizeof shared->sync);
    pid_t pid = run_sync();
    await_in_step();
    *meta_fails = true;
    publish();
    assert_int_equal(await_end(pid), SYNC_EXIT_BROKEN);
    *meta_fails = false;
    pid = run_sync();
    await_in_step();
    stop_gracefully(pid);
    check_content();
}

static uint64_t store_bytes(void)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/store/data.mdb", data_path);
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

/* Room for what the edge answers with, and not for the copy: that is given up, and nothing else. */
static void the_copy_gives_way(void **state)
{
    (void)state;
    snprintf(data_path, sizeof data_path, "%s/narrow", directory);
    memset(shared->sync, 0, sizeof shared->sync);
    config.sync.relay = false;
    pid_t pid = run_sync();
    await_in_step();
    stop_gracefully(pid);
    publication->large_blobs = false;
    assert_true(store_bytes() > 4 * ROOM);
    config.sync.relay = true;
    config.sync.map_bytes = store_bytes() + ROOM;
    pid = run_sync();
    await(SYNC_RELAY_GIVEN_UP, 1);
    for (uint32_t i = 0; i < 3; i++) {
        publish();
        await_in_step();
    }
    stop_gracefully(pid);
    check_content();
    assert_int_equal(relayed(), SIM_RELAY_NONE);
    assert_int_equal(counter_get(&shared->sync[SYNC_DISK_FULL]), 0);
    config.sync.map_bytes = MAP_BYTES;
    config.sync.relay = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_and_stops),
        cmocka_unit_test(survives_kills),
        cmocka_unit_test(waits_for_room),
        cmocka_unit_test(ends_when_the_store_is_broken),
        cmocka_unit_test(other_issuers_are_passed_over),
        cmocka_unit_test(relays),
        cmocka_unit_test(the_copy_gives_way),
    };
    return cmocka_run_group_tests(tests, start, finish);
}

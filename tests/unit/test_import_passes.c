/* SPDX-License-Identifier: Apache-2.0 */
/* The two passes of an import: what is locked when, and what is left when the second one breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "presigner/import.h"
#include "presigner/import_store.h"
#include "tests/unit/scratch.h"

#define MAP_BYTES  (256ull << 20)
#define ISSUER     7u
#define NOW_S      1800000000u
#define LINE_COUNT 20000u
#define BATCH      1500u
#define STEP       700u
#define STEPS      ((LINE_COUNT + STEP - 1) / STEP)
#define DEADLINE_S 60

static char list[SCRATCH_BYTES + 16];
static char home[SCRATCH_BYTES];
static char path[SCRATCH_BYTES + 16];

/* Serials of one to eight octets in no order, each fifth again later with other facts. */
static void write_list(void)
{
    struct buffer b = {0};
    for (uint32_t i = 0; i < LINE_COUNT; i++) {
        char line[96];
        uint64_t number = (i % 5 == 4 ? i / 2 : i) * 0x9e3779b97f4a7c15u;
        int size = snprintf(line, sizeof line, "%llX,%s,%u\n",
                            (unsigned long long)(number >> (8 * (i % 5 == 4 ? i / 2 % 7 : i % 7))),
                            i % 3 == 0   ? "revoked,2023-11-14T22:13:20Z,superseded"
                            : i % 7 == 0 ? "revoked,2023-10-14T22:13:20Z,keyCompromise"
                                         : "good,,",
                            1900000000 + i % 50);
        assert_int_equal(buffer_append(&b, span_of(line, (size_t)size)), ERR_OK);
    }
    assert_int_equal(file_publish_lazy(list, span_of(b.data, b.size), 0600), ERR_OK);
    buffer_done(&b);
}

static int start(void **state)
{
    (void)state;
    scratch_make(home);
    snprintf(list, sizeof list, "%s/list", home);
    write_list();
    return 0;
}

static int end(void **state)
{
    (void)state;
    scratch_remove(home);
    return 0;
}

static struct import_options options_of(const char *temporary_dir)
{
    return (struct import_options){.issuer_id = ISSUER,
                                   .temporary_dir = temporary_dir,
                                   .now_s = NOW_S,
                                   .batch_count = BATCH,
                                   .step_count = STEP};
}

static enum err import_list(const char *dir, const struct import_options *options,
                            struct import_report *report)
{
    struct status_db *db;
    int fd = open(list, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || status_db_open(dir, MAP_BYTES, &db) != ERR_OK)
        abort();
    enum err err = import_file(db, fd, options, report);
    status_db_close(db);
    close(fd);
    return err;
}

/* All that the database says: counts, certificates and changes, sequences included. */
static void dump(const char *dir, struct buffer *b)
{
    struct status_db *db;
    MDB_txn *txn;
    struct status_counts counts;
    struct status_change_cursor changes;
    struct status_change change;
    struct status_cert_cursor certs;
    struct status_cert cert;
    const struct serial from = SERIAL_BEFORE_ALL, until = SERIAL_AFTER_ALL;
    uint8_t record[CERT_RECORD_BYTES];
    b->size = 0;
    assert_int_equal(status_db_open(dir, MAP_BYTES, &db), ERR_OK);
    assert_int_equal(status_txn_read(db, &txn), ERR_OK);
    assert_int_equal(status_counts(db, txn, ISSUER, &counts), ERR_OK);
    assert_int_equal(buffer_append(b, span_of(&counts, sizeof counts)), ERR_OK);
    assert_int_equal(status_changes_begin(db, txn, 0, &changes), ERR_OK);
    for (uint64_t sequence = 1; status_changes_next(&changes, &change) == ERR_OK; sequence++) {
        assert_int_equal(change.record.sequence, sequence);
        cert_record_write(&change.record, record);
        assert_int_equal(buffer_append(b, span_of(&change.serial, sizeof change.serial)), ERR_OK);
        assert_int_equal(buffer_append(b, span_of(record, sizeof record)), ERR_OK);
    }
    status_changes_end(&changes);
    assert_int_equal(status_certs_begin(db, txn, ISSUER, &from, &until, &certs), ERR_OK);
    uint64_t count = 0;
    for (; status_certs_next(&certs, &cert) == ERR_OK; count++) {
        cert_record_write(&cert.record, record);
        assert_int_equal(buffer_append(b, span_of(&cert.serial, sizeof cert.serial)), ERR_OK);
        assert_int_equal(buffer_append(b, span_of(record, sizeof record)), ERR_OK);
    }
    status_certs_end(&certs);
    assert_int_equal(count, counts.good + counts.revoked);
    status_txn_abort(txn);
    status_db_close(db);
}

static uint64_t sequence_of(const char *dir)
{
    struct status_db *db;
    uint64_t sequence;
    assert_int_equal(status_db_open(dir, MAP_BYTES, &db), ERR_OK);
    assert_int_equal(status_poll_sequence(db, &sequence), ERR_OK);
    status_db_close(db);
    return sequence;
}

static void assert_same(const char *a, const char *b)
{
    struct buffer one = {0}, other = {0};
    dump(a, &one);
    dump(b, &other);
    assert_true(one.size > LINE_COUNT * 40);
    assert_true(span_equal(span_of(one.data, one.size), span_of(other.data, other.size)));
    buffer_done(&one);
    buffer_done(&other);
}

static void clean_import(char dir[static SCRATCH_BYTES], struct import_report *report)
{
    scratch_make(dir);
    struct import_options options = options_of(dir);
    assert_int_equal(import_list(dir, &options, report), ERR_OK);
}

/* The sizes of runs and steps change nothing; all in memory and one run a line neither. */
static void sizes_do_not_matter(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{0, 0}, {20000, 20000}, {19999, 90}, {7, 4000}, {1, 0}};
    char reference[SCRATCH_BYTES], dir[SCRATCH_BYTES];
    struct import_report report;
    clean_import(reference, &report);
    assert_int_equal(report.cert_count, LINE_COUNT);
    assert_int_equal(report.stored_count, LINE_COUNT);
    assert_true(report.changed_count > LINE_COUNT / 2);
    assert_int_equal(report.last_sequence, report.changed_count);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct import_options options = options_of(home);
        scratch_make(dir);
        options.batch_count = sizes[i][0];
        options.step_count = sizes[i][1];
        enum err err = import_list(dir, &options, &report);
        /* A run a line is more runs than there may be: nothing is taken. */
        assert_int_equal(err, sizes[i][0] == 1 ? ERR_LIMIT : ERR_OK);
        if (err == ERR_OK) {
            assert_same(reference, dir);
        } else {
            assert_non_null(strstr(report.why, "too many lines"));
            assert_int_equal(report.stored_count, 0);
            assert_int_equal(sequence_of(dir), 0);
        }
        scratch_remove(dir);
    }
    scratch_remove(reference);
}

static void from_a_pipe(void **state)
{
    (void)state;
    char reference[SCRATCH_BYTES], dir[SCRATCH_BYTES], command[SCRATCH_BYTES + 32];
    struct import_report report;
    struct status_db *db;
    clean_import(reference, &report);
    scratch_make(dir);
    snprintf(command, sizeof command, "cat %s", list);
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    struct import_options options = options_of(dir);
    assert_int_equal(status_db_open(dir, MAP_BYTES, &db), ERR_OK);
    assert_int_equal(import_file(db, fileno(pipe), &options, &report), ERR_OK);
    status_db_close(db);
    assert_int_equal(pclose(pipe), 0);
    assert_same(reference, dir);
    scratch_remove(dir);
    scratch_remove(reference);
}

/* --- The lock --- */

struct watcher {
    struct status_db *db;
    size_t reading_count;
    size_t storing_count;
};

/* Within a write transaction this would wait for ever. */
static void take_the_lock(void *context, const struct import_progress *progress)
{
    struct watcher *w = context;
    MDB_txn *txn;
    ++*(progress->storing ? &w->storing_count : &w->reading_count);
    if (status_txn_write(w->db, &txn) != ERR_OK)
        abort();
    status_txn_abort(txn);
}

static void others_get_the_lock(void **state)
{
    (void)state;
    char dir[SCRATCH_BYTES];
    struct watcher w = {0};
    struct import_report report;
    scratch_make(dir);
    struct import_options options = options_of(dir);
    options.progress = take_the_lock;
    options.context = &w;
    int fd = open(list, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(status_db_open(dir, MAP_BYTES, &w.db), ERR_OK);
    alarm(DEADLINE_S);
    assert_int_equal(import_file(w.db, fd, &options, &report), ERR_OK);
    alarm(0);
    assert_true(w.reading_count > 0);
    assert_int_equal(w.storing_count, STEPS);
    status_db_close(w.db);
    close(fd);
    scratch_remove(dir);
}

/* --- Killed --- */

struct killer {
    uint32_t *steps; /* shared with the parent */
    uint32_t at;     /* dies by itself after so many; 0: does not */
};

static void count_and_die(void *context, const struct import_progress *progress)
{
    struct killer *k = context;
    if (!progress->storing)
        return;
    uint32_t steps = __atomic_add_fetch(k->steps, 1, __ATOMIC_SEQ_CST);
    if (steps == k->at)
        kill(getpid(), SIGKILL);
}

/* A child that imports into `dir`. */
static pid_t spawn(const char *dir, struct killer *k)
{
    *k->steps = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0)
        return child;
    struct import_report report;
    struct import_options options = options_of(dir);
    options.progress = count_and_die;
    options.context = k;
    _exit(import_list(dir, &options, &report) == ERR_OK ? 0 : 1);
}

/* Kills at once after the child has taken `at` steps: wherever it is then. */
static void kill_after(pid_t child, const uint32_t *steps, uint32_t at)
{
    uint64_t until_s = clock_monotonic_ns() / 1000000000u + DEADLINE_S;
    while (__atomic_load_n(steps, __ATOMIC_SEQ_CST) < at)
        assert_true(clock_monotonic_ns() / 1000000000u < until_s);
    for (volatile uint32_t i = 0; i < at * 97 % 50 * 10000; i++) {
    }
    kill(child, SIGKILL);
}

static void killed_then_imported_again(void **state)
{
    (void)state;
    char reference[SCRATCH_BYTES], dir[SCRATCH_BYTES];
    struct import_report report;
    uint32_t *steps =
        mmap(NULL, sizeof *steps, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(steps != MAP_FAILED);
    clean_import(reference, &report);
    uint64_t all = report.last_sequence;
    for (uint32_t at = 1; at < STEPS; at += 2) {
        bool by_itself = at % 4 == 1;
        struct killer k = {.steps = steps, .at = by_itself ? at : 0};
        int status;
        scratch_make(dir);
        pid_t child = spawn(dir, &k);
        if (!by_itself)
            kill_after(child, steps, at);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (by_itself)
            assert_true(WIFSIGNALED(status));
        uint64_t sequence = sequence_of(dir);
        /* What was committed is there, and no half of a step. */
        assert_true(sequence > 0 && sequence <= at * STEP + (by_itself ? 0 : LINE_COUNT));
        assert_true(by_itself ? sequence < all : sequence <= all);
        struct import_options options = options_of(dir);
        assert_int_equal(import_list(dir, &options, &report), ERR_OK);
        assert_int_equal(report.changed_count, all - sequence);
        assert_same(reference, dir);
        scratch_remove(dir);
    }
    munmap(steps, sizeof *steps);
    scratch_remove(reference);
}

/* --- No room --- */

/* In a child with mounts of its own: 0 as it should be, 77 when it may not mount. */
static int on_full_disk(const char *dir)
{
    struct import_report report;
    struct import_options options = options_of(path);
    if (directory_make(path, 0700) != ERR_OK)
        return 1;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", path, "tmpfs", 0, "size=256k") != 0)
        return 77;
    if (import_list(dir, &options, &report) != ERR_DISK_FULL)
        return 2;
    if (report.why == NULL || strstr(report.why, "temporary file") == NULL)
        return 3;
    return report.stored_count == 0 && report.line_no == 0 ? 0 : 4;
}

static void no_room_for_the_runs(void **state)
{
    (void)state;
    char dir[SCRATCH_BYTES];
    int status;
    scratch_make(dir);
    snprintf(path, sizeof path, "%s/small", home);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(on_full_disk(dir));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        scratch_remove(dir);
        skip(); /* not root */
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(sequence_of(dir), 0);
    scratch_remove(dir);
}

/* The map is full in the second pass: what was committed stays, and the report says so. */
static void no_room_in_the_database(void **state)
{
    (void)state;
    char dir[SCRATCH_BYTES];
    struct import_report report;
    struct status_db *db;
    scratch_make(dir);
    struct import_options options = options_of(dir);
    int fd = open(list, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(status_db_open(dir, 1u << 20, &db), ERR_OK);
    assert_int_equal(import_file(db, fd, &options, &report), ERR_LIMIT);
    close(fd);
    status_db_close(db);
    assert_null(report.why);
    assert_int_equal(report.line_no, 0);
    assert_int_equal(report.cert_count, LINE_COUNT);
    assert_true(report.stored_count > 0 && report.stored_count < LINE_COUNT);
    assert_int_equal(sequence_of(dir), report.changed_count);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_do_not_matter),  cmocka_unit_test(from_a_pipe),
        cmocka_unit_test(others_get_the_lock),  cmocka_unit_test(killed_then_imported_again),
        cmocka_unit_test(no_room_for_the_runs), cmocka_unit_test(no_room_in_the_database),
    };
    return cmocka_run_group_tests(tests, start, end);
}

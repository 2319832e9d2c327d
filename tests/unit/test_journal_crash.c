/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal has said is in the log: when the disk is full, and after kill -9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/unit/journal_fixture.h"

#define THREADS 8

/* --- A full disk, with mounts of a child's own. --- */

#define MAY_NOT_MOUNT 77

struct stubborn {
    pthread_t thread;
    struct journal *journal;
    enum err first_err;
    uint64_t acknowledged;
};

/* Appends until something fails. */
static void *append_until_full(void *context)
{
    struct stubborn *s = context;
    static const uint8_t octets[8000];
    uint64_t leaf;
    while ((s->first_err = journal_append(s->journal, span_of(octets, sizeof octets), &leaf)) ==
           ERR_OK)
        s->acknowledged++;
    return NULL;
}

/* All of them are told when it is full; how many entries they had been promised. */
static uint64_t fill(struct journal *j)
{
    static struct stubborn all[THREADS];
    uint64_t acknowledged = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        all[i] = (struct stubborn){.journal = j};
        CHECK(pthread_create(&all[i].thread, NULL, append_until_full, &all[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(all[i].thread, NULL);
        CHECK(all[i].first_err == ERR_DISK_FULL);
        acknowledged += all[i].acknowledged;
    }
    return acknowledged;
}

/* Ends the process: in a child. */
static _Noreturn void on_small_disk(void)
{
    char filler[SCRATCH_BYTES + 32];
    static const uint8_t octets[512 << 10];
    uint64_t leaf = 0;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", root, "tmpfs", 0, "size=2m") != 0)
        _exit(MAY_NOT_MOUNT);
    make_log();
    snprintf(filler, sizeof filler, "%s/filler", root);
    CHECK(file_publish(filler, span_of(octets, sizeof octets), 0600) == ERR_OK);
    struct journal *j = open_one();
    uint64_t acknowledged = fill(j);
    CHECK(acknowledged > 0);
    CHECK(unlink(filler) == 0);
    CHECK(eventually(j, is_well));
    CHECK(append_text(j, "after", &leaf) == ERR_OK);
    CHECK(leaf == 1 + acknowledged);
    journal_close(j);
    struct entries e = read_log();
    CHECK(e.count == leaf + 1);
    free(e.texts);
    _exit(0);
}

static void full_disk(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        on_small_disk();
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == MAY_NOT_MOUNT)
        skip(); /* not root */
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- kill -9. --- */

/* What a child says when journal_append() returned. Smaller than PIPE_BUF: never in pieces. */
struct promise {
    uint64_t leaf;
    char text[56];
};

struct doomed {
    struct journal *journal;
    unsigned number;
    unsigned round;
    int pipe;
};

static void *promise_for_ever(void *context)
{
    const struct doomed *d = context;
    for (unsigned i = 0;; i++) {
        struct promise p = {0};
        snprintf(p.text, sizeof p.text, "round %u thread %u entry %u", d->round, d->number, i);
        if (append_text(d->journal, p.text, &p.leaf) != ERR_OK ||
            write(d->pipe, &p, sizeof p) != sizeof p)
            return NULL;
    }
}

static _Noreturn void be_doomed(unsigned round, int pipe)
{
    static struct doomed all[THREADS];
    static pthread_t threads[THREADS];
    struct journal *j = open_with((struct journal_options){.checkpoint_ns = 3000000});
    CHECK(j != NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        all[i] = (struct doomed){.journal = j, .number = i, .round = round, .pipe = pipe};
        CHECK(pthread_create(&threads[i], NULL, promise_for_ever, &all[i]) == 0);
    }
    for (;;)
        pause();
}

/* Reads `count` promises, kills, and reads what else was promised until then. */
static size_t promises_of(unsigned round, size_t count, struct promise *promises, size_t room)
{
    int ends[2];
    int status;
    size_t got = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        be_doomed(round, ends[1]);
    close(ends[1]);
    while (got < room && read(ends[0], &promises[got], sizeof *promises) == sizeof *promises)
        if (++got == count)
            kill(child, SIGKILL);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(got >= count && got < room);
    return got;
}

static void promises_outlive_a_kill(void **state)
{
    (void)state;
    static struct promise promises[4096];
    for (unsigned round = 0; round < 12; round++) {
        size_t got = promises_of(round, 1 + round * round * 3, promises, 4096);
        journal_close(open_one());
        struct entries e = read_log();
        for (size_t i = 0; i < got; i++) {
            assert_true(promises[i].leaf < e.count);
            assert_string_equal(e.texts[promises[i].leaf], promises[i].text);
        }
        free(e.texts);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_setup, journal_teardown)
    const struct CMUnitTest tests[] = {TEST(full_disk), TEST(promises_outlive_a_kill)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

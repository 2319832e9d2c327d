/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log at work: many threads, crashes, failures of the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/stat.h>

#include "tests/unit/journal_fixture.h"

#define THREADS 8

/* --- Many threads. --- */

#define EACH 100u

struct writer {
    pthread_t thread;
    struct journal *journal;
    unsigned number;
    uint64_t leaves[EACH];
    enum err err;
};

static void *write_many(void *context)
{
    struct writer *w = context;
    for (unsigned i = 0; i < EACH && w->err == ERR_OK; i += 2) {
        char texts[2][64];
        snprintf(texts[0], sizeof texts[0], "writer %u entry %u", w->number, i);
        snprintf(texts[1], sizeof texts[1], "writer %u entry %u", w->number, i + 1);
        const struct span both[2] = {span_text(texts[0]), span_text(texts[1])};
        w->err = journal_append_all(w->journal, both, 2, &w->leaves[i]);
        w->leaves[i + 1] = w->leaves[i] + 1;
    }
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    static struct writer writers[THREADS];
    struct journal *j = open_one();
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.journal = j, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_int_equal(writers[i].err, ERR_OK);
    }
    struct journal_status status = status_of(j);
    assert_int_equal(status.size, 1 + THREADS * EACH); /* the policy first */
    assert_int_equal(journal_size(j), status.size);
    assert_int_equal(status.waiting, 0);
    assert_int_equal(status.failures, 0);
    /* In company: eight threads that each wait for their own do not need a commit each. */
    assert_true(status.commits < THREADS * EACH / 2);
    assert_null(journal_close(j));

    struct entries e = read_log();
    assert_int_equal(e.count, 1 + THREADS * EACH);
    for (unsigned i = 0; i < THREADS; i++)
        for (unsigned k = 0; k < EACH; k++) {
            char text[64];
            snprintf(text, sizeof text, "writer %u entry %u", i, k);
            assert_string_equal(e.texts[writers[i].leaves[k]], text);
        }
    free(e.texts);
}

/* --- Checkpoints, limits, events. --- */

static bool is_signed(const struct journal_status *status)
{
    return status->signed_size == status->size && status->unsigned_ns == 0;
}

static void signs_by_itself(void **state)
{
    (void)state;
    uint64_t leaf;
    struct journal *j = open_with((struct journal_options){.checkpoint_ns = 50000000});
    assert_non_null(j);
    uint64_t before = status_of(j).checkpoints;
    assert_int_equal(append_text(j, "{}", &leaf), ERR_OK);
    assert_true(eventually(j, is_signed));
    assert_true(status_of(j).checkpoints > before);
    journal_close(j);
    /* And when it is closed before that. */
    j = open_with((struct journal_options){.checkpoint_ns = UINT64_C(60) * 1000000000});
    assert_int_equal(append_text(j, "{}", &leaf), ERR_OK);
    struct journal_status status = status_of(j);
    assert_true(status.signed_size == leaf && status.size == leaf + 1 && status.unsigned_ns > 0);
    journal_close(j);
    struct entries e = read_log();
    assert_int_equal(e.count, leaf + 1);
    free(e.texts);
}

static void records_events(void **state)
{
    (void)state;
    struct journal *j = open_one();
    struct audit_event event;
    const struct sha256 hash = sha256_of(SPAN_EMPTY);
    uint64_t leaf = 99;
    audit_event_begin(&event, AUDIT_KEY_BLOCKED, 7, span_text("client:admin"), span_text("r1"));
    assert_int_equal(journal_record(j, &event, &leaf), ERR_NOT_FOUND);
    assert_int_equal(leaf, 99);
    audit_event_hash(&event, AUDIT_FIELD_SPKI_SHA256, &hash);
    assert_int_equal(journal_record(j, &event, &leaf), ERR_OK);
    assert_int_equal(leaf, 1);
    static uint8_t big[AUDIT_ENTRY_BYTES_MAX + 1];
    memset(big, 'x', sizeof big);
    audit_event_text(&event, AUDIT_FIELD_DETAIL, span_of(big, sizeof big - 1));
    assert_int_equal(journal_record(j, &event, &leaf), ERR_LIMIT);
    assert_int_equal(journal_append(j, span_of(big, sizeof big), &leaf), ERR_LIMIT);
    assert_int_equal(journal_append(j, SPAN_EMPTY, &leaf), ERR_LIMIT);
    assert_int_equal(journal_append_all(j, NULL, 0, &leaf), ERR_LIMIT);
    assert_int_equal(journal_append(j, span_of(big, sizeof big - 1), &leaf), ERR_OK);
    assert_int_equal(leaf, 2);
    journal_close(j);
    struct entries e = read_log();
    assert_int_equal(e.count, 3);
    assert_memory_equal(e.texts[1], "{\"actor\":\"client:admin\",\"request\":\"r1\"", 20);
    free(e.texts);
}

static void refuses_options(void **state)
{
    (void)state;
    assert_null(open_with((struct journal_options){.gather_ns = JOURNAL_GATHER_NS_MAX + 1}));
    assert_null(open_with((struct journal_options){.retention_years = 101}));
    struct journal *j = open_one();
    assert_null(open_with((struct journal_options){0})); /* one writer */
    journal_close(j);
    struct journal_options elsewhere = {.folder = root, .key = key_path};
    assert_int_equal(journal_open(&elsewhere, &j), ERR_NOT_FOUND);
}

/* --- Retention. --- */

static void promise_grows_only(void **state)
{
    (void)state;
    char path[SCRATCH_BYTES + 32];
    snprintf(path, sizeof path, "%s/%s", folder, AUDIT_RETENTION_FILE);
    static const struct {
        unsigned years;
        bool without_file;
        bool taken;
        uint64_t size;
    } rows[] = {
        {0, false, true, 1},   {7, false, true, 1},  {6, false, false, 1}, {10, false, true, 2},
        {9, false, false, 2},  {9, true, false, 2},  {10, true, true, 2},  {7, false, false, 2},
        {100, false, true, 3}, {99, true, false, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].without_file)
            unlink(path);
        struct journal *j = open_with((struct journal_options){.retention_years = rows[i].years});
        assert_int_equal(j != NULL, rows[i].taken);
        journal_close(j);
        struct entries e = read_log();
        assert_int_equal(e.count, rows[i].size);
        free(e.texts);
    }
    /* A file that points elsewhere, or is none, is not believed. */
    static const char *const wrong[] = {"statim-retention v1\nleaf 99\n",
                                        "statim-retention v1\nleaf 3\n", "nonsense", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(file_publish(path, span_text(wrong[i]), 0644), ERR_OK);
        assert_null(open_with((struct journal_options){.retention_years = 99}));
    }
}

/* The file never points to a promise that a longer one has followed: it would be believed. */
static void promise_is_written_behind_its_file(void **state)
{
    (void)state;
    char path[SCRATCH_BYTES + 32];
    struct publish_key *key = NULL;
    struct audit_log *log = NULL;
    struct buffer text = {0};
    journal_close(open_with((struct journal_options){.retention_years = 7}));
    assert_int_equal(audit_key_load(key_path, folder, &key), ERR_OK);
    assert_int_equal(audit_log_open(folder, key, &log), ERR_OK);
    snprintf(path, sizeof path, "%s/%s", folder, AUDIT_STATE_FILE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_not_equal(
        audit_retention_set(log, folder, publish_key_public(key), 9, 1, span_text("program:test")),
        ERR_OK);
    snprintf(path, sizeof path, "%s/%s", folder, AUDIT_RETENTION_FILE);
    assert_int_equal(file_read(path, 64, &text), ERR_OK);
    assert_true(
        span_equal(span_of(text.data, text.size), span_text("statim-retention v1\nleaf 1\n")));
    buffer_done(&text);
    audit_log_close(log);
    publish_key_free(key);
}

/* --- Failures. --- */

/* Nothing can be written where the tiles were. */
static void fails_closed_and_recovers(void **state)
{
    (void)state;
    char tiles[SCRATCH_BYTES + 32];
    char away[SCRATCH_BYTES + 32];
    snprintf(tiles, sizeof tiles, "%s/tile", folder);
    snprintf(away, sizeof away, "%s/away", folder);
    struct journal *j = open_one();
    uint64_t leaf = 99;
    assert_int_equal(append_text(j, "before", &leaf), ERR_OK);
    assert_int_equal(rename(tiles, away), 0);
    assert_int_equal(file_publish(tiles, span_text("no folder"), 0644), ERR_OK);
    leaf = 99;
    assert_int_equal(append_text(j, "lost", &leaf), ERR_IO);
    assert_int_not_equal(append_text(j, "lost, too", &leaf), ERR_OK);
    assert_int_equal(leaf, 99);
    struct journal_status status = status_of(j);
    assert_true(status.err != ERR_OK && status.failures == 1 && status.refused == 2);
    assert_int_equal(unlink(tiles), 0);
    assert_int_equal(rename(away, tiles), 0);
    assert_true(eventually(j, is_well));
    assert_int_equal(append_text(j, "after", &leaf), ERR_OK);
    assert_int_equal(leaf, 2);
    journal_close(j);
    struct entries e = read_log();
    assert_int_equal(e.count, 3);
    assert_string_equal(e.texts[1], "before");
    assert_string_equal(e.texts[2], "after");
    free(e.texts);
}

/* Closing while it has failed. */
static void ends_while_failed(void **state)
{
    (void)state;
    char tiles[SCRATCH_BYTES + 32];
    snprintf(tiles, sizeof tiles, "%s/tile", folder);
    struct journal *j = open_one();
    uint64_t leaf = 99;
    scratch_remove(tiles);
    assert_int_equal(file_publish(tiles, span_text("no folder"), 0644), ERR_OK);
    assert_int_not_equal(append_text(j, "lost", &leaf), ERR_OK);
    assert_null(journal_close(j));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_setup, journal_teardown)
    const struct CMUnitTest tests[] = {
        TEST(many_threads),
        TEST(signs_by_itself),
        TEST(records_events),
        TEST(refuses_options),
        TEST(promise_grows_only),
        TEST(promise_is_written_behind_its_file),
        TEST(fails_closed_and_recovers),
        TEST(ends_while_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

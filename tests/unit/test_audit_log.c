/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's writer and its verifier, against each other and against damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "issuer/audit_log.h"
#include "issuer/audit_verify.h"
#include "lib/wire.h"
#include "tests/unit/format_fixture.h"

#define ORIGIN "audit.example"

static char folder[64];
static struct publish_key *key;

static int start(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/statim-test-XXXXXX");
    key = fixture_publish_key(ORIGIN);
    return mkdtemp(folder) != NULL && audit_log_create(folder, key) == ERR_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    publish_key_free(key);
    return system(command);
}

/* What entry `index` is: of all lengths, also 1 and the greatest. */
static struct span entry_of(uint64_t index)
{
    static uint8_t octets[AUDIT_ENTRY_BYTES_MAX];
    uint64_t random = index;
    size_t size = index % 251 == 7 ? 1 : index % 997 == 300 ? sizeof octets : 20 + index % 400;
    for (size_t i = 0; i < size; i++)
        octets[i] = (uint8_t)(fixture_random(&random) % 251 + i % 5);
    return span_of(octets, size);
}

static void append(struct audit_log *log, uint64_t count)
{
    while (count > 0) {
        static uint8_t copies[64][AUDIT_ENTRY_BYTES_MAX];
        struct span entries[64];
        size_t now = count < 64 ? (size_t)count : 64;
        uint64_t size = audit_log_size(log);
        uint64_t first = 0;
        for (size_t i = 0; i < now; i++) {
            struct span entry = entry_of(size + i);
            memcpy(copies[i], entry.data, entry.size);
            entries[i] = span_of(copies[i], entry.size);
        }
        assert_int_equal(audit_log_append(log, entries, now, &first), ERR_OK);
        assert_int_equal(first, size);
        count -= now;
    }
}

static struct audit_log *reopen(void)
{
    struct audit_log *log = NULL;
    assert_int_equal(audit_log_open(folder, key, &log), ERR_OK);
    return log;
}

static enum err same_entry(void *context, uint64_t index, struct span entry)
{
    (*(uint64_t *)context)++;
    return span_equal(entry, entry_of(index)) ? ERR_OK : ERR_CONFLICT;
}

static enum err verify(uint64_t *ret_size, char fault[static TILE_PATH_BYTES])
{
    struct audit_reader r;
    enum err err = audit_reader_open(folder, publish_key_public(key), &r);
    if (err != ERR_OK)
        return err;
    *ret_size = r.tree.size;
    err = audit_verify(&r, fault);
    audit_reader_done(&r);
    return err;
}

static void expect_whole(uint64_t size)
{
    char fault[TILE_PATH_BYTES] = "";
    uint64_t found = UINT64_MAX;
    enum err err = verify(&found, fault);
    if (err != ERR_OK || found != size)
        fail_msg("%s: %s, size %llu", fault, err_text(err), (unsigned long long)found);
}

static void grows(void **state)
{
    (void)state;
    static const uint64_t steps[] = {1, 1, 2, 60, 191, 1, 1, 255, 256, 300, 1000, 1};
    uint64_t size = 0;
    expect_whole(0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct audit_log *log = reopen();
        assert_int_equal(audit_log_size(log), size);
        append(log, steps[i]);
        expect_whole(i == 0 ? 0 : size); /* not signed yet */
        assert_int_equal(audit_log_checkpoint(log), ERR_OK);
        size += steps[i];
        audit_log_close(log);
        expect_whole(size);
    }
    struct audit_reader r;
    uint64_t seen = 0;
    assert_int_equal(audit_reader_open(folder, publish_key_public(key), &r), ERR_OK);
    assert_int_equal(audit_each(&r, 0, size, same_entry, &seen), ERR_OK);
    assert_int_equal(seen, size);
    seen = 0;
    assert_int_equal(audit_each(&r, 300, 302, same_entry, &seen), ERR_OK);
    assert_int_equal(seen, 2);
    assert_int_equal(audit_each(&r, 300, size + 1, same_entry, &seen), ERR_RANGE);
    audit_reader_done(&r);
}

static bool there(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void parts_go(void **state)
{
    (void)state;
    struct audit_log *log = reopen();
    append(log, 100);
    assert_true(there("tile/0/000.p/64") && there("tile/entries/000.p/64"));
    append(log, 200);
    assert_true(there("tile/0/000") && there("tile/entries/000"));
    assert_false(there("tile/0/000.p") || there("tile/entries/000.p"));
    assert_true(there("tile/1/000.p/1") && there("tile/0/001.p/44"));
    audit_log_close(log);
}

static void proofs(void **state)
{
    (void)state;
    struct audit_log *log = reopen();
    append(log, 700);
    assert_int_equal(audit_log_checkpoint(log), ERR_OK);
    audit_log_close(log);
    struct audit_reader r;
    assert_int_equal(audit_reader_open(folder, publish_key_public(key), &r), ERR_OK);
    struct merkle_source source = audit_source(&r);
    struct merkle_proof proof;
    for (uint64_t index = 0; index < 700; index += 37) {
        struct sha256 leaf = merkle_leaf(entry_of(index));
        assert_int_equal(merkle_prove_inclusion(&source, index, 700, &proof), ERR_OK);
        assert_int_equal(merkle_check_inclusion(&proof, index, 700, &leaf, &r.tree.root), ERR_OK);
    }
    for (uint64_t size = 1; size <= 700; size += 13) {
        struct audit_tree older = {.size = size};
        assert_int_equal(merkle_root(&source, size, &older.root), ERR_OK);
        assert_int_equal(audit_follows(&r, &older), ERR_OK);
        assert_int_equal(merkle_prove_consistency(&source, size, 700, &proof), ERR_OK);
        assert_int_equal(merkle_check_consistency(&proof, size, 700, &older.root, &r.tree.root),
                         ERR_OK);
        older.root.octets[1] ^= 1;
        assert_int_equal(audit_follows(&r, &older), ERR_HASH);
    }
    assert_int_equal(audit_follows(&r, &(struct audit_tree){.size = 701}), ERR_RANGE);
    audit_reader_done(&r);
}

/* One octet of one file changed, and changed back. */
static void flip(const char *name, long at)
{
    char path[256];
    uint8_t octet;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    struct stat about;
    assert_int_equal(fstat(fd, &about), 0);
    off_t place = at >= 0 ? at : about.st_size + at;
    assert_int_equal(pread(fd, &octet, 1, place), 1);
    octet ^= 0x10;
    assert_int_equal(pwrite(fd, &octet, 1, place), 1);
    close(fd);
}

/* One octet more at the end, or that one less. */
static void lengthen(const char *file, bool longer)
{
    char path[256];
    struct stat about;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(truncate(path, about.st_size + (longer ? 1 : -1)), 0);
}

static void octets_behind_are_found(void **state)
{
    (void)state;
    static const char *const files[] = {"tile/entries/000", "tile/entries/001.p/44", "tile/0/000",
                                        "tile/0/001.p/44"};
    struct audit_log *log = reopen();
    append(log, 300);
    assert_int_equal(audit_log_checkpoint(log), ERR_OK);
    audit_log_close(log);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char fault[TILE_PATH_BYTES] = "";
        uint64_t size;
        lengthen(files[i], true);
        enum err err = verify(&size, fault);
        if (err != ERR_MALFORMED && err != ERR_LIMIT)
            fail_msg("%s: %s", files[i], err_text(err));
        assert_string_equal(fault, files[i]);
        lengthen(files[i], false);
    }
    expect_whole(300);
}

static void damage_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        long at;
        const char *fault; /* NULL: the checkpoint does not open at all */
    } rows[] = {
        {"tile/entries/000", 2, "tile/0/000"},
        {"tile/entries/001", -1, "tile/0/001"},
        {"tile/entries/002.p/60", 2, "tile/0/002.p/60"},
        {"tile/0/001", 100, "tile/0/001"},
        {"tile/0/002.p/60", 0, "tile/0/002.p/60"},
        {"tile/1/000.p/2", 40, "tile/1/000.p/2"},
        {"checkpoint", 15, NULL},
        {"checkpoint", -5, NULL},
    };
    struct audit_log *log = reopen();
    append(log, 572);
    assert_int_equal(audit_log_checkpoint(log), ERR_OK);
    audit_log_close(log);
    expect_whole(572);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char fault[TILE_PATH_BYTES] = "";
        uint64_t size;
        flip(rows[i].file, rows[i].at);
        enum err err = verify(&size, fault);
        if (err == ERR_OK || (rows[i].fault != NULL && strcmp(fault, rows[i].fault) != 0))
            fail_msg("%s: %s %s", rows[i].file, err_text(err), fault);
        flip(rows[i].file, rows[i].at);
    }
    expect_whole(572);
    /* And the writer does not go on from a damaged edge. */
    flip("tile/0/002.p/60", 0);
    assert_int_equal(audit_log_open(folder, key, &log), ERR_HASH);
    flip("tile/0/002.p/60", 0);
    flip("tile/entries/002.p/60", 2);
    assert_int_equal(audit_log_open(folder, key, &log), ERR_HASH);
}

static void refusals(void **state)
{
    (void)state;
    struct audit_log *log = reopen();
    struct audit_log *second = NULL;
    static uint8_t octets[AUDIT_ENTRY_BYTES_MAX + 1] = {1};
    const struct span entries[] = {span_of(octets, 5), span_of(octets, sizeof octets), SPAN_EMPTY};
    uint64_t first;
    assert_int_equal(audit_log_append(log, entries, 0, &first), ERR_LIMIT);
    assert_int_equal(audit_log_append(log, entries, 2, &first), ERR_LIMIT);
    assert_int_equal(audit_log_append(log, entries + 2, 1, &first), ERR_LIMIT);
    assert_int_equal(audit_log_size(log), 0);
    assert_int_equal(audit_log_open(folder, key, &second), ERR_BUSY);
    audit_log_close(log);
    assert_int_equal(audit_log_create(folder, key), ERR_EXISTS);
    struct publish_key *other = NULL;
    assert_int_equal(publish_key_generate(span_text(ORIGIN), &other), ERR_OK);
    assert_int_equal(audit_log_open(folder, other, &second), ERR_KEY);
    publish_key_free(other);
    assert_int_equal(audit_log_open("/tmp/statim-no-such-folder", key, &second), ERR_NOT_FOUND);
}

static void keep(const char *name, const char *as)
{
    char command[256];
    snprintf(command, sizeof command, "cp %s/%s %s/%s", folder, name, folder, as);
    assert_int_equal(system(command), 0);
}

/* State and checkpoint that do not go together: a restore of one of them. */
static void old_state(void **state)
{
    (void)state;
    struct audit_log *log = reopen();
    append(log, 10);
    assert_int_equal(audit_log_checkpoint(log), ERR_OK);
    keep("state", "state.old");
    append(log, 10);
    keep("state", "state.new");
    audit_log_close(log);
    log = reopen(); /* the state is ahead: as after a crash before the next checkpoint */
    assert_int_equal(audit_log_size(log), 20);
    assert_int_equal(audit_log_checkpoint(log), ERR_OK);
    audit_log_close(log);
    keep("state.old", "state");
    assert_int_equal(audit_log_open(folder, key, &log), ERR_CHAIN);
    keep("state.new", "state");
    audit_log_close(reopen());
}

/* What is beyond the state, from an append that a crash cut short, is written over. */
static void leftovers(void **state)
{
    (void)state;
    struct audit_log *log = reopen();
    append(log, 250);
    assert_int_equal(audit_log_checkpoint(log), ERR_OK);
    keep("state", "state.old");
    append(log, 20);
    audit_log_close(log);
    keep("state.old", "state");
    log = reopen();
    assert_int_equal(audit_log_size(log), 250);
    uint64_t first;
    const struct span other = span_text("another history");
    assert_int_equal(audit_log_append(log, &other, 1, &first), ERR_OK);
    assert_int_equal(first, 250);
    append(log, 19);
    assert_int_equal(audit_log_checkpoint(log), ERR_OK);
    audit_log_close(log);
    expect_whole(270);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(grows, start, stop),
        cmocka_unit_test_setup_teardown(parts_go, start, stop),
        cmocka_unit_test_setup_teardown(proofs, start, stop),
        cmocka_unit_test_setup_teardown(damage_is_found, start, stop),
        cmocka_unit_test_setup_teardown(octets_behind_are_found, start, stop),
        cmocka_unit_test_setup_teardown(refusals, start, stop),
        cmocka_unit_test_setup_teardown(old_state, start, stop),
        cmocka_unit_test_setup_teardown(leftovers, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

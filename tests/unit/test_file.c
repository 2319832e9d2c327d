/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/limit.h"
#include "lib/os/file.h"

static char root[] = "/tmp/statim-test-file-XXXXXX";

static const char *in_root(const char *name)
{
    static char path[PATH_BYTES_MAX];
    assert_int_equal(path_join(path, sizeof path, root, name), ERR_OK);
    return path;
}

static size_t entries(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count - 2; /* . and .. */
}

static void publishes_and_reads(void **state)
{
    (void)state;
    static uint8_t big[300000];
    struct buffer b = {0};
    struct stat info;
    memset(big, 0x5A, sizeof big);
    const char *path = in_root("a");
    mode_t before = umask(0077);
    assert_int_equal(file_publish(path, span_text("old"), 0644), ERR_OK);
    umask(before);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
    assert_int_equal(file_publish(path, span_of(big, sizeof big), 0600), ERR_OK);
    assert_int_equal(file_read(path, sizeof big, &b), ERR_OK);
    assert_true(span_equal(span_of(b.data, b.size), span_of(big, sizeof big)));
    assert_int_equal(file_read(path, sizeof big - 1, &b), ERR_LIMIT);
    assert_int_equal(b.size, 0);
    assert_int_equal(file_publish_lazy(path, SPAN_EMPTY, 0600), ERR_OK);
    assert_int_equal(file_read(path, 0, &b), ERR_OK);
    assert_int_equal(b.size, 0);
    assert_int_equal(entries(root), 1);
    assert_int_equal(unlink(path), 0);
    buffer_done(&b);
    assert_null(b.data);
}

static void leaves_nothing_after_failure(void **state)
{
    (void)state;
    /* A directory in the file's place: the rename fails after the write. */
    assert_int_equal(directory_make(in_root("taken"), 0755), ERR_OK);
    assert_int_equal(file_publish(in_root("taken"), span_text("x"), 0644), ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(entries(root), 1);
    assert_int_equal(rmdir(in_root("taken")), 0);
    assert_int_equal(file_publish(in_root("no/such"), span_text("x"), 0644), ERR_IO);
    assert_int_equal(errno, ENOENT);
    char longest[PATH_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(file_publish(longest, span_text("x"), 0644), ERR_IO);
}

/* What a crashed process of our number left, even as a link elsewhere. */
static void replaces_stale_temporaries(void **state)
{
    (void)state;
    char stale[PATH_BYTES_MAX];
    struct buffer b = {0};
    snprintf(stale, sizeof stale, "%s/f.tmp-%ld", root, (long)getpid());
    FILE *file = fopen(stale, "w");
    assert_non_null(file);
    fputs("much longer than what comes", file);
    fclose(file);
    assert_int_equal(file_publish(in_root("f"), span_text("new"), 0644), ERR_OK);
    assert_int_equal(file_read(in_root("f"), 100, &b), ERR_OK);
    assert_true(span_equal(span_of(b.data, b.size), span_text("new")));
    assert_int_equal(symlink(in_root("f"), stale), 0);
    assert_int_equal(file_publish(in_root("g"), span_text("x"), 0644), ERR_OK);
    snprintf(stale, sizeof stale, "%s/g.tmp-%ld", root, (long)getpid());
    assert_int_equal(symlink(in_root("f"), stale), 0);
    assert_int_equal(file_publish(in_root("g"), span_text("y"), 0644), ERR_IO);
    assert_int_equal(file_read(in_root("f"), 100, &b), ERR_OK);
    assert_true(span_equal(span_of(b.data, b.size), span_text("new")));
    unlink(in_root("f"));
    unlink(in_root("g"));
    snprintf(stale, sizeof stale, "%s/f.tmp-%ld", root, (long)getpid());
    unlink(stale);
    buffer_done(&b);
}

static void reads_only_files(void **state)
{
    (void)state;
    struct buffer b = {0};
    assert_int_equal(file_read(in_root("none"), 10, &b), ERR_NOT_FOUND);
    assert_int_equal(file_read(root, 10, &b), ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(mkfifo(in_root("fifo"), 0600), 0);
    assert_int_equal(file_read(in_root("fifo"), 10, &b), ERR_IO);
    assert_int_equal(file_read("/dev/zero", 10, &b), ERR_IO);
    unlink(in_root("fifo"));
    /* Files of the kernel say size 0. */
    assert_int_equal(file_read("/proc/self/stat", 4096, &b), ERR_OK);
    assert_true(b.size > 10);
    assert_int_equal(file_read("/proc/self/stat", 10, &b), ERR_LIMIT);
    buffer_done(&b);
}

static void makes_directories(void **state)
{
    (void)state;
    struct stat info;
    char name[PATH_BYTES_MAX];
    snprintf(name, sizeof name, "%s/x//y/z/", root);
    assert_int_equal(directory_make(name, 0750), ERR_OK);
    assert_int_equal(directory_make(name, 0750), ERR_OK);
    assert_int_equal(stat(name, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(directory_sync(name), ERR_OK);
    assert_int_equal(file_publish(in_root("x/file"), SPAN_EMPTY, 0600), ERR_OK);
    assert_int_equal(directory_make(in_root("x/file"), 0750), ERR_IO);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(directory_make(in_root("x/file/deeper"), 0750), ERR_IO);
    assert_int_equal(directory_make("", 0750), ERR_IO);
    assert_int_equal(directory_make("/", 0750), ERR_OK);
    assert_int_equal(directory_sync(in_root("x/none")), ERR_IO);
    unlink(in_root("x/file"));
    rmdir(in_root("x/y/z"));
    rmdir(in_root("x/y"));
    assert_int_equal(rmdir(in_root("x")), 0);
}

static void joins(void **state)
{
    (void)state;
    static const struct {
        const char *directory, *name, *path;
    } rows[] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "/b", "a/b"},
        {"/", "b", "/b"},  {"", "b", "b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[8];
        size_t size = strlen(rows[i].path) + 1;
        assert_int_equal(path_join(out, size, rows[i].directory, rows[i].name), ERR_OK);
        assert_string_equal(out, rows[i].path);
        assert_int_equal(path_join(out, size - 1, rows[i].directory, rows[i].name), ERR_LIMIT);
    }
}

static void buffers_grow(void **state)
{
    (void)state;
    struct buffer b = {0};
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(buffer_append(&b, span_of(&i, sizeof i)), ERR_OK);
    assert_int_equal(buffer_append(&b, SPAN_EMPTY), ERR_OK);
    assert_int_equal(b.size, 10000 * sizeof(unsigned));
    for (unsigned i = 0; i < 10000; i++)
        assert_memory_equal(b.data + i * sizeof i, &i, sizeof i);
    assert_int_equal(buffer_append(&b, span_of(b.data, SIZE_MAX / 2)), ERR_MEMORY);
    buffer_done(&b);
}

#define SMALL_DISK_BYTES 65536

/* In a child with mounts of its own: 0 as it should be, 77 when it may not mount. */
static int on_full_disk(void)
{
    static uint8_t big[2 * SMALL_DISK_BYTES];
    char path[PATH_BYTES_MAX];
    struct buffer b = {0};
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", root, "tmpfs", 0, "size=64k,nr_inodes=8") != 0)
        return 77;
    snprintf(path, sizeof path, "%s/f", root);
    if (file_publish(path, span_text("whole"), 0644) != ERR_OK)
        return 1;
    if (file_publish(path, span_of(big, sizeof big), 0644) != ERR_DISK_FULL || errno != ENOSPC)
        return 2;
    if (file_read(path, 100, &b) != ERR_OK ||
        !span_equal(span_of(b.data, b.size), span_text("whole")))
        return 3;
    if (entries(root) != 1)
        return 4;
    /* Out of inodes. */
    enum err err = ERR_OK;
    for (int i = 0; i < 16 && err == ERR_OK; i++) {
        snprintf(path, sizeof path, "%s/d%d", root, i);
        err = directory_make(path, 0755);
    }
    if (err != ERR_DISK_FULL)
        return 5;
    buffer_done(&b);
    return 0;
}

static void full_disk(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(on_full_disk());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* not root */
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    if (mkdtemp(root) == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_and_reads),
        cmocka_unit_test(leaves_nothing_after_failure),
        cmocka_unit_test(replaces_stale_temporaries),
        cmocka_unit_test(reads_only_files),
        cmocka_unit_test(makes_directories),
        cmocka_unit_test(joins),
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(full_disk),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(root) == 0 ? failed : 1;
}

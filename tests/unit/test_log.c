/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/log.h"

/* Standard error becomes a file while the logger writes. */
static int begin_capture(FILE **ret_file)
{
    int before = dup(STDERR_FILENO);
    *ret_file = tmpfile();
    assert_non_null(*ret_file);
    assert_true(dup2(fileno(*ret_file), STDERR_FILENO) >= 0);
    return before;
}

static void end_capture(int before, FILE *file, char *out, size_t out_size)
{
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    out[fread(out, 1, out_size - 1, file)] = '\0';
    fclose(file);
}

static void plain_lines(void **state)
{
    (void)state;
    char out[8192], longest[4000];
    FILE *file;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    unsetenv("JOURNAL_STREAM");
    int before = begin_capture(&file);
    log_start("statim-test", LOG_LEVEL_INFO);
    errno = ENOSPC;
    log_error("a %d", 7);
    int kept = errno;
    log_debug("not shown");
    log_role("sync");
    log_info("forged\n2026 error\x1b[31m");
    log_warning("%s", longest);
    end_capture(before, file, out, sizeof out);
    assert_int_equal(kept, ENOSPC);
    /* 2026-11-24T19:30:00Z */
    assert_int_equal(out[10], 'T');
    assert_int_equal(out[19], 'Z');
    char *line = out + 20;
    assert_memory_equal(line, " error statim-test: a 7\n", 24);
    line += 24 + 20;
    const char second[] = " info statim-test[sync]: forged?2026 error?[31m\n";
    assert_memory_equal(line, second, sizeof second - 1);
    line += sizeof second - 1;
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_int_equal(strlen(line), 2047);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void journal_lines(void **state)
{
    (void)state;
    char out[512], stream[64];
    FILE *file;
    struct stat info;
    for (int ours = 0; ours < 2; ours++) {
        int before = begin_capture(&file);
        assert_int_equal(fstat(STDERR_FILENO, &info), 0);
        snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)info.st_dev,
                 (uintmax_t)info.st_ino + (ours ? 0 : 1));
        setenv("JOURNAL_STREAM", stream, 1);
        log_start("statim-test", LOG_LEVEL_DEBUG);
        log_warning("text");
        log_debug("more");
        end_capture(before, file, out, sizeof out);
        assert_int_equal(strcmp(out, "<4>text\n<7>more\n") == 0, ours);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines),
        cmocka_unit_test(journal_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "lib/timetext.h"

#define LOG_LINE_BYTES 2048
#define LOG_ROLE_BYTES 32

static const struct {
    const char *name;
    char priority; /* syslog(3), as the journal reads it */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", '3'},
    [LOG_LEVEL_WARNING] = {"warning", '4'},
    [LOG_LEVEL_INFO] = {"info", '6'},
    [LOG_LEVEL_DEBUG] = {"debug", '7'},
};

static const char *log_program = "statim";
static enum log_level log_level_max = LOG_LEVEL_INFO;
static char log_role_suffix[LOG_ROLE_BYTES + 2]; /* "[sync]" or nothing */
static bool log_to_journal;

/* JOURNAL_STREAM is inherited by children whose standard error may be another file: only when it
 * names our own descriptor does the journal listen (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uint64_t device, inode;
    struct stat info;
    if (stream == NULL || sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) != 2)
        return false;
    return fstat(STDERR_FILENO, &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

void log_start(const char *program, enum log_level level)
{
    log_program = program;
    log_level_max = level;
    log_to_journal = stderr_is_journal();
}

void log_role(const char *role)
{
    snprintf(log_role_suffix, sizeof log_role_suffix, "[%.*s]", LOG_ROLE_BYTES - 1, role);
}

static size_t write_prefix(char *line, size_t size, enum log_level level)
{
    if (log_to_journal)
        return (size_t)snprintf(line, size, "<%c>", levels[level].priority);
    char time_text[ISO_TIME_BYTES + 1];
    iso_time_write(clock_wall_s(), time_text);
    int n = snprintf(line, size, "%s %s %.64s%s: ", time_text, levels[level].name, log_program,
                     log_role_suffix);
    return n < 0 ? 0 : (size_t)n;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > log_level_max)
        return;
    int saved = errno;
    char line[LOG_LINE_BYTES];
    size_t start = write_prefix(line, sizeof line, level);
    size_t room = sizeof line - start - 1; /* the line end */
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line + start, room, format, arguments);
    va_end(arguments);
    size_t size = start + (n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1);
    /* What others sent us may be in the text: it must not forge a line or move a terminal. */
    for (size_t i = start; i < size; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = '?';
    line[size++] = '\n';
    ssize_t written;
    do
        written = write(STDERR_FILENO, line, size);
    while (written < 0 && errno == EINTR);
    errno = saved;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import_runs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/file.h"

#define RUNS_FIRST 16

void import_runs_start(struct import_runs *ret)
{
    *ret = (struct import_runs){.fd = -1};
}

void import_runs_done(struct import_runs *r)
{
    int saved = errno;
    if (r->fd >= 0)
        close(r->fd);
    errno = saved;
    free(r->runs);
    import_runs_start(r);
}

static enum err error_from_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
}

/* Where the file system has no files without a name: one that loses it at once. */
static int open_and_unlink(const char *directory)
{
    char path[PATH_BYTES_MAX + 32];
    if (path_join(path, sizeof path, directory, "import-XXXXXX") != ERR_OK) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static enum err open_file(struct import_runs *r, const char *directory)
{
    r->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (r->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
        r->fd = open_and_unlink(directory);
    return r->fd < 0 ? error_from_errno() : ERR_OK;
}

static enum err make_room(struct import_runs *r)
{
    if (r->count < r->capacity)
        return ERR_OK;
    if (r->count == IMPORT_RUNS_MAX)
        return ERR_LIMIT;
    size_t capacity = r->capacity == 0 ? RUNS_FIRST : 2 * r->capacity;
    struct import_run *runs = realloc(r->runs, capacity * sizeof *runs);
    if (runs == NULL)
        return ERR_MEMORY;
    r->runs = runs;
    r->capacity = capacity;
    return ERR_OK;
}

static enum err write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_from_errno();
        data += n;
        size -= (size_t)n;
    }
    return ERR_OK;
}

enum err import_runs_add(struct import_runs *r, const char *directory,
                         const struct import_item *items, size_t count)
{
    TRY(make_room(r));
    if (r->fd < 0)
        TRY(open_file(r, directory));
    TRY(write_all(r->fd, (const uint8_t *)items, count * sizeof *items));
    r->runs[r->count++] = (struct import_run){.first = r->item_count, .count = count};
    r->item_count += count;
    return ERR_OK;
}

enum err import_runs_read(const struct import_runs *r, uint64_t first, size_t count,
                          struct import_item *ret)
{
    uint8_t *out = (uint8_t *)ret;
    size_t size = count * sizeof *ret;
    off_t at = (off_t)(first * sizeof *ret);
    while (size > 0) {
        ssize_t n = pread(r->fd, out, size, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO; /* shorter than it was written */
        if (n <= 0)
            return ERR_IO;
        out += n;
        size -= (size_t)n;
        at += n;
    }
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/limit.h"

#define BUFFER_BYTES_MIN 4096
/* At once: a kernel without preemption copies as many large pages as it is asked for, milliseconds
 * in which nobody else gets the processor. */
#define READ_BYTES_MAX 65536

void buffer_done(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

enum err buffer_reserve(struct buffer *b, size_t capacity)
{
    if (capacity <= b->capacity)
        return ERR_OK;
    uint8_t *data = realloc(b->data, capacity);
    if (data == NULL)
        return ERR_MEMORY;
    b->data = data;
    b->capacity = capacity;
    return ERR_OK;
}

enum err buffer_append(struct buffer *b, struct span data)
{
    if (data.size == 0)
        return ERR_OK;
    if (data.size > SIZE_MAX / 2 - b->size)
        return ERR_MEMORY;
    size_t size = b->size + data.size;
    if (size > b->capacity) {
        /* Doubling keeps many small appends linear. */
        size_t capacity = b->capacity < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN : b->capacity * 2;
        TRY(buffer_reserve(b, capacity < size ? size : capacity));
    }
    memcpy(b->data + b->size, data.data, data.size);
    b->size = size;
    return ERR_OK;
}

/* Of a writer: a missing directory is an error of the place, not an answer. */
static enum err write_error_from_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
}

static void close_keeping_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

static enum err read_all(int fd, size_t size_max, struct buffer *b)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return ERR_IO;
    if (!S_ISREG(info.st_mode)) {
        errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
        return ERR_IO;
    }
    if ((uint64_t)info.st_size > size_max)
        return ERR_LIMIT;
    /* One octet more, so that the end shows itself in the first read. */
    TRY(buffer_reserve(b, (size_t)info.st_size + 1));
    for (;;) {
        size_t room = b->capacity - b->size;
        ssize_t n = read(fd, b->data + b->size, room < READ_BYTES_MAX ? room : READ_BYTES_MAX);
        if (n == 0)
            return ERR_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        b->size += (size_t)n;
        if (b->size > size_max)
            return ERR_LIMIT;
        if (b->size == b->capacity)
            TRY(buffer_reserve(b, b->capacity * 2));
    }
}

enum err file_read(const char *path, size_t size_max, struct buffer *b)
{
    b->size = 0;
    /* O_NONBLOCK: a FIFO in the file's place must not stop the program; files ignore it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    enum err err = read_all(fd, size_max, b);
    close_keeping_errno(fd);
    if (err != ERR_OK)
        b->size = 0;
    return err;
}

static enum err write_all(int fd, struct span content)
{
    while (content.size > 0) {
        ssize_t n = write(fd, content.data, content.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return write_error_from_errno();
        content.data += n;
        content.size -= (size_t)n;
    }
    return ERR_OK;
}

static enum err write_and_sync(int fd, struct span content, unsigned mode)
{
    TRY(write_all(fd, content));
    /* The mode is the caller's, whatever the umask. */
    if (fchmod(fd, mode) != 0 || fsync(fd) != 0)
        return write_error_from_errno();
    return ERR_OK;
}

static enum err write_temporary(const char *path, struct span content, unsigned mode)
{
    /* No O_EXCL: what a crashed process of the same number left is overwritten. */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return write_error_from_errno();
    enum err err = write_and_sync(fd, content, mode);
    int saved = errno;
    if (close(fd) != 0 && err == ERR_OK)
        return write_error_from_errno();
    errno = saved;
    return err;
}

static enum err temporary_path(const char *path, char out[static PATH_BYTES_MAX])
{
    int size = snprintf(out, PATH_BYTES_MAX, "%s.tmp-%ld", path, (long)getpid());
    if (size >= 0 && size < PATH_BYTES_MAX)
        return ERR_OK;
    errno = ENAMETOOLONG;
    return ERR_IO;
}

void file_discard(const char *path)
{
    char temporary[PATH_BYTES_MAX];
    int saved = errno;
    if (temporary_path(path, temporary) == ERR_OK)
        unlink(temporary);
    errno = saved;
}

enum err file_prepare(const char *path, struct span content, unsigned mode)
{
    char temporary[PATH_BYTES_MAX];
    TRY(temporary_path(path, temporary));
    enum err err = write_temporary(temporary, content, mode);
    if (err != ERR_OK)
        file_discard(path);
    return err;
}

enum err file_commit(const char *path)
{
    char temporary[PATH_BYTES_MAX];
    TRY(temporary_path(path, temporary));
    if (rename(temporary, path) == 0)
        return ERR_OK;
    enum err err = write_error_from_errno();
    file_discard(path);
    return err;
}

enum err file_commit_new(const char *path)
{
    char temporary[PATH_BYTES_MAX];
    TRY(temporary_path(path, temporary));
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return ERR_OK;
    enum err err = errno == EEXIST ? ERR_EXISTS : write_error_from_errno();
    file_discard(path);
    return err;
}

enum err file_publish_lazy(const char *path, struct span content, unsigned mode)
{
    TRY(file_prepare(path, content, mode));
    return file_commit(path);
}

enum err directory_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return write_error_from_errno();
    enum err err = fsync(fd) == 0 ? ERR_OK : write_error_from_errno();
    close_keeping_errno(fd);
    return err;
}

static enum err parent_sync(const char *path)
{
    char parent[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return directory_sync(".");
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    if (size >= sizeof parent) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    memcpy(parent, path, size);
    parent[size] = '\0';
    return directory_sync(parent);
}

enum err file_publish(const char *path, struct span content, unsigned mode)
{
    TRY(file_publish_lazy(path, content, mode));
    return parent_sync(path);
}

/* A new directory outlives a crash only when its parent is synced. */
static enum err make_one(const char *path, unsigned mode)
{
    struct stat info;
    if (mkdir(path, mode) == 0)
        return parent_sync(path);
    if (errno != EEXIST)
        return write_error_from_errno();
    if (stat(path, &info) != 0)
        return ERR_IO;
    if (!S_ISDIR(info.st_mode)) {
        errno = ENOTDIR;
        return ERR_IO;
    }
    return ERR_OK;
}

enum err directory_make(const char *path, unsigned mode)
{
    char part[PATH_BYTES_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof part) {
        errno = size == 0 ? ENOENT : ENAMETOOLONG;
        return ERR_IO;
    }
    memcpy(part, path, size + 1);
    while (size > 1 && part[size - 1] == '/')
        part[--size] = '\0';
    for (size_t i = 1; i < size; i++) {
        if (part[i] != '/' || part[i - 1] == '/')
            continue;
        part[i] = '\0';
        TRY(make_one(part, mode));
        part[i] = '/';
    }
    return make_one(part, mode);
}

enum err path_join(char *out, size_t out_size, const char *directory, const char *name)
{
    size_t size = strlen(directory);
    while (size > 1 && directory[size - 1] == '/')
        size--;
    while (*name == '/')
        name++;
    const char *separator = size > 0 && directory[size - 1] != '/' ? "/" : "";
    size_t name_size = strlen(name), separator_size = strlen(separator);
    if (size >= out_size || name_size + separator_size >= out_size - size)
        return ERR_LIMIT;
    memmove(out, directory, size);
    memcpy(out + size, separator, separator_size);
    memcpy(out + size + separator_size, name, name_size + 1);
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/file_large.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES 65536

static void close_keeping_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

static enum err open_regular(const char *path, uint64_t size_max, int *ret_fd, size_t *ret_size)
{
    struct stat info;
    /* O_NONBLOCK: a FIFO in the file's place must not stop the program; files ignore it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    enum err err = ERR_OK;
    if (fstat(fd, &info) != 0) {
        err = ERR_IO;
    } else if (!S_ISREG(info.st_mode)) {
        errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
        err = ERR_IO;
    } else if ((uint64_t)info.st_size > size_max) {
        err = ERR_LIMIT;
    }
    if (err != ERR_OK) {
        close_keeping_errno(fd);
        return err;
    }
    *ret_fd = fd;
    *ret_size = (size_t)info.st_size;
    return ERR_OK;
}

enum err file_map(const char *path, uint64_t size_max, struct span *ret)
{
    int fd = -1;
    size_t size = 0;
    TRY(open_regular(path, size_max, &fd, &size));
    struct span mapped = SPAN_EMPTY;
    if (size > 0) {
        void *at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) {
            close_keeping_errno(fd);
            return errno == ENOMEM ? ERR_MEMORY : ERR_IO;
        }
        mapped = span_of(at, size);
    }
    close(fd);
    *ret = mapped;
    return ERR_OK;
}

void file_unmap(struct span mapped)
{
    if (mapped.size > 0)
        munmap((void *)(uintptr_t)mapped.data, mapped.size);
}

static enum err write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
        data += n;
        size -= (size_t)n;
    }
    return ERR_OK;
}

static enum err copy_octets(int from, int to, uint64_t size_max)
{
    uint8_t octets[COPY_BYTES];
    for (uint64_t size = 0;;) {
        ssize_t n = read(from, octets, sizeof octets);
        if (n == 0)
            return ERR_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        size += (size_t)n;
        if (size > size_max) /* it grew */
            return ERR_LIMIT;
        TRY(write_all(to, octets, (size_t)n));
    }
}

enum err file_copy(const char *from, const char *to, uint64_t size_max)
{
    int in = -1;
    size_t size = 0;
    TRY(open_regular(from, size_max, &in, &size));
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    enum err err = ERR_OK;
    if (out < 0)
        err = errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
    if (err == ERR_OK)
        err = copy_octets(in, out, size_max);
    int saved = errno;
    if (out >= 0 && close(out) != 0 && err == ERR_OK) {
        err = errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
        saved = errno;
    }
    close(in);
    errno = saved;
    return err;
}

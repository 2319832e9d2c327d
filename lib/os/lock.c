/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/file.h"
#include "lib/os/log.h"

#define LOCK_MODE  0600
#define PATH_BYTES 4096

/* The holder's number is only for the message: the lock itself is the kernel's and dies with it. */
static void holder_log(int fd, const char *path, const char *who, const char *where)
{
    char text[32] = "";
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    text[size < 0 ? 0 : size] = '\0';
    text[strcspn(text, "\n")] = '\0';
    log_error("%s: another %s (process %s) works %s", path, who, text[0] == '\0' ? "unknown" : text,
              where);
}

static void holder_write(int fd)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size)
        log_warning("the lock file does not tell our process number: %m");
}

static enum err lock_open(const char *path, const char *who, const char *where, int operation,
                          int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, LOCK_MODE);
    if (fd < 0) {
        log_error("%s: cannot be opened: %m", path);
        return ERR_IO;
    }
    if (flock(fd, operation | LOCK_NB) != 0) {
        enum err err = errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
        if (err == ERR_BUSY)
            holder_log(fd, path, who, where);
        else
            log_error("%s: cannot be locked: %m", path);
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return ERR_OK;
}

static enum err lock_open_in(const char *folder, unsigned mode, const char *who, int operation,
                             int *ret_fd)
{
    char path[PATH_BYTES];
    TRY(path_join(path, sizeof path, folder, "lock"));
    TRY(directory_make(folder, mode));
    return lock_open(path, who, "in this folder", operation, ret_fd);
}

enum err lock_take(const char *folder, unsigned mode, const char *who, int *ret_fd)
{
    TRY(lock_open_in(folder, mode, who, LOCK_EX, ret_fd));
    holder_write(*ret_fd);
    return ERR_OK;
}

enum err lock_file_take(const char *path, const char *who, const char *where, int *ret_fd)
{
    TRY(lock_open(path, who, where, LOCK_EX, ret_fd));
    holder_write(*ret_fd);
    return ERR_OK;
}

enum err lock_share(const char *folder, unsigned mode, const char *who, int *ret_fd)
{
    return lock_open_in(folder, mode, who, LOCK_SH, ret_fd);
}

bool lock_is_of(int fd, const char *folder)
{
    char path[PATH_BYTES];
    struct stat ours, there;
    return path_join(path, sizeof path, folder, "lock") == ERR_OK && fstat(fd, &ours) == 0 &&
           stat(path, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

void lock_drop(int fd)
{
    if (fd >= 0)
        close(fd);
}

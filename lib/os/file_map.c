/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/file_map.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LINE_BYTES 4608 /* a path and what stands before it */

struct mapping {
    uintptr_t start;
    uintptr_t end;
    uint64_t offset;
    unsigned major;
    unsigned minor;
    uint64_t inode;
};

static bool line_read(const char *line, struct mapping *ret)
{
    return sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNx64 " %x:%x %" SCNu64, &ret->start,
                  &ret->end, &ret->offset, &ret->major, &ret->minor, &ret->inode) == 6;
}

static bool is_start_of(const struct mapping *m, const struct stat *file)
{
    return m->offset == 0 && m->inode == file->st_ino && m->major == major(file->st_dev) &&
           m->minor == minor(file->st_dev) && m->end > m->start;
}

enum err file_map_find(int fd, const uint8_t **ret_base, size_t *ret_bytes)
{
    struct stat file;
    char line[LINE_BYTES];
    enum err err = ERR_NOT_FOUND;
    if (fstat(fd, &file) != 0)
        return ERR_IO;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL)
        return ERR_IO;
    while (err == ERR_NOT_FOUND && fgets(line, sizeof line, maps) != NULL) {
        struct mapping m;
        if (!line_read(line, &m) || !is_start_of(&m, &file))
            continue;
        *ret_base = (const uint8_t *)m.start;
        *ret_bytes = m.end - m.start;
        err = ERR_OK;
    }
    fclose(maps);
    return err;
}

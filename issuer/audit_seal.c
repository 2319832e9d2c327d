/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

static enum err err_of_errno(void)
{
    switch (errno) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case ENOTTY:
    case EOPNOTSUPP:
        return ERR_UNSUPPORTED;
    case EPERM:
    case EACCES:
        return ERR_KEY;
    default:
        return ERR_IO;
    }
}

static enum err seal_open(int fd, bool only_look, struct audit_seal *s, bool *ret_sealed)
{
    int flags = 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
        return err_of_errno();
    *ret_sealed = (flags & FS_IMMUTABLE_FL) != 0;
    if (*ret_sealed || only_look)
        return ERR_OK;
    flags |= FS_IMMUTABLE_FL;
    if (ioctl(fd, FS_IOC_SETFLAGS, &flags) != 0)
        return err_of_errno();
    *ret_sealed = true;
    s->changed++;
    return ERR_OK;
}

struct sealing {
    const char *folder;
    bool only_look;
    struct audit_seal *seal;
};

static enum err seal_file(const struct sealing *w, const char *name, bool *ret_sealed)
{
    char path[AUDIT_PATH_MAX];
    TRY(path_join(path, sizeof path, w->folder, name));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_of_errno();
    enum err err = seal_open(fd, w->only_look, w->seal, ret_sealed);
    close(fd);
    return err;
}

static enum err seal_one(void *context, const char *name)
{
    const struct sealing *w = context;
    struct audit_seal *s = w->seal;
    bool sealed = false;
    enum err err = seal_file(w, name, &sealed);
    s->whole++;
    s->sealed += sealed;
    if (s->first_open[0] == '\0' && !sealed)
        memcpy(s->first_open, name, strlen(name) + 1);
    return err;
}

enum err audit_seal(const char *folder, uint64_t size, bool only_look, struct audit_seal *ret)
{
    struct sealing sealing = {.folder = folder, .only_look = only_look, .seal = ret};
    *ret = (struct audit_seal){0};
    return audit_files_each(size, true, seal_one, &sealing);
}

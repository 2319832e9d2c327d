/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define SANDBOX_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#define SANDBOX_ACCESS_NET_BOTH     3ULL /* bind and connect of TCP */

/* struct landlock_ruleset_attr as of ABI 4. */
struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_net;
};

static enum err drop_user(const char *name)
{
    if (name == NULL || geteuid() != 0)
        return ERR_OK;
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        return ERR_NOT_FOUND;
    bool done = setgroups(0, NULL) == 0 &&
                setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
                setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0;
    return done ? ERR_OK : ERR_IO;
}

/* All file rights that the kernel's ABI knows: what is not handled would stay allowed. */
static uint64_t file_rights(long abi)
{
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (abi >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi >= 5)
        rights |= SANDBOX_ACCESS_FS_IOCTL_DEV;
    return rights;
}

static bool allow_reading(int ruleset, const char *folder)
{
    if (folder == NULL)
        return true;
    struct landlock_path_beneath_attr rule = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
        .parent_fd = open(folder, O_PATH | O_CLOEXEC),
    };
    if (rule.parent_fd < 0)
        return false;
    bool done = syscall(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    int saved = errno;
    close(rule.parent_fd);
    errno = saved;
    return done;
}

static enum err close_file_system(const char *folder, bool *ret_landlock)
{
    long abi = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        *ret_landlock = false; /* not in this kernel, or not switched on */
        return ERR_OK;
    }
    struct ruleset attributes = {
        .handled_fs = file_rights(abi),
        .handled_net = abi >= 4 ? SANDBOX_ACCESS_NET_BOTH : 0,
    };
    size_t size = abi >= 4 ? sizeof attributes : sizeof attributes.handled_fs;
    int ruleset = (int)syscall(__NR_landlock_create_ruleset, &attributes, size, 0);
    if (ruleset < 0)
        return ERR_IO;
    bool done =
        allow_reading(ruleset, folder) && syscall(__NR_landlock_restrict_self, ruleset, 0) == 0;
    int saved = errno;
    close(ruleset);
    errno = saved;
    *ret_landlock = true;
    return done ? ERR_OK : ERR_IO;
}

/* Who stays root keeps no right that only root has. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capset, &header, none) == 0;
}

enum err sandbox_enter(const struct sandbox_config *config, bool *ret_landlock,
                       const char **ret_what)
{
    const pid_t parent = getppid();
    *ret_what = "becoming the configured user";
    TRY(drop_user(config->user));
    /* The kernel forgets it when the user changes. */
    *ret_what = "dying with the parent";
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return ERR_IO;
    errno = ESRCH;
    if (getppid() != parent)
        return ERR_IO; /* it died in between */
    *ret_what = "forbidding new privileges";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return ERR_IO;
    *ret_what = "landlock";
    TRY(close_file_system(config->read_folder, ret_landlock));
    /* Last: the folder may be one that only root's rights reach. */
    *ret_what = "dropping capabilities";
    return drop_capabilities() ? ERR_OK : ERR_IO;
}

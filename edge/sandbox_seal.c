/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

/* What a worker, the snapshot builder and the C library under them call once the process serves.
 * Not here: socket, connect, execve, fork, ptrace ... */
static const int allowed[] = {
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register), /* only what the rings still permit */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(writev), /* log lines */
    SCMP_SYS(close),
    SCMP_SYS(getpeername),
    SCMP_SYS(sendfile), /* of what read() could read */
    SCMP_SYS(shutdown), /* of a connection that lingers */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(pread64),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getrandom),
    SCMP_SYS(sysinfo),           /* qsort: how large its copy may be */
    SCMP_SYS(sched_getaffinity), /* malloc: how many arenas there may be */
    SCMP_SYS(ppoll),
    SCMP_SYS(poll),
};

static int add_rules(scmp_filter_ctx filter)
{
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    for (size_t i = 0; result == 0 && i < sizeof allowed / sizeof allowed[0]; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    /* No file is opened, but the C library may ask: qsort and malloc look in /proc and /sys for how
     * much there is of memory and processors, and do without. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0);
    /* abort(), and nobody else. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    /* LMDB's lock of its reader table. Not F_SETOWN, by which the kernel signals others. */
    static const int locking[] = {F_GETLK, F_SETLK, F_SETLKW};
    for (size_t i = 0; result == 0 && i < sizeof locking / sizeof locking[0]; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)locking[i], 0));
    /* Of a socket that a file is sent to: not to wait, and not to linger. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, FIONBIO, 0));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
                                  SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0),
                                  SCMP_A2(SCMP_CMP_EQ, SO_LINGER, 0));
    /* Memory, but never memory to run. */
    static const int mapping[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    for (size_t i = 0; result == 0 && i < sizeof mapping / sizeof mapping[0]; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, mapping[i], 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return result;
}

enum err sandbox_seal(bool *ret_sealed)
{
    *ret_sealed = false;
    if (UNDER_SANITIZER)
        return ERR_OK;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return ERR_MEMORY;
    int result = add_rules(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    if (result != 0) {
        errno = -result;
        return ERR_IO;
    }
    *ret_sealed = true;
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What serve can no longer do once it is sandboxed, and what a ring refuses. Each case in a child
 * of its own. */
#include "edge/ring.h"
#include "edge/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What a child's exit status means beside the results of a case. */
#define EXIT_NO_LANDLOCK 70
#define EXIT_NO_SECCOMP  71
#define EXIT_ENTER       72
#define NOBODY           65534

static char folder[] = "/tmp/statim-test-sandbox-XXXXXX";
static char inside[sizeof folder + 8];
static const char *user;

/* Returns the wait status. */
static int in_child(int (*run)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(run());
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void enter(void)
{
    const struct sandbox_config config = {.user = user, .read_folder = folder};
    bool landlock = false;
    const char *what = "";
    if (sandbox_enter(&config, &landlock, &what) != ERR_OK) {
        perror(what);
        _exit(EXIT_ENTER);
    }
    if (!landlock)
        _exit(EXIT_NO_LANDLOCK);
}

static void enter_and_seal(void)
{
    const struct sandbox_config config = {.user = user, .read_folder = folder};
    bool landlock = false;
    bool sealed = false;
    const char *what = "";
    if (sandbox_enter(&config, &landlock, &what) != ERR_OK || sandbox_seal(&sealed) != ERR_OK)
        _exit(EXIT_ENTER);
    if (!sealed)
        _exit(EXIT_NO_SECCOMP);
}

static void expect_exit(int status, int wanted)
{
    if (WIFEXITED(status) &&
        (WEXITSTATUS(status) == EXIT_NO_LANDLOCK || WEXITSTATUS(status) == EXIT_NO_SECCOMP))
        skip();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
        fail_msg("wait status %x, not exit %d", (unsigned)status, wanted);
}

/* Files and sockets with Landlock alone: the calls fail instead of killing. The number of the first
 * wrong answer. */
static int use_files(void)
{
    enter();
    char fresh[sizeof inside + 8];
    char octet = 0;
    (void)snprintf(fresh, sizeof fresh, "%s.new", inside);
    int fd = open(inside, O_RDONLY);
    if (fd < 0 || read(fd, &octet, 1) != 1 || octet != 'x')
        return 1;
    if (open(inside, O_RDWR) >= 0 || errno != EACCES)
        return 2;
    if (open(fresh, O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
        return 3;
    if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
        return 4;
    if (unlink(inside) == 0)
        return 5;
    return 0;
}

static int use_network(void)
{
    enter();
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_port = htons(9);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno != EACCES)
        return 1;
    if (bind(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno != EACCES)
        return 2;
    return 0;
}

static int use_privileges(void)
{
    enter();
    gid_t groups[4];
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 1;
    if (user != NULL && (geteuid() == 0 || getuid() == 0 || getegid() == 0))
        return 2;
    if (user != NULL && (getgroups(4, groups) != 0 || setuid(0) == 0 || setgid(0) == 0))
        return 3;
    int death = 0;
    if (prctl(PR_GET_PDEATHSIG, &death) != 0 || death != SIGKILL)
        return 4;
    return 0;
}

static int keep_capabilities(void)
{
    user = NULL; /* root that stays root */
    enter();
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) != 0)
        return 1;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if (data[i].effective != 0 || data[i].permitted != 0 || data[i].inheritable != 0)
            return 2;
    }
    return 0;
}

static void capabilities(void **state)
{
    (void)state;
    expect_exit(in_child(keep_capabilities), 0);
}

static void landlock(void **state)
{
    (void)state;
    expect_exit(in_child(use_files), 0);
}

static void network(void **state)
{
    (void)state;
    expect_exit(in_child(use_network), 0);
}

static void privileges(void **state)
{
    (void)state;
    expect_exit(in_child(use_privileges), 0);
}

static int no_such_user_run(void)
{
    const struct sandbox_config config = {.user = "no-such-user-here"};
    bool has = false;
    const char *what = "";
    return sandbox_enter(&config, &has, &what) == ERR_NOT_FOUND && getuid() == 0 ? 0 : 1;
}

static void no_such_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    expect_exit(in_child(no_such_user_run), 0);
}

static int call_open(void)
{
    enter_and_seal();
    return open(inside, O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
}
static int call_socket(void)
{
    enter_and_seal();
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 2;
}
static int call_exec(void)
{
    enter_and_seal();
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}
static int call_fork(void)
{
    enter_and_seal();
    return fork() >= 0 ? 1 : 2;
}
static int call_kill(void)
{
    enter_and_seal();
    return kill(getppid(), 0) == 0 ? 1 : 2;
}
static int call_signal_another(void)
{
    enter_and_seal();
    return tgkill(getppid(), getppid(), 0) == 0 ? 1 : 2;
}
static int call_own_descriptor(void)
{
    enter_and_seal();
    return fcntl(STDERR_FILENO, F_SETOWN, getppid()) == 0 ? 1 : 2;
}
static int call_map_code(void)
{
    enter_and_seal();
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
               ? 1
               : 2;
}

static int call_device(void)
{
    enter_and_seal();
    return ioctl(STDIN_FILENO, TIOCSTI, "x") == 0 ? 1 : 2;
}
static int call_socket_option(void)
{
    const int on = 1;
    enter_and_seal();
    return setsockopt(STDIN_FILENO, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 ? 1 : 2;
}

static void forbidden_calls(void **state)
{
    (void)state;
    static int (*const calls[])(void) = {call_socket,   call_exec,           call_fork,
                                         call_kill,     call_signal_another, call_own_descriptor,
                                         call_map_code, call_device,         call_socket_option};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int status = in_child(calls[i]);
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_SECCOMP)
            skip();
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("call %zu: wait status %x, not killed by SIGSYS", i, (unsigned)status);
    }
}

/* Refused, not killed: the C library looks into /proc and /sys, and does without. */
static void open_is_refused(void **state)
{
    (void)state;
    expect_exit(in_child(call_open), 0);
}

static int call_permitted(void)
{
    enter_and_seal();
    /* What the serving process does all the time: memory, time, log lines. */
    for (size_t size = 1; size < (64u << 20); size *= 4) {
        void *memory = malloc(size);
        if (memory == NULL)
            return 1;
        memset(memory, 1, size);
        free(memory);
    }
    struct timespec now;
    const struct timespec pause = {.tv_nsec = 1000};
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || nanosleep(&pause, NULL) != 0)
        return 2;
    if (write(STDERR_FILENO, "", 0) != 0)
        return 3;
    struct flock lock = {.l_type = F_WRLCK};
    if (fcntl(STDERR_FILENO, F_GETLK, &lock) != 0 && errno == EPERM)
        return 4;
    if (tgkill(getpid(), getpid(), 0) != 0) /* what abort() does */
        return 5;
    int off = 0; /* what sending a file needs */
    const struct linger none = {.l_onoff = 1};
    if (ioctl(STDERR_FILENO, FIONBIO, &off) != 0 ||
        setsockopt(STDERR_FILENO, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0 ||
        errno != ENOTSOCK)
        return 6;
    return 0;
}

static void permitted_calls_do_not(void **state)
{
    (void)state;
    expect_exit(in_child(call_permitted), 0);
}

/* One operation through a locked ring; its result. */
static int submit_one(struct ring *ring, void (*prepare)(struct io_uring_sqe *))
{
    struct io_uring_cqe *cqe = NULL;
    prepare(ring_entry(ring));
    assert_int_equal(io_uring_submit_and_wait(&ring->uring, 1), 1);
    assert_int_equal(io_uring_peek_cqe(&ring->uring, &cqe), 0);
    int result = cqe->res;
    io_uring_cqe_seen(&ring->uring, cqe);
    return result;
}

static void prepare_open(struct io_uring_sqe *entry)
{
    io_uring_prep_openat(entry, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}
static void prepare_read(struct io_uring_sqe *entry)
{
    static char octet;
    io_uring_prep_read(entry, STDIN_FILENO, &octet, 1, 0);
}
static void prepare_connect(struct io_uring_sqe *entry)
{
    static struct sockaddr_in to = {.sin_family = AF_INET};
    io_uring_prep_connect(entry, 0, (struct sockaddr *)&to, sizeof to);
}
static void prepare_nop(struct io_uring_sqe *entry)
{
    io_uring_prep_nop(entry);
}
static void prepare_drained_close(struct io_uring_sqe *entry)
{
    io_uring_prep_close(entry, -1);
    entry->flags |= IOSQE_IO_DRAIN;
}
static void prepare_close(struct io_uring_sqe *entry)
{
    io_uring_prep_close(entry, -1);
}

static void ring_refuses(void **state)
{
    (void)state;
    static void (*const forbidden[])(struct io_uring_sqe *) = {
        prepare_open, prepare_read, prepare_connect, prepare_nop, prepare_drained_close};
    struct ring ring;
    const char *what = "";
    assert_int_equal(ring_start(&ring, 64, &what), ERR_OK);
    assert_int_equal(ring_enable(&ring), ERR_OK);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        assert_int_equal(submit_one(&ring, forbidden[i]), -EACCES);
    assert_int_equal(submit_one(&ring, prepare_close), -EBADF); /* permitted, and wrong */
    int fd = STDIN_FILENO;
    assert_int_equal(io_uring_register_files(&ring.uring, &fd, 1), -EACCES);
    ring_stop(&ring);
}

static void ring_needs_a_power_of_two(void **state)
{
    (void)state;
    struct ring ring;
    const char *what = "";
    assert_int_equal(ring_start(&ring, 65, &what), ERR_IO);
    assert_string_equal(what, "io_uring: provided receive buffers");
    assert_int_equal(errno, EINVAL);
}

/* A root without CAP_SETUID, or alone in its user namespace, cannot. */
static int become_another(void)
{
    return setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0 ? 0 : 1;
}

static int make_folder(void **state)
{
    (void)state;
    user = geteuid() == 0 && in_child(become_another) == 0 ? "nobody" : NULL;
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
        return -1;
    (void)snprintf(inside, sizeof inside, "%s/file", folder);
    int fd = open(inside, O_WRONLY | O_CREAT, 0666);
    if (fd < 0 || write(fd, "x", 1) != 1 || fchmod(fd, 0666) != 0)
        return -1;
    return close(fd);
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(inside);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(landlock),        cmocka_unit_test(network),
        cmocka_unit_test(privileges),      cmocka_unit_test(capabilities),
        cmocka_unit_test(no_such_user),    cmocka_unit_test(forbidden_calls),
        cmocka_unit_test(open_is_refused), cmocka_unit_test(permitted_calls_do_not),
        cmocka_unit_test(ring_refuses),    cmocka_unit_test(ring_needs_a_power_of_two),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

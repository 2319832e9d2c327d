/* SPDX-License-Identifier: Apache-2.0 */
/* The filter on a host that is not as it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/veth_pair.h"

static int foreign_program(void)
{
    /* r0 = XDP_PASS; exit */
    const struct bpf_insn program[] = {{.code = 0xB7, .imm = 2}, {.code = 0x95}};
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", program, 2, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void anothers_program_stays(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct shed_filter *f = NULL;
    bool generic;
    char message[256] = "";
    int ifindex = (int)if_nametoindex(PAIR_NEAR);
    int program = foreign_program();
    assert_int_equal(bpf_xdp_attach(ifindex, program, XDP_FLAGS_DRV_MODE, NULL), 0);
    assert_int_equal(shed_filter_open(&config, &f, &generic, message), ERR_BUSY);
    assert_non_null(strstr(message, "another XDP program"));
    __u32 there = 0;
    assert_int_equal(bpf_xdp_query_id(ifindex, 0, &there), 0);
    assert_true(there != 0);
    assert_int_equal(bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL), 0);
    close(program);
    f = pair_open(&config);
    shed_filter_close(f);
}

/* As after interfaces were renamed: the pins are those of another. */
static void anothers_link_stays(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    struct shed_filter *none = NULL;
    char message[256] = "";
    char path[128];
    bool generic;
    pair_policy(f);
    snprintf(path, sizeof path, "%s/lo", pair_pins);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/" PAIR_NEAR "/link", pair_pins);
    int link = bpf_obj_get(path);
    assert_true(link >= 0);
    snprintf(path, sizeof path, "%s/lo/link", pair_pins);
    assert_int_equal(bpf_obj_pin(link, path), 0);
    close(link);
    config.interface = "lo";
    assert_int_equal(shed_filter_open(&config, &none, &generic, message), ERR_BUSY);
    assert_non_null(strstr(message, "another interface"));
    assert_int_equal(access(path, F_OK), 0);
    assert_true(shed_filter_attached(f));
    pair_send(PAIR_DENIED, 2);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 2);
    shed_filter_close(f);
    assert_int_equal(shed_filter_remove("lo", pair_pins, message), ERR_OK);
}

static void interfaces_come_and_go(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = pair_open(&config);
    char message[256] = "";
    bool generic;
    pair_policy(f);
    pair_unlink();
    assert_false(shed_filter_attached(f));
    struct shed_filter *none = NULL;
    assert_int_equal(shed_filter_open(&config, &none, &generic, message), ERR_NOT_FOUND);
    assert_non_null(strstr(message, PAIR_NEAR));
    pair_link();
    assert_false(shed_filter_attached(f));
    shed_filter_close(f);
    f = pair_open(&config);
    assert_true(shed_filter_attached(f));
    pair_policy(f);
    pair_send(PAIR_DENIED, 2);
    assert_int_equal(pair_received(), 0);
    shed_filter_close(f);
}

static void no_place_for_pins(void **state)
{
    (void)state;
    struct shed_filter_config config = pair_config();
    struct shed_filter *f = NULL;
    char message[256] = "";
    bool generic;
    char folder[] = "/tmp/statim-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    config.pin_folder = folder;
    assert_int_equal(shed_filter_open(&config, &f, &generic, message), ERR_UNSUPPORTED);
    assert_non_null(strstr(message, "mount -t bpf"));
    assert_int_equal(rmdir(folder), 0);       /* nothing is left in it */
    config.pin_folder = "/sys/kernel/statim"; /* where no folder can be made */
    assert_int_equal(shed_filter_open(&config, &f, &generic, message), ERR_UNSUPPORTED);
    assert_non_null(strstr(message, "mount -t bpf"));
}

/* Ends the child with 0 when `weaken` leaves it without what the message then names. */
static void refused_in_child(bool (*weaken)(void), const char *named, const char *not_named)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct shed_filter_config config = pair_config();
        struct shed_filter *f = NULL;
        char message[256] = "";
        bool generic;
        if (!weaken())
            _exit(3);
        enum err err = shed_filter_open(&config, &f, &generic, message);
        printf("%s\n", message);
        fflush(stdout);
        bool told = strstr(message, named) != NULL && strstr(message, not_named) == NULL;
        _exit(err == ERR_IO && told ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define NOBODY 65534

static bool become_nobody(void)
{
    return chmod(pair_pins, 01777) == 0 && setuid(NOBODY) == 0;
}

static bool drop_performance(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, words) != 0)
        return false;
    words[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &= ~CAP_TO_MASK(CAP_SYS_ADMIN);
    words[CAP_TO_INDEX(CAP_PERFMON)].effective &= ~CAP_TO_MASK(CAP_PERFMON);
    return syscall(SYS_capset, &header, words) == 0;
}

static void without_privileges(void **state)
{
    (void)state;
    refused_in_child(become_nobody, "lacks CAP_BPF CAP_PERFMON CAP_NET_ADMIN", "mount");
}

static void without_one_capability(void **state)
{
    (void)state;
    refused_in_child(drop_performance, "lacks CAP_PERFMON", "CAP_BPF");
}

/* Kernels before 5.11 counted maps against it. */
static void no_memory_to_lock(void **state)
{
    (void)state;
    const struct shed_filter_config config = pair_config();
    struct rlimit none = {0, 0};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    struct shed_filter *f = pair_open(&config);
    pair_policy(f);
    pair_send(PAIR_DENIED, 2);
    assert_int_equal(pair_count(f, FILTER_REASON_DENIED), 2);
    shed_filter_close(f);
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(anothers_program_stays, pair_clean),
        cmocka_unit_test_teardown(anothers_link_stays, pair_clean),
        cmocka_unit_test_teardown(interfaces_come_and_go, pair_clean),
        cmocka_unit_test_teardown(no_place_for_pins, pair_clean),
        cmocka_unit_test_teardown(without_privileges, pair_clean),
        cmocka_unit_test_teardown(without_one_capability, pair_clean),
        cmocka_unit_test_teardown(no_memory_to_lock, pair_clean),
    };
    if (!pair_start())
        return PAIR_SKIP;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pair_stop();
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: what a reload keeps, opens and closes. */
#include "edge/listener.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct address address(const char *text)
{
    struct address a;
    assert_int_equal(address_from_text(span_text(text), &a), ERR_OK);
    return a;
}

static struct listener_set make(struct listener_set *old, const struct address *addresses,
                                unsigned address_count, unsigned worker_count)
{
    struct listener_set set;
    struct address failed;
    enum err err = listener_set_make(old, addresses, address_count, worker_count, &set, &failed);
    if (err != ERR_OK)
        fail_msg("listener_set_make: %s: %s", err_text(err), strerror(errno));
    return set;
}

static in_port_t port(const struct listener *l)
{
    return l->address.sa.any.sa_family == AF_INET ? l->address.sa.v4.sin_port
                                                  : l->address.sa.v6.sin6_port;
}

static bool connects(const struct address *to)
{
    int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    bool done = connect(fd, &to->sa.any, to->size) == 0;
    close(fd);
    return done;
}

/* Of an IPv4 address with an IPv6 one behind it, as many as this host has. */
static unsigned families(void)
{
    struct listener_set set;
    struct address six = address("[::1]:0"), failed;
    if (listener_set_make(NULL, &six, 1, 1, &set, &failed) != ERR_OK) {
        assert_true(errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT);
        print_message("no [::1] here\n");
        return 1;
    }
    listener_set_done(&set);
    return 2;
}

static bool is_open(int fd)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value == 1;
}

static void one_port_for_all_workers(void **state)
{
    (void)state;
    const struct address wanted[] = {address("127.0.0.1:0"), address("[::1]:0")};
    const unsigned count = families();
    struct listener_set set = make(NULL, wanted, count, 3);
    assert_int_equal(set.count, 3 * count);
    for (unsigned i = 0; i < set.count; i++) {
        const struct listener *l = &set.listeners[i];
        assert_int_equal(l->worker_no, i / count);
        assert_int_not_equal(port(l), 0);
        assert_int_equal(port(l), port(&set.listeners[i % count]));
        assert_true(is_open(l->fd));
        assert_true(connects(&l->address));
    }
    listener_set_done(&set);
    assert_int_equal(set.count, 0);
}

/* An IPv6 socket does not take IPv4: the same port is free for 0.0.0.0. */
static void v6_is_only_v6(void **state)
{
    (void)state;
    if (families() < 2)
        skip();
    const struct address any6 = address("[::]:0");
    struct listener_set six = make(NULL, &any6, 1, 1);
    struct address v4 = address("127.0.0.1:0");
    v4.sa.v4.sin_port = port(&six.listeners[0]);
    assert_false(connects(&v4));
    struct listener_set four = make(NULL, &v4, 1, 1);
    assert_true(connects(&v4));
    listener_set_done(&four);
    listener_set_done(&six);
}

static void reload_keeps_what_stays(void **state)
{
    (void)state;
    const struct address first[] = {address("127.0.0.1:0"), address("127.0.0.2:0")};
    struct listener_set old = make(NULL, first, 2, 2);
    int fds[4];
    for (unsigned i = 0; i < 4; i++)
        fds[i] = old.listeners[i].fd;
    /* the second address stays, the first goes, one is new; three workers */
    const struct address second[] = {old.listeners[1].address, address("127.0.0.3:0")};
    struct listener_set set = make(&old, second, 2, 3);
    assert_int_equal(set.count, 6);
    assert_int_equal(set.listeners[0].fd, fds[1]);
    assert_int_equal(set.listeners[2].fd, fds[3]);
    assert_int_equal(old.listeners[0].fd, fds[0]);
    assert_int_equal(old.listeners[1].fd, -1);
    listener_set_done(&old);
    assert_false(is_open(fds[0]));
    assert_false(is_open(fds[2]));
    assert_true(is_open(fds[1]));
    assert_true(connects(&second[0]));
    assert_false(connects(&first[0]) && first[0].sa.v4.sin_port != 0);
    listener_set_done(&set);
}

/* Nobody in the queue of a socket that stays is lost: for fewer workers the others take it. */
static void fewer_workers_take_all(void **state)
{
    (void)state;
    const struct address first[] = {address("127.0.0.1:0"), address("127.0.0.2:0")};
    struct listener_set old = make(NULL, first, 2, 5);
    const struct address second[] = {old.listeners[1].address};
    struct listener_set set = make(&old, second, 1, 2);
    assert_int_equal(set.count, 5);
    listener_set_done(&old);
    struct listener_socket sockets[LISTENERS_PER_WORKER_MAX];
    assert_int_equal(listener_set_of_worker(&set, 0, sockets), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_open(sockets[i].fd));
    assert_int_equal(listener_set_of_worker(&set, 1, sockets), 2);
    assert_int_equal(listener_set_of_worker(&set, 2, sockets), 0);
    /* more again: no other socket than before, and one new */
    struct listener_set more = make(&set, second, 1, 6);
    listener_set_done(&set);
    assert_int_equal(more.count, 6);
    for (unsigned worker = 0; worker < 6; worker++) {
        assert_int_equal(listener_set_of_worker(&more, worker, sockets), 1);
        assert_true(is_open(sockets[0].fd));
    }
    assert_true(connects(&second[0]));
    listener_set_done(&more);
}

/* Two edges must not share an address by accident. */
static void another_set_is_in_use(void **state)
{
    (void)state;
    const struct address any[] = {address("127.0.0.1:0"), address("[::1]:0")};
    const unsigned count = families();
    struct listener_set first = make(NULL, any, count, 2);
    for (unsigned i = 0; i < count; i++) {
        struct listener_set set;
        struct address failed;
        assert_int_equal(listener_set_make(NULL, &first.listeners[i].address, 1, 2, &set, &failed),
                         ERR_IO);
        assert_int_equal(errno, EADDRINUSE);
    }
    listener_set_done(&first);
}

static void failure_changes_nothing(void **state)
{
    (void)state;
    const struct address any = address("127.0.0.1:0");
    struct listener_set old = make(NULL, &any, 1, 2);
    /* 192.0.2.0/24 is for documentation: no machine has it */
    const struct address wanted[] = {old.listeners[0].address, address("127.0.0.4:0"),
                                     address("192.0.2.77:80")};
    int next_fd = dup(0);
    close(next_fd);
    struct listener_set set = {.count = 77};
    struct address failed;
    assert_int_equal(listener_set_make(&old, wanted, 3, 2, &set, &failed), ERR_IO);
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_memory_equal(&failed.sa.v4.sin_addr, &wanted[2].sa.v4.sin_addr, 4);
    assert_int_equal(set.count, 77);
    for (unsigned i = 0; i < 2; i++)
        assert_true(is_open(old.listeners[i].fd));
    assert_true(connects(&old.listeners[0].address));
    int fd = dup(0); /* nothing was left open */
    assert_int_equal(fd, next_fd);
    close(fd);
    listener_set_done(&old);
}

/* Somebody else without SO_REUSEPORT has the port. */
static void port_in_use(void **state)
{
    (void)state;
    struct address a = address("127.0.0.1:0");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &a.sa.any, a.size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, &a.sa.any, &a.size), 0);
    struct listener_set set;
    struct address failed;
    assert_int_equal(listener_set_make(NULL, &a, 1, 1, &set, &failed), ERR_IO);
    assert_int_equal(errno, EADDRINUSE);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_port_for_all_workers),
        cmocka_unit_test(v6_is_only_v6),
        cmocka_unit_test(reload_keeps_what_stays),
        cmocka_unit_test(fewer_workers_take_all),
        cmocka_unit_test(another_set_is_in_use),
        cmocka_unit_test(failure_changes_nothing),
        cmocka_unit_test(port_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

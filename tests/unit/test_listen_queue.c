/* SPDX-License-Identifier: Apache-2.0 */
/* Real listeners that do not accept, and what the kernel tells of their queues. */
#include "bpf/listen_queue.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/clock.h"

#define BACKLOG     16
#define DEADLINE_NS UINT64_C(5000000000)
#define CLIENTS_MAX 32

static struct listen_queue *queue;
static int clients[CLIENTS_MAX];
static unsigned client_count;

static int setup(void **state)
{
    (void)state;
    client_count = 0;
    return listen_queue_open(&queue) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < client_count; i++)
        close(clients[i]);
    queue = listen_queue_close(queue);
    return 0;
}

static struct address address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_from_text(span_text(text), &address), ERR_OK);
    return address;
}

/* Listens at `text`, whose port is 0; `*ret` gets the port. v6_only below 0: as the system has it.
 */
static int listen_at(const char *text, int v6_only, struct address *ret)
{
    struct address address = address_of(text);
    int one = 1;
    int fd = socket(address.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
    if (v6_only >= 0)
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only), 0);
    if (ret->size != 0) /* the port of another one */
        address.sa.v4.sin_port = ret->sa.v4.sin_port;
    assert_int_equal(bind(fd, &address.sa.any, address.size), 0);
    assert_int_equal(listen(fd, BACKLOG), 0);
    assert_int_equal(getsockname(fd, &address.sa.any, &address.size), 0);
    *ret = address;
    return fd;
}

static void connect_to(const struct address *address, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0 && client_count < CLIENTS_MAX);
        clients[client_count++] = fd;
        assert_int_equal(connect(fd, &address->sa.any, address->size), 0);
    }
}

static struct listen_queue_state state_of(const struct address *services, uint32_t count)
{
    struct listen_queue_state s;
    assert_int_equal(listen_queue_read(queue, services, count, &s), ERR_OK);
    return s;
}

/* The last step of a handshake is the server's: soon after connect(). */
static struct listen_queue_state wait_for(const struct address *services, uint32_t count,
                                          uint32_t waiting)
{
    uint64_t end_ns = clock_monotonic_ns() + DEADLINE_NS;
    struct listen_queue_state s = state_of(services, count);
    while (s.waiting != waiting && clock_monotonic_ns() < end_ns)
        s = state_of(services, count);
    assert_int_equal(s.waiting, waiting);
    return s;
}

static void waits_and_goes(void **state)
{
    (void)state;
    struct address at = {0};
    int fd = listen_at("127.0.0.1:0", -1, &at);
    struct listen_queue_state s = wait_for(&at, 1, 0);
    assert_int_equal(s.listeners, 1);
    assert_int_equal(s.room, BACKLOG);
    connect_to(&at, 5);
    s = wait_for(&at, 1, 5);
    assert_int_equal(s.longest, 5);
    assert_int_equal(s.room, BACKLOG - 5);
    int accepted = accept(fd, NULL, NULL);
    assert_true(accepted >= 0);
    close(accepted);
    wait_for(&at, 1, 4);
    close(fd);
    s = wait_for(&at, 1, 0);
    assert_int_equal(s.listeners, 0);
    assert_int_equal(s.room, 0);
}

/* Workers have a listener each; other ports and addresses are others' affairs. */
static void several_listeners(void **state)
{
    (void)state;
    struct address at = {0}, other = {0}, elsewhere = {0};
    int first = listen_at("127.0.0.1:0", -1, &at);
    elsewhere = at;
    int second = listen_at("127.0.0.1:0", -1, &at);
    int another_port = listen_at("127.0.0.1:0", -1, &other);
    int another_address = listen_at("127.0.0.2:0", -1, &elsewhere);
    connect_to(&at, 12);
    connect_to(&other, 2);
    connect_to(&elsewhere, 3);
    struct listen_queue_state s = wait_for(&at, 1, 12);
    assert_int_equal(s.listeners, 2);
    assert_true(s.longest >= 6 && s.longest <= 12 && s.room == BACKLOG - s.longest);
    const struct address services[] = {at, other, at};
    assert_int_equal(wait_for(services, 3, 14).listeners, 3);
    wait_for(&elsewhere, 1, 3);
    /* Whichever of them the kernel tells of last. */
    const struct address two[] = {other, elsewhere};
    assert_int_equal(wait_for(two, 2, 5).longest, 3);
    connect_to(&other, 2);
    assert_int_equal(wait_for(two, 2, 7).longest, 4);
    assert_int_equal(state_of(NULL, 0).listeners, 0);
    close(first);
    close(second);
    close(another_port);
    close(another_address);
}

static void all_addresses(void **state)
{
    (void)state;
    struct address at = {0};
    int fd = listen_at("0.0.0.0:0", -1, &at);
    struct address service = address_of("127.0.0.3:0");
    service.sa.v4.sin_port = at.sa.v4.sin_port;
    connect_to(&service, 2);
    assert_int_equal(wait_for(&service, 1, 2).listeners, 1);
    struct address v6 = address_of("[::1]:0");
    v6.sa.v6.sin6_port = at.sa.v4.sin_port;
    assert_int_equal(state_of(&v6, 1).listeners, 0);
    close(fd);
}

static void ipv6(void **state)
{
    (void)state;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct address loopback = address_of("[::1]:0");
    if (probe < 0 || bind(probe, &loopback.sa.any, loopback.size) != 0) {
        print_message("no [::1] here\n");
        skip();
    }
    close(probe);
    struct address one = {0}, any = {0}, only = {0};
    int fd_one = listen_at("[::1]:0", -1, &one);
    int fd_any = listen_at("[::]:0", 0, &any);
    int fd_only = listen_at("[::]:0", 1, &only);
    connect_to(&one, 3);
    assert_int_equal(wait_for(&one, 1, 3).listeners, 1);
    struct address v4 = address_of("127.0.0.1:0");
    v4.sa.v4.sin_port = any.sa.v6.sin6_port;
    connect_to(&v4, 4);
    assert_int_equal(wait_for(&v4, 1, 4).listeners, 1);
    v4.sa.v4.sin_port = only.sa.v6.sin6_port;
    assert_int_equal(state_of(&v4, 1).listeners, 0);
    struct address v6 = loopback;
    v6.sa.v6.sin6_port = only.sa.v6.sin6_port;
    assert_int_equal(state_of(&v6, 1).listeners, 1);
    close(fd_one);
    close(fd_any);
    close(fd_only);
}

/* More listeners than one message of the kernel's answer tells of. */
static void many(void **state)
{
    (void)state;
    static int fds[600];
    struct address at = {0};
    for (unsigned i = 0; i < 600; i++)
        fds[i] = listen_at("127.0.0.1:0", -1, &at);
    struct listen_queue_state s = state_of(&at, 1);
    assert_int_equal(s.listeners, 600);
    for (unsigned i = 0; i < 600; i++)
        close(fds[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(waits_and_goes), TEST(several_listeners), TEST(all_addresses), TEST(ipv6), TEST(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

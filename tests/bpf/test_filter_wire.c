/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the filter before real stacks: two network namespaces, a veth pair between them. A
 * client in one connects to a listener in the other through a SYN cookie of XDP, with data both
 * ways; and is refused by a RST of XDP at once. Both IP versions, the driver's mode and the
 * kernel's generic one. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/check.h"
#include "tests/bpf/filter_world.h"

#define PORT        80
#define TIMEOUT_MS  10000
#define ASK_BYTES   200
#define REPLY_BYTES 60000
#define A_MINUTE_NS 60000000000ull
/* Where a segment takes a second, TCP sends another, and what is counted is not what is expected.
 */
#define TRIES 3u

static const struct world_service services[] = {
    {"192.0.2.1", PORT}, {"2001:db8::1", PORT}, {NULL, 0}};

struct wire {
    int server, client; /* namespaces */
    int listeners[2];   /* IPv4, IPv6 */
    struct filter_world *filter;
    struct filter_world *peer; /* veth gives back only what goes to an end that has XDP as well */
};

static void enter(int namespace)
{
    CHECK(setns(namespace, CLONE_NEWNET) == 0);
}

static void shell(const char *command)
{
    if (system(command) == 0)
        return;
    printf("failed: %s\n", command);
    abort();
}

static int new_namespace(void)
{
    return unshare(CLONE_NEWNET) == 0 ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
}

static bool write_sysctl(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return done;
}

static struct sockaddr_storage address_of(bool v6, bool any, socklen_t *ret_size)
{
    struct sockaddr_storage a = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a;
    *ret_size = v6 ? sizeof *six : sizeof *four;
    if (v6) {
        *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
        CHECK(inet_pton(AF_INET6, any ? "::" : "2001:db8::1", &six->sin6_addr) == 1);
    } else {
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT)};
        CHECK(inet_pton(AF_INET, any ? "0.0.0.0" : "192.0.2.1", &four->sin_addr) == 1);
    }
    return a;
}

static int listen_at(bool v6)
{
    socklen_t size;
    struct sockaddr_storage a = address_of(v6, true, &size);
    int on = 1, fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (v6)
        CHECK(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0);
    CHECK(bind(fd, (struct sockaddr *)&a, size) == 0 && listen(fd, 16) == 0);
    return fd;
}

static bool open_wire(struct wire *w)
{
    char command[300];
    w->server = new_namespace();
    w->client = new_namespace();
    if (w->server < 0 || w->client < 0) {
        printf("skipped: network namespaces: %s\n", strerror(errno));
        return false;
    }
    enter(w->server);
    if (!write_sysctl("/proc/sys/net/ipv4/tcp_syncookies", "2")) {
        printf("skipped: net.ipv4.tcp_syncookies: %s\n", strerror(errno));
        return false;
    }
    snprintf(command, sizeof command,
             "ip link add s0 type veth peer name c0 netns /proc/%d/fd/%d && ip link set s0 up && "
             "ip addr add 192.0.2.1/24 dev s0 && ip addr add 2001:db8::1/64 dev s0 nodad",
             (int)getpid(), w->client);
    shell(command);
    w->listeners[0] = listen_at(false);
    w->listeners[1] = listen_at(true);
    enter(w->client);
    shell("ip link set c0 up && ip addr add 192.0.2.7/24 dev c0 && "
          "ip addr add 2001:db8::7/64 dev c0 nodad");
    return true;
}

static void attach(struct wire *w, bool on, bool generic)
{
    __u32 mode = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
    enter(w->client);
    int far = (int)if_nametoindex("c0");
    CHECK(bpf_xdp_attach(far, on ? world_program(w->peer) : -1, mode, NULL) == 0);
    enter(w->server);
    int near = (int)if_nametoindex("s0");
    CHECK(bpf_xdp_attach(near, on ? world_program(w->filter) : -1, mode, NULL) == 0);
}

static bool wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, TIMEOUT_MS) == 1;
}

/* A connected socket of the client; -1 with errno. */
static int connect_to(struct wire *w, bool v6)
{
    socklen_t size, error_size = sizeof(int);
    struct sockaddr_storage a = address_of(v6, false, &size);
    int error = ETIMEDOUT;
    enter(w->client);
    int fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(connect(fd, (struct sockaddr *)&a, size) != 0 && errno == EINPROGRESS);
    if (wait_for(fd, POLLOUT))
        CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0);
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static bool move(int from, int to, size_t size)
{
    static uint8_t sent[REPLY_BYTES], got[REPLY_BYTES];
    size_t out = 0, in = 0;
    for (size_t i = 0; i < size; i++)
        sent[i] = (uint8_t)(i * 31 >> 3);
    while (in < size) {
        ssize_t n =
            out < size ? send(from, sent + out, size - out, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        out += n > 0 ? (size_t)n : 0;
        if (!wait_for(to, POLLIN))
            return false;
        n = recv(to, got + in, size - in, MSG_DONTWAIT);
        if (n <= 0)
            return false;
        in += (size_t)n;
    }
    return memcmp(sent, got, size) == 0;
}

/* Connects, asks, is replied to. `*ret_options`: the TCP options that both ends agreed on. */
static bool talk(struct wire *w, bool v6, unsigned *ret_options)
{
    int client = connect_to(w, v6), listener = w->listeners[v6];
    if (client < 0) {
        printf("  not connected: %s\n", strerror(errno));
        return false;
    }
    int server = wait_for(listener, POLLIN) ? accept(listener, NULL, NULL) : -1;
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    bool done = server >= 0 && move(client, server, ASK_BYTES) &&
                move(server, client, REPLY_BYTES) &&
                getsockopt(server, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
    *ret_options = info.tcpi_options;
    if (server >= 0)
        close(server);
    close(client);
    return done;
}

static bool test_cookie(struct wire *w, bool v6)
{
    struct world_policy policy = {.config = world_config(), .services = services};
    policy.config.budget = (struct filter_rate){A_MINUTE_NS, FILTER_TICK_NS};
    policy.config.cookies = filter_rate_of(100, 10);
    world_policy(w->filter, &policy);
    world_reset(w->filter);
    unsigned kernels = 0, ours = 0;
    /* The first SYN is the kernel's: since it answers with cookies, its listener takes ours. */
    bool first = talk(w, v6, &kernels);
    uint64_t none = world_count(w->filter, FILTER_REASON_COOKIE).packets;
    bool second = talk(w, v6, &ours);
    uint64_t syn = world_count(w->filter, FILTER_REASON_SYN).packets;
    uint64_t cookies = world_count(w->filter, FILTER_REASON_COOKIE).packets;
    bool right =
        first && second && none == 0 && syn == 1 && cookies >= 1 && kernels != 0 && ours == 0;
    if (!right)
        printf(
            "  first %d, options %#x; second %d, options %#x; %llu SYN, %llu cookies, %llu early\n",
            first, kernels, second, ours, (unsigned long long)syn, (unsigned long long)cookies,
            (unsigned long long)none);
    return right;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC_COARSE, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool test_refusal(struct wire *w, bool v6)
{
    struct world_policy policy = {.config = world_config(), .services = services};
    policy.config.refusals = filter_rate_of(100, 10);
    world_policy(w->filter, &policy);
    world_reset(w->filter);
    world_level(w->filter, FILTER_SHED_ALL, now_ns() + A_MINUTE_NS);
    int fd = connect_to(w, v6), error = errno;
    world_level(w->filter, 0, 0);
    if (fd >= 0)
        close(fd);
    uint64_t refused = world_count(w->filter, FILTER_REASON_REFUSED).packets;
    if (fd < 0 && error == ECONNREFUSED && refused == 1)
        return true;
    printf("  %s, %llu refused\n", fd < 0 ? strerror(error) : "connected",
           (unsigned long long)refused);
    return false;
}

static bool tried(bool (*test)(struct wire *w, bool v6), struct wire *w, bool v6)
{
    bool right = false;
    for (unsigned i = 0; i < TRIES && !right; i++)
        right = test(w, v6);
    return right;
}

static unsigned run(struct wire *w, bool generic)
{
    unsigned failed = 0;
    attach(w, true, generic);
    for (int v6 = 0; v6 < 2; v6++) {
        const char *mode = generic ? "generic" : "native", *version = v6 ? "v6" : "v4";
        bool cookie = tried(test_cookie, w, v6), refusal = tried(test_refusal, w, v6);
        printf("%s, %s: cookie %s, refusal %s\n", mode, version, cookie ? "ok" : "FAILED",
               refusal ? "ok" : "FAILED");
        failed += (cookie ? 0u : 1u) + (refusal ? 0u : 1u);
    }
    attach(w, false, generic);
    return failed;
}

int main(void)
{
    struct wire w = {.server = -1, .client = -1};
    w.filter = world_open(&(struct world_options){.real_clock = true});
    if (w.filter == NULL)
        return WORLD_SKIP;
    w.peer = world_open(&(struct world_options){.real_clock = true});
    CHECK(w.peer != NULL);
    bool there = open_wire(&w);
    unsigned failed = there ? run(&w, false) + run(&w, true) : 0;
    for (unsigned i = 0; there && i < 2; i++)
        close(w.listeners[i]);
    world_close(w.peer);
    world_close(w.filter);
    return !there ? WORLD_SKIP : failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/veth_pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"

#define PROTOCOL_TEST 0x88B5 /* for experiments: IPv6 router solicitations are not counted */
#define FRAME_BYTES   60
#define MARK_AGAIN_MS 50 /* a mark may be lost, as anything while the pair changes its queues */
#define MARKS_MAX     400

char pair_pins[64];
static int far_socket = -1;
static int near_socket = -1;
static int mark_socket = -1;

static void shell(const char *command)
{
    if (system(command) == 0)
        return;
    fprintf(stderr, "failed: %s\n", command);
    abort();
}

static bool refuse(const char *what)
{
    printf("skipped: %s: %s\n", what, strerror(errno));
    return false;
}

bool pair_start(void)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
        return refuse("namespaces of its own");
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return refuse("a mount namespace");
    snprintf(pair_pins, sizeof pair_pins, "/tmp/statim-bpf-XXXXXX");
    CHECK(mkdtemp(pair_pins) != NULL);
    if (mount("bpf", pair_pins, "bpf", 0, NULL) != 0) {
        rmdir(pair_pins);
        return refuse("a bpf file system");
    }
    pair_link();
    return true;
}

void pair_stop(void)
{
    pair_unlink();
    CHECK(umount2(pair_pins, MNT_DETACH) == 0);
    rmdir(pair_pins);
}

static int open_socket(const char *interface, unsigned protocol)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons((uint16_t)protocol),
                                  .sll_ifindex = (int)if_nametoindex(interface)};
    int room = 64 << 20;
    CHECK(fd >= 0 && address.sll_ifindex != 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

void pair_link(void)
{
    shell("ip link add " PAIR_NEAR " type veth peer name " PAIR_FAR " && ip link set " PAIR_NEAR
          " up && ip link set " PAIR_FAR " up");
    far_socket = open_socket(PAIR_FAR, PROTOCOL_TEST);
    near_socket = open_socket(PAIR_NEAR, ETH_P_IP);
    mark_socket = open_socket(PAIR_NEAR, PROTOCOL_TEST);
}

void pair_unlink(void)
{
    close(far_socket);
    close(near_socket);
    close(mark_socket);
    shell("ip link del " PAIR_NEAR);
}

static void send_frame(const uint8_t frame[static FRAME_BYTES])
{
    while (send(far_socket, frame, FRAME_BYTES, 0) != FRAME_BYTES)
        CHECK(errno == ENOBUFS || errno == EINTR);
}

/* The pair keeps the order: what was sent before a mark that has come has come, too, or was
 * dropped. Without it a kernel that leaves the receiving to a thread would be looked at too early.
 */
static void wait_for_mark(void)
{
    uint8_t mark[FRAME_BYTES] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xB5};
    uint8_t frame[FRAME_BYTES];
    static uint32_t number;
    ++number;
    memcpy(mark + ETH_HLEN, &number, sizeof number);
    for (unsigned i = 0; i < MARKS_MAX; i++) {
        struct pollfd wait = {.fd = mark_socket, .events = POLLIN};
        send_frame(mark);
        while (poll(&wait, 1, MARK_AGAIN_MS) > 0 &&
               recv(mark_socket, frame, sizeof frame, 0) == sizeof frame)
            if (memcmp(frame, mark, sizeof mark) == 0)
                return;
    }
    fprintf(stderr, "nothing comes through the pair\n");
    abort();
}

void pair_send(uint32_t source, unsigned count)
{
    uint8_t frame[FRAME_BYTES] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00};
    struct ip ip = {.ip_hl = 5,
                    .ip_v = 4,
                    .ip_len = htons(sizeof(struct ip) + sizeof(struct tcphdr)),
                    .ip_ttl = 64,
                    .ip_p = IPPROTO_TCP,
                    .ip_src.s_addr = htonl(source),
                    .ip_dst.s_addr = htonl(PAIR_SERVICE)};
    struct tcphdr tcp = {.source = htons(40000), .dest = htons(PAIR_PORT), .doff = 5, .syn = 1};
    memcpy(frame + ETH_HLEN, &ip, sizeof ip);
    memcpy(frame + ETH_HLEN + sizeof ip, &tcp, sizeof tcp);
    for (unsigned i = 0; i < count; i++)
        send_frame(frame);
    wait_for_mark();
}

uint64_t pair_received(void)
{
    uint8_t frame[FRAME_BYTES];
    uint64_t count = 0;
    struct tpacket_stats stats;
    socklen_t size = sizeof stats;
    while (recv(near_socket, frame, sizeof frame, MSG_DONTWAIT) > 0)
        count++;
    CHECK(getsockopt(near_socket, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0);
    return count + stats.tp_drops;
}

struct shed_filter_config pair_config(void)
{
    return (struct shed_filter_config){
        .interface = PAIR_NEAR, .pin_folder = pair_pins, .buckets = FILTER_BUCKETS_MIN};
}

struct shed_filter *pair_open(const struct shed_filter_config *config)
{
    struct shed_filter *f = NULL;
    bool generic;
    char message[256] = "";
    if (shed_filter_open(config, &f, &generic, message) == ERR_OK)
        return f;
    fprintf(stderr, "not opened: %s\n", message);
    abort();
}

void pair_policy(struct shed_filter *f)
{
    static const struct prefix denied = {{10, 9, 0, 66}, 4, 32};
    static const struct prefix allowed = {{10, 9, 0, 67}, 4, 32};
    static const struct shed_service service = {4, {10, 9, 0, 1}, PAIR_PORT};
    const struct shed_policy policy = {
        .config = {.v4_prefix_bits = 32,
                   .v6_prefix_bits = 56,
                   .shed_period_ns = 1000000000000u,
                   .sample_one_in = 1},
        .services = &service,
        .service_count = 1,
        .lists = {[FILTER_ALLOW_V4] = &allowed, [FILTER_DENY_V4] = &denied},
        .list_count = {[FILTER_ALLOW_V4] = 1, [FILTER_DENY_V4] = 1}};
    char message[256] = "";
    if (shed_filter_policy(f, &policy, message) == ERR_OK)
        return;
    fprintf(stderr, "no policy: %s\n", message);
    abort();
}

uint64_t pair_count(struct shed_filter *f, enum filter_reason reason)
{
    struct filter_count counts[FILTER_REASON_COUNT];
    uint64_t trouble[FILTER_TROUBLE_COUNT];
    CHECK(shed_filter_counts(f, counts, trouble) == ERR_OK);
    return counts[reason].packets;
}

int pair_clean(void **state)
{
    (void)state;
    char message[256];
    enum err err = shed_filter_remove(PAIR_NEAR, pair_pins, message);
    pair_received();
    return err == ERR_OK || err == ERR_NOT_FOUND ? 0 : -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/flood/live.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/time.h>

#include "bench/flood/live_plan.h"
#include "flood.skel.h"
#include "lib/check.h"
#include "lib/os/clock.h"

#define SECOND_NS  UINT64_C(1000000000)
#define CALL_TURNS INT32_MAX /* of the program in one call, which a signal ends earlier */
#define AGAIN_US   10000     /* when the signal came a moment before the call */
#define BATCH      16u       /* frames between two flushes to the interface */

_Static_assert(LIVE_FRAME_BYTES_MAX <= PACKET_BYTES_MAX, "a frame of the maker fits");

static uint32_t sum_of(const uint8_t *data, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)data[i] << 8 | data[i + 1];
    return sum;
}

/* The first frame of the plan, without what changes from one to the next. */
static void fill(const struct flood_options *o, const struct flood_link *link,
                 struct live_plan *plan)
{
    struct packet_plan packets = o->plan;
    struct packet_maker maker;
    uint8_t frame[PACKET_BYTES_MAX];
    bool is_v4 = packets.to.version == 4;
    size_t address_bytes = is_v4 ? 4 : 16, source = is_v4 ? 26 : 22;
    memcpy(packets.from_mac, link->mac, sizeof packets.from_mac);
    packet_maker_start(&maker, &packets);
    size_t size = packet_next(&maker, frame);
    CHECK(size + LIVE_TAIL_BYTES <= LIVE_FRAME_BYTES_MAX);
    *plan = (struct live_plan){.frame_bytes = (uint32_t)size,
                               .tcp_offset = is_v4 ? 34 : 54,
                               .source_count = packets.source_count,
                               .rate_per_s = o->rate_per_s};
    uint8_t *tcp = frame + plan->tcp_offset;
    memset(frame + source, 0, address_bytes);
    memset(tcp, 0, 2);
    memset(tcp + 4, 0, 4);
    memset(tcp + 16, 0, 2);
    if (is_v4) {
        memset(frame + 24, 0, 2);
        plan->ip_sum = sum_of(frame + 14, 20);
    }
    uint32_t tcp_bytes = (uint32_t)size - plan->tcp_offset;
    plan->tcp_sum =
        sum_of(frame + source, 2 * address_bytes) + sum_of(tcp, tcp_bytes) + 6 + tcp_bytes;
    memcpy(plan->frame, frame, size);
    memcpy(plan->from, packets.from.octets, sizeof plan->from);
    for (size_t i = 0; i < 8 * address_bytes; i++) {
        if (i >= packets.from.bits)
            plan->drawn[i / 8] |= (uint8_t)(0x80u >> i % 8);
    }
}

static void wake(int number)
{
    (void)number;
}

/* Starting and ending a call costs milliseconds, so there is one for all, and an alarm ends it. */
static enum err set_alarm(double seconds)
{
    const struct sigaction action = {.sa_handler = wake};
    const struct itimerval when = {
        .it_value = {.tv_sec = (time_t)seconds,
                     .tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) + 1},
        .it_interval = {.tv_usec = AGAIN_US},
    };
    bool good = sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &when, NULL) == 0;
    return good ? ERR_OK : ERR_IO;
}

static enum err send_all(int program, struct flood_options const *options,
                         const struct flood_link *link, const struct live_plan *plan,
                         const volatile sig_atomic_t *ended, uint64_t *ret_lasted_ns)
{
    uint64_t lasts_ns = (uint64_t)(options->seconds * (double)SECOND_NS), now_ns = plan->start_ns;
    struct xdp_md context = {.data_end = plan->frame_bytes + LIVE_TAIL_BYTES,
                             .ingress_ifindex = (uint32_t)link->index};
    TRY(set_alarm(options->seconds));
    while (now_ns - plan->start_ns < lasts_ns && !*ended) {
        struct bpf_test_run_opts run = {
            .sz = sizeof run,
            .data_in = plan->frame,
            .data_size_in = plan->frame_bytes + LIVE_TAIL_BYTES,
            .ctx_in = &context,
            .ctx_size_in = sizeof context,
            .repeat = CALL_TURNS,
            .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
            .batch_size = BATCH,
        };
        if (bpf_prog_test_run_opts(program, &run) != 0 && errno != EINTR)
            return errno == EOPNOTSUPP || errno == EINVAL ? ERR_UNSUPPORTED : ERR_IO;
        now_ns = clock_monotonic_ns();
    }
    *ret_lasted_ns = now_ns - plan->start_ns;
    return ERR_OK;
}

static enum err run(struct flood_bpf *skeleton, const struct flood_options *options,
                    const struct flood_link *link, const volatile sig_atomic_t *ended,
                    struct flood_result *ret)
{
    struct live_plan plan;
    struct link_counts before, after;
    struct flood_result result = {0};
    fill(options, link, &plan);
    plan.start_ns = clock_monotonic_ns();
    skeleton->bss->plan = plan;
    if (flood_bpf__load(skeleton) != 0)
        return ERR_UNSUPPORTED;
    TRY(link_count(link, &before));
    TRY(send_all(bpf_program__fd(skeleton->progs.make_frame), options, link, &plan, ended,
                 &result.lasted_ns));
    TRY(link_count(link, &after));
    result.sent = after.sent - before.sent;
    result.bytes = result.sent * plan.frame_bytes;
    result.refused = after.dropped - before.dropped;
    result.left_out = skeleton->bss->count.left_out;
    *ret = result;
    return ERR_OK;
}

enum err flood_send_live(const struct flood_options *options, const struct flood_link *link,
                         const volatile sig_atomic_t *ended, struct flood_result *ret)
{
    struct flood_bpf *skeleton = flood_bpf__open();
    if (skeleton == NULL)
        return ERR_UNSUPPORTED;
    enum err err = run(skeleton, options, link, ended, ret);
    int saved = errno;
    flood_bpf__destroy(skeleton);
    errno = saved;
    return err;
}

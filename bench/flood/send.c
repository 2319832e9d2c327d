/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/flood/send.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/clock.h"

#define SECOND_NS UINT64_C(1000000000)
#define BATCH_MAX 64u
/* At a given rate frames go out in bursts as small as this allows. Large ones would fill the peer's
 * queue and leave it empty in between, when everybody else on this processor sends. */
#define BURST_EVERY_NS UINT64_C(10000)
#define SLEEP_MIN_NS   UINT64_C(100000) /* less is waited for awake: a sleep is longer than asked */
#define LATE_MAX_NS    UINT64_C(5000000) /* what is later is left out, not made up for in a burst */
#define BUFFER_BYTES   (1 << 22)

struct sender {
    const struct flood_options *options;
    const volatile sig_atomic_t *ended;
    struct packet_maker maker;
    uint64_t burst_every_ns;
    int fd;
    uint8_t frames[BATCH_MAX][PACKET_BYTES_MAX];
    struct iovec parts[BATCH_MAX];
    struct mmsghdr messages[BATCH_MAX];
    struct flood_result result;
};

static enum err open_socket(struct sender *s, const struct flood_link *link)
{
    const int on = 1, buffer_bytes = BUFFER_BYTES;
    const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = link->index};
    /* Protocol 0: nothing is received. */
    s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return ERR_IO;
    if (bind(s->fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        setsockopt(s->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) == 0 &&
        setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof buffer_bytes) == 0)
        return ERR_OK;
    int saved = errno;
    close(s->fd);
    errno = saved;
    return ERR_IO;
}

static void make_batch(struct sender *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        s->parts[i].iov_base = s->frames[i];
        s->parts[i].iov_len = packet_next(&s->maker, s->frames[i]);
        s->messages[i].msg_hdr.msg_iov = &s->parts[i];
        s->messages[i].msg_hdr.msg_iovlen = 1;
    }
}

/* A frame that the interface does not take is lost, as on a wire: the next one goes on. */
static enum err send_batch(struct sender *s, unsigned count)
{
    for (unsigned at = 0; at < count && !*s->ended;) {
        int sent = sendmmsg(s->fd, s->messages + at, count - at, 0);
        if (sent > 0) {
            s->result.sent += (unsigned)sent;
            s->result.bytes += (unsigned)sent * s->parts[0].iov_len;
            at += (unsigned)sent;
        } else if (errno == ENOBUFS || errno == EAGAIN) {
            s->result.refused++;
            at++;
        } else if (errno != EINTR) {
            return ERR_IO;
        }
    }
    return ERR_OK;
}

/* How many frames of the rate are due so long after the start. */
static uint64_t due_at(uint32_t rate_per_s, uint64_t since_ns)
{
    return since_ns / SECOND_NS * rate_per_s + since_ns % SECOND_NS * rate_per_s / SECOND_NS;
}

static void wait_until(uint64_t at_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns + SLEEP_MIN_NS > at_ns) {
        while (clock_monotonic_ns() < at_ns)
            __asm__ volatile("" ::: "memory");
        return;
    }
    const struct timespec at = {.tv_sec = (time_t)(at_ns / SECOND_NS),
                                .tv_nsec = (long)(at_ns % SECOND_NS)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Those of the rate that are due now and not made; what is too late is left out. */
static unsigned next_batch(struct sender *s, uint64_t since_ns)
{
    uint32_t rate = s->options->rate_per_s;
    if (rate == 0)
        return BATCH_MAX;
    uint64_t gone = s->maker.made + s->result.left_out;
    uint64_t too_late = since_ns > LATE_MAX_NS ? due_at(rate, since_ns - LATE_MAX_NS) : 0;
    if (too_late > gone) {
        s->result.left_out += too_late - gone;
        gone = too_late;
    }
    uint64_t due = due_at(rate, since_ns);
    uint64_t count = due > gone ? due - gone : 0;
    return count < BATCH_MAX ? (unsigned)count : BATCH_MAX;
}

static enum err send_all(struct sender *s)
{
    uint64_t start_ns = clock_monotonic_ns(), now_ns = start_ns;
    uint64_t lasts_ns = (uint64_t)(s->options->seconds * (double)SECOND_NS);
    enum err err = ERR_OK;
    while (err == ERR_OK && now_ns - start_ns < lasts_ns && !*s->ended) {
        unsigned count = next_batch(s, now_ns - start_ns);
        make_batch(s, count);
        err = send_batch(s, count);
        if (count < BATCH_MAX)
            wait_until(now_ns + s->burst_every_ns);
        now_ns = clock_monotonic_ns();
    }
    s->result.lasted_ns = now_ns - start_ns;
    return err;
}

enum err flood_send(const struct flood_options *options, const struct flood_link *link,
                    const volatile sig_atomic_t *ended, struct flood_result *ret)
{
    struct sender s = {.options = options, .ended = ended, .burst_every_ns = BURST_EVERY_NS};
    if (options->rate_per_s > 0 && SECOND_NS / options->rate_per_s > BURST_EVERY_NS)
        s.burst_every_ns = SECOND_NS / options->rate_per_s;
    struct packet_plan plan = options->plan;
    memcpy(plan.from_mac, link->mac, sizeof plan.from_mac);
    packet_maker_start(&s.maker, &plan);
    (void)prctl(PR_SET_TIMERSLACK, 1);
    TRY(open_socket(&s, link));
    enum err err = send_all(&s);
    int saved = errno;
    close(s.fd);
    errno = saved;
    if (err == ERR_OK)
        *ret = s.result;
    return err;
}

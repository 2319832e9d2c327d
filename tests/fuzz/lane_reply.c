/* SPDX-License-Identifier: Apache-2.0 */
/* Any answer of Redis is refused, or gives entries that lie in it and have numbers and sizes within
 * their limits. */
#include <sys/socket.h>
#include <unistd.h>

#include "edge/lane_reply.h"
#include "lib/check.h"
#include "lib/fast_lane.h"
#include "lib/os/redis_reader.h"

/* What a socket takes at once. */
#define OCTETS_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(redisReply *answer)
{
    struct lane_reply r = {0};
    struct lane_entry e;
    if (lane_reply_open(answer, span_text("statim:{x}:log"), &r) != ERR_OK)
        return;
    while (lane_reply_next(&r, &e) == ERR_OK) {
        CHECK(e.number > 0 && e.octets.size <= FAST_LANE_ENTRY_BYTES_MAX);
        for (size_t i = 0; i < e.octets.size; i += 64) {
            volatile uint8_t octet = e.octets.data[i];
            (void)octet;
        }
    }
    lane_reply_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct redis_reader reader;
    int ends[2];
    redisReply *answer;
    if (size > OCTETS_MAX)
        return 0;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(write(ends[0], data, size) == (ssize_t)size);
    close(ends[0]);
    CHECK(redis_reader_make(&reader, OCTETS_MAX) == ERR_OK);
    while (redis_reader_next(&reader, ends[1], &answer) == ERR_OK)
        walk(answer);
    redis_reader_done(&reader);
    close(ends[1]);
    return 0;
}

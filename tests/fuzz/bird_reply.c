/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of BIRD: whole and in pieces they come to the same. The first octet is the size of
 * pieces. */
#include "bpf/bird_reply.h"

#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err feed(struct bird_reply *r, struct span octets, size_t step)
{
    bird_reply_begin(r, "statim_v4");
    for (size_t at = 0; at < octets.size; at += step) {
        size_t left = octets.size - at;
        TRY(bird_reply_feed(r, span_of(octets.data + at, left < step ? left : step)));
    }
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bird_reply whole, parted;
    if (size == 0)
        return 0;
    struct span octets = span_of(data + 1, size - 1);
    enum err err = feed(&whole, octets, size);
    CHECK(feed(&parted, octets, (size_t)data[0] + 1) == err);
    if (err != ERR_OK)
        return 0;
    CHECK(whole.ended == parted.ended && whole.code == parted.code && whole.state == parted.state &&
          strcmp(whole.text, parted.text) == 0);
    CHECK(memchr(whole.text, 0, sizeof whole.text) != NULL);
    if (whole.ended && bird_reply_result(&whole) == ERR_OK)
        CHECK(whole.code < 8000);
    return 0;
}

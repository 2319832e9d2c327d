/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP answer of any octets, whole and in two pieces: both ways give the same.
 *
 *   cut 2, whether the body is wanted 1 | the answer */
#include <stdlib.h>

#include "bench/load/client.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX 4096u

static struct client_hold holds[2];

struct outcome {
    enum client_fed fed;
    uint16_t status;
    bool keep_alive;
    size_t body_size;
    uint8_t body[INPUT_BYTES_MAX];
};

/* Stops at the first piece that ends it, and then says where. */
static size_t feed(const struct span *pieces, size_t count, bool want_body,
                   struct client_hold *hold, struct outcome *ret)
{
    struct client c = {.state = CLIENT_BUSY};
    struct client_hold *spare = hold;
    struct client_answer answer = {0};
    size_t fed_size = 0;
    *ret = (struct outcome){.fed = CLIENT_MORE};
    for (size_t i = 0; i < count && ret->fed == CLIENT_MORE; i++) {
        ret->fed = client_feed(&c, pieces[i], want_body, &spare, &answer);
        fed_size += pieces[i].size;
    }
    if (ret->fed == CLIENT_ANSWER) {
        CHECK(answer.body.size <= fed_size && answer.status >= 200 && answer.status < 600);
        ret->status = answer.status;
        ret->keep_alive = answer.keep_alive;
        ret->body_size = answer.body.size;
        if (answer.body.size > 0)
            memcpy(ret->body, answer.body.data, answer.body.size);
    }
    return fed_size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, split;
    if (size < 3 || size > INPUT_BYTES_MAX)
        return 0;
    struct span answer = span_of(data + 3, size - 3);
    size_t cut = ((size_t)data[0] << 8 | data[1]) % (answer.size + 1);
    bool want_body = data[2] & 1;
    const struct span pieces[2] = {span_of(answer.data, cut),
                                   span_of(answer.data + cut, answer.size - cut)};
    size_t fed_size = feed(pieces, 2, want_body, &holds[0], &split);
    /* When the first piece was the whole answer, the rest is not of it. */
    const struct span same = span_of(answer.data, fed_size);
    feed(&same, 1, want_body, &holds[1], &whole);
    CHECK(whole.fed == split.fed && whole.status == split.status);
    CHECK(whole.keep_alive == split.keep_alive);
    CHECK(span_equal(span_of(whole.body, whole.body_size), span_of(split.body, split.body_size)));
    return 0;
}

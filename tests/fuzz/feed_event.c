/* SPDX-License-Identifier: Apache-2.0 */
/* A line that is taken has exactly the octets that its event is written with. A URL is taken out of
 * a field, whatever that holds, or not at all. */
#include "lib/check.h"
#include "lib/feed_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed_event event;
    uint8_t again[FEED_LINE_BYTES_MAX];
    size_t again_size = 0;
    struct span url = feed_crl_link_url(span_of(data, size));
    CHECK(url.size == 0 || (url.data > data && url.data + url.size < data + size));
    if (feed_event_read(span_of(data, size), &event) != ERR_OK)
        return 0;
    CHECK(feed_event_write(&event, again, &again_size) == ERR_OK);
    CHECK(span_equal(span_of(again, again_size), span_of(data, size)));
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A Range value of any octets against any size (the first eight octets): a part lies inside, reads
 * back as the same part, and a second range makes it the whole. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/check.h"
#include "lib/http_range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALUE_BYTES_MAX 4096

static void check_part(struct http_range range, uint64_t size)
{
    char text[64];
    struct http_range again;
    CHECK(range.count > 0 && range.count <= size && range.first <= size - range.count);
    snprintf(text, sizeof text, "bytes=%" PRIu64 "-%" PRIu64, range.first,
             range.first + range.count - 1);
    CHECK(http_range_read(span_text(text), size, &again) == HTTP_RANGE_PART);
    CHECK(again.first == range.first && again.count == range.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t two[VALUE_BYTES_MAX + 8];
    uint64_t whole;
    struct http_range range;
    if (size < sizeof whole || size - sizeof whole > VALUE_BYTES_MAX)
        return 0;
    memcpy(&whole, data, sizeof whole);
    struct span value = span_of(data + sizeof whole, size - sizeof whole);
    enum http_range_verdict verdict = http_range_read(value, whole, &range);
    if (verdict == HTTP_RANGE_WHOLE)
        return 0;
    if (verdict == HTTP_RANGE_PART)
        check_part(range, whole);
    memcpy(two, value.data, value.size);
    memcpy(two + value.size, ",0-0", 4);
    CHECK(http_range_read(span_of(two, value.size + 4), whole, &range) == HTTP_RANGE_WHOLE);
    return 0;
}

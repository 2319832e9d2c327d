/* SPDX-License-Identifier: Apache-2.0 */
/* A prefix that is read is written so that it reads as the same. */
#include "bpf/prefix.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prefix prefix, again;
    char text[PREFIX_TEXT_BYTES];
    if (prefix_parse(span_of(data, size), &prefix) != ERR_OK)
        return 0;
    prefix_text(&prefix, text);
    CHECK(prefix_parse(span_text(text), &again) == ERR_OK && prefix_same(&prefix, &again));
    again = prefix_of(prefix.version, prefix.address, prefix.bits);
    CHECK(prefix_same(&prefix, &again));
    return 0;
}

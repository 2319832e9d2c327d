/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/utf8.h"

/* RFC 3629 section 4: what the first octet allows as the second; the rest are 80..BF. */
static const struct lead {
    uint8_t first_min, first_max;
    uint8_t second_min, second_max;
    uint8_t size;
} leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static bool is_between(uint8_t octet, uint8_t min, uint8_t max)
{
    return octet >= min && octet <= max;
}

size_t utf8_sequence(struct span text)
{
    if (text.size == 0)
        return 0;
    if (text.data[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        const struct lead *lead = &leads[i];
        if (!is_between(text.data[0], lead->first_min, lead->first_max))
            continue;
        if (text.size < lead->size || !is_between(text.data[1], lead->second_min, lead->second_max))
            return 0;
        for (size_t at = 2; at < lead->size; at++)
            if (!is_between(text.data[at], 0x80, 0xBF))
                return 0;
        return lead->size;
    }
    return 0;
}

bool utf8_is_valid(struct span text)
{
    for (size_t at = 0; at < text.size;) {
        size_t size = utf8_sequence(span_of(text.data + at, text.size - at));
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

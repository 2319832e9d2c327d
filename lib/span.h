/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of octets. A span never owns; its maker says how long the octets live. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data;
    size_t size;
};

#define SPAN_EMPTY ((struct span){.data = NULL, .size = 0})

static inline struct span span_of(const void *data, size_t size)
{
    return (struct span){.data = data, .size = size};
}

static inline struct span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

/** <0, 0, >0 in octet order; a beginning of the other comes first. */
static inline int span_compare(struct span a, struct span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

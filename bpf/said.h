/* SPDX-License-Identifier: Apache-2.0 */
/* The prefixes that operators have allowed or denied, each until a time. Pure. */
#pragma once

#include "bpf/prefix.h"

/* Told by people, one by one. */
#define SAID_MAX 1000u

struct said {
    struct prefix prefix;
    bool deny;
    uint64_t until_ns;
};
struct said_list {
    struct said said[SAID_MAX]; /* in the order in which they were told first */
    uint32_t count;
};

/** One more, or another end for one that is there. ERR_LIMIT. */
MUST_CHECK enum err said_put(struct said_list *list, const struct said *said);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err said_remove(struct said_list *list, bool deny, const struct prefix *prefix);
/** Removes what has ended; how many. */
uint32_t said_expire(struct said_list *list, uint64_t now_ns);
/** How many of one list and IP version. */
uint32_t said_count(const struct said_list *list, bool deny, unsigned version);

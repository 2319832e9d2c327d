/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections a source has: an IPv4 address or an IPv6 /64, which is what one subscriber
 * gets. A chained table under a secret seed; members belong to the caller. */
#pragma once

#include <sys/queue.h>

#include "lib/os/address.h"

struct https_source {
    LIST_ENTRY(https_source) link;
    uint64_t prefix[2];
    bool is_member;
};

struct https_sources;

/** `member_count`: about how many there will be. ERR_MEMORY, ERR_CRYPTO. */
MUST_CHECK enum err https_sources_make(uint32_t member_count, struct https_sources **ret);
/** Takes NULL. Members are left as they are. */
void https_sources_free(struct https_sources *sources);
/** Adds a member unless its source has `max` already (0: no limit); false: it has. */
bool https_source_join(struct https_sources *sources, const struct address *address, uint32_t max,
                       struct https_source *member);
/** Takes one that did not join, too. */
void https_source_leave(struct https_source *member);

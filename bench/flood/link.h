/* SPDX-License-Identifier: Apache-2.0 */
/* The interface that a flood goes out of, and whether it may. */
#pragma once

#include <stdint.h>

#include "bench/flood/packet.h"

#define LINK_WHY_BYTES 256

struct flood_link {
    int index;
    uint8_t mac[PACKET_MAC_BYTES];
};

/* What the kernel's counters of the interface say, of all who send through it. */
struct link_counts {
    uint64_t sent;    /* went over to the peer */
    uint64_t dropped; /* the peer's queue was full */
};

/** Finds the interface in this namespace. Refused (ERR_NETWORK) is what may lead out of namespaces
 *  made for a test: another kind of interface than veth and dummy, and one where this namespace or
 *  that of its peer has an interface up that is not of a kind made of nothing but memory. So is
 *  the machine's own namespace, and that of a container. ERR_NOT_FOUND, ERR_IO. A readable line in
 *  `why`. */
MUST_CHECK enum err link_open(const char *name, struct flood_link *ret,
                              char why[static LINK_WHY_BYTES]);
/** ERR_IO. */
MUST_CHECK enum err link_count(const struct flood_link *link, struct link_counts *ret);

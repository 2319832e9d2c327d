/* SPDX-License-Identifier: Apache-2.0 */
/* The route through BIRD's control socket: for each IP version a static protocol that announces
 * the service addresses as always, and one that announces them de-preferred; which of them is
 * enabled is what the site says. docs/anycast.md has BIRD's side.
 *
 * BIRD forgets what was enabled and disabled when it is restarted or configured anew; route_set()
 * reads the states first and changes only what is not as wanted. */
#pragma once

#include "bpf/route.h"

#define BIRD_PROTOCOL_BYTES_MAX 64
#define BIRD_VERSIONS           2u

struct bird_protocols {
    const char *normal; /* NULL: nothing is announced for this IP version */
    const char *low;    /* NULL: de-preferred is announced as always */
};
struct bird_config {
    const char *socket;
    struct bird_protocols protocols[BIRD_VERSIONS]; /* IPv4, IPv6 */
};

/** The strings are copied. ERR_LIMIT (a name or path too long), ERR_MEMORY. BIRD need not run. */
MUST_CHECK enum err bird_route_new(const struct bird_config *config, struct route_driver **ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* The route through ExaBGP, or a program that speaks as it does, which runs the agent as one of its
 * processes: commands go to standard output, answers come on standard input (api.ack must be on,
 * as it is by default). When it ends, its sessions and with them the routes are gone, and
 * the agent ends, too: the next ExaBGP starts its own. */
#pragma once

#include "bpf/exabgp_text.h"

#define EXABGP_PREFIXES_MAX 32u

struct exabgp_config {
    const struct prefix *prefixes;
    uint32_t prefix_count;                          /* 1 to EXABGP_PREFIXES_MAX */
    const char *hop;                                /* an address, or "self" */
    const char *normal_attributes, *low_attributes; /* NULL: none */
    int commands_fd, answers_fd;                    /* borrowed */
};

/** All of it is copied. ERR_LIMIT (too long, too many, none), ERR_MALFORMED (an octet that cannot
 * be part of a line), ERR_MEMORY. */
MUST_CHECK enum err exabgp_route_new(const struct exabgp_config *config, struct route_driver **ret);

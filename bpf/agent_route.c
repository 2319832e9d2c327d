/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of the routing daemon that a configuration names. */
#include <stdio.h>
#include <unistd.h>

#include "bpf/agent_internal.h"
#include "bpf/bird.h"
#include "bpf/exabgp.h"

static enum err bird_new(const struct shed_config *config, struct route_driver **ret)
{
    const struct shed_route_file *r = config->route;
    const struct bird_config bird = {
        .socket = r->socket != NULL ? r->socket : SHED_BIRD_SOCKET,
        .protocols = {{r->v4_normal, r->v4_low}, {r->v6_normal, r->v6_low}},
    };
    return bird_route_new(&bird, ret);
}

static enum err exabgp_new(const struct shed_config *config, struct route_driver **ret)
{
    const struct shed_route_file *r = config->route;
    const struct exabgp_config exabgp = {
        .prefixes = config->route_prefixes,
        .prefix_count = config->route_prefix_count,
        .hop = r->next_hop != NULL ? r->next_hop : SHED_NEXT_HOP,
        .normal_attributes = r->normal_attributes,
        .low_attributes = r->low_attributes,
        .commands_fd = STDOUT_FILENO,
        .answers_fd = STDIN_FILENO,
    };
    return exabgp_route_new(&exabgp, ret);
}

enum err agent_route_new(const struct shed_config *config, struct route_driver **ret,
                         char message[static AGENT_MESSAGE_BYTES])
{
    enum err err = ERR_OK;
    if (config->through == SHED_ROUTE_BIRD)
        err = bird_new(config, ret);
    else if (config->through == SHED_ROUTE_EXABGP)
        err = exabgp_new(config, ret);
    if (err != ERR_OK)
        snprintf(message, AGENT_MESSAGE_BYTES, "route: %s", err_text(err));
    return err;
}

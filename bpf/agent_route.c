/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of the routing daemon that a configuration names. */
#include <stdio.h>

#include "bpf/agent_internal.h"

enum err agent_route_new(const struct shed_config *config, struct route_driver **ret,
                         char message[static AGENT_MESSAGE_BYTES])
{
    if (config->through == SHED_ROUTE_NONE)
        return ERR_OK;
    (void)ret;
    snprintf(message, AGENT_MESSAGE_BYTES, "route: no driver for it in this program");
    return ERR_UNSUPPORTED;
}

enum err route_set(struct route_driver *driver, enum route_action action,
                   char message[static ROUTE_MESSAGE_BYTES])
{
    (void)driver;
    (void)action;
    (void)message;
    return ERR_UNSUPPORTED;
}

struct route_driver *route_free(struct route_driver *driver)
{
    return driver;
}

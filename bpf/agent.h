/* SPDX-License-Identifier: Apache-2.0 */
/* statim-shed as a process: puts the filter at work on its interfaces, looks at the edges, sheds
 * and steers the route as the controller says, answers operators. One thread, and the one of the
 * admin listener.
 *
 * SIGHUP reads the configuration again: all of the new one comes in force, or, when anything of it
 * is wrong, all of the old one stays. SIGTERM and SIGINT end the agent and leave the filter
 * attached with its lists and rates; its level runs out, and the route stays as it is. */
#pragma once

#include "bpf/shed_config.h"

/** Runs until a signal. Takes `config`, which was read from `path`. The exit status. */
MUST_CHECK int agent_run(const char *path, struct shed_config *config);
/** Takes the filter off every interface of the configuration. The exit status. */
MUST_CHECK int agent_detach(const struct shed_config *config);
/** Whether the host's own settings let the configuration work: ERR_CONFIG and a readable line in
 * `message` when not. */
MUST_CHECK enum err agent_host_check(const struct shed_config *config,
                                     char message[static CONFIG_MESSAGE_BYTES]);

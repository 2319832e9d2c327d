/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration with what the supervisor holds for it: the folder's lock, the listening sockets,
 * the admin socket. A reload opens a second one beside the first. What both need they share (as
 * descriptors of their own), so that either can be given up without harm to the other. */
#pragma once

#include "edge/config.h"
#include "edge/listener.h"

struct generation {
    struct edge_config *config; /* NULL: none */
    struct listener_set listeners;
    int admin; /* -1: none */
    int lock;
};

#define GENERATION_NONE ((struct generation){.admin = -1, .lock = -1})

/** Takes over `config` when it succeeds. `before` (or NULL) is the one in use: its sockets and its
 * store are left as they are. false: logged, nothing has changed. */
bool generation_open(struct edge_config *config, const struct generation *before,
                     struct generation *ret);
/** Closes all and frees the configuration; children keep what they have. */
void generation_close(struct generation *g);
/** In a child: closes the sockets, so that nobody waits at one that no process of ours serves. */
void generation_close_sockets(struct generation *g);

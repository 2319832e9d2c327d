/* SPDX-License-Identifier: Apache-2.0 */
/* The parent process: owns the listening sockets and the shared memory, starts the sync, serving
 * and admin processes, starts one that died again, and turns signals into what operators mean by
 * them: SIGTERM and SIGINT stop gracefully, SIGHUP reloads the configuration without refusing a
 * connection. One thread. */
#pragma once

#include "edge/config.h"

/** Two edges on one data_dir are refused: the supervisor and its children hold a lock in it.
 *  Runs until it is stopped; returns the exit status. Takes over `config`; `path` is read again on
 *  SIGHUP. */
int supervisor_run(const char *path, struct edge_config *config);

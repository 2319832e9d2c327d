/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that brings to an end what a worker could not: serials whose cycle failed while the
 * database or the audit log was away, tried again each second; and once a minute everything that is
 * older than any cycle (issuer/recover.h). It has a registry connection of its own.
 *
 * And each second it sees to it that this is the registry's only issuer (issuer/registry_owner.h).
 * When another one has taken its place, it ends this process as SIGTERM does. */
#pragma once

#include "issuer/issuer.h"
#include "lib/serial.h"

struct keeper;
/** ERR_MEMORY, errors of issuer_worker_open(). The issuer stays borrowed. */
MUST_CHECK enum err keeper_start(struct issuer *issuer, struct keeper **ret);
/** Any thread. When more wait than it can remember they are left to the look once a minute. NULL:
 * nothing is remembered. */
void keeper_add(struct keeper *keeper, uint64_t issuer_id, const struct serial *serial,
                bool may_be_signed);
/** How many wait. Any thread; NULL: 0. */
size_t keeper_waiting(struct keeper *keeper);
/** Takes NULL, returns NULL. */
struct keeper *keeper_stop(struct keeper *keeper);

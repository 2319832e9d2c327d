/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker puts into its ring to send and to close. Part of a worker. */
#pragma once

#include "edge/worker_internal.h"

/** The octets that a connection's actions hand over; none of it is in flight. */
void worker_send(struct worker *w, struct slot *slot, struct conn_actions actions);
/** Nothing tells when that is done: the number is not ours any more. */
void worker_close_descriptor(struct worker *w, struct slot *slot);

/* SPDX-License-Identifier: Apache-2.0 */
/* How an event gets its number. For issuer/registry*.c only. */
#pragma once

#include "issuer/registry_event.h"

/** Writes the event as the CA's next and sets its `seq`. ERR_NOT_FOUND: no such CA. */
MUST_CHECK enum err registry_event_add(struct registry *r, struct registry_event *event);

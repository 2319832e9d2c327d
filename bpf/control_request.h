/* SPDX-License-Identifier: Apache-2.0 */
/* Octets of the control socket to requests: pure, no socket. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "lib/err.h"
#include "lib/span.h"

/** The first line of what is there, without its end, and how many octets it takes with it. false:
 * no line has ended yet. */
bool control_line(struct span octets, struct span *ret_line, size_t *ret_used);
/** A line that is one JSON object in which no key is twice: a new reference. ERR_MALFORMED: it is
 * not, or there is no memory for it. */
MUST_CHECK enum err control_request_read(struct span line, json_t **ret);

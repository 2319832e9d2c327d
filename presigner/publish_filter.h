/* SPDX-License-Identifier: Apache-2.0 */
/* The network's filter (filter_build.h): made in a thread of its own when certificates have changed
 * and the interval has passed, once after the start, and published as a blob at its path when it is
 * another than before. What is refused, or fails, leaves the one before. */
#pragma once

#include "presigner/publish_core.h"

/** ERR_CONFIG (two issuers have one key, which a filter cannot tell apart), ERR_NOT_FOUND,
 *  ERR_CRYPTO, ERR_MEMORY, ERR_STORE; what is wrong is logged. */
MUST_CHECK enum err publish_filter_open(struct publisher *p);
/** A filter in the making is given up. */
void publish_filter_close(struct publisher *p);
/** Starts the making, publishes what was made, or takes away what is no longer configured.
 *  `ret_waiting`: one is in the making. */
MUST_CHECK enum err publish_filter_step(struct publisher *p, bool *ret_worked, bool *ret_waiting);

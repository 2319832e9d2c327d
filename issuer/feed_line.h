/* SPDX-License-Identifier: Apache-2.0 */
/* An event of the registry as the line that the presigner gets, whose SHA-256 names it. */
#pragma once

#include "issuer/registry_event.h"
#include "lib/feed_event.h"

/** Without a newline. ERR_RANGE: the registry has what no event may have. */
MUST_CHECK enum err feed_line_write(const struct registry_event *row,
                                    uint8_t ret[static FEED_LINE_BYTES_MAX], size_t *ret_size);

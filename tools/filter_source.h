/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of a filter: from a URL or a file. */
#pragma once

#include "lib/os/file.h"

#define FILTER_FETCH_TIMEOUT_S 300
#define FILTER_WHY_BYTES       512

/** ERR_IO, ERR_NOT_FOUND, ERR_LIMIT (more than BLOB_BYTES_MAX), ERR_MEMORY; what went wrong is in
 *  `why`. */
MUST_CHECK enum err filter_source_get(const char *name, struct buffer *ret,
                                      char why[static FILTER_WHY_BYTES]);

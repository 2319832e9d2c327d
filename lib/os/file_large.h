/* SPDX-License-Identifier: Apache-2.0 */
/* Large files, without reading them into memory. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

/** Maps a whole regular file read-only. Whoever maps it sees to it that nobody shortens it
 *  meanwhile. An empty file is an empty span. ERR_NOT_FOUND, ERR_LIMIT (longer than size_max),
 *  ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err file_map(const char *path, uint64_t size_max, struct span *ret);
/** Takes an empty span. */
void file_unmap(struct span mapped);
/** Copies a regular file over `to`, which is made with mode 0640. On failure `to` may hold a part.
 *  ERR_NOT_FOUND (no `from`), ERR_LIMIT (longer than size_max), ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err file_copy(const char *from, const char *to, uint64_t size_max);

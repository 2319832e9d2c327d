/* SPDX-License-Identifier: Apache-2.0 */
/* Where in this process's memory a file is that somebody else has mapped: a library that does not
 * tell. Linux's /proc/self/maps knows. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/** The mapping of the open file's first octet: its address and how many octets of the file it
 *  shows. ERR_NOT_FOUND: there is none. ERR_IO. */
MUST_CHECK enum err file_map_find(int fd, const uint8_t **ret_base, size_t *ret_bytes);

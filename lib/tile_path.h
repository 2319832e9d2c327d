/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the files of a log in C2SP tlog-tiles layout. Pure.
 *
 *   tile/<L>/<N>             256 hashes of subtrees of level 8 * L, from subtree 256 * N on
 *   tile/<L>/<N>.p/<W>       the first W of them, when there are no more yet
 *   tile/entries/<N>         the entries under tile 0 / N: each size 2 (big-endian), octets
 *   tile/entries/<N>.p/<W>
 *
 * N in groups of three digits, all but the last with "x" before them: 1234067 is x001/x234/067. */
#pragma once

#include <stdint.h>

#include "lib/err.h"

#define TILE_HEIGHT     8u
#define TILE_WIDTH      256u /* hashes of a whole tile */
#define TILE_LEVELS     8u   /* 64 / TILE_HEIGHT */
#define TILE_ENTRIES    TILE_LEVELS
#define TILE_PATH_BYTES 64 /* with its zero */

/** `level` below TILE_LEVELS, or TILE_ENTRIES for the entries; `width` 1 to TILE_WIDTH. */
void tile_path(unsigned level, uint64_t number, unsigned width, char out[static TILE_PATH_BYTES]);
/** The folder of a tile's parts: with ".p" at its end. */
void tile_parts_path(unsigned level, uint64_t number, char out[static TILE_PATH_BYTES]);

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tile_path.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/check.h"

static size_t put_number(uint64_t number, char *out, size_t room)
{
    char groups[8][8];
    unsigned count = 0;
    do {
        snprintf(groups[count], sizeof groups[count], "%s%03u", count == 0 ? "" : "x",
                 (unsigned)(number % 1000));
        number /= 1000;
        count++;
    } while (number > 0);
    size_t size = 0;
    while (count-- > 0)
        size +=
            (size_t)snprintf(out + size, room - size, "%s%s", groups[count], count > 0 ? "/" : "");
    return size;
}

static size_t put_name(unsigned level, uint64_t number, char *out)
{
    CHECK(level <= TILE_ENTRIES);
    size_t size = level == TILE_ENTRIES ? (size_t)snprintf(out, TILE_PATH_BYTES, "tile/entries/")
                                        : (size_t)snprintf(out, TILE_PATH_BYTES, "tile/%u/", level);
    return size + put_number(number, out + size, TILE_PATH_BYTES - size);
}

void tile_path(unsigned level, uint64_t number, unsigned width, char out[static TILE_PATH_BYTES])
{
    CHECK(width > 0 && width <= TILE_WIDTH);
    size_t size = put_name(level, number, out);
    if (width < TILE_WIDTH)
        snprintf(out + size, TILE_PATH_BYTES - size, ".p/%u", width);
}

void tile_parts_path(unsigned level, uint64_t number, char out[static TILE_PATH_BYTES])
{
    size_t size = put_name(level, number, out);
    snprintf(out + size, TILE_PATH_BYTES - size, ".p");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Files of prefixes: one a line, '#' begins a remark, blanks around do not count. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/span.h"

/* Begins with the whole text and line 0. */
struct prefix_lines {
    struct span left;
    uint64_t number; /* of the line that was read last, from 1 */
};

/** What is in the next line that is not empty: at least one octet. false: there is none. */
bool prefix_lines_next(struct prefix_lines *lines, struct span *ret);

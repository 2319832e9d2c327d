/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file of any size, one at a time, in bounded memory. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

struct line_reader {
    int fd; /* borrowed */
    uint8_t *buffer;
    size_t line_size_max;
    size_t start; /* of what is not taken yet */
    size_t end;
    bool at_end;
    uint64_t read_bytes; /* from the file so far */
    uint64_t line_no;    /* of the line given last, from 1 */
};

/** ERR_MEMORY. */
MUST_CHECK enum err line_reader_start(int fd, size_t line_size_max, struct line_reader *ret);
void line_reader_done(struct line_reader *r);
/** The next line without its \n; the last one need not have any. A byte order mark of UTF-8 before
 *  the first line is left out. It is good until the next call.
 *  ERR_NOT_FOUND: the end. ERR_LIMIT: the line (line_no tells which) is longer than line_size_max.
 *  ERR_IO: errno tells. */
MUST_CHECK enum err line_reader_next(struct line_reader *r, struct span *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/line_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK_BYTES (1u << 20)

enum err line_reader_start(int fd, size_t line_size_max, struct line_reader *ret)
{
    /* A whole line that is not taken yet and a chunk after it. */
    uint8_t *buffer = malloc(line_size_max + 1 + CHUNK_BYTES);
    if (buffer == NULL)
        return ERR_MEMORY;
    *ret = (struct line_reader){.fd = fd, .buffer = buffer, .line_size_max = line_size_max};
    return ERR_OK;
}

void line_reader_done(struct line_reader *r)
{
    free(r->buffer);
    r->buffer = NULL;
}

static enum err read_chunk(struct line_reader *r)
{
    memmove(r->buffer, r->buffer + r->start, r->end - r->start);
    r->end -= r->start;
    r->start = 0;
    ssize_t size;
    do {
        size = read(r->fd, r->buffer + r->end, CHUNK_BYTES);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return ERR_IO;
    r->at_end = size == 0;
    r->end += (size_t)size;
    r->read_bytes += (uint64_t)size;
    return ERR_OK;
}

/* What some spreadsheets put before a text in UTF-8. */
static const uint8_t byte_order_mark[] = {0xEF, 0xBB, 0xBF};

static size_t mark_bytes(const struct line_reader *r, size_t size)
{
    bool marked = r->line_no == 1 && size >= sizeof byte_order_mark &&
                  memcmp(r->buffer + r->start, byte_order_mark, sizeof byte_order_mark) == 0;
    return marked ? sizeof byte_order_mark : 0;
}

static enum err give(struct line_reader *r, size_t size, size_t step, struct span *ret)
{
    r->line_no++;
    if (size > r->line_size_max)
        return ERR_LIMIT;
    size_t mark = mark_bytes(r, size);
    *ret = span_of(r->buffer + r->start + mark, size - mark);
    r->start += step;
    return ERR_OK;
}

enum err line_reader_next(struct line_reader *r, struct span *ret)
{
    for (;;) {
        size_t rest = r->end - r->start;
        const uint8_t *from = r->buffer + r->start;
        const uint8_t *newline = rest > 0 ? memchr(from, '\n', rest) : NULL;
        if (newline != NULL)
            return give(r, (size_t)(newline - from), (size_t)(newline - from) + 1, ret);
        if (rest > r->line_size_max)
            return give(r, rest, rest, ret);
        if (r->at_end && rest == 0)
            return ERR_NOT_FOUND;
        if (r->at_end)
            return give(r, rest, rest, ret);
        TRY(read_chunk(r));
    }
}

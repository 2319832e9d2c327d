/* SPDX-License-Identifier: Apache-2.0 */
/* DER writer that works backwards: the last element first, each header after its content, so that
 * every length is known when it is written and nothing is measured twice or moved about.
 *
 *   size_t mark = w.used;              SEQUENCE { INTEGER, OCTET STRING } reads, from the bottom
 * up: der_put_element(&w, DER_OCTET_STRING, b); der_put_element(&w, DER_INTEGER, a);
 *   der_put_header(&w, DER_SEQUENCE, mark);
 *
 * A writer without a buffer only measures. The first error (ERR_NO_SPACE) sticks and is told by
 * der_writer_finish(). Inline because the edge writes one response a request. */
#pragma once

#include "lib/der_read.h"

struct der_writer {
    uint8_t *start;  /* of the buffer; NULL: measure only */
    size_t capacity; /* of the buffer */
    size_t used;     /* octets written, which lie at the end of the buffer */
    enum err err;
};

static inline struct der_writer der_writer_into(uint8_t *out, size_t out_size)
{
    return (struct der_writer){.start = out, .capacity = out == NULL ? SIZE_MAX : out_size};
}

/* The next `size` octets, in front of what is there; NULL after an error or when measuring. */
static inline uint8_t *der_reserve(struct der_writer *w, size_t size)
{
    if (size > w->capacity - w->used) {
        w->err = ERR_NO_SPACE;
        w->capacity = w->used; /* nothing that comes later fits in either */
        return NULL;
    }
    w->used += size;
    return w->start == NULL ? NULL : w->start + (w->capacity - w->used);
}

/** Puts octets as they are. */
static inline void der_put(struct der_writer *w, const void *data, size_t size)
{
    uint8_t *to = der_reserve(w, size);
    if (to != NULL && size != 0)
        memcpy(to, data, size);
}

static inline void der_put_octet(struct der_writer *w, uint8_t octet)
{
    uint8_t *to = der_reserve(w, 1);
    if (to != NULL)
        *to = octet;
}

/** Puts the header of the element whose content is all that was put since `used` was `mark`. */
static inline void der_put_header(struct der_writer *w, uint8_t tag, size_t mark)
{
    size_t length = w->used - mark;
    if (length < 0x80) {
        uint8_t *to = der_reserve(w, 2);
        if (to != NULL) {
            to[0] = tag;
            to[1] = (uint8_t)length;
        }
        return;
    }
    uint8_t octets = 0;
    for (; length != 0; length >>= 8, octets++)
        der_put_octet(w, (uint8_t)length);
    der_put_octet(w, (uint8_t)(0x80 | octets));
    der_put_octet(w, tag);
}

/** Puts a whole element. */
static inline void der_put_element(struct der_writer *w, uint8_t tag, struct span content)
{
    size_t mark = w->used;
    der_put(w, content.data, content.size);
    der_put_header(w, tag, mark);
}

/** Puts the INTEGER of an unsigned big-endian number of any width in its shortest form. */
void der_put_unsigned(struct der_writer *w, struct span number);

/** Moves what was written to the start of the buffer and gives its size. ERR_NO_SPACE. */
MUST_CHECK enum err der_writer_finish(struct der_writer *w, size_t *ret_size);

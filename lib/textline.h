/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of words, as the head and the index have them: words parted by one space, lines ended by
 * \n, decimal numbers without sign and leading zeros. There is one way to write a value, so that
 * equal content has equal octets. */
#pragma once

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/span.h"

/** Takes the next line (without its \n) from `*rest`. ERR_TRUNCATED: no \n is left. */
MUST_CHECK enum err text_line(struct span *rest, struct span *ret_line);
/** Splits a line into exactly `count` words, none empty. ERR_MALFORMED. */
MUST_CHECK enum err text_words(struct span line, struct span *ret_words, size_t count);
/** Takes the next line, which must have `count` words and begin with `keyword`; gives the words
 *  after it (count - 1). ERR_TRUNCATED, ERR_MALFORMED. */
#define TEXT_WORDS_MAX 8
MUST_CHECK enum err text_keyword_line(struct span *rest, const char *keyword,
                                      struct span *ret_words, size_t count);
/** ERR_MALFORMED: not decimal, a leading zero, or above 2^64 - 1. */
MUST_CHECK enum err text_decimal(struct span word, uint64_t *ret);

/* Writes such lines; a page of metrics has a writer of its own (lib/metrics.h). */
struct line_writer {
    char *out;
    size_t out_size;
    size_t size;  /* so far */
    enum err err; /* sticky: ERR_NO_SPACE */
};

void text_put(struct line_writer *w, struct span text);
/** printf into the rest of the buffer. */
__attribute__((format(printf, 2, 3))) void text_put_format(struct line_writer *w,
                                                           const char *format, ...);

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/textline.h"

#include "lib/check.h"

#include <stdarg.h>
#include <stdio.h>

enum err text_line(struct span *rest, struct span *ret_line)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    if (end == NULL)
        return ERR_TRUNCATED;
    size_t size = (size_t)(end - rest->data);
    *ret_line = span_of(rest->data, size);
    *rest = span_of(end + 1, rest->size - size - 1);
    return ERR_OK;
}

enum err text_words(struct span line, struct span *ret_words, size_t count)
{
    CHECK(count > 0 && count <= TEXT_WORDS_MAX);
    struct span words[TEXT_WORDS_MAX];
    for (size_t i = 0; i < count; i++) {
        const uint8_t *space = line.size > 0 ? memchr(line.data, ' ', line.size) : NULL;
        bool last = i == count - 1;
        if (last != (space == NULL))
            return ERR_MALFORMED;
        size_t size = last ? line.size : (size_t)(space - line.data);
        if (size == 0)
            return ERR_MALFORMED;
        words[i] = span_of(line.data, size);
        if (!last)
            line = span_of(space + 1, line.size - size - 1);
    }
    memcpy(ret_words, words, count * sizeof words[0]);
    return ERR_OK;
}

enum err text_keyword_line(struct span *rest, const char *keyword, struct span *ret_words,
                           size_t count)
{
    struct span line;
    struct span words[TEXT_WORDS_MAX];
    TRY(text_line(rest, &line));
    TRY(text_words(line, words, count));
    if (!span_equal(words[0], span_text(keyword)))
        return ERR_MALFORMED;
    memcpy(ret_words, words + 1, (count - 1) * sizeof words[0]);
    return ERR_OK;
}

enum err text_decimal(struct span word, uint64_t *ret)
{
    if (word.size == 0 || (word.size > 1 && word.data[0] == '0'))
        return ERR_MALFORMED;
    uint64_t value = 0;
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] < '0' || word.data[i] > '9')
            return ERR_MALFORMED;
        uint64_t digit = (uint64_t)(word.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return ERR_MALFORMED;
        value = value * 10 + digit;
    }
    *ret = value;
    return ERR_OK;
}

void text_put(struct line_writer *w, struct span text)
{
    if (w->err == ERR_OK && text.size > w->out_size - w->size)
        w->err = ERR_NO_SPACE;
    if (w->err != ERR_OK || text.size == 0)
        return;
    memcpy(w->out + w->size, text.data, text.size);
    w->size += text.size;
}

void text_put_format(struct line_writer *w, const char *format, ...)
{
    if (w->err != ERR_OK)
        return;
    size_t room = w->out_size - w->size;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(room > 0 ? w->out + w->size : NULL, room, format, arguments);
    va_end(arguments);
    /* vsnprintf needs one octet for its NUL, which is not part of the text. */
    if (size < 0 || (size_t)size >= room) {
        w->err = ERR_NO_SPACE;
        return;
    }
    w->size += (size_t)size;
}

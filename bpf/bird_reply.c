/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/bird_reply.h"

#include "lib/check.h"

#define CODE_DIGITS      4u
#define CODE_PROTOCOL    1002u
#define CODE_REFUSED     8000u /* and above */
#define CODE_NO_PROTOCOL 8003u
#define FIELD_STATE      3u

void bird_reply_begin(struct bird_reply *r, const char *protocol)
{
    r->ended = false;
    r->code = 0;
    r->text[0] = '\0';
    r->state = BIRD_NOT_TOLD;
    r->protocol = protocol;
    r->line_code = 0;
    r->has_line_code = false;
    r->line_count = 0;
    r->line_bytes = 0;
}

/* The next run of octets that are not spaces; takes it off the text. */
static struct span take_field(struct span *text)
{
    size_t start = 0;
    while (start < text->size && text->data[start] == ' ')
        start++;
    size_t end = start;
    while (end < text->size && text->data[end] != ' ')
        end++;
    struct span field = span_of(text->data + start, end - start);
    *text = span_of(text->data + end, text->size - end);
    return field;
}

static void read_protocol(struct bird_reply *r, struct span text)
{
    if (r->protocol == NULL || !span_equal(take_field(&text), span_text(r->protocol)))
        return;
    struct span state = SPAN_EMPTY;
    for (unsigned i = 0; i < FIELD_STATE; i++)
        state = take_field(&text);
    if (span_equal(state, span_text("up")))
        r->state = BIRD_UP;
    else if (span_equal(state, span_text("down")))
        r->state = BIRD_DOWN;
    else
        r->state = BIRD_CHANGING;
}

static void keep_text(struct bird_reply *r, unsigned code, struct span text)
{
    size_t size = text.size < BIRD_TEXT_BYTES - 1 ? text.size : BIRD_TEXT_BYTES - 1;
    for (size_t i = 0; i < size; i++)
        r->text[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? (char)text.data[i] : '?';
    r->text[size] = '\0';
    r->code = code;
}

static bool read_code(struct span line, unsigned *ret)
{
    if (line.size <= CODE_DIGITS)
        return false;
    unsigned code = 0;
    for (size_t i = 0; i < CODE_DIGITS; i++) {
        if (line.data[i] < '0' || line.data[i] > '9')
            return false;
        code = 10 * code + (unsigned)(line.data[i] - '0');
    }
    *ret = code;
    return true;
}

static enum err read_line(struct bird_reply *r, struct span line)
{
    if (line.size == 0)
        return ERR_MALFORMED;
    if (line.data[0] == '+')
        return ERR_OK;
    size_t head = 1;
    if (line.data[0] != ' ') {
        if (!read_code(line, &r->line_code) ||
            (line.data[CODE_DIGITS] != ' ' && line.data[CODE_DIGITS] != '-'))
            return ERR_MALFORMED;
        head = CODE_DIGITS + 1;
        r->has_line_code = true;
        r->ended = line.data[CODE_DIGITS] == ' ';
    } else if (!r->has_line_code) {
        return ERR_MALFORMED;
    }
    struct span text = span_of(line.data + head, line.size - head);
    if (r->code < CODE_REFUSED)
        keep_text(r, r->line_code, text);
    if (r->line_code == CODE_PROTOCOL)
        read_protocol(r, text);
    return ERR_OK;
}

enum err bird_reply_feed(struct bird_reply *r, struct span octets)
{
    for (size_t i = 0; i < octets.size; i++) {
        if (r->ended)
            return ERR_TRAILING;
        if (octets.data[i] != '\n') {
            if (r->line_bytes == BIRD_LINE_BYTES_MAX)
                return ERR_LIMIT;
            r->line[r->line_bytes++] = octets.data[i];
            continue;
        }
        if (r->line_count++ == BIRD_LINES_MAX)
            return ERR_LIMIT;
        TRY(read_line(r, span_of(r->line, r->line_bytes)));
        r->line_bytes = 0;
    }
    return ERR_OK;
}

enum err bird_reply_result(const struct bird_reply *r)
{
    CHECK(r->ended);
    if (r->code < CODE_REFUSED)
        return ERR_OK;
    return r->code == CODE_NO_PROTOCOL ? ERR_NOT_FOUND : ERR_CONFLICT;
}

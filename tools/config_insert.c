/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/config_insert.h"

/* The column of the key when the line is "  - name: <issuer>" or "    name: <issuer>". */
static bool is_name_line(struct span line, const char *issuer, size_t *ret_column)
{
    static const char key[] = "name:";
    size_t i = 0;
    while (i < line.size && (line.data[i] == ' ' || line.data[i] == '-'))
        i++;
    if (line.size - i < sizeof key - 1 || memcmp(line.data + i, key, sizeof key - 1) != 0)
        return false;
    *ret_column = i;
    i += sizeof key - 1;
    while (i < line.size && line.data[i] == ' ')
        i++;
    while (line.size > i && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\r'))
        line.size--;
    return span_equal(span_of(line.data + i, line.size - i), span_text(issuer));
}

static enum err append_line(struct buffer *b, size_t column, const char *text)
{
    for (size_t i = 0; i < column; i++)
        TRY(buffer_append(b, span_text(" ")));
    TRY(buffer_append(b, span_text(text)));
    return buffer_append(b, span_text("\n"));
}

enum err config_insert(struct span yaml, const char *issuer, const char *const *lines,
                       size_t line_count, struct buffer *b)
{
    bool found = false;
    while (yaml.size > 0) {
        const uint8_t *end = memchr(yaml.data, '\n', yaml.size);
        struct span line = span_of(yaml.data, end ? (size_t)(end - yaml.data) : yaml.size);
        size_t column;
        TRY(buffer_append(b, line));
        TRY(buffer_append(b, span_text("\n")));
        if (!found && is_name_line(line, issuer, &column)) {
            found = true;
            for (size_t i = 0; i < line_count; i++)
                TRY(append_line(b, column, lines[i]));
        }
        size_t step = line.size + (end != NULL);
        yaml = span_of(yaml.data + step, yaml.size - step);
    }
    return found ? ERR_OK : ERR_NOT_FOUND;
}

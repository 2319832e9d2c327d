/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/prefix_lines.h"

#include <string.h>

static bool is_blank(uint8_t octet)
{
    return octet == ' ' || octet == '\t' || octet == '\r';
}

/* Without the remark behind a '#' and blanks at both ends. */
static struct span content_of(struct span line)
{
    const uint8_t *remark = line.size == 0 ? NULL : memchr(line.data, '#', line.size);
    if (remark != NULL)
        line.size = (size_t)(remark - line.data);
    while (line.size > 0 && is_blank(line.data[line.size - 1]))
        line.size--;
    while (line.size > 0 && is_blank(line.data[0]))
        line = span_of(line.data + 1, line.size - 1);
    return line;
}

bool prefix_lines_next(struct prefix_lines *lines, struct span *ret)
{
    while (lines->left.size > 0) {
        const struct span text = lines->left;
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        size_t step = end != NULL ? size + 1 : size;
        lines->left = span_of(text.data + step, text.size - step);
        lines->number++;
        struct span content = content_of(span_of(text.data, size));
        if (content.size > 0) {
            *ret = content;
            return true;
        }
    }
    return false;
}

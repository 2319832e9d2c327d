/* SPDX-License-Identifier: Apache-2.0 */
/* Files of prefixes: what is read of a line lies in that line, and has no end, remark or blank
 * around it; each line is counted. */
#include <string.h>

#include "bpf/prefix.h"
#include "bpf/prefix_lines.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The number of the line in which an octet of the text is. */
static uint64_t line_of(const uint8_t *text, const uint8_t *octet)
{
    uint64_t number = 1;
    for (; text < octet; text++)
        number += *text == '\n';
    return number;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prefix_lines lines = {.left = span_of(data, size)};
    struct span content;
    struct prefix prefix;
    while (prefix_lines_next(&lines, &content)) {
        const uint8_t *end = content.data + content.size;
        CHECK(content.size > 0 && content.data >= data && end <= data + size);
        CHECK(memchr(content.data, '\n', content.size) == NULL);
        CHECK(memchr(content.data, '#', content.size) == NULL);
        CHECK(strchr(" \t\r", content.data[0]) == NULL || content.data[0] == '\0');
        CHECK(strchr(" \t\r", end[-1]) == NULL || end[-1] == '\0');
        CHECK(lines.number == line_of(data, content.data));
        if (prefix_parse(content, &prefix) == ERR_OK)
            CHECK(content.size < PREFIX_TEXT_BYTES);
    }
    CHECK(lines.left.size == 0);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https.h"
#include "lib/http_line.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool equals_ignoring_case(struct span s, const char *name)
{
    size_t i = 0;
    while (i < s.size && name[i] != '\0' && lower(s.data[i]) == lower((uint8_t)name[i]))
        i++;
    return i == s.size && name[i] == '\0';
}

/* The next line without its CRLF, taken from `rest`. */
static struct span take_line(struct span *rest)
{
    const uint8_t *lf = memchr(rest->data, '\n', rest->size);
    size_t size = lf != NULL ? (size_t)(lf - rest->data) + 1 : rest->size;
    struct span line = span_of(rest->data, size >= 2 ? size - 2 : 0);
    *rest = span_of(rest->data + size, rest->size - size);
    return line;
}

bool https_field(struct span head, const char *name, struct span *ret, bool *ret_repeated)
{
    bool found = false, repeated = false;
    while (head.size > 0 && take_line(&head).size == 0)
        continue; /* an empty line, and then the request line, which is no field */
    while (head.size > 0) {
        struct span line = take_line(&head);
        const uint8_t *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
        size_t name_size = colon != NULL ? (size_t)(colon - line.data) : 0;
        if (colon == NULL || !equals_ignoring_case(span_of(line.data, name_size), name))
            continue;
        repeated |= found;
        if (!found)
            *ret = http_trim(span_of(colon + 1, line.size - name_size - 1));
        found = true;
    }
    if (ret_repeated != NULL)
        *ret_repeated = repeated;
    return found;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_reversed.h"

/* A colon is only in IPv6 addresses; and no top-level domain is all digits (RFC 3696 2). */
static bool is_address(struct span name)
{
    if (memchr(name.data, ':', name.size) != NULL)
        return true;
    size_t at = name.size;
    while (at > 0 && name.data[at - 1] >= '0' && name.data[at - 1] <= '9')
        at--;
    return at < name.size && (at == 0 || name.data[at - 1] == '.');
}

enum err name_reverse(struct span name, uint8_t ret[static REVERSED_BYTES_MAX], size_t *ret_size)
{
    uint8_t reversed[REVERSED_BYTES_MAX];
    size_t size = 0, end = name.size;
    if (name.size == 0)
        return ERR_MALFORMED;
    if (name.size > REGISTRY_NAME_MAX)
        return ERR_LIMIT;
    if (is_address(name)) {
        memcpy(ret, name.data, name.size);
        ret[name.size] = '.';
        *ret_size = name.size + 1;
        return ERR_OK;
    }
    for (;;) {
        size_t start = end;
        while (start > 0 && name.data[start - 1] != '.')
            start--;
        if (start == end)
            return ERR_MALFORMED;
        memcpy(reversed + size, name.data + start, end - start);
        size += end - start;
        reversed[size++] = '.';
        if (start == 0)
            break;
        end = start - 1;
    }
    memcpy(ret, reversed, size);
    *ret_size = size;
    return ERR_OK;
}

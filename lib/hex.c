/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/hex.h"

enum err hex_decode(struct span text, uint8_t *out, size_t out_size, size_t *ret_size)
{
    if (text.size % 2 != 0)
        return ERR_MALFORMED;
    size_t size = text.size / 2;
    if (size > out_size)
        return ERR_NO_SPACE;
    for (size_t i = 0; i < size; i++) {
        unsigned high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high > 15 || low > 15)
            return ERR_MALFORMED;
        out[i] = (uint8_t)(high << 4 | low);
    }
    *ret_size = size;
    return ERR_OK;
}

enum err hex_encode(struct span data, char *out, size_t out_size)
{
    static const char digits[] = "0123456789abcdef";
    if (out_size == 0 || data.size > (out_size - 1) / 2)
        return ERR_NO_SPACE;
    for (size_t i = 0; i < data.size; i++) {
        *out++ = digits[data.data[i] >> 4];
        *out++ = digits[data.data[i] & 15];
    }
    *out = '\0';
    return ERR_OK;
}

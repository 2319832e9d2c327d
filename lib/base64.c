/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base64.h"

#include "lib/ocsp_path_plain.h"

/* What a character stands for: 0..63, or one of these. */
#define SYMBOL_PAD     64
#define SYMBOL_PERCENT 65 /* only in the path table: the next two digits tell */
#define SYMBOL_END     66
#define SYMBOL_INVALID 255

#define VALID_MASK 0xC0 /* no bit of it is set in 0..63 */

/* clang-format off */
#define LETTERS_AND_DIGITS                                                                         \
    ['A'] = 0,  ['B'] = 1,  ['C'] = 2,  ['D'] = 3,  ['E'] = 4,  ['F'] = 5,  ['G'] = 6,             \
    ['H'] = 7,  ['I'] = 8,  ['J'] = 9,  ['K'] = 10, ['L'] = 11, ['M'] = 12, ['N'] = 13,            \
    ['O'] = 14, ['P'] = 15, ['Q'] = 16, ['R'] = 17, ['S'] = 18, ['T'] = 19, ['U'] = 20,            \
    ['V'] = 21, ['W'] = 22, ['X'] = 23, ['Y'] = 24, ['Z'] = 25, ['a'] = 26, ['b'] = 27,            \
    ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31, ['g'] = 32, ['h'] = 33, ['i'] = 34,            \
    ['j'] = 35, ['k'] = 36, ['l'] = 37, ['m'] = 38, ['n'] = 39, ['o'] = 40, ['p'] = 41,            \
    ['q'] = 42, ['r'] = 43, ['s'] = 44, ['t'] = 45, ['u'] = 46, ['v'] = 47, ['w'] = 48,            \
    ['x'] = 49, ['y'] = 50, ['z'] = 51, ['0'] = 52, ['1'] = 53, ['2'] = 54, ['3'] = 55,            \
    ['4'] = 56, ['5'] = 57, ['6'] = 58, ['7'] = 59, ['8'] = 60, ['9'] = 61, ['+'] = 62,            \
    ['/'] = 63, ['='] = SYMBOL_PAD
/* clang-format on */

/* The first entry of each table fills the holes; the rows after it override on purpose. */
#pragma GCC diagnostic push
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif
static const uint8_t plain_symbols[256] = {[0 ... 255] = SYMBOL_INVALID, LETTERS_AND_DIGITS};
static const uint8_t path_symbols[256] = {[0 ... 255] = SYMBOL_INVALID,
                                          LETTERS_AND_DIGITS,
                                          ['-'] = 62,
                                          ['_'] = 63,
                                          ['%'] = SYMBOL_PERCENT};
#pragma GCC diagnostic pop

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct decoder {
    const uint8_t *symbols;
    const uint8_t *at, *end;
    uint8_t *out, *out_end;
};

static uint8_t next_symbol(struct decoder *d)
{
    if (d->at == d->end)
        return SYMBOL_END;
    uint8_t symbol = d->symbols[*d->at++];
    if (symbol != SYMBOL_PERCENT)
        return symbol;
    if (d->end - d->at < 2)
        return SYMBOL_INVALID;
    unsigned high = hex_digit(d->at[0]), low = hex_digit(d->at[1]);
    d->at += 2;
    if (high > 15 || low > 15)
        return SYMBOL_INVALID;
    /* Nothing is decoded twice: an encoded '%' is no symbol to the caller. */
    return d->symbols[high << 4 | low];
}

/* Whole groups without padding or percent-encoding: nearly all of a path. */
static void decode_groups(struct decoder *d)
{
    const uint8_t *symbols = d->symbols;
    while (d->end - d->at >= 4 && d->out_end - d->out >= 3) {
        uint32_t a = symbols[d->at[0]], b = symbols[d->at[1]];
        uint32_t c = symbols[d->at[2]], e = symbols[d->at[3]];
        if ((a | b | c | e) & VALID_MASK)
            return;
        uint32_t bits = a << 18 | b << 12 | c << 6 | e;
        d->out[0] = (uint8_t)(bits >> 16);
        d->out[1] = (uint8_t)(bits >> 8);
        d->out[2] = (uint8_t)bits;
        d->at += 4;
        d->out += 3;
    }
}

/* Padding is all there or not there at all, and nothing follows it. */
static bool padding_ends_well(struct decoder *d, unsigned count, uint8_t symbol)
{
    unsigned pads = 0;
    while (symbol == SYMBOL_PAD) {
        pads++;
        symbol = next_symbol(d);
    }
    return symbol == SYMBOL_END && (pads == 0 || (count > 1 && count + pads == 4));
}

/* One group of any spelling. Sets ret_last when it was the end of the text. */
static enum err decode_group(struct decoder *d, bool *ret_last)
{
    uint32_t bits = 0;
    unsigned count = 0;
    uint8_t symbol = 0;
    while (count < 4 && (symbol = next_symbol(d)) < SYMBOL_PAD) {
        bits |= (uint32_t)symbol << (18 - 6 * count);
        count++;
    }
    if (count < 4 && !padding_ends_well(d, count, symbol))
        return ERR_MALFORMED;
    unsigned octets = count * 6 / 8;
    /* A lone symbol is no octet; leftover bits would be a second spelling of the same octets. */
    if (count == 1 || (bits & (0xFFFFFFu >> (8 * octets))) != 0)
        return ERR_MALFORMED;
    if ((size_t)(d->out_end - d->out) < octets)
        return ERR_NO_SPACE;
    for (unsigned i = 0; i < octets; i++)
        *d->out++ = (uint8_t)(bits >> (16 - 8 * i));
    *ret_last = count < 4;
    return ERR_OK;
}

static enum err decode(const uint8_t *symbols, struct span text, uint8_t *out, size_t out_size,
                       size_t *ret_size)
{
    if (text.size == 0) {
        *ret_size = 0;
        return ERR_OK;
    }
    struct decoder d = {symbols, text.data, text.data + text.size, out, out + out_size};
    bool last = false;
    while (!last) {
        decode_groups(&d);
        TRY(decode_group(&d, &last));
    }
    *ret_size = (size_t)(d.out - out);
    return ERR_OK;
}

enum err base64_decode(struct span text, uint8_t *out, size_t out_size, size_t *ret_size)
{
    return decode(plain_symbols, text, out, out_size, ret_size);
}

enum err base64_encode(struct span data, char *out, size_t out_size, size_t *ret_size)
{
    if (data.size / 3 >= SIZE_MAX / 4 - 1 || out_size < BASE64_ENCODED_BYTES(data.size))
        return ERR_NO_SPACE;
    char *at = out;
    for (size_t i = 0; i < data.size; i += 3) {
        size_t left = data.size - i;
        uint32_t bits = (uint32_t)data.data[i] << 16;
        if (left > 1)
            bits |= (uint32_t)data.data[i + 1] << 8;
        if (left > 2)
            bits |= data.data[i + 2];
        *at++ = alphabet[bits >> 18];
        *at++ = alphabet[bits >> 12 & 63];
        *at++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? alphabet[bits & 63] : '=';
    }
    *ret_size = (size_t)(at - out);
    return ERR_OK;
}

enum err ocsp_path_decode(struct span path, uint8_t *out, size_t out_size, size_t *ret_size)
{
    /* Clients double the slash between the URL and the base64; a request begins with 0x30, whose
     * first symbol is never '/'. */
    while (path.size > 0 && path.data[0] == '/') {
        path.data++;
        path.size--;
    }
    if (ocsp_path_decode_plain(path, out, out_size, ret_size))
        return ERR_OK;
    return decode(path_symbols, path, out, out_size, ret_size);
}

/* The three octets of a percent-encoding, NULL for a symbol that stands for itself. */
static const char *percent_encoding(char symbol)
{
    switch (symbol) {
    case '+':
        return "%2B";
    case '/':
        return "%2F";
    case '=':
        return "%3D";
    default:
        return NULL;
    }
}

enum err ocsp_path_encode(struct span der, char *out, size_t out_size, size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < der.size; i += 3) {
        char group[4];
        size_t group_size;
        size_t left = der.size - i;
        TRY(base64_encode(span_of(der.data + i, left < 3 ? left : 3), group, sizeof group,
                          &group_size));
        for (size_t k = 0; k < group_size; k++) {
            const char *encoding = percent_encoding(group[k]);
            size_t octets = encoding ? 3 : 1;
            if (out_size - size < octets)
                return ERR_NO_SPACE;
            memcpy(out + size, encoding ? encoding : &group[k], octets);
            size += octets;
        }
    }
    *ret_size = size;
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/serial.h"

#include "lib/check.h"
#include "lib/der_read.h"
#include "lib/hex.h"
#include "lib/wire.h"

#define KEY_HEADER_BYTES 9

static bool is_bound(uint8_t size)
{
    return size == 0 || size == SERIAL_SIZE_END;
}

int serial_compare(const struct serial *a, const struct serial *b)
{
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return is_bound(a->size) ? 0 : memcmp(a->octets, b->octets, a->size);
}

enum err serial_from_content(struct span content, struct serial *ret)
{
    if (!der_integer_valid(content) || content.data[0] & 0x80)
        return ERR_MALFORMED;
    if (content.size > SERIAL_BYTES_MAX)
        return ERR_LIMIT;
    *ret = (struct serial){.size = (uint8_t)content.size};
    memcpy(ret->octets, content.data, content.size);
    return ERR_OK;
}

/* The digits without prefix: their values right-aligned in `octets`, which starts as zeros. A colon
 * may stand between two digits. */
static enum err digits_from_hex(struct span hex, uint8_t octets[static SERIAL_BYTES_MAX])
{
    size_t digits = 0;
    for (size_t i = hex.size; i-- > 0;) {
        uint8_t c = hex.data[i];
        if (c == ':') {
            bool between = i > 0 && i + 1 < hex.size && hex.data[i - 1] != ':';
            if (!between)
                return ERR_MALFORMED;
            continue;
        }
        unsigned value = hex_digit(c);
        if (value > 15)
            return ERR_MALFORMED;
        size_t octet = digits++ / 2;
        if (octet < SERIAL_BYTES_MAX)
            octets[SERIAL_BYTES_MAX - 1 - octet] |= (uint8_t)(digits % 2 == 0 ? value << 4 : value);
        else if (value != 0)
            return ERR_LIMIT;
    }
    return digits == 0 ? ERR_MALFORMED : ERR_OK;
}

enum err serial_from_hex(struct span hex, struct serial *ret)
{
    if (hex.size >= 2 && hex.data[0] == '0' && (hex.data[1] | 0x20) == 'x')
        hex = span_of(hex.data + 2, hex.size - 2);
    uint8_t octets[SERIAL_BYTES_MAX] = {0};
    TRY(digits_from_hex(hex, octets));
    size_t start = 0;
    while (start < SERIAL_BYTES_MAX - 1 && octets[start] == 0)
        start++;
    /* A leading one bit needs a zero octet before it to stay positive. */
    if (octets[start] & 0x80) {
        if (start == 0)
            return ERR_LIMIT;
        start--;
    }
    return serial_from_content(span_of(octets + start, SERIAL_BYTES_MAX - start), ret);
}

void serial_to_hex(const struct serial *serial, char ret[static SERIAL_HEX_MAX])
{
    static const char digits[] = "0123456789ABCDEF";
    CHECK(serial->size <= SERIAL_BYTES_MAX);
    bool padded = serial->size > 1 && serial->octets[0] == 0;
    for (size_t i = padded; i < serial->size; i++) {
        *ret++ = digits[serial->octets[i] >> 4];
        *ret++ = digits[serial->octets[i] & 15];
    }
    *ret = '\0';
}

size_t key_write(uint64_t issuer_id, const struct serial *serial, uint8_t ret[static KEY_BYTES_MAX])
{
    CHECK(serial->size <= SERIAL_BYTES_MAX || serial->size == SERIAL_SIZE_END);
    be64_store(ret, issuer_id);
    ret[8] = serial->size;
    if (is_bound(serial->size))
        return KEY_HEADER_BYTES;
    memcpy(ret + KEY_HEADER_BYTES, serial->octets, serial->size);
    return KEY_HEADER_BYTES + (size_t)serial->size;
}

enum err key_read(struct span wire, uint64_t *ret_issuer_id, struct serial *ret_serial)
{
    if (wire.size < KEY_HEADER_BYTES)
        return ERR_TRUNCATED;
    struct serial serial = {.size = wire.data[8]};
    if (serial.size > SERIAL_BYTES_MAX && serial.size != SERIAL_SIZE_END)
        return ERR_LIMIT;
    size_t octets = is_bound(serial.size) ? 0 : serial.size;
    if (wire.size - KEY_HEADER_BYTES != octets)
        return wire.size - KEY_HEADER_BYTES < octets ? ERR_TRUNCATED : ERR_TRAILING;
    memcpy(serial.octets, wire.data + KEY_HEADER_BYTES, octets);
    *ret_issuer_id = be64_load(wire.data);
    *ret_serial = serial;
    return ERR_OK;
}

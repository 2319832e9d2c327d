/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_cursor.h"

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/wire.h"

#define WIRE_MAX (1 + 1 + REVERSED_BYTES_MAX + 8 + 1 + SERIAL_BYTES_MAX)
_Static_assert(BASE64_ENCODED_BYTES(WIRE_MAX) < REGISTRY_CURSOR_BYTES, "a cursor fits its room");
_Static_assert(REVERSED_BYTES_MAX <= UINT8_MAX, "a name's size is one octet");

void search_cursor_write(const struct search_cursor *c, char ret[static REGISTRY_CURSOR_BYTES])
{
    uint8_t wire[WIRE_MAX];
    struct wire_writer w = wire_writer_of(wire, sizeof wire);
    size_t size = 0;
    wire_put_u8(&w, (uint8_t)c->form);
    if (c->form == SEARCH_BY_NAME) {
        wire_put_u8(&w, (uint8_t)c->name_size);
        wire_put(&w, span_of(c->name, c->name_size));
    } else {
        wire_put_u64(&w, c->not_after_s);
    }
    wire_put_u64(&w, c->issuer_id);
    wire_put_u8(&w, c->serial.size);
    wire_put(&w, span_of(c->serial.octets, c->serial.size));
    CHECK(w.err == ERR_OK);
    CHECK(base64_encode(span_of(wire, w.size), ret, REGISTRY_CURSOR_BYTES - 1, &size) == ERR_OK);
    while (size > 0 && ret[size - 1] == '=')
        size--;
    ret[size] = '\0';
    for (size_t i = 0; i < size; i++)
        ret[i] = ret[i] == '+' ? '-' : ret[i] == '/' ? '_' : ret[i];
}

/* base64url to base64: both are read here, but only the first is written. */
static enum err decode(struct span text, uint8_t wire[static WIRE_MAX], size_t *ret_size)
{
    uint8_t standard[REGISTRY_CURSOR_BYTES];
    if (text.size >= sizeof standard)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '+' || c == '/' || c == '=')
            return ERR_MALFORMED;
        standard[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    return base64_decode(span_of(standard, text.size), wire, WIRE_MAX, ret_size) == ERR_OK
               ? ERR_OK
               : ERR_MALFORMED;
}

enum err search_cursor_read(struct span text, enum search_form form, struct search_cursor *ret)
{
    uint8_t wire[WIRE_MAX];
    size_t size = 0;
    struct search_cursor c = {.form = form};
    TRY(decode(text, wire, &size));
    struct wire_reader r = wire_reader_of(span_of(wire, size));
    if (wire_get_u8(&r) != (uint8_t)form)
        return ERR_MALFORMED;
    if (form == SEARCH_BY_NAME) {
        struct span name = wire_get(&r, wire_get_u8(&r));
        if (name.size > sizeof c.name)
            return ERR_MALFORMED;
        c.name_size = name.size;
        if (name.size > 0)
            memcpy(c.name, name.data, name.size);
    } else {
        c.not_after_s = wire_get_u64(&r);
    }
    c.issuer_id = wire_get_u64(&r);
    struct span serial = wire_get(&r, wire_get_u8(&r));
    if (wire_reader_end(&r) != ERR_OK || serial.size == 0 || serial.size > SERIAL_BYTES_MAX ||
        c.not_after_s > INT64_MAX)
        return ERR_MALFORMED;
    c.serial.size = (uint8_t)serial.size;
    memcpy(c.serial.octets, serial.data, serial.size);
    *ret = c;
    return ERR_OK;
}

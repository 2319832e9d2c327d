/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/request_write.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/ocsp_request.h"

/* The octets of six bits as they stand in a path, and how many they are. */
struct piece {
    char text[3];
    uint8_t size;
};
#define PIECE(c) \
    {            \
        {(c)}, 1 \
    }
#define FOUR(c) PIECE((c)), PIECE((c) + 1), PIECE((c) + 2), PIECE((c) + 3)

static const struct piece pieces[64] = {
    FOUR('A'),
    FOUR('E'),
    FOUR('I'),
    FOUR('M'),
    FOUR('Q'),
    FOUR('U'),
    PIECE('Y'),
    PIECE('Z'),
    FOUR('a'),
    FOUR('e'),
    FOUR('i'),
    FOUR('m'),
    FOUR('q'),
    FOUR('u'),
    PIECE('y'),
    PIECE('z'),
    FOUR('0'),
    FOUR('4'),
    PIECE('8'),
    PIECE('9'),
    {{'%', '2', 'B'}, 3},
    {{'%', '2', 'F'}, 3},
};

static const char padding[] = "%3D%3D";

/* Writes four octets, of which piece.size count. */
static uint8_t *put_piece(uint8_t *at, unsigned six_bits)
{
    const struct piece *piece = &pieces[six_bits & 63];
    memcpy(at, piece, sizeof *piece);
    return at + piece->size;
}

static uint8_t *put_base64(uint8_t *at, const uint8_t *data, size_t size)
{
    for (; size >= 3; data += 3, size -= 3) {
        unsigned group = (unsigned)data[0] << 16 | (unsigned)data[1] << 8 | data[2];
        at = put_piece(at, group >> 18);
        at = put_piece(at, group >> 12);
        at = put_piece(at, group >> 6);
        at = put_piece(at, group);
    }
    if (size == 0)
        return at;
    unsigned group = (unsigned)data[0] << 16 | (size == 2 ? (unsigned)data[1] << 8 : 0);
    at = put_piece(at, group >> 18);
    at = put_piece(at, group >> 12);
    if (size == 2)
        at = put_piece(at, group >> 6);
    size_t padding_size = size == 2 ? 3 : 6;
    memcpy(at, padding, padding_size);
    return at + padding_size;
}

size_t request_write(const struct request_form *form, struct span serial, uint8_t *out)
{
    uint8_t *at = out;
    memcpy(at, form->before, form->before_size);
    at += form->before_size;
    if (form->is_get) {
        uint8_t last[sizeof form->carry + SERIAL_BYTES_MAX];
        CHECK(serial.size <= SERIAL_BYTES_MAX && form->carry_size <= sizeof form->carry);
        memcpy(last, form->carry, sizeof form->carry);
        memcpy(last + form->carry_size, serial.data, serial.size);
        at = put_base64(at, last, form->carry_size + serial.size);
    } else {
        memcpy(at, serial.data, serial.size);
        at += serial.size;
    }
    memcpy(at, form->after, form->after_size);
    return (size_t)(at + form->after_size - out);
}

size_t request_form_room(const struct request_form *form, size_t serial_size)
{
    size_t groups = (form->carry_size + serial_size + 2) / 3;
    return (size_t)form->before_size + form->after_size + 3 * 4 * groups + sizeof(struct piece);
}

/* The DER before the serial's octets, which are its last. */
static enum err der_prefix(const struct request_issuer *issuer, size_t serial_size, uint8_t *out,
                           size_t out_size, size_t *ret_size)
{
    uint8_t any[SERIAL_BYTES_MAX];
    size_t size = 0;
    CHECK(serial_size > 0 && serial_size <= sizeof any);
    memset(any, 1, sizeof any);
    TRY(ocsp_request_encode(issuer->hash, issuer->name_hash, issuer->key_hash,
                            span_of(any, serial_size), out, out_size, &size));
    *ret_size = size - serial_size;
    return ERR_OK;
}

enum err request_certid_prefix(const struct request_issuer *issuer, size_t serial_size,
                               uint8_t ret[static QUESTION_PREFIX_MAX], size_t *ret_size)
{
    uint8_t der[REQUEST_DER_MAX];
    size_t size = 0;
    struct ocsp_request request;
    TRY(der_prefix(issuer, serial_size, der, sizeof der, &size));
    TRY(ocsp_request_decode(span_of(der, size + serial_size), &request));
    /* The CertID's content begins with its AlgorithmIdentifier, which is as long as these. */
    size_t algorithm = issuer->hash == CERTID_HASH_SHA1 ? 11 : 15;
    const uint8_t *start = request.name_hash.data - 2 - algorithm;
    size_t prefix = (size_t)(request.serial.data - start);
    if (prefix > QUESTION_PREFIX_MAX)
        return ERR_NO_SPACE;
    memcpy(ret, start, prefix);
    *ret_size = prefix;
    return ERR_OK;
}

/* Fits or fails: printf into a fixed field. */
__attribute__((format(printf, 3, 4))) static enum err put_text(uint8_t *out, size_t out_size,
                                                               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf((char *)out, out_size, format, arguments);
    va_end(arguments);
    return size < 0 || (size_t)size >= out_size ? ERR_NO_SPACE : ERR_OK;
}

#define CLOSE_FIELD(close) ((close) ? "Connection: close\r\n" : "")

static enum err get_form(const struct request_place *place, struct span der, bool close,
                         struct request_form *form)
{
    TRY(put_text(form->before, sizeof form->before, "GET %s", place->prefix));
    size_t size = strlen((const char *)form->before);
    form->carry_size = (uint8_t)(der.size % 3);
    size_t whole = der.size - form->carry_size;
    memcpy(form->carry, der.data + whole, form->carry_size);
    if (size + whole / 3 * 4 * 3 + sizeof(struct piece) > sizeof form->before)
        return ERR_NO_SPACE;
    form->before_size = (uint16_t)(put_base64(form->before + size, der.data, whole) - form->before);
    TRY(put_text(form->after, sizeof form->after, " HTTP/1.1\r\nHost: %s\r\n%s\r\n", place->host,
                 CLOSE_FIELD(close)));
    form->after_size = (uint16_t)strlen((const char *)form->after);
    return ERR_OK;
}

static enum err post_form(const struct request_place *place, struct span der, size_t serial_size,
                          bool close, struct request_form *form)
{
    TRY(put_text(form->before, sizeof form->before,
                 "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/ocsp-request\r\n"
                 "Content-Length: %zu\r\n%s\r\n",
                 place->prefix, place->host, der.size + serial_size, CLOSE_FIELD(close)));
    size_t size = strlen((const char *)form->before);
    if (size + der.size > sizeof form->before)
        return ERR_NO_SPACE;
    memcpy(form->before + size, der.data, der.size);
    form->before_size = (uint16_t)(size + der.size);
    return ERR_OK;
}

enum err request_form_make(const struct request_place *place, const struct request_issuer *issuer,
                           size_t serial_size, bool is_get, bool close, struct request_form *ret)
{
    uint8_t der[REQUEST_DER_MAX];
    size_t size = 0;
    TRY(der_prefix(issuer, serial_size, der, sizeof der, &size));
    memset(ret, 0, sizeof *ret);
    ret->is_get = is_get;
    struct span prefix = span_of(der, size);
    return is_get ? get_form(place, prefix, close, ret)
                  : post_form(place, prefix, serial_size, close, ret);
}

enum err request_plain(const struct request_place *place, const char *path, bool close,
                       uint8_t *out, size_t out_size, size_t *ret_size)
{
    TRY(put_text(out, out_size, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, place->host,
                 CLOSE_FIELD(close)));
    *ret_size = strlen((const char *)out);
    return ERR_OK;
}

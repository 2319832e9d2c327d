/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/cert_der.h"

#include "lib/timetext.h"

#define UTC_TIME_END_S 2524608000u /* 2050-01-01, RFC 5280 4.1.2.5 */
#define DER_UTC_TIME   0x17

enum err cert_key_id(struct span public_key, uint8_t ret[static SHA1_BYTES])
{
    struct der_reader r;
    der_reader_init(&r, public_key);
    der_enter(&r, DER_SEQUENCE);
    (void)der_take(&r, DER_SEQUENCE);
    struct span bits = der_take(&r, DER_BIT_STRING);
    der_leave(&r);
    TRY(der_end(&r));
    if (bits.size < 2 || bits.data[0] != 0)
        return ERR_MALFORMED;
    struct sha256 hash = sha256_of(span_of(bits.data + 1, bits.size - 1));
    memcpy(ret, hash.octets, SHA1_BYTES);
    return ERR_OK;
}

void cert_serial_shape(const uint8_t octets[static CERT_SERIAL_BYTES], struct serial *ret)
{
    ret->size = CERT_SERIAL_BYTES;
    memcpy(ret->octets, octets, CERT_SERIAL_BYTES);
    ret->octets[0] &= 0x7f;
    if (ret->octets[0] == 0)
        ret->octets[0] = 1;
}

bool cert_url_valid(const char *url)
{
    size_t size = strlen(url);
    if (strncmp(url, "http://", 7) != 0 || size <= 7 || size > CERT_URL_BYTES_MAX || url[7] == '/')
        return false;
    for (size_t i = 0; i < size; i++)
        if (url[i] <= ' ' || url[i] > '~' || strchr("\"<>\\^`{|}", url[i]) != NULL)
            return false;
    return true;
}

void cert_put_time(struct der_writer *w, uint64_t time_s)
{
    uint8_t text[GENERALIZED_TIME_BYTES];
    generalized_time_write(time_s, text);
    if (time_s < UTC_TIME_END_S)
        der_put_element(w, DER_UTC_TIME, span_of(text + 2, sizeof text - 2));
    else
        der_put_element(w, DER_GENERALIZED_TIME, span_of(text, sizeof text));
}

void cert_put_extension(struct der_writer *w, size_t mark, bool critical, struct span oid)
{
    static const uint8_t yes[] = {DER_BOOLEAN, 1, 0xff};
    der_put_header(w, DER_OCTET_STRING, mark);
    if (critical)
        der_put(w, yes, sizeof yes);
    der_put(w, oid.data, oid.size);
    der_put_header(w, DER_SEQUENCE, mark);
}

void cert_put_named_bits(struct der_writer *w, uint8_t octet)
{
    uint8_t unused = 0;
    while (unused < 7 && (octet >> unused & 1) == 0)
        unused++;
    der_put_octet(w, octet);
    der_put_octet(w, unused);
    der_put_header(w, DER_BIT_STRING, w->used - 2);
}

enum err cert_signed_encode(struct span tbs, enum sig_alg alg, struct span signature, uint8_t *out,
                            size_t out_size, size_t *ret_size)
{
    struct span identifier = sig_alg_info((uint8_t)alg)->identifier;
    struct der_writer w = der_writer_into(out, out_size);
    TRY(sig_put_x509(&w, alg, signature));
    der_put_octet(&w, 0);
    der_put_header(&w, DER_BIT_STRING, 0);
    der_put(&w, identifier.data, identifier.size);
    der_put(&w, tbs.data, tbs.size);
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/template.h"

#include "lib/check.h"
#include "lib/der_read.h"
#include "lib/wire.h"

static const uint8_t magic[4] = {'S', 'T', 'T', 'M'};

enum err template_write(const struct ocsp_template *t, uint8_t *out, size_t out_size,
                        size_t *ret_size)
{
    CHECK(t->signer_spki_size <= SPKI_BYTES_MAX);
    CHECK(t->responder_cert_size <= RESPONDER_CERT_BYTES_MAX);
    struct wire_writer w = wire_writer_of(out, out_size);
    wire_put(&w, span_of(magic, sizeof magic));
    wire_put_u8(&w, TEMPLATE_VERSION);
    wire_put_u64(&w, t->issuer_id);
    wire_put_u16(&w, t->template_no);
    wire_put_u8(&w, t->certid_set);
    wire_put_u8(&w, t->sig_alg);
    wire_put_u32(&w, t->refresh_interval_s);
    wire_put(&w, span_of(t->name_sha1, sizeof t->name_sha1));
    wire_put(&w, span_of(t->key_sha1, sizeof t->key_sha1));
    wire_put(&w, span_of(t->name_sha256, sizeof t->name_sha256));
    wire_put(&w, span_of(t->key_sha256, sizeof t->key_sha256));
    wire_put(&w, span_of(t->responder_key_sha1, sizeof t->responder_key_sha1));
    wire_put_u16(&w, t->signer_spki_size);
    wire_put(&w, span_of(t->signer_spki, t->signer_spki_size));
    wire_put_u16(&w, t->responder_cert_size);
    wire_put(&w, span_of(t->responder_cert, t->responder_cert_size));
    if (w.err != ERR_OK)
        return w.err;
    *ret_size = w.size;
    return ERR_OK;
}

static void get_octets(struct wire_reader *r, uint8_t *out, size_t size)
{
    struct span octets = wire_get(r, size);
    if (octets.size == size)
        memcpy(out, octets.data, size);
}

/* size 2, octets */
static void get_sized(struct wire_reader *r, uint8_t *out, size_t out_size, uint16_t *ret_size)
{
    uint16_t size = wire_get_u16(r);
    if (r->err == ERR_OK && size > out_size)
        r->err = ERR_LIMIT;
    struct span octets = wire_get(r, size);
    if (r->err != ERR_OK || octets.size == 0)
        return;
    memcpy(out, octets.data, octets.size);
    *ret_size = size;
}

static bool is_one_sequence(struct span der)
{
    struct der_reader r;
    der_reader_init(&r, der);
    der_take(&r, DER_SEQUENCE);
    return der_end(&r) == ERR_OK;
}

static enum err validate(const struct ocsp_template *t)
{
    if (t->template_no == 0 || t->signer_spki_size == 0)
        return ERR_MALFORMED;
    if (t->certid_set < CERTID_SHA1 || t->certid_set > CERTID_BOTH)
        return ERR_MALFORMED;
    if (sig_alg_info(t->sig_alg) == NULL)
        return ERR_UNSUPPORTED;
    if (t->responder_cert_size != 0 &&
        !is_one_sequence(span_of(t->responder_cert, t->responder_cert_size)))
        return ERR_MALFORMED;
    return ERR_OK;
}

static enum err read_start(struct wire_reader *r)
{
    struct span start = wire_get(r, sizeof magic);
    uint8_t version = wire_get_u8(r);
    if (r->err != ERR_OK)
        return r->err;
    if (!span_equal(start, span_of(magic, sizeof magic)))
        return ERR_MALFORMED;
    return version == TEMPLATE_VERSION ? ERR_OK : ERR_UNSUPPORTED;
}

enum err template_read(struct span wire, struct ocsp_template *ret)
{
    struct wire_reader r = wire_reader_of(wire);
    TRY(read_start(&r));
    struct ocsp_template t = {0};
    t.issuer_id = wire_get_u64(&r);
    t.template_no = wire_get_u16(&r);
    t.certid_set = wire_get_u8(&r);
    t.sig_alg = wire_get_u8(&r);
    t.refresh_interval_s = wire_get_u32(&r);
    get_octets(&r, t.name_sha1, sizeof t.name_sha1);
    get_octets(&r, t.key_sha1, sizeof t.key_sha1);
    get_octets(&r, t.name_sha256, sizeof t.name_sha256);
    get_octets(&r, t.key_sha256, sizeof t.key_sha256);
    get_octets(&r, t.responder_key_sha1, sizeof t.responder_key_sha1);
    get_sized(&r, t.signer_spki, sizeof t.signer_spki, &t.signer_spki_size);
    get_sized(&r, t.responder_cert, sizeof t.responder_cert, &t.responder_cert_size);
    TRY(wire_reader_end(&r));
    TRY(validate(&t));
    *ret = t;
    return ERR_OK;
}

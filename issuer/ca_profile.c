/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_profile.h"

#include "lib/der_write.h"
#include "lib/timetext.h"

#define UTC_TIME_END_S 2524608000u /* 2050-01-01, RFC 5280 4.1.2.5 */
#define DER_UTC_TIME   0x17

#define OID(name, ...) static const uint8_t name[] = {__VA_ARGS__}
OID(oid_ski, 0x06, 3, 0x55, 0x1d, 14);
OID(oid_key_usage, 0x06, 3, 0x55, 0x1d, 15);
OID(oid_basic, 0x06, 3, 0x55, 0x1d, 19);
OID(oid_crldp, 0x06, 3, 0x55, 0x1d, 31);
OID(oid_policies, 0x06, 3, 0x55, 0x1d, 32);
OID(oid_aki, 0x06, 3, 0x55, 0x1d, 35);
OID(oid_eku, 0x06, 3, 0x55, 0x1d, 37);
OID(oid_aia, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 1);
OID(oid_nocheck, 0x06, 9, 0x2b, 6, 1, 5, 5, 7, 48, 1, 5);
OID(oid_ocsp, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 1);
OID(oid_ca_issuers, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 2);
OID(oid_server_auth, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1);
OID(oid_client_auth, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2);
OID(oid_ocsp_signing, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 9);
#define PUT(w, octets) der_put(w, octets, sizeof octets)

enum err ca_key_id(struct span public_key, uint8_t ret[static SHA1_BYTES])
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

void ca_serial_shape(const uint8_t octets[static CA_SERIAL_BYTES], struct serial *ret)
{
    ret->size = CA_SERIAL_BYTES;
    memcpy(ret->octets, octets, CA_SERIAL_BYTES);
    ret->octets[0] &= 0x7f;
    if (ret->octets[0] == 0)
        ret->octets[0] = 1;
}

struct validity {
    enum ca_kind kind;
    uint64_t from_s;
    uint32_t least, most; /* days */
    const char *why;
};

static const struct validity validities[] = {
#define X(kind, from, least, most, why) {CA_##kind, from, least, most, why},
    CA_VALIDITY_TABLE(X)
#undef X
};

enum err ca_validity_check(enum ca_kind kind, uint64_t not_before_s, uint32_t days,
                           uint32_t *ret_least, uint32_t *ret_most, const char **ret_why)
{
    enum err err = ERR_RANGE;
    for (size_t i = 0; i < sizeof validities / sizeof validities[0]; i++) {
        const struct validity *v = &validities[i];
        if (v->kind != kind || v->from_s > not_before_s)
            continue;
        *ret_least = v->least;
        *ret_most = v->most;
        *ret_why = v->why;
        err = days >= v->least && days <= v->most ? ERR_OK : ERR_RANGE;
    }
    return err;
}

bool ca_url_valid(const char *url)
{
    size_t size = strlen(url);
    if (strncmp(url, "http://", 7) != 0 || size <= 7 || size > CA_URL_BYTES_MAX || url[7] == '/')
        return false;
    for (size_t i = 0; i < size; i++)
        if (url[i] <= ' ' || url[i] > '~' || strchr("\"<>\\^`{|}", url[i]) != NULL)
            return false;
    return true;
}

/* Closes the extension whose value was put since `mark`. */
static void put_extension(struct der_writer *w, size_t mark, bool critical, const uint8_t *oid,
                          size_t oid_size)
{
    static const uint8_t yes[] = {DER_BOOLEAN, 1, 0xff};
    der_put_header(w, DER_OCTET_STRING, mark);
    if (critical)
        PUT(w, yes);
    der_put(w, oid, oid_size);
    der_put_header(w, DER_SEQUENCE, mark);
}
#define EXTENSION(w, mark, critical, oid) put_extension(w, mark, critical, oid, sizeof oid)

static void put_basic_constraints(struct der_writer *w, const struct ca_profile *p)
{
    static const uint8_t yes[] = {DER_BOOLEAN, 1, 0xff};
    size_t mark = w->used;
    if (p->kind == CA_INTERMEDIATE && p->path_length >= 0) {
        uint8_t octet = (uint8_t)p->path_length;
        der_put_unsigned(w, span_of(&octet, 1));
    }
    if (p->kind != CA_RESPONDER)
        PUT(w, yes);
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, true, oid_basic);
}

static void put_key_usage(struct der_writer *w, const struct ca_profile *p)
{
    static const uint8_t ca[] = {DER_BIT_STRING, 2, 1, 0x06};
    static const uint8_t ca_ocsp[] = {DER_BIT_STRING, 2, 1, 0x86};
    static const uint8_t signature[] = {DER_BIT_STRING, 2, 7, 0x80};
    size_t mark = w->used;
    der_put(w, p->kind == CA_RESPONDER ? signature : p->signs_ocsp ? ca_ocsp : ca, sizeof ca);
    EXTENSION(w, mark, true, oid_key_usage);
}

static void put_extended_key_usage(struct der_writer *w, const struct ca_profile *p)
{
    size_t mark = w->used;
    if (p->kind == CA_ROOT)
        return;
    if (p->kind == CA_RESPONDER) {
        PUT(w, oid_ocsp_signing);
    } else {
        if (p->client_auth)
            PUT(w, oid_client_auth);
        PUT(w, oid_server_auth);
    }
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_eku);
}

static void put_key_ids(struct der_writer *w, const struct ca_profile *p, struct span own)
{
    size_t mark = w->used;
    der_put_element(w, DER_CONTEXT | 0, p->issuer_key_id.size == 0 ? own : p->issuer_key_id);
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_aki);
    mark = w->used;
    der_put_element(w, DER_OCTET_STRING, own);
    EXTENSION(w, mark, false, oid_ski);
}

static void put_policies(struct der_writer *w, const struct ca_profile *p)
{
    size_t mark = w->used;
    for (size_t i = p->policy_count; i-- > 0;) {
        size_t each = w->used;
        der_put(w, p->policies[i].data, p->policies[i].size);
        der_put_header(w, DER_SEQUENCE, each);
    }
    if (p->policy_count == 0)
        return;
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_policies);
}

static void put_crl_point(struct der_writer *w, const struct ca_profile *p)
{
    size_t mark = w->used;
    if (p->crl_url == NULL)
        return;
    der_put_element(w, DER_CONTEXT | 6, span_text(p->crl_url)); /* uniformResourceIdentifier */
    der_put_header(w, DER_CONTEXT_CONSTRUCTED | 0, mark);       /* fullName */
    der_put_header(w, DER_CONTEXT_CONSTRUCTED | 0, mark);       /* distributionPoint */
    der_put_header(w, DER_SEQUENCE, mark);
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_crldp);
}

static void put_access(struct der_writer *w, const char *url, const uint8_t oid[static 10])
{
    size_t mark = w->used;
    if (url == NULL)
        return;
    der_put_element(w, DER_CONTEXT | 6, span_text(url));
    der_put(w, oid, 10);
    der_put_header(w, DER_SEQUENCE, mark);
}

static void put_authority_access(struct der_writer *w, const struct ca_profile *p)
{
    size_t mark = w->used;
    put_access(w, p->ca_issuers_url, oid_ca_issuers);
    put_access(w, p->ocsp_url, oid_ocsp);
    if (w->used == mark)
        return;
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_aia);
}

static void put_extensions(struct der_writer *w, const struct ca_profile *p, struct span key_id)
{
    static const uint8_t null[] = {DER_NULL, 0};
    size_t mark = w->used;
    put_key_ids(w, p, key_id);
    put_crl_point(w, p);
    put_authority_access(w, p);
    put_policies(w, p);
    if (p->kind == CA_RESPONDER) {
        size_t value = w->used;
        PUT(w, null);
        EXTENSION(w, value, false, oid_nocheck);
    }
    put_extended_key_usage(w, p);
    put_key_usage(w, p);
    put_basic_constraints(w, p);
    der_put_header(w, DER_SEQUENCE, mark);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED | 3, mark);
}

static void put_time(struct der_writer *w, uint64_t time_s)
{
    uint8_t text[GENERALIZED_TIME_BYTES];
    generalized_time_write(time_s, text);
    if (time_s < UTC_TIME_END_S)
        der_put_element(w, DER_UTC_TIME, span_of(text + 2, sizeof text - 2));
    else
        der_put_element(w, DER_GENERALIZED_TIME, span_of(text, sizeof text));
}

enum err ca_tbs_encode(const struct ca_profile *p, uint8_t *out, size_t out_size, size_t *ret_size)
{
    static const uint8_t version[] = {DER_CONTEXT_CONSTRUCTED | 0, 3, DER_INTEGER, 1, 2};
    uint8_t key_id[SHA1_BYTES];
    TRY(ca_key_id(p->public_key, key_id));
    struct der_writer w = der_writer_into(out, out_size);
    put_extensions(&w, p, span_of(key_id, sizeof key_id));
    der_put(&w, p->public_key.data, p->public_key.size);
    der_put(&w, p->subject.data, p->subject.size);
    size_t mark = w.used;
    put_time(&w, p->not_after_s);
    put_time(&w, p->not_before_s);
    der_put_header(&w, DER_SEQUENCE, mark);
    der_put(&w, p->issuer.data, p->issuer.size);
    struct span alg = sig_alg_info((uint8_t)p->alg)->identifier;
    der_put(&w, alg.data, alg.size);
    der_put_element(&w, DER_INTEGER, span_of(p->serial.octets, p->serial.size));
    PUT(&w, version);
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

enum err ca_request_encode(struct span subject, struct span public_key, uint8_t *out,
                           size_t out_size, size_t *ret_size)
{
    static const uint8_t version[] = {DER_INTEGER, 1, 0};
    static const uint8_t no_attributes[] = {DER_CONTEXT_CONSTRUCTED | 0, 0};
    struct der_writer w = der_writer_into(out, out_size);
    PUT(&w, no_attributes);
    der_put(&w, public_key.data, public_key.size);
    der_put(&w, subject.data, subject.size);
    PUT(&w, version);
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

enum err ca_signed_encode(struct span tbs, enum sig_alg alg, struct span signature, uint8_t *out,
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

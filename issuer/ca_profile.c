/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_profile.h"

#include "issuer/cert_der.h"

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
#define EXTENSION(w, mark, critical, oid) \
    cert_put_extension(w, mark, critical, span_of(oid, sizeof oid))

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

enum err ca_tbs_encode(const struct ca_profile *p, uint8_t *out, size_t out_size, size_t *ret_size)
{
    static const uint8_t version[] = {DER_CONTEXT_CONSTRUCTED | 0, 3, DER_INTEGER, 1, 2};
    uint8_t key_id[SHA1_BYTES];
    TRY(cert_key_id(p->public_key, key_id));
    struct der_writer w = der_writer_into(out, out_size);
    put_extensions(&w, p, span_of(key_id, sizeof key_id));
    der_put(&w, p->public_key.data, p->public_key.size);
    der_put(&w, p->subject.data, p->subject.size);
    size_t mark = w.used;
    cert_put_time(&w, p->not_after_s);
    cert_put_time(&w, p->not_before_s);
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

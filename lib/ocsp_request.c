/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ocsp_request.h"

#include "lib/ocsp_request_plain.h"

/* The nonce extension's OID: id-pkix-ocsp 2 (RFC 9654 2.1). */
static const uint8_t nonce_oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02};

/* Extensions ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { extnID, critical DEFAULT FALSE, extnValue }
 * (RFC 5280 4.1). Returns whether one of them is the nonce. */
static bool take_extensions(struct der_reader *r)
{
    bool has_nonce = false;
    der_enter(r, DER_SEQUENCE);
    do {
        der_enter(r, DER_SEQUENCE);
        struct span oid = der_take(r, DER_OID);
        if (der_next_is(r, DER_BOOLEAN) && der_take(r, DER_BOOLEAN).size != 1)
            der_fail(r, ERR_MALFORMED);
        der_take(r, DER_OCTET_STRING);
        der_leave(r);
        has_nonce |= span_equal(oid, span_of(nonce_oid, sizeof nonce_oid));
    } while (!der_at_end(r));
    der_leave(r);
    return has_nonce;
}

/* [number] EXPLICIT Extensions OPTIONAL */
static bool take_optional_extensions(struct der_reader *r, uint8_t number)
{
    uint8_t tag = (uint8_t)(DER_CONTEXT_CONSTRUCTED + number);
    if (!der_next_is(r, tag))
        return false;
    der_enter(r, tag);
    bool has_nonce = take_extensions(r);
    der_leave(r);
    return has_nonce;
}

/* Request ::= SEQUENCE { reqCert CertID, singleRequestExtensions [0] EXPLICIT OPTIONAL } */
static struct certid take_request(struct der_reader *r)
{
    der_enter(r, DER_SEQUENCE);
    struct certid certid = certid_take(r);
    take_optional_extensions(r, 0);
    der_leave(r);
    return certid;
}

static void take_request_list(struct der_reader *r, struct ocsp_request *request)
{
    der_enter(r, DER_SEQUENCE);
    struct certid certid = take_request(r);
    uint32_t count = 1;
    for (; !der_at_end(r); count++)
        take_request(r);
    der_leave(r);
    request->hash = certid.hash;
    request->name_hash = certid.name_hash;
    request->key_hash = certid.key_hash;
    request->serial = certid.serial;
    request->request_count = count;
}

/* requestorName [1] EXPLICIT GeneralName OPTIONAL: any one element */
static bool take_requestor_name(struct der_reader *r)
{
    if (!der_next_is(r, DER_CONTEXT_CONSTRUCTED + 1))
        return false;
    uint8_t tag;
    der_enter(r, DER_CONTEXT_CONSTRUCTED + 1);
    der_take_any(r, &tag);
    der_leave(r);
    return true;
}

/* optionalSignature [0] EXPLICIT Signature OPTIONAL: any one SEQUENCE */
static bool take_signature(struct der_reader *r)
{
    if (!der_next_is(r, DER_CONTEXT_CONSTRUCTED))
        return false;
    der_enter(r, DER_CONTEXT_CONSTRUCTED);
    der_take(r, DER_SEQUENCE);
    der_leave(r);
    return true;
}

enum err ocsp_request_decode_any(struct span der, struct ocsp_request *ret)
{
    struct ocsp_request request = {0};
    struct der_reader r;
    der_reader_init(&r, der);
    der_enter(&r, DER_SEQUENCE); /* OCSPRequest */
    der_enter(&r, DER_SEQUENCE); /* TBSRequest */
    request.has_requestor_name = take_requestor_name(&r);
    take_request_list(&r, &request);
    request.has_nonce = take_optional_extensions(&r, 2);
    der_leave(&r);
    request.has_signature = take_signature(&r);
    der_leave(&r);
    TRY(der_end(&r));
    *ret = request;
    return ERR_OK;
}

enum err ocsp_request_decode(struct span der, struct ocsp_request *ret)
{
    return ocsp_request_decode_plain(der, ret) ? ERR_OK : ocsp_request_decode_any(der, ret);
}

enum err ocsp_request_encode(enum certid_hash hash, struct span name_hash, struct span key_hash,
                             struct span serial, uint8_t *out, size_t out_size, size_t *ret_size)
{
    if (hash != CERTID_HASH_SHA1 && hash != CERTID_HASH_SHA256)
        return ERR_UNSUPPORTED;
    if (!der_integer_valid(serial))
        return ERR_MALFORMED;
    struct certid certid = {
        .hash = hash, .name_hash = name_hash, .key_hash = key_hash, .serial = serial};
    struct der_writer w = der_writer_into(out, out_size);
    certid_put(&w, &certid);
    der_put_header(&w, DER_SEQUENCE, 0); /* Request */
    der_put_header(&w, DER_SEQUENCE, 0); /* requestList */
    der_put_header(&w, DER_SEQUENCE, 0); /* TBSRequest */
    der_put_header(&w, DER_SEQUENCE, 0); /* OCSPRequest */
    return der_writer_finish(&w, ret_size);
}

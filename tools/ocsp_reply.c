/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ocsp_reply.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/timetext.h"

#define CERTIFICATE_FILE_BYTES_MAX (1 << 20)

static enum err certificate_load(const char *path, X509 **ret)
{
    BIO *bio = BIO_new_file(path, "rb");
    if (bio == NULL) {
        ERR_clear_error();
        return ERR_NOT_FOUND;
    }
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (certificate == NULL) {
        (void)BIO_reset(bio);
        certificate = d2i_X509_bio(bio, NULL);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (certificate == NULL)
        return ERR_MALFORMED;
    *ret = certificate;
    return ERR_OK;
}

enum err ocsp_issuer_load(const char *path, struct ocsp_issuer *ret)
{
    struct ocsp_issuer issuer = {0};
    TRY(certificate_load(path, &issuer.certificate));
    const EVP_MD *algorithms[] = {EVP_sha1(), EVP_sha256()};
    for (size_t i = 0; i < 2; i++) {
        unsigned size = 0;
        const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(issuer.certificate);
        if (X509_NAME_digest(X509_get_subject_name(issuer.certificate), algorithms[i],
                             issuer.name_hash[i], &size) != 1 ||
            EVP_Digest(key->data, (size_t)key->length, issuer.key_hash[i], &size, algorithms[i],
                       NULL) != 1) {
            X509_free(issuer.certificate);
            return ERR_CRYPTO;
        }
    }
    *ret = issuer;
    return ERR_OK;
}

void ocsp_issuer_done(struct ocsp_issuer *issuer)
{
    X509_free(issuer->certificate);
    issuer->certificate = NULL;
}

enum err certificate_serial(const char *path, struct serial *ret)
{
    X509 *certificate = NULL;
    TRY(certificate_load(path, &certificate));
    uint8_t *der = NULL;
    int size = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &der);
    /* tag, one length octet (a serial is short), content */
    enum err err = size > 2 && der[1] < 128
                       ? serial_from_content(span_of(der + 2, (size_t)size - 2), ret)
                       : ERR_MALFORMED;
    OPENSSL_free(der);
    X509_free(certificate);
    return err;
}

enum err ocsp_issuer_request(const struct ocsp_issuer *issuer, enum certid_hash hash,
                             struct span serial, uint8_t *out, size_t out_size, size_t *ret_size)
{
    size_t size = hash == CERTID_HASH_SHA1 ? 20 : 32;
    return ocsp_request_encode(hash, span_of(issuer->name_hash[hash], size),
                               span_of(issuer->key_hash[hash], size), serial, out, out_size,
                               ret_size);
}

static uint64_t time_of(const ASN1_GENERALIZEDTIME *time)
{
    uint64_t seconds = 0;
    if (time == NULL || generalized_time_read(
                            span_of(ASN1_STRING_get0_data(time), (size_t)ASN1_STRING_length(time)),
                            &seconds) != ERR_OK)
        return 0;
    return seconds;
}

static bool octets_equal(const ASN1_OCTET_STRING *octets, const uint8_t *hash, size_t size)
{
    return span_equal(span_of(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets)),
                      span_of(hash, size));
}

static bool names(const struct ocsp_issuer *issuer, enum certid_hash hash,
                  const ASN1_INTEGER *serial, const OCSP_CERTID *id)
{
    ASN1_OCTET_STRING *name_hash = NULL;
    ASN1_OCTET_STRING *key_hash = NULL;
    ASN1_OBJECT *algorithm = NULL;
    ASN1_INTEGER *number = NULL;
    /* The getter wants a mutable pointer and changes nothing. */
    OCSP_id_get0_info(&name_hash, &algorithm, &key_hash, &number, (OCSP_CERTID *)(uintptr_t)id);
    size_t size = hash == CERTID_HASH_SHA1 ? 20 : 32;
    return OBJ_obj2nid(algorithm) == (hash == CERTID_HASH_SHA1 ? NID_sha1 : NID_sha256) &&
           octets_equal(name_hash, issuer->name_hash[hash], size) &&
           octets_equal(key_hash, issuer->key_hash[hash], size) &&
           ASN1_INTEGER_cmp(number, serial) == 0;
}

static void find_single(const struct ocsp_issuer *issuer, enum certid_hash hash, struct span serial,
                        struct ocsp_reply *reply)
{
    ASN1_INTEGER *number = NULL;
    uint8_t der[2 + 127];
    if (serial.size > 127)
        return;
    der[0] = V_ASN1_INTEGER;
    der[1] = (uint8_t)serial.size;
    memcpy(der + 2, serial.data, serial.size);
    const uint8_t *cursor = der;
    number = d2i_ASN1_INTEGER(NULL, &cursor, (long)(serial.size + 2));
    for (int i = 0; number != NULL && i < reply->single_count && !reply->matched; i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(reply->basic, i);
        if (!names(issuer, hash, number, OCSP_SINGLERESP_get0_id(single)))
            continue;
        ASN1_GENERALIZEDTIME *revoked = NULL;
        ASN1_GENERALIZEDTIME *this_update = NULL;
        ASN1_GENERALIZEDTIME *next_update = NULL;
        reply->matched = true;
        reply->cert_status =
            OCSP_single_get0_status(single, &reply->reason, &revoked, &this_update, &next_update);
        reply->revoked_at_s = time_of(revoked);
        reply->this_update_s = time_of(this_update);
        reply->next_update_s = time_of(next_update);
    }
    ASN1_INTEGER_free(number);
}

static void verify(const struct ocsp_issuer *issuer, struct ocsp_reply *reply)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    if (store != NULL && others != NULL && sk_X509_push(others, issuer->certificate) > 0 &&
        X509_STORE_add_cert(store, issuer->certificate) == 1) {
        /* The issuer itself is the anchor, also when it is an intermediate. */
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        reply->verified = OCSP_basic_verify(reply->basic, others, store, 0) == 1;
    }
    if (!reply->verified) {
        unsigned long code = ERR_peek_last_error();
        const char *text = ERR_reason_error_string(code);
        (void)snprintf(reply->why, sizeof reply->why, "%s", text != NULL ? text : "unknown reason");
    }
    ERR_clear_error();
    sk_X509_free(others);
    X509_STORE_free(store);
}

static bool is_canonical(OCSP_RESPONSE *response, struct span der, const uint8_t *end)
{
    uint8_t *again = NULL;
    int size = i2d_OCSP_RESPONSE(response, &again);
    bool same =
        end == der.data + der.size && size > 0 && span_equal(der, span_of(again, (size_t)size));
    OPENSSL_free(again);
    return same;
}

enum err ocsp_reply_read(const struct ocsp_issuer *issuer, enum certid_hash hash,
                         struct span serial, struct span der, struct ocsp_reply *ret)
{
    struct ocsp_reply reply = {.reason = -1};
    const uint8_t *cursor = der.data;
    reply.response = d2i_OCSP_RESPONSE(NULL, &cursor, (long)der.size);
    ERR_clear_error();
    if (reply.response == NULL)
        return ERR_MALFORMED;
    reply.canonical = is_canonical(reply.response, der, cursor);
    reply.response_status = OCSP_response_status(reply.response);
    if (reply.response_status == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        reply.basic = OCSP_response_get1_basic(reply.response);
    ERR_clear_error();
    if (reply.basic != NULL) {
        reply.single_count = OCSP_resp_count(reply.basic);
        reply.produced_at_s = time_of(OCSP_resp_get0_produced_at(reply.basic));
        find_single(issuer, hash, serial, &reply);
        verify(issuer, &reply);
    }
    *ret = reply;
    return ERR_OK;
}

void ocsp_reply_done(struct ocsp_reply *reply)
{
    OCSP_BASICRESP_free(reply->basic);
    OCSP_RESPONSE_free(reply->response);
    reply->basic = NULL;
    reply->response = NULL;
}

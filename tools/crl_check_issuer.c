/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/crl_check_issuer.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "lib/limit.h"
#include "lib/os/file.h"

#define CERTIFICATE_BYTES_MAX (1u << 20)

static X509 *decode_certificate(struct span octets)
{
    const uint8_t *at = octets.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)octets.size);
    if (certificate != NULL)
        return certificate;
    BIO *bio = BIO_new_mem_buf(octets.data, (int)octets.size);
    if (bio != NULL)
        certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

static enum err describe(struct crl_check_issuer *issuer)
{
    issuer->key = X509_get0_pubkey(issuer->certificate);
    if (issuer->key == NULL)
        return ERR_KEY;
    int size = i2d_X509_NAME(X509_get_subject_name(issuer->certificate), &issuer->name);
    if (size <= 0)
        return ERR_MEMORY;
    issuer->subject = span_of(issuer->name, (size_t)size);
    const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(issuer->certificate);
    if (key_id != NULL)
        issuer->key_id = span_of(ASN1_STRING_get0_data(key_id), (size_t)ASN1_STRING_length(key_id));
    return ERR_OK;
}

enum err crl_check_issuer_load(const char *path, struct crl_check_issuer *ret)
{
    struct buffer octets = {0};
    struct crl_check_issuer issuer = {0};
    enum err err = file_read(path, CERTIFICATE_BYTES_MAX, &octets);
    if (err == ERR_OK) {
        issuer.certificate = decode_certificate(span_of(octets.data, octets.size));
        err = issuer.certificate != NULL ? describe(&issuer) : ERR_MALFORMED;
    }
    buffer_done(&octets);
    if (err != ERR_OK) {
        crl_check_issuer_done(&issuer);
        return err;
    }
    *ret = issuer;
    return ERR_OK;
}

void crl_check_issuer_done(struct crl_check_issuer *issuer)
{
    X509_free(issuer->certificate);
    OPENSSL_free(issuer->name);
    *issuer = (struct crl_check_issuer){0};
}

static X509_ALGOR *decode_algorithm(const struct crl *crl)
{
    const uint8_t *at = crl->algorithm.data;
    return d2i_X509_ALGOR(NULL, &at, (long)crl->algorithm.size);
}

/* The octets as they are, in the type that ASN1_item_verify() writes back unchanged: no entry is
 * decoded for it. */
static bool verify(const struct crl_check_issuer *issuer, const struct crl *crl,
                   const X509_ALGOR *algorithm, ASN1_BIT_STRING *signature)
{
    const uint8_t *at = crl->tbs.data;
    const ASN1_ITEM *any = ASN1_ITEM_rptr(ASN1_SEQUENCE);
    ASN1_VALUE *tbs = ASN1_item_d2i(NULL, &at, (long)crl->tbs.size, any);
    bool good = tbs != NULL &&
                ASN1_STRING_set(signature, crl->signature.data, (int)crl->signature.size) == 1;
    signature->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07);
    signature->flags |= ASN1_STRING_FLAG_BITS_LEFT; /* none unused: crl_open() has seen to it */
    good = good && ASN1_item_verify(any, algorithm, signature, tbs, issuer->key) == 1;
    ASN1_item_free(tbs, any);
    return good;
}

bool crl_check_verifies(const struct crl_check_issuer *issuer, const struct crl *crl)
{
    X509_ALGOR *algorithm = decode_algorithm(crl);
    ASN1_BIT_STRING *signature = ASN1_BIT_STRING_new();
    bool good = algorithm != NULL && signature != NULL && verify(issuer, crl, algorithm, signature);
    X509_ALGOR_free(algorithm);
    ASN1_BIT_STRING_free(signature);
    ERR_clear_error();
    return good;
}

bool crl_check_weak(const struct crl *crl)
{
    int hash = NID_undef, key = NID_undef;
    const ASN1_OBJECT *oid = NULL;
    X509_ALGOR *algorithm = decode_algorithm(crl);
    if (algorithm != NULL) {
        X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
        (void)OBJ_find_sigid_algs(OBJ_obj2nid(oid), &hash, &key);
    }
    X509_ALGOR_free(algorithm);
    ERR_clear_error();
    return hash == NID_sha1 || hash == NID_md5;
}

static enum err take_shards(const json_t *list, struct crl_shards *shards, char why[static 256])
{
    size_t i;
    json_t *url;
    json_array_foreach(list, i, url)
    {
        if (!json_is_string(url)) {
            (void)snprintf(why, 256, "element %zu is no string", i);
            return ERR_MALFORMED;
        }
        if (json_string_length(url) == 0)
            continue;
        if (json_object_set(shards->set, json_string_value(url), json_true()) != 0 ||
            json_array_append(shards->list, url) != 0)
            return ERR_MEMORY;
    }
    return ERR_OK;
}

enum err crl_shards_load(const char *path, struct crl_shards *ret, char why[static 256])
{
    json_error_t error;
    struct crl_shards shards = {.list = json_array(), .set = json_object()};
    json_t *list = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    enum err err = shards.list != NULL && shards.set != NULL ? ERR_OK : ERR_MEMORY;
    (void)snprintf(why, 256, "%s", list == NULL ? error.text : "not an array of URLs");
    if (err == ERR_OK && !json_is_array(list))
        err = ERR_MALFORMED;
    else if (err == ERR_OK && json_array_size(list) > CRL_SHARDS_MAX)
        err = ERR_LIMIT;
    if (err == ERR_OK)
        err = take_shards(list, &shards, why);
    json_decref(list);
    if (err != ERR_OK) {
        crl_shards_done(&shards);
        return err;
    }
    *ret = shards;
    return ERR_OK;
}

void crl_shards_done(struct crl_shards *shards)
{
    json_decref(shards->list);
    json_decref(shards->set);
    *shards = (struct crl_shards){0};
}

bool crl_shards_has(const struct crl_shards *shards, struct span url)
{
    char text[CRL_URL_BYTES_MAX + 1];
    if (url.size > CRL_URL_BYTES_MAX || memchr(url.data, '\0', url.size) != NULL)
        return false;
    (void)snprintf(text, sizeof text, "%.*s", (int)url.size, (const char *)url.data);
    return json_object_get(shards->set, text) != NULL;
}

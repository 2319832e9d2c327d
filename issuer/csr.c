/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/csr.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "issuer/csr_asked.h"
#include "issuer/pem_one.h"

#define ALL_KINDS ((1u << KEY_ALG_COUNT) - 1)

static enum err decode(struct span text, struct csr *csr, struct problem *why)
{
    static const enum leaf_reason reasons[] = {[PEM_EMPTY] = LEAF_WHY_CSR_EMPTY,
                                               [PEM_NOT] = LEAF_WHY_CSR_NOT_PEM,
                                               [PEM_LABEL] = LEAF_WHY_CSR_PEM_LABEL,
                                               [PEM_TRAILING] = LEAF_WHY_CSR_PEM_TRAILING};
    enum pem_flaw flaw = PEM_EMPTY;
    if (text.size > CSR_BYTES_MAX)
        return leaf_refuse(why, LEAF_WHY_CSR_TOO_LARGE, NULL);
    enum err err = pem_one_read(text, PEM_STRING_X509_REQ, PEM_STRING_X509_REQ_OLD, &csr->der,
                                &csr->der_size, &flaw);
    if (err == ERR_MALFORMED)
        return leaf_refuse(why, reasons[flaw], NULL);
    return err == ERR_OK ? ERR_OK : leaf_refuse(why, LEAF_WHY_FAILED, NULL);
}

/* Takes the next element with its header. */
static struct span take_whole(struct der_reader *r, uint8_t tag)
{
    const uint8_t *from = r->at;
    (void)der_take(r, tag);
    return r->err == ERR_OK ? span_of(from, (size_t)(r->at - from)) : SPAN_EMPTY;
}

/* CertificationRequest ::= SEQUENCE { SEQUENCE { version, subject, subjectPKInfo, [0] attributes },
 * signatureAlgorithm, signature } */
static enum err parse(struct csr *csr, struct csr_asked *asked, struct problem *why)
{
    struct der_reader r;
    der_reader_init(&r, span_of(csr->der, csr->der_size));
    der_enter(&r, DER_SEQUENCE);
    der_enter(&r, DER_SEQUENCE);
    struct span version = der_take_integer(&r);
    csr->subject = take_whole(&r, DER_SEQUENCE);
    csr->spki = take_whole(&r, DER_SEQUENCE);
    asked->attributes = der_take(&r, DER_CONTEXT_CONSTRUCTED | 0);
    der_leave(&r);
    (void)der_take(&r, DER_SEQUENCE);
    (void)der_take(&r, DER_BIT_STRING);
    der_leave(&r);
    enum err err = der_end(&r);
    if (err == ERR_TRAILING)
        return leaf_refuse(why, LEAF_WHY_CSR_TRAILING, NULL);
    if (err != ERR_OK)
        return leaf_refuse(why, LEAF_WHY_CSR_NOT_DER, NULL);
    if (version.size != 1 || version.data[0] != 0)
        return leaf_refuse(why, LEAF_WHY_CSR_VERSION, NULL);
    return ERR_OK;
}

static enum err flaw_refuse(enum err err, enum key_flaw flaw, struct problem *why)
{
    static const enum leaf_reason reasons[KEY_FLAW_COUNT] = {
        [KEY_FLAW_NONE] = LEAF_WHY_FAILED,
        [KEY_FLAW_ALGORITHM] = LEAF_WHY_KEY_ALGORITHM,
        [KEY_FLAW_CURVE] = LEAF_WHY_KEY_CURVE,
        [KEY_FLAW_FORM] = LEAF_WHY_KEY_FORM,
        [KEY_FLAW_POINT] = LEAF_WHY_KEY_POINT,
        [KEY_FLAW_RSA_SIZE] = LEAF_WHY_KEY_RSA_SIZE,
        [KEY_FLAW_RSA_EXPONENT] = LEAF_WHY_KEY_RSA_EXPONENT,
        [KEY_FLAW_SMALL_FACTOR] = LEAF_WHY_KEY_SMALL_FACTOR,
        [KEY_FLAW_ROCA] = LEAF_WHY_KEY_ROCA,
        [KEY_FLAW_FERMAT] = LEAF_WHY_KEY_FERMAT,
        [KEY_FLAW_DEBIAN] = LEAF_WHY_KEY_DEBIAN,
        [KEY_FLAW_BLOCKED] = LEAF_WHY_KEY_BLOCKED,
    };
    return leaf_refuse(why, err == ERR_KEY ? reasons[flaw] : LEAF_WHY_FAILED, NULL);
}

/* OpenSSL reads no key from a point that is not on its curve: the form tells that from others. */
static enum leaf_reason no_key(struct span spki)
{
    enum key_flaw flaw;
    bool point = key_form_check(KEY_P256, spki, &flaw) == ERR_OK ||
                 key_form_check(KEY_P384, spki, &flaw) == ERR_OK;
    return point ? LEAF_WHY_KEY_POINT : LEAF_WHY_KEY_MALFORMED;
}

static enum err key_read(struct csr *csr, struct problem *why)
{
    const struct key_policy policy = KEY_POLICY_LEAF(ALL_KINDS);
    const unsigned char *at = csr->spki.data;
    enum key_flaw flaw = KEY_FLAW_NONE;
    csr->key = d2i_PUBKEY(NULL, &at, (long)csr->spki.size);
    if (csr->key == NULL || at != csr->spki.data + csr->spki.size)
        return leaf_refuse(why, no_key(csr->spki), NULL);
    csr->spki_sha256 = sha256_of(csr->spki);
    enum err err = key_alg_kind(csr->key, &csr->key_alg, &flaw);
    if (err == ERR_OK)
        err = key_form_check(csr->key_alg, csr->spki, &flaw);
    if (err == ERR_OK)
        err = key_policy_check(csr->key, &policy, &flaw);
    if (err == ERR_KEY && flaw == KEY_FLAW_RSA_SIZE)
        return leaf_refuse(why, LEAF_WHY_KEY_RSA_SIZE, "RSA of %d bits: %d to %d, a multiple of 8",
                           EVP_PKEY_get_bits(csr->key), KEY_RSA_BITS_MIN, KEY_RSA_BITS_MAX);
    return err == ERR_OK ? ERR_OK : flaw_refuse(err, flaw, why);
}

static bool signature_known(const X509_REQ *request)
{
    switch (X509_REQ_get_signature_nid(request)) {
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
    case NID_ED25519:
        return true;
    default:
        return false;
    }
}

/* The proof of possession (RFC 2986 4.2), over the octets as they came. */
static enum err proof_check(const struct csr *csr, struct problem *why)
{
    const unsigned char *at = csr->der;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)csr->der_size);
    enum err err = ERR_OK;
    if (request == NULL || at != csr->der + csr->der_size)
        err = leaf_refuse(why, LEAF_WHY_CSR_NOT_DER, NULL);
    else if (!signature_known(request))
        err = leaf_refuse(why, LEAF_WHY_CSR_SIGNATURE_ALGORITHM, NULL);
    else if (X509_REQ_verify(request, csr->key) != 1)
        err = leaf_refuse(why, LEAF_WHY_CSR_SIGNATURE, NULL);
    X509_REQ_free(request);
    return err;
}

enum err csr_read(struct span pem_or_der, struct csr *ret, struct problem *why)
{
    struct csr csr = {0};
    struct csr_asked asked = {0};
    enum err err = decode(pem_or_der, &csr, why);
    if (err == ERR_OK)
        err = parse(&csr, &asked, why);
    if (err == ERR_OK)
        err = csr_subject_read(&csr, why);
    if (err == ERR_OK)
        err = csr_asked_read(&asked, &csr, why);
    if (err == ERR_OK)
        err = key_read(&csr, why);
    if (err == ERR_OK)
        err = proof_check(&csr, why);
    ERR_clear_error();
    if (err != ERR_OK) {
        csr_done(&csr);
        return err;
    }
    csr.sha256 = sha256_of(span_of(csr.der, csr.der_size));
    *ret = csr;
    return ERR_OK;
}

void csr_done(struct csr *csr)
{
    EVP_PKEY_free(csr->key);
    OPENSSL_free(csr->der);
    csr->key = NULL;
    csr->der = NULL;
    csr->der_size = 0;
}

enum err csr_names(const struct csr *csr, const struct leaf_names *ordered, struct leaf_names *ret,
                   struct problem *why)
{
    bool has_order = ordered != NULL && ordered->count > 0;
    if (has_order && csr->names.count > 0 && !leaf_names_equal(&csr->names, ordered))
        return leaf_refuse(why, LEAF_WHY_NAMES_DIFFER, NULL);
    const struct leaf_names *names = has_order ? ordered : &csr->names;
    if (names->count == 0)
        return leaf_refuse(why, LEAF_WHY_NAMES_NONE, NULL);
    if (csr->has_common_name &&
        (csr->common_name.size == 0 || !leaf_names_have(names, &csr->common_name)))
        return leaf_refuse(why, LEAF_WHY_CSR_COMMON_NAME_OTHER, NULL);
    *ret = *names;
    return ERR_OK;
}

enum err csr_key_check(const struct csr *csr, unsigned key_algs, const struct key_lists *lists,
                       struct problem *why)
{
    enum key_flaw flaw = KEY_FLAW_NONE;
    if ((key_algs & 1u << csr->key_alg) == 0)
        return leaf_refuse(why, LEAF_WHY_KEY_ALGORITHM,
                           "a key of kind %s, which the profile has not",
                           key_alg_text(csr->key_alg));
    enum err err = lists == NULL ? ERR_OK : key_lists_check(lists, csr->key, csr->spki, &flaw);
    return err == ERR_OK ? ERR_OK : flaw_refuse(err, flaw, why);
}

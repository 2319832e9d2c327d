/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/pkcs11_key.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "lib/der_write.h"
#include "lib/hex.h"
#include "lib/os/log.h"
#include "lib/os/pkcs11_module.h"
#include "lib/os/signer_backend.h"

#define ID_BYTES_MAX     64
#define VALUE_BYTES_MAX  1024
#define PUBLIC_BYTES_MAX 2048

struct token {
    struct pkcs11_module *module;
    CK_FUNCTION_LIST *p11;
    CK_SESSION_HANDLE session;
    bool open;
    const char *label;
    uint8_t id[ID_BYTES_MAX];
    size_t id_size;
};

static void token_close(struct token *t)
{
    if (t->open)
        t->p11->C_CloseSession(t->session);
    if (t->module != NULL)
        pkcs11_module_put(t->module);
}

static enum err refused(const char *what, CK_RV rv)
{
    log_error("PKCS#11: %s: 0x%lx", what, rv);
    return ERR_CRYPTO;
}

static enum err token_login(struct token *t, const char *pin_file)
{
    char pin[SECRET_BYTES_MAX];
    if (pin_file == NULL || pin_file[0] == '\0')
        return ERR_OK;
    TRY(secret_read(pin_file, pin));
    CK_RV rv = t->p11->C_Login(t->session, CKU_USER, (CK_UTF8CHAR_PTR)pin, strlen(pin));
    OPENSSL_cleanse(pin, sizeof pin);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return ERR_OK;
    log_error("PKCS#11: the token refuses the login: 0x%lx", rv);
    return ERR_KEY;
}

static enum err token_open(struct token *t, const struct signer_options *o, CK_FLAGS flags)
{
    CK_SLOT_ID slot;
    t->label = o->key_label == NULL ? "" : o->key_label;
    if (o->module == NULL || o->module[0] == '\0') {
        log_error("PKCS#11: no module is named");
        return ERR_CONFIG;
    }
    if (o->key_id != NULL && o->key_id[0] != '\0')
        TRY(hex_decode(span_text(o->key_id), t->id, sizeof t->id, &t->id_size));
    TRY(pkcs11_module_get(o->module, &t->module));
    t->p11 = pkcs11_module_functions(t->module);
    TRY(pkcs11_slot_find(t->p11, o->token_label, &slot));
    CK_RV rv = t->p11->C_OpenSession(slot, CKF_SERIAL_SESSION | flags, NULL, NULL, &t->session);
    if (rv != CKR_OK)
        return refused("no session", rv);
    t->open = true;
    return token_login(t, o->pin_file);
}

/* The attributes by which the key is known; the octets stay the token's. */
static CK_ULONG put_names(struct token *t, CK_ATTRIBUTE *a)
{
    CK_ULONG count = 0;
    if (t->label[0] != '\0') {
        CK_ATTRIBUTE label = {CKA_LABEL, NULL, strlen(t->label)};
        /* PKCS#11 has one type for what is read and what is written. */
        memcpy(&label.pValue, &t->label, sizeof label.pValue);
        a[count++] = label;
    }
    if (t->id_size > 0)
        a[count++] = (CK_ATTRIBUTE){CKA_ID, t->id, t->id_size};
    return count;
}

static enum err count_keys(struct token *t, CK_OBJECT_CLASS class, CK_ULONG *ret_count,
                           CK_OBJECT_HANDLE *ret)
{
    CK_ATTRIBUTE a[3] = {{CKA_CLASS, &class, sizeof class}};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = put_names(t, a + 1);
    CK_RV rv = t->p11->C_FindObjectsInit(t->session, a, count + 1);
    if (rv == CKR_OK) {
        rv = t->p11->C_FindObjects(t->session, found, 2, ret_count);
        t->p11->C_FindObjectsFinal(t->session);
    }
    if (rv != CKR_OK)
        return refused("looking for the key", rv);
    *ret = found[0];
    return ERR_OK;
}

struct value {
    uint8_t octets[VALUE_BYTES_MAX];
    size_t size;
};

static enum err get(struct token *t, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, struct value *v)
{
    CK_ATTRIBUTE a = {type, v->octets, sizeof v->octets};
    CK_RV rv = t->p11->C_GetAttributeValue(t->session, key, &a, 1);
    if (rv != CKR_OK)
        return refused("reading the public key", rv);
    v->size = a.ulValueLen;
    return ERR_OK;
}

static enum err rsa_put(struct token *t, CK_OBJECT_HANDLE key, struct der_writer *w)
{
    static const uint8_t alg[] = {0x30, 13,   0x06, 9, 0x2a, 0x86, 0x48, 0x86,
                                  0xf7, 0x0d, 1,    1, 1,    0x05, 0};
    struct value modulus, exponent;
    TRY(get(t, key, CKA_MODULUS, &modulus));
    TRY(get(t, key, CKA_PUBLIC_EXPONENT, &exponent));
    der_put_unsigned(w, span_of(exponent.octets, exponent.size));
    der_put_unsigned(w, span_of(modulus.octets, modulus.size));
    der_put_header(w, DER_SEQUENCE, 0);
    der_put_octet(w, 0);
    der_put_header(w, DER_BIT_STRING, 0);
    der_put(w, alg, sizeof alg);
    return ERR_OK;
}

static enum err ec_put(struct token *t, CK_OBJECT_HANDLE key, struct der_writer *w)
{
    static const uint8_t oid[] = {0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1};
    struct value params, point;
    struct der_reader r;
    TRY(get(t, key, CKA_EC_PARAMS, &params));
    TRY(get(t, key, CKA_EC_POINT, &point));
    der_reader_init(&r, span_of(point.octets, point.size));
    struct span plain = der_take(&r, DER_OCTET_STRING);
    TRY(der_end(&r));
    der_put(w, plain.data, plain.size);
    der_put_octet(w, 0);
    der_put_header(w, DER_BIT_STRING, 0);
    size_t mark = w->used;
    der_put(w, params.octets, params.size);
    der_put(w, oid, sizeof oid);
    der_put_header(w, DER_SEQUENCE, mark);
    return ERR_OK;
}

static enum err read_public(struct token *t, CK_OBJECT_HANDLE key, EVP_PKEY **ret)
{
    CK_KEY_TYPE type = 0;
    CK_ATTRIBUTE a = {CKA_KEY_TYPE, &type, sizeof type};
    CK_RV rv = t->p11->C_GetAttributeValue(t->session, key, &a, 1);
    if (rv != CKR_OK)
        return refused("reading the public key", rv);
    uint8_t der[PUBLIC_BYTES_MAX];
    size_t size = 0;
    struct der_writer w = der_writer_into(der, sizeof der);
    if (type != CKK_RSA && type != CKK_EC)
        return ERR_UNSUPPORTED;
    TRY(type == CKK_RSA ? rsa_put(t, key, &w) : ec_put(t, key, &w));
    der_put_header(&w, DER_SEQUENCE, 0);
    TRY(der_writer_finish(&w, &size));
    const unsigned char *at = der;
    EVP_PKEY *made = d2i_PUBKEY(NULL, &at, (long)size);
    if (made == NULL)
        return ERR_UNSUPPORTED;
    *ret = made;
    return ERR_OK;
}

static enum err public_of(struct token *t, EVP_PKEY **ret)
{
    CK_ULONG count = 0;
    CK_OBJECT_HANDLE key = 0;
    TRY(count_keys(t, CKO_PUBLIC_KEY, &count, &key));
    if (count != 1) {
        log_error("PKCS#11: %s public key with label \"%s\"", count == 0 ? "no" : "more than one",
                  t->label);
        return ERR_KEY;
    }
    return read_public(t, key, ret);
}

enum err pkcs11_key_public(const struct signer_options *options, EVP_PKEY **ret)
{
    struct token t = {0};
    enum err err = token_open(&t, options, 0);
    if (err == ERR_OK)
        err = public_of(&t, ret);
    token_close(&t);
    return err;
}

static enum err generate(struct token *t, enum sig_alg alg, CK_OBJECT_HANDLE *ret)
{
    static uint8_t p256[] = {0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
    static uint8_t p384[] = {0x06, 5, 0x2b, 0x81, 4, 0, 34};
    static uint8_t exponent[] = {1, 0, 1};
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG bits = sig_alg_info((uint8_t)alg)->size * 8u;
    bool ec = sig_alg_info((uint8_t)alg)->ecdsa;
    CK_MECHANISM mechanism = {ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public[6] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_VERIFY, &yes, sizeof yes}};
    CK_ATTRIBUTE private[7] = {{CKA_TOKEN, &yes, sizeof yes},
                               {CKA_PRIVATE, &yes, sizeof yes},
                               {CKA_SENSITIVE, &yes, sizeof yes},
                               {CKA_EXTRACTABLE, &no, sizeof no},
                               {CKA_SIGN, &yes, sizeof yes}};
    CK_ULONG public_count = 2;
    if (ec) {
        bool small = alg == SIG_ECDSA_P256_SHA256;
        public[public_count++] =
            (CK_ATTRIBUTE){CKA_EC_PARAMS, small ? p256 : p384, small ? sizeof p256 : sizeof p384};
    } else {
        public[public_count++] = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits};
        public[public_count++] = (CK_ATTRIBUTE){CKA_PUBLIC_EXPONENT, exponent, sizeof exponent};
    }
    public_count += put_names(t, public + public_count);
    CK_ULONG private_count = 5 + put_names(t, private + 5);
    CK_OBJECT_HANDLE private_key;
    CK_RV rv = t->p11->C_GenerateKeyPair(t->session, &mechanism, public, public_count, private,
                                         private_count, ret, &private_key);
    return rv == CKR_OK ? ERR_OK : refused("making a key", rv);
}

static enum err make(struct token *t, enum sig_alg alg, EVP_PKEY **ret)
{
    CK_ULONG count = 0;
    CK_OBJECT_HANDLE key = 0;
    if (t->label[0] == '\0' && t->id_size == 0)
        return ERR_CONFIG;
    TRY(count_keys(t, CKO_PRIVATE_KEY, &count, &key));
    if (count != 0)
        return ERR_EXISTS;
    TRY(generate(t, alg, &key));
    return read_public(t, key, ret);
}

enum err pkcs11_key_make(const struct signer_options *options, enum sig_alg alg, EVP_PKEY **ret)
{
    struct token t = {0};
    if (alg == SIG_ED25519)
        return ERR_UNSUPPORTED;
    enum err err = token_open(&t, options, CKF_RW_SESSION);
    if (err == ERR_OK)
        err = make(&t, alg, ret);
    token_close(&t);
    return err;
}

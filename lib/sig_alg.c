/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sig_alg.h"

#include "lib/der_write.h"
#include "lib/limit.h"

/* RFC 5758 3.2: the parameters are absent. */
static const uint8_t ecdsa_with_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                            0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t ecdsa_with_sha384[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                            0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
/* RFC 8017 A.2.4: the parameters are NULL. */
static const uint8_t sha256_with_rsa[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
/* RFC 8410 section 3: the parameters are absent. */
static const uint8_t ed25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

#define ECDSA_P256_SHA256_ID ecdsa_with_sha256
#define ECDSA_P384_SHA384_ID ecdsa_with_sha384
#define RSA2048_SHA256_ID    sha256_with_rsa
#define RSA3072_SHA256_ID    sha256_with_rsa
#define RSA4096_SHA256_ID    sha256_with_rsa
#define ED25519_ID           ed25519

/* By wire number; numbers without a row have no text. */
static const struct sig_alg_info infos[] = {
#define X(name, number, octets, name_text)                                   \
    [number] = {.alg = SIG_##name,                                           \
                .size = octets,                                              \
                .text = name_text,                                           \
                .identifier = {.data = name##_ID, .size = sizeof name##_ID}, \
                .ecdsa =                                                     \
                    SIG_##name == SIG_ECDSA_P256_SHA256 || SIG_##name == SIG_ECDSA_P384_SHA384},
    SIG_ALG_TABLE(X)
#undef X
};

#define X(name, number, octets, name_text) \
    _Static_assert(octets <= SIGNATURE_BYTES_MAX, "a stored signature fits its limit");
SIG_ALG_TABLE(X)
#undef X

const struct sig_alg_info *sig_alg_info(uint8_t number)
{
    if (number >= sizeof infos / sizeof infos[0] || infos[number].text == NULL)
        return NULL;
    return &infos[number];
}

/* A number without leading zero octets: empty when it is zero. */
static struct span significant(const uint8_t *number, size_t size)
{
    for (; size > 0 && *number == 0; number++)
        size--;
    return span_of(number, size);
}

enum err sig_put_x509(struct der_writer *w, enum sig_alg alg, struct span stored)
{
    const struct sig_alg_info *info = sig_alg_info((uint8_t)alg);
    if (info == NULL || stored.size != info->size)
        return ERR_MALFORMED;
    if (!info->ecdsa) {
        der_put(w, stored.data, stored.size);
        return ERR_OK;
    }
    size_t half = stored.size / 2;
    struct span r = significant(stored.data, half), s = significant(stored.data + half, half);
    if (r.size == 0 || s.size == 0)
        return ERR_MALFORMED;
    size_t mark = w->used;
    der_put_unsigned(w, s);
    der_put_unsigned(w, r);
    der_put_header(w, DER_SEQUENCE, mark);
    return ERR_OK;
}

enum err sig_to_x509(enum sig_alg alg, struct span stored, uint8_t *out, size_t out_size,
                     size_t *ret_size)
{
    struct der_writer w = der_writer_into(out, out_size);
    TRY(sig_put_x509(&w, alg, stored));
    return der_writer_finish(&w, ret_size);
}

/* A positive INTEGER, right-aligned in `half` octets. */
static void take_half(struct der_reader *r, uint8_t *out, size_t half)
{
    struct span number = der_take_integer(r);
    if (number.size == 0)
        return;
    bool padded = number.data[0] == 0;
    struct span magnitude = span_of(number.data + padded, number.size - padded);
    if (number.data[0] & 0x80 || magnitude.size == 0 || magnitude.size > half) {
        der_fail(r, ERR_MALFORMED);
        return;
    }
    memset(out, 0, half - magnitude.size);
    memcpy(out + half - magnitude.size, magnitude.data, magnitude.size);
}

enum err sig_from_x509(enum sig_alg alg, struct span x509, uint8_t *out, size_t out_size)
{
    const struct sig_alg_info *info = sig_alg_info((uint8_t)alg);
    if (info == NULL)
        return ERR_MALFORMED;
    if (out_size < info->size)
        return ERR_NO_SPACE;
    if (!info->ecdsa) {
        if (x509.size != info->size)
            return ERR_MALFORMED;
        memcpy(out, x509.data, x509.size);
        return ERR_OK;
    }
    uint8_t stored[SIGNATURE_BYTES_MAX];
    size_t half = info->size / 2u;
    struct der_reader r;
    der_reader_init(&r, x509);
    der_enter(&r, DER_SEQUENCE);
    take_half(&r, stored, half);
    take_half(&r, stored + half, half);
    der_leave(&r);
    if (der_end(&r) != ERR_OK)
        return ERR_MALFORMED;
    memcpy(out, stored, info->size);
    return ERR_OK;
}

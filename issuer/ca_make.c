/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_make.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "issuer/ca_lint.h"
#include "lib/textline.h"

struct kind_row {
    const char *text, *stem;
    uint32_t days;
};

static const struct kind_row kinds[CA_KIND_COUNT] = {
#define X(name, text, stem, days) {text, stem, days},
    CA_KINDS(X)
#undef X
};

const char *ca_kind_text(enum ca_kind kind)
{
    return kinds[kind].text;
}

const char *ca_kind_stem(enum ca_kind kind)
{
    return kinds[kind].stem;
}

enum err ca_number(const char *option, const char *text, uint32_t least, uint32_t most,
                   uint32_t *ret, struct ca_refusal *why)
{
    uint64_t value;
    if (text_decimal(span_text(text), &value) != ERR_OK || value < least || value > most)
        return ca_refuse(why, ERR_RANGE, "%s %s: a number from %u to %u", option, text, least,
                         most);
    *ret = (uint32_t)value;
    return ERR_OK;
}

enum err ca_profile_begin(const struct ca_options *o, struct ca_profile *ret,
                          struct ca_refusal *why)
{
    uint8_t octets[CERT_SERIAL_BYTES];
    uint32_t days = kinds[o->kind].days, least = 0, most = 0;
    const char *rule = "";
    if (o->days != NULL)
        TRY(ca_number("--days", o->days, 1, 36525, &days, why));
    *ret = (struct ca_profile){.kind = o->kind, .path_length = -1};
    ret->not_before_s = o->now_s - CA_BACKDATE_S;
    ret->not_after_s = ret->not_before_s + (uint64_t)days * CA_DAY_S - 1;
    if (ca_validity_check(o->kind, ret->not_before_s, days, &least, &most, &rule) != ERR_OK)
        return ca_refuse(why, ERR_RANGE, "--days %u: a %s has %u to %u (%s)", days,
                         ca_kind_text(o->kind), least, most, rule);
    if (RAND_bytes(octets, sizeof octets) != 1)
        return ca_refuse(why, ERR_CRYPTO, "no random octets for a serial");
    cert_serial_shape(octets, &ret->serial);
    return ERR_OK;
}

static enum err parse(struct span der, X509 **ret)
{
    const unsigned char *at = der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
    if (certificate == NULL || at != der.data + der.size) {
        X509_free(certificate);
        ERR_clear_error();
        return ERR_MALFORMED;
    }
    *ret = certificate;
    return ERR_OK;
}

/* Parses and lints. */
static enum err judge(const struct ca_profile *p, X509 *issuer, struct span der, X509 **ret,
                      struct ca_refusal *why)
{
    X509 *certificate = NULL;
    if (parse(der, &certificate) != ERR_OK)
        return ca_refuse(why, ERR_MALFORMED, "lint: the certificate does not parse");
    const struct ca_lint_rule *broken = ca_lint(certificate, issuer, p->kind);
    if (broken != NULL) {
        X509_free(certificate);
        return ca_refuse(why, ERR_CONFLICT, "lint: %s (%s, zlint %s)", broken->id, broken->section,
                         broken->zlint);
    }
    *ret = certificate;
    return ERR_OK;
}

enum err ca_draft(const struct ca_profile *p, X509 *issuer, uint8_t tbs[static CA_TBS_BYTES_MAX],
                  size_t *ret_size, X509 **ret, struct ca_refusal *why)
{
    /* Not zeros: an ECDSA signature of those has no form. */
    uint8_t signature[SIGNATURE_BYTES_MAX], der[CA_CERT_BYTES_MAX];
    size_t size = 0;
    memset(signature, 1, sizeof signature);
    enum err err = ca_tbs_encode(p, tbs, CA_TBS_BYTES_MAX, ret_size);
    if (err == ERR_OK)
        err = cert_signed_encode(span_of(tbs, *ret_size), p->alg,
                                 span_of(signature, sig_alg_info((uint8_t)p->alg)->size), der,
                                 sizeof der, &size);
    if (err != ERR_OK)
        return ca_refuse(why, err, "the certificate cannot be written: %s", err_text(err));
    return judge(p, issuer, span_of(der, size), ret, why);
}

enum err ca_finish(const struct ca_profile *p, X509 *issuer, const struct ca_key *key,
                   struct span tbs, X509 **ret, struct ca_refusal *why)
{
    uint8_t signature[SIGNATURE_BYTES_MAX], der[CA_CERT_BYTES_MAX];
    size_t signature_size = 0, size = 0;
    X509 *certificate = NULL;
    unsigned char *again = NULL;
    TRY(ca_key_sign(key, tbs, signature, &signature_size, why));
    enum err err =
        cert_signed_encode(tbs, p->alg, span_of(signature, signature_size), der, sizeof der, &size);
    if (err != ERR_OK)
        return ca_refuse(why, err, "the certificate cannot be written: %s", err_text(err));
    TRY(judge(p, issuer, span_of(der, size), &certificate, why));
    int again_size = i2d_re_X509_tbs(certificate, &again);
    bool same = again_size > 0 && span_equal(span_of(again, (size_t)again_size), tbs);
    OPENSSL_free(again);
    if (!same || X509_verify(certificate, key->public_key) != 1) {
        X509_free(certificate);
        return ca_refuse(why, ERR_SIGNATURE, "what was signed does not verify under the CA's key");
    }
    *ret = certificate;
    return ERR_OK;
}

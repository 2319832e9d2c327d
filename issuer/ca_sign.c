/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/asn1.h>
#include <stdio.h>

#include "issuer/ca_key_policy.h"
#include "issuer/ca_make.h"
#include "issuer/ca_name.h"
#include "issuer/ca_open.h"
#include "issuer/ca_request.h"

#define POLICY_BYTES_MAX   64
#define PATH_LENGTH_MAX    10
#define BLOCKED_BYTES_MAX  (16u << 20)
#define CONFIRM_HEX_DIGITS 8

/* All that a signing needs at hand. */
struct signing {
    const struct ca_options *o;
    struct ca ca;
    struct ca_step step;
    struct ca_request request;
    struct buffer request_file;
    struct ca_profile profile;
    uint8_t subject[CA_NAME_DER_MAX];
    uint8_t policies[CA_POLICIES_MAX][POLICY_BYTES_MAX];
    uint8_t tbs[CA_TBS_BYTES_MAX];
    size_t tbs_size;
};

static enum err subject_take(struct signing *s, struct ca_refusal *why)
{
    char reason[CA_NAME_WHY_BYTES];
    struct ca_name name;
    size_t size = 0;
    enum err err = s->o->subject != NULL ? ca_name_read(s->o->subject, &name, reason)
                                         : ca_name_decode(s->request.subject, &name, reason);
    if (err != ERR_OK)
        return ca_refuse(why, err, "%s: %s", s->o->subject != NULL ? "--subject" : s->o->input,
                         reason);
    err = ca_name_encode(&name, s->subject, sizeof s->subject, &size);
    if (err != ERR_OK)
        return ca_refuse(why, err, "subject: %s", err_text(err));
    s->profile.subject = span_of(s->subject, size);
    return ERR_OK;
}

static enum err policies_take(struct signing *s, struct ca_refusal *why)
{
    static const char any_policy[] = "2.5.29.32.0";
    struct ca_profile *p = &s->profile;
    p->policy_count = s->o->policy_count == 0 ? 1 : s->o->policy_count;
    for (size_t i = 0; i < p->policy_count; i++) {
        const char *text = s->o->policy_count == 0 ? any_policy : s->o->policies[i];
        ASN1_OBJECT *oid = OBJ_txt2obj(text, 1);
        int size = oid == NULL ? 0 : i2d_ASN1_OBJECT(oid, NULL);
        unsigned char *at = s->policies[i];
        bool fits = size > 2 && size <= POLICY_BYTES_MAX;
        if (fits)
            i2d_ASN1_OBJECT(oid, &at);
        ASN1_OBJECT_free(oid);
        if (!fits)
            return ca_refuse(why, ERR_MALFORMED, "--policy %s: not an object identifier", text);
        p->policies[i] = span_of(s->policies[i], (size_t)size);
        for (size_t j = 0; j < i; j++)
            if (span_equal(p->policies[i], p->policies[j]))
                return ca_refuse(why, ERR_CONFLICT, "--policy %s: given twice", text);
    }
    return ERR_OK;
}

static enum err url_take(const char *option, const char *url, bool required, const char **ret,
                         struct ca_refusal *why)
{
    if (url == NULL && required)
        return ca_refuse(why, ERR_CONFIG, "%s: has to be given", option);
    if (url != NULL && !cert_url_valid(url))
        return ca_refuse(why, ERR_MALFORMED, "%s %s: not an http:// URL", option, url);
    *ret = url;
    return ERR_OK;
}

static enum err intermediate_take(struct signing *s, struct ca_refusal *why)
{
    const struct ca_options *o = s->o;
    uint32_t path_length = 0;
    if (o->path_length != NULL)
        TRY(ca_number("--path-length", o->path_length, 0, PATH_LENGTH_MAX, &path_length, why));
    long above = X509_get_pathlen(s->ca.certificate);
    if (above >= 0 && (long)path_length >= above)
        return ca_refuse(why, ERR_RANGE, "--path-length %u: the CA's own is %ld", path_length,
                         above);
    s->profile.path_length = (int)path_length;
    s->profile.client_auth = o->client_auth;
    s->profile.signs_ocsp = o->signs_ocsp;
    TRY(url_take("--crl-url", o->crl_url, true, &s->profile.crl_url, why));
    TRY(url_take("--ca-issuers-url", o->ca_issuers_url, true, &s->profile.ca_issuers_url, why));
    TRY(url_take("--ocsp-url", o->ocsp_url, false, &s->profile.ocsp_url, why));
    return policies_take(s, why);
}

static enum err responder_take(const struct ca_options *o, struct ca_refusal *why)
{
    if (o->path_length != NULL || o->policy_count != 0 || o->ocsp_url != NULL ||
        o->ca_issuers_url != NULL || o->crl_url != NULL || o->client_auth || o->signs_ocsp)
        return ca_refuse(why, ERR_CONFIG,
                         "a responder has no path length, policies, URLs or other usages");
    return ERR_OK;
}

/* Keys that must not be certified: blocked ones, and the CA's own. */
static enum err key_take(struct signing *s, struct ca_refusal *why)
{
    struct span spki = span_of(s->request.spki, s->request.spki_size);
    struct buffer list = {0};
    if (span_equal(spki, span_of(s->ca.key.spki, s->ca.key.spki_size)))
        return ca_refuse(why, ERR_KEY, "%s: key: the CA's own", s->o->input);
    s->profile.public_key = spki;
    if (s->o->blocked_keys == NULL)
        return ERR_OK;
    enum err err = file_read(s->o->blocked_keys, BLOCKED_BYTES_MAX, &list);
    if (err == ERR_OK)
        err = ca_key_blocked(span_of(list.data, list.size), spki);
    buffer_done(&list);
    if (err == ERR_KEY)
        return ca_refuse(why, err, "%s: key: in the list of blocked keys", s->o->input);
    return err == ERR_OK ? ERR_OK
                         : ca_refuse(why, err, "%s: %s", s->o->blocked_keys, err_text(err));
}

static enum err profile_fill(struct signing *s, struct ca_refusal *why)
{
    const struct ca_options *o = s->o;
    struct ca_profile *p = &s->profile;
    TRY(ca_profile_begin(o, p, why));
    p->issuer = s->ca.subject;
    p->issuer_key_id = s->ca.key_id;
    p->alg = s->ca.alg;
    TRY(subject_take(s, why));
    TRY(key_take(s, why));
    return o->kind == CA_INTERMEDIATE ? intermediate_take(s, why) : responder_take(o, why);
}

/* The operator types the beginning of the request's hash, which the other machine printed. */
static enum err confirm(struct signing *s, struct ca_refusal *why)
{
    char hash[SHA256_TEXT_BYTES], typed[64] = "";
    sha256_to_text(&s->request.hash, hash);
    printf("request: %s, SHA-256 %s\n", s->o->input, hash);
    if (s->request.asked[0] != '\0')
        printf("it asks for these, and none is copied: %s\n", s->request.asked);
    if (s->o->yes)
        return ERR_OK;
    printf("Compare it with what the other machine said, and type its first %d digits to sign: ",
           CONFIRM_HEX_DIGITS);
    fflush(stdout);
    if (fgets(typed, sizeof typed, stdin) == NULL)
        typed[0] = '\0';
    typed[strcspn(typed, "\r\n")] = '\0';
    if (strlen(typed) != CONFIRM_HEX_DIGITS || strncmp(typed, hash, CONFIRM_HEX_DIGITS) != 0)
        return ca_refuse(why, ERR_STOPPED, "not confirmed: nothing was signed");
    return ERR_OK;
}

static enum err record(struct signing *s, X509 *certificate, struct ca_refusal *why)
{
    char serial[SERIAL_HEX_MAX], name[SERIAL_HEX_MAX + 16], text[SHA256_TEXT_BYTES];
    struct sha256 head;
    serial_to_hex(&s->profile.serial, serial);
    snprintf(name, sizeof name, "issued/%s.pem", serial);
    enum err err =
        ca_step_read(&s->step, s->o->input, span_of(s->request_file.data, s->request_file.size));
    if (err == ERR_OK)
        err = ca_step_say(&s->step, "kind", ca_kind_text(s->o->kind));
    if (err == ERR_OK)
        err = ca_step_say(&s->step, "serial", serial);
    if (err == ERR_OK)
        err = ca_step_certificate(&s->step, certificate, name, s->o->out);
    if (err != ERR_OK)
        return ca_refuse(why, err, "%s: %s", name, err_text(err));
    TRY(ca_step_commit(&s->step, &s->ca.folder, &head, why));
    sha256_to_text(&head, text);
    printf("signed: %s/%s\ntranscript: %s\n", s->o->folder, name, text);
    return ERR_OK;
}

static enum err sign_open(struct signing *s, struct ca_refusal *why)
{
    X509 *draft = NULL, *certificate = NULL;
    TRY(ca_request_read(s->o->input, s->o->kind, &s->request_file, &s->request, why));
    TRY(profile_fill(s, why));
    TRY(ca_draft(&s->profile, s->ca.certificate, s->tbs, &s->tbs_size, &draft, why));
    ca_show(draft, "to be signed", false);
    X509_free(draft);
    TRY(confirm(s, why));
    TRY(ca_finish(&s->profile, s->ca.certificate, &s->ca.key, span_of(s->tbs, s->tbs_size),
                  &certificate, why));
    enum err err = ca_verify_chain(certificate, s->ca.certificate, "signed", s->o->now_s, why);
    if (err == ERR_OK)
        err = record(s, certificate, why);
    X509_free(certificate);
    return err;
}

enum err ca_sign(const struct ca_options *o, struct ca_refusal *why)
{
    struct signing s = {.o = o};
    TRY(ca_open(o, &s.ca, why));
    enum err err = ca_step_begin(&s.step, "sign", o->operator_name, o->now_s);
    if (err == ERR_OK)
        err = sign_open(&s, why);
    ca_step_done(&s.step);
    ca_request_done(&s.request);
    buffer_done(&s.request_file);
    ca_close(&s.ca);
    return err;
}

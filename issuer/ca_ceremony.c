/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_ceremony.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "issuer/ca_make.h"
#include "issuer/ca_name.h"
#include "issuer/ca_open.h"
#include "issuer/ca_request.h"
#include "lib/key_alg.h"

#define FILE_NAME_BYTES 64

static enum err name_of(const struct ca_options *o, struct ca_name *name, uint8_t *der,
                        size_t *ret_size, struct ca_refusal *why)
{
    char reason[CA_NAME_WHY_BYTES];
    if (o->subject == NULL)
        return ca_refuse(why, ERR_CONFIG, "--subject: has to be given");
    enum err err = ca_name_read(o->subject, name, reason);
    if (err != ERR_OK)
        return ca_refuse(why, err, "--subject: %s", reason);
    err = ca_name_encode(name, der, CA_NAME_DER_MAX, ret_size);
    return err == ERR_OK ? ERR_OK : ca_refuse(why, err, "--subject: %s", err_text(err));
}

/* A folder that holds nothing of a CA yet. */
static enum err folder_fresh(const char *path, struct ca_refusal *why)
{
    static const char *const names[] = {"transcript", "step", "ca.pem", "ca-key.pem",
                                        "responder-key.pem"};
    struct stat st;
    char file[PATH_BYTES_MAX];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (path_join(file, sizeof file, path, names[i]) != ERR_OK || lstat(file, &st) == 0)
            return ca_refuse(why, ERR_EXISTS, "%s: has a key or a CA already", path);
    return ERR_OK;
}

static enum err commit(const struct ca_options *o, bool make, struct ca_step *step,
                       struct ca_refusal *why)
{
    struct ca_folder folder;
    struct sha256 head;
    char text[SHA256_TEXT_BYTES];
    TRY(ca_folder_open(o->folder, make, &folder, why));
    enum err err = make ? folder_fresh(o->folder, why) : ERR_OK;
    if (err == ERR_OK)
        err = ca_step_commit(step, &folder, &head, why);
    ca_folder_close(&folder);
    TRY(err);
    sha256_to_text(&head, text);
    printf("transcript: %s\n", text);
    return ERR_OK;
}

static enum err root_certificate(const struct ca_options *o, struct ca_profile *p,
                                 struct ca_step *step, const struct ca_key *key,
                                 struct ca_refusal *why)
{
    uint8_t tbs[CA_TBS_BYTES_MAX];
    size_t size = 0;
    X509 *draft = NULL, *root = NULL;
    if (key_alg_of(key->public_key, &p->alg) != ERR_OK)
        return ca_refuse(why, ERR_KEY, "--key: neither RSA 3072 or 4096, P-256 nor P-384");
    p->public_key = span_of(key->spki, key->spki_size);
    TRY(ca_draft(p, NULL, tbs, &size, &draft, why));
    X509_free(draft);
    TRY(ca_finish(p, NULL, key, span_of(tbs, size), &root, why));
    enum err err = ca_step_certificate(step, root, "ca.pem", o->out);
    if (err == ERR_OK)
        ca_show(root, "made", true);
    X509_free(root);
    return err == ERR_OK ? ERR_OK : ca_refuse(why, err, "ca.pem: %s", err_text(err));
}

enum err ca_root(const struct ca_options *o, struct ca_refusal *why)
{
    uint8_t subject[CA_NAME_DER_MAX];
    size_t size = 0;
    struct ca_name name;
    struct ca_profile p;
    struct ca_step step;
    struct ca_key key;
    TRY(name_of(o, &name, subject, &size, why));
    TRY(ca_profile_begin(o, &p, why));
    TRY(folder_fresh(o->folder, why));
    p.issuer = p.subject = span_of(subject, size);
    enum err err = ca_step_begin(&step, "root", o->operator_name, o->now_s);
    if (err == ERR_OK)
        err = ca_key_begin(&o->key, "ca", "p384", &step, &key, why);
    if (err == ERR_OK) {
        err = root_certificate(o, &p, &step, &key, why);
        ca_key_done(&key);
    }
    if (err == ERR_OK)
        err = commit(o, true, &step, why);
    ca_step_done(&step);
    return err;
}

static enum err request_pem(struct span der, struct buffer *pem)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    enum err err =
        out != NULL && PEM_write_bio(out, PEM_STRING_X509_REQ, "", der.data, (long)der.size) > 0
            ? ERR_OK
            : ERR_MEMORY;
    long size = out == NULL ? 0 : BIO_get_mem_data(out, &text);
    if (err == ERR_OK)
        err = buffer_append(pem, span_of(text, (size_t)size));
    BIO_free(out);
    return err;
}

/* The request, signed and in PEM, into the step. */
static enum err csr_write(const struct ca_options *o, struct span subject, struct ca_step *step,
                          const struct ca_key *key, struct ca_refusal *why)
{
    uint8_t info[CA_TBS_BYTES_MAX], der[CA_CERT_BYTES_MAX], signature[SIGNATURE_BYTES_MAX];
    size_t size = 0, signature_size = 0;
    enum sig_alg alg;
    char name[FILE_NAME_BYTES], hash[SHA256_TEXT_BYTES];
    struct buffer pem = {0};
    if (key_alg_of(key->public_key, &alg) != ERR_OK)
        return ca_refuse(why, ERR_KEY, "--key: neither RSA, P-256 nor P-384");
    enum err err =
        ca_request_encode(subject, span_of(key->spki, key->spki_size), info, sizeof info, &size);
    if (err == ERR_OK)
        err = ca_key_sign(key, span_of(info, size), signature, &signature_size, why);
    if (err == ERR_OK)
        err = cert_signed_encode(span_of(info, size), alg, span_of(signature, signature_size), der,
                                 sizeof der, &size);
    if (err == ERR_OK)
        err = request_pem(span_of(der, size), &pem);
    snprintf(name, sizeof name, "%s.csr", ca_kind_stem(o->kind));
    struct span text = span_of(pem.data, pem.size);
    if (err == ERR_OK)
        err = ca_step_write(step, name, true, text, 0644, false);
    if (err == ERR_OK && o->out != NULL)
        err = ca_step_write(step, o->out, false, text, 0644, false);
    struct sha256 sum = sha256_of(text);
    sha256_to_text(&sum, hash);
    if (err == ERR_OK)
        printf("request: %s, SHA-256 %s\n", name, hash);
    buffer_done(&pem);
    return err == ERR_OK ? ERR_OK : ca_refuse(why, err, "%s: %s", name, err_text(err));
}

enum err ca_csr(const struct ca_options *o, struct ca_refusal *why)
{
    uint8_t subject[CA_NAME_DER_MAX];
    size_t size = 0;
    struct ca_name name;
    struct ca_step step;
    struct ca_key key;
    TRY(name_of(o, &name, subject, &size, why));
    TRY(folder_fresh(o->folder, why));
    enum err err = ca_step_begin(&step, "csr", o->operator_name, o->now_s);
    if (err == ERR_OK)
        err = ca_key_begin(&o->key, ca_kind_stem(o->kind), "p256", &step, &key, why);
    if (err == ERR_OK) {
        err = csr_write(o, span_of(subject, size), &step, &key, why);
        ca_key_done(&key);
    }
    if (err == ERR_OK)
        err = commit(o, true, &step, why);
    ca_step_done(&step);
    return err;
}

/* Whether the certificate is the folder's key's, of its kind, by that issuer. */
static enum err install_check(const struct ca_options *o, const struct ca_folder *folder,
                              X509 *certificate, X509 *issuer, struct ca_refusal *why)
{
    struct ca_key key;
    TRY(ca_verify_chain(certificate, issuer, o->input, o->now_s, why));
    TRY(ca_lint_or_refuse(certificate, issuer, o->kind, o->input, why));
    TRY(ca_key_of_folder(folder, ca_kind_stem(o->kind), &o->key, X509_get0_pubkey(certificate),
                         &key, why));
    ca_key_done(&key);
    return ERR_OK;
}

static enum err install(const struct ca_options *o, const struct ca_folder *folder,
                        struct ca_step *step, struct ca_refusal *why)
{
    struct buffer file = {0}, issuer_file = {0};
    X509 *certificate = NULL, *issuer = NULL;
    char name[FILE_NAME_BYTES];
    struct sha256 head;
    snprintf(name, sizeof name, "%s.pem", ca_kind_stem(o->kind));
    enum err err = ca_certificate_read(o->input, &file, &certificate, why);
    if (err == ERR_OK)
        err = ca_certificate_read(o->issuer, &issuer_file, &issuer, why);
    if (err == ERR_OK)
        err = install_check(o, folder, certificate, issuer, why);
    if (err == ERR_OK) {
        err = ca_step_read(step, o->input, span_of(file.data, file.size));
        if (err == ERR_OK)
            err = ca_step_read(step, o->issuer, span_of(issuer_file.data, issuer_file.size));
        if (err == ERR_OK)
            err = ca_step_certificate(step, certificate, name, o->out);
        if (err == ERR_OK)
            err = ca_step_certificate(step, issuer, "issuer.pem", NULL);
        err = err == ERR_OK ? ca_step_commit(step, folder, &head, why)
                            : ca_refuse(why, err, "%s: %s", name, err_text(err));
    }
    if (err == ERR_OK)
        ca_show(certificate, "installed", true);
    X509_free(certificate);
    X509_free(issuer);
    buffer_done(&file);
    buffer_done(&issuer_file);
    return err;
}

enum err ca_install(const struct ca_options *o, struct ca_refusal *why)
{
    struct ca_folder folder;
    struct ca_step step;
    if (o->issuer == NULL)
        return ca_refuse(why, ERR_CONFIG, "--issuer: the certificate of the CA has to be given");
    TRY(ca_folder_open(o->folder, false, &folder, why));
    enum err err = ca_step_begin(&step, "install", o->operator_name, o->now_s);
    if (err == ERR_OK)
        err = install(o, &folder, &step, why);
    ca_step_done(&step);
    ca_folder_close(&folder);
    return err;
}

enum err ca_transcript_check(const char *path, const char *head, struct ca_refusal *why)
{
    struct buffer text = {0};
    struct sha256 contains;
    struct ca_transcript_end end;
    uint64_t bad_line = 0;
    char hash[SHA256_TEXT_BYTES];
    if (head != NULL && sha256_from_text(span_text(head), &contains) != ERR_OK)
        return ca_refuse(why, ERR_MALFORMED, "--head %s: 64 lower-case hex digits", head);
    enum err err = file_read(path, CA_TRANSCRIPT_BYTES_MAX, &text);
    if (err == ERR_OK)
        err = ca_transcript_read(span_of(text.data, text.size), head == NULL ? NULL : &contains,
                                 &end, &bad_line);
    buffer_done(&text);
    if (err == ERR_HASH)
        return ca_refuse(why, err, "%s: has no line %s: lines are GONE", path, head);
    if (err != ERR_OK && bad_line != 0)
        return ca_refuse(why, err, "%s: line %llu: %s", path, (unsigned long long)bad_line,
                         err_text(err));
    if (err != ERR_OK)
        return ca_refuse(why, err, "%s: %s", path, err_text(err));
    sha256_to_text(&end.head, hash);
    printf("%s: %llu lines, the last %s\n", path, (unsigned long long)end.line_count, hash);
    return ERR_OK;
}

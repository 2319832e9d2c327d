/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/signer.h"

#include <fcntl.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "lib/key_alg.h"
#include "lib/ocsp_response.h"
#include "lib/os/log.h"
#include "lib/os/signer_backend.h"

static enum err backend_open(const struct signer_options *options, const struct sig_alg_info *alg,
                             struct signer **ret)
{
    if (alg == NULL)
        return ERR_UNSUPPORTED;
    return options->backend == SIGNER_PKCS11 ? signer_pkcs11_open(options, alg, ret)
                                             : signer_pem_open(options, alg, ret);
}

enum err signer_open(const struct signer_options *options, const struct ocsp_template *t,
                     struct signer **ret)
{
    struct signer *signer = NULL;
    TRY(backend_open(options, sig_alg_info(t->sig_alg), &signer));
    enum err err = signer_matches(signer, t);
    if (err != ERR_OK) {
        log_error("the signing key does not fit the certificate: %s", err_text(err));
        signer_free(signer);
        return err;
    }
    *ret = signer;
    return ERR_OK;
}

struct signer *signer_free(struct signer *signer)
{
    if (signer != NULL)
        signer->ops->free(signer);
    return NULL;
}

enum err signer_worker_new(struct signer *signer, struct signer_worker **ret)
{
    return signer->ops->worker_new(signer, ret);
}

struct signer_worker *signer_worker_free(struct signer_worker *worker)
{
    if (worker != NULL)
        worker->ops->worker_free(worker);
    return NULL;
}

enum err signer_worker_sign(struct signer_worker *worker, struct span tbs,
                            uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size)
{
    return worker->ops->sign(worker, tbs, out, ret_size);
}

static enum err sign_and_verify(struct signer_worker *worker, struct template_verifier *verifier,
                                const struct ocsp_template *t)
{
    struct statement s = {.serial = {.size = 1, .octets = {1}},
                          .facts = {.template_no = t->template_no,
                                    .status = CERT_GOOD,
                                    .reason = REASON_ABSENT,
                                    .this_update_s = 1000000000,
                                    .next_update_s = 1000000001}};
    uint8_t tbs[OCSP_TBS_BYTES_MAX];
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t size = 0;
    TRY(ocsp_tbs_encode(t, &s.serial, &s.facts, s.facts.this_update_s, tbs, sizeof tbs, &size));
    size_t signature_size = 0;
    TRY(signer_worker_sign(worker, span_of(tbs, size), signature, &signature_size));
    s.signature = span_of(signature, signature_size);
    enum err err = template_verify(verifier, &s);
    return err == ERR_SIGNATURE || err == ERR_MALFORMED ? ERR_KEY : err;
}

enum err signer_matches(struct signer *signer, const struct ocsp_template *t)
{
    if (signer->alg->alg != t->sig_alg)
        return ERR_KEY;
    struct template_verifier *verifier = NULL;
    struct signer_worker *worker = NULL;
    TRY(template_verifier_new(t, &verifier));
    enum err err = signer_worker_new(signer, &worker);
    if (err == ERR_OK)
        err = sign_and_verify(worker, verifier, t);
    signer_worker_free(worker);
    template_verifier_free(verifier);
    return err;
}

/* Signs made-up octets and verifies under the public key. */
static enum err sign_and_verify_octets(struct signer *signer, struct signer_worker *worker,
                                       EVP_PKEY *public_key)
{
    static const char octets[] = "one signature to see which key it is";
    uint8_t stored[SIGNATURE_BYTES_MAX], x509[SIG_X509_BYTES_MAX];
    size_t stored_size = 0, x509_size = 0;
    TRY(signer_worker_sign(worker, span_text(octets), stored, &stored_size));
    TRY(sig_to_x509(signer->alg->alg, span_of(stored, stored_size), x509, sizeof x509, &x509_size));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool fits =
        context != NULL &&
        EVP_DigestVerifyInit_ex(context, NULL, key_alg_digest(signer->alg->alg), NULL, NULL,
                                public_key, NULL) == 1 &&
        EVP_DigestVerify(context, x509, x509_size, (const uint8_t *)octets, strlen(octets)) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return fits ? ERR_OK : ERR_KEY;
}

enum err signer_open_for(const struct signer_options *options, EVP_PKEY *public_key,
                         struct signer **ret)
{
    enum sig_alg alg;
    struct signer *signer = NULL;
    struct signer_worker *worker = NULL;
    TRY(key_alg_of(public_key, &alg));
    TRY(backend_open(options, sig_alg_info((uint8_t)alg), &signer));
    enum err err = signer_worker_new(signer, &worker);
    if (err == ERR_OK)
        err = sign_and_verify_octets(signer, worker, public_key);
    signer_worker_free(worker);
    if (err != ERR_OK) {
        signer_free(signer);
        return err;
    }
    *ret = signer;
    return ERR_OK;
}

const struct sig_alg_info *signer_alg(const struct signer *signer)
{
    return signer->alg;
}

static enum err first_line(char *text, size_t size)
{
    text[size] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    return text[0] == '\0' ? ERR_CONFIG : ERR_OK;
}

enum err secret_read(const char *path, char out[static SECRET_BYTES_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        log_error("%s: cannot be opened: %m", path);
        return ERR_NOT_FOUND;
    }
    char text[SECRET_BYTES_MAX];
    /* One more octet than fits would tell that the file is no passphrase. */
    ssize_t size = read(fd, text, sizeof text);
    close(fd);
    enum err err = size < 0 ? ERR_IO : (size_t)size == sizeof text ? ERR_LIMIT : ERR_OK;
    if (err == ERR_OK)
        err = first_line(text, (size_t)size);
    if (err == ERR_OK)
        memcpy(out, text, sizeof text);
    else
        log_error("%s: no secret in its first line: %s", path, err_text(err));
    OPENSSL_cleanse(text, sizeof text);
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_tls.h"

#include <openssl/err.h>
#include <stdio.h>

#include "issuer/https_identity.h"

/* Forward secrecy and AEAD only; TLS 1.3 has nothing else. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
/* 112 bits: RSA-2048 and SHA-256 at least, in our chain and in the clients'. */
#define SECURITY_LEVEL 2
/* A client's certificate, an intermediate or two, a root. */
#define CLIENT_CHAIN_DEPTH_MAX 3

__attribute__((format(printf, 3, 4))) static enum err fail(struct https_error *error, enum err err,
                                                           const char *format, ...)
{
    va_list args;
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    va_start(args, format);
    int size = vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    if (reason != NULL && size >= 0 && (size_t)size < sizeof error->text)
        snprintf(error->text + size, sizeof error->text - (size_t)size, ": %s", reason);
    ERR_clear_error();
    return err;
}

/* RFC 7301: a client that offers protocols and not ours gets an alert, not another protocol. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
                           const unsigned char *offered, unsigned offered_size, void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl, (void)context;
    int found =
        SSL_select_next_proto(&chosen, ret_size, ours, sizeof ours - 1, offered, offered_size);
    *ret = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A key that wants a passphrase is not usable: a server does not ask at a terminal. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return -1;
}

static bool set_rules(SSL_CTX *context)
{
    static char groups[] = "X25519:P-256:P-384"; /* OpenSSL's macro takes no constant */
    SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(context, 0) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1 &&
           SSL_CTX_set1_groups_list(context, groups) == 1;
}

static enum err load_own(SSL_CTX *context, const struct https_tls *files, struct https_error *error)
{
    if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1)
        return fail(error, ERR_KEY, "%s: no usable certificate", files->certificate);
    if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1)
        return fail(error, ERR_KEY, "%s: no usable key for %s", files->key, files->certificate);
    if (SSL_CTX_check_private_key(context) != 1)
        return fail(error, ERR_KEY, "%s is not the key of %s", files->key, files->certificate);
    return ERR_OK;
}

static enum err load_clients(SSL_CTX *context, const char *path, struct https_error *error)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (names == NULL || SSL_CTX_load_verify_file(context, path) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail(error, ERR_KEY, "%s: no usable certificates", path);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(context, CLIENT_CHAIN_DEPTH_MAX);
    return ERR_OK;
}

static enum err read_not_after(SSL_CTX *context, uint64_t *ret_s, struct https_error *error)
{
    struct tm tm;
    const X509 *certificate = SSL_CTX_get0_certificate(context);
    if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return fail(error, ERR_KEY, "the certificate has no readable notAfter");
    time_t time_s = timegm(&tm);
    *ret_s = time_s > 0 ? (uint64_t)time_s : 0;
    return ERR_OK;
}

enum err https_tls_open(const struct https_tls *files, SSL_CTX **ret, uint64_t *ret_not_after_s,
                        struct https_error *ret_error)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || !set_rules(context)) {
        SSL_CTX_free(context);
        return fail(ret_error, ERR_CRYPTO, "TLS cannot be set up");
    }
    enum err err = load_own(context, files, ret_error);
    if (err == ERR_OK && files->client_ca != NULL)
        err = load_clients(context, files->client_ca, ret_error);
    if (err == ERR_OK)
        err = read_not_after(context, ret_not_after_s, ret_error);
    if (err != ERR_OK) {
        SSL_CTX_free(context);
        return err;
    }
    *ret = context;
    return ERR_OK;
}

SSL *https_tls_accept(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);
    if (ssl != NULL && SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ssl = NULL;
    }
    ERR_clear_error();
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return ssl;
}

static enum https_io io_of(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? HTTPS_IO_WAIT
                                                                         : HTTPS_IO_OVER;
}

enum https_io https_tls_handshake(SSL *ssl)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    return result == 1 ? HTTPS_IO_DONE : io_of(ssl, result);
}

enum https_io https_tls_read(SSL *ssl, uint8_t *data, size_t size, size_t *ret_size)
{
    ERR_clear_error();
    int result = SSL_read_ex(ssl, data, size, ret_size);
    return result == 1 ? HTTPS_IO_DONE : io_of(ssl, result);
}

enum https_io https_tls_write(SSL *ssl, struct span data, size_t *ret_size)
{
    ERR_clear_error();
    int result = SSL_write_ex(ssl, data.data, data.size, ret_size);
    return result == 1 ? HTTPS_IO_DONE : io_of(ssl, result);
}

void https_tls_close(SSL *ssl)
{
    ERR_clear_error();
    (void)SSL_shutdown(ssl);
    ERR_clear_error();
}

/* As libssl does it in a handshake. */
static bool verify(SSL_CTX *context, X509_STORE_CTX *chain, X509 *certificate,
                   STACK_OF(X509) * others)
{
    if (X509_STORE_CTX_init(chain, SSL_CTX_get_cert_store(context), certificate, others) != 1 ||
        X509_STORE_CTX_set_default(chain, "ssl_client") != 1)
        return false;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(chain);
    X509_VERIFY_PARAM_set_auth_level(param, SSL_CTX_get_security_level(context));
    return X509_VERIFY_PARAM_set1(param, SSL_CTX_get0_param(context)) == 1 &&
           X509_verify_cert(chain) == 1;
}

bool https_tls_trusts(SSL_CTX *context, const SSL *ssl)
{
    if (SSL_get_SSL_CTX(ssl) == context || SSL_CTX_get_verify_mode(context) == SSL_VERIFY_NONE)
        return true;
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    X509_STORE_CTX *chain = certificate != NULL ? X509_STORE_CTX_new() : NULL;
    bool trusts =
        chain != NULL && verify(context, chain, certificate, SSL_get_peer_cert_chain(ssl));
    X509_STORE_CTX_free(chain);
    ERR_clear_error();
    return trusts;
}

enum err https_tls_peer(const SSL *ssl, struct https_peer *ret)
{
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    ret->has_certificate = false;
    return certificate != NULL ? https_identity_of(certificate, ret) : ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the HTTPS server: a certificate of its own in two files, and a blocking client. */
#pragma once

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/os/address.h"

#define HTTPS_CLIENT_PATIENCE_S 60

/* A self-signed certificate, good for a day, and its key. */
static inline void https_client_make_files(const char *certificate, const char *key)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    CHECK(pkey != NULL && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"t", -1, -1, 0));
    CHECK(X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, pkey) == 1);
    CHECK(X509_sign(x, pkey, EVP_sha256()) > 0);
    FILE *file = fopen(certificate, "w");
    CHECK(file != NULL && PEM_write_X509(file, x) == 1 && fclose(file) == 0);
    file = fopen(key, "w");
    CHECK(file != NULL && PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
          fclose(file) == 0);
    X509_free(x);
    EVP_PKEY_free(pkey);
}

struct https_client {
    int fd;
    SSL *ssl;
};

/* Whether a call is to be repeated: where a time is set, a process that was stopped and goes on is
 * told EINTR. */
static inline bool https_client_again(const struct https_client *c, int status)
{
    return status <= 0 && errno == EINTR && SSL_get_error(c->ssl, status) == SSL_ERROR_WANT_READ;
}

/* The context verifies nothing: these tests are about the server. */
static inline struct https_client https_client_open(SSL_CTX *context, const struct address *to)
{
    struct https_client c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct timeval patience = {.tv_sec = HTTPS_CLIENT_PATIENCE_S};
    CHECK(c.fd >= 0 && connect(c.fd, &to->sa.any, to->size) == 0);
    CHECK(setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    c.ssl = SSL_new(context);
    CHECK(c.ssl != NULL && SSL_set_fd(c.ssl, c.fd) == 1);
    int status;
    do
        status = SSL_connect(c.ssl);
    while (https_client_again(&c, status));
    CHECK(status == 1);
    return c;
}

static inline void https_client_close(struct https_client *c)
{
    (void)SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    close(c->fd);
}

static inline void https_client_send(struct https_client *c, const char *text)
{
    CHECK(SSL_write(c->ssl, text, (int)strlen(text)) == (int)strlen(text));
}

/* Head and body of one answer, NUL-terminated; false: closed, or it does not fit. */
static inline bool https_client_receive(struct https_client *c, char *out, size_t out_size)
{
    size_t size = 0;
    for (;;) {
        out[size] = '\0';
        const char *body = strstr(out, "\r\n\r\n"), *length = strstr(out, "Content-Length: ");
        size_t wanted = length != NULL ? strtoull(length + 16, NULL, 10) : 0;
        if (body != NULL && size >= (size_t)(body + 4 - out) + wanted)
            return true;
        if (size + 1 >= out_size)
            return false;
        int n = SSL_read(c->ssl, out + size, (int)(out_size - size - 1));
        if (https_client_again(c, n))
            continue;
        if (n <= 0)
            return false;
        size += (size_t)n;
    }
}

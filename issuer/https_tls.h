/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL as the server uses it: contexts from PEM files, and non-blocking steps of a connection.
 */
#pragma once

#include <openssl/ssl.h>

#include "issuer/https.h"

/** A context with all of issuer/https.h's rules. `ret_not_after_s`: of the certificate. The caller
 *  frees it (SSL_CTX_free). ERR_KEY: a file is not there, not readable or does not fit the others;
 *  ERR_CRYPTO. `ret_error` says what, always. */
MUST_CHECK enum err https_tls_open(const struct https_tls *files, SSL_CTX **ret,
                                   uint64_t *ret_not_after_s, struct https_error *ret_error);

enum https_io {
    HTTPS_IO_DONE,
    HTTPS_IO_WAIT, /* the socket has nothing, or takes nothing */
    HTTPS_IO_OVER, /* closed by the other end, or failed */
};

/** A server's side of TLS at a connected non-blocking socket, which stays the caller's. NULL: out
 *  of memory. */
SSL *https_tls_accept(SSL_CTX *context, int fd);
enum https_io https_tls_handshake(SSL *ssl);
/** At least one octet, when DONE. */
enum https_io https_tls_read(SSL *ssl, uint8_t *data, size_t size, size_t *ret_size);
enum https_io https_tls_write(SSL *ssl, struct span data, size_t *ret_size);
/** Sends close_notify; does not wait for the other's. */
void https_tls_close(SSL *ssl);
/** Whether a connection of another context would be let in by this one, too: judges the client's
 *  certificate as its handshake did, by this one's client CA. */
bool https_tls_trusts(SSL_CTX *context, const SSL *ssl);
/** What the handshake verified. The address is left alone. ERR_CRYPTO. */
MUST_CHECK enum err https_tls_peer(const SSL *ssl, struct https_peer *ret);

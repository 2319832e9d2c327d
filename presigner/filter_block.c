/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/filter_block.h"

#include <openssl/x509.h>

enum err filter_block_of(const X509 *certificate, struct sha256 *ret)
{
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size <= 0)
        return ERR_CRYPTO;
    *ret = sha256_of(span_of(der, (size_t)size));
    OPENSSL_free(der);
    return ERR_OK;
}

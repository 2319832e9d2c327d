/* SPDX-License-Identifier: Apache-2.0 */
/* Client certificates of any octets: the name that comes out is one that can stand in a list of
 * roles, and the fingerprint is that of the certificate in DER. What OpenSSL reads need not be DER
 * around the signed part; the fingerprint is the same then, and so are holder and key. */
#include "issuer/https_identity.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    struct https_peer peer = {0};
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    if (certificate == NULL)
        return 0;
    if (https_identity_of(certificate, &peer) == ERR_OK) {
        size_t length = strnlen(peer.common_name, sizeof peer.common_name);
        CHECK(peer.has_certificate && length < sizeof peer.common_name);
        for (size_t i = 0; i < length; i++)
            CHECK(peer.common_name[i] >= ' ' && peer.common_name[i] <= '~' &&
                  strchr(",=\"'\\", peer.common_name[i]) == NULL);
        CHECK(length == 0 || (peer.common_name[0] != ' ' && peer.common_name[length - 1] != ' '));
        uint8_t *der = NULL;
        int der_size = i2d_X509(certificate, &der);
        CHECK(der_size > 0);
        struct sha256 hash = sha256_of(span_of(der, (size_t)der_size));
        CHECK(sha256_equal(&hash, &peer.fingerprint));
        OPENSSL_free(der);
    }
    X509_free(certificate);
    return 0;
}

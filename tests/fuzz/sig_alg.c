/* SPDX-License-Identifier: Apache-2.0 */
/* algorithm 1, octets: taken as X.509 form and as stored form, there and back. */
#include "lib/check.h"
#include "lib/limit.h"
#include "lib/sig_alg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t stored[SIGNATURE_BYTES_MAX], x509[SIG_X509_BYTES_MAX];
    if (size == 0)
        return 0;
    const struct sig_alg_info *info = sig_alg_info(data[0]);
    struct span octets = span_of(data + 1, size - 1);
    enum sig_alg alg = (enum sig_alg)data[0];
    if (info == NULL) {
        CHECK(sig_from_x509(alg, octets, stored, sizeof stored) == ERR_MALFORMED);
        return 0;
    }
    size_t x509_size = 0;
    if (sig_from_x509(alg, octets, stored, sizeof stored) == ERR_OK) {
        CHECK(sig_to_x509(alg, span_of(stored, info->size), x509, sizeof x509, &x509_size) ==
              ERR_OK);
        CHECK(span_equal(span_of(x509, x509_size), octets));
    }
    if (sig_to_x509(alg, octets, x509, sizeof x509, &x509_size) == ERR_OK) {
        CHECK(sig_from_x509(alg, span_of(x509, x509_size), stored, sizeof stored) == ERR_OK);
        CHECK(span_equal(span_of(stored, info->size), octets));
    }
    return 0;
}

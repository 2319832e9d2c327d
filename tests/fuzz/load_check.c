/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as the answer to one question. The short way to compare CertIDs and the general one
 * agree; what is accepted is about the serial asked, was whole, and OpenSSL can read it too.
 *
 *   which hash 1 | the answer */
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "bench/load/reply_check.h"
#include "bench/load/request_write.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX 8192u
#define NOW_S           1700000000u

static uint8_t hashes[2][32];
static uint8_t serial[16];

static struct reply_question question_of(enum certid_hash hash,
                                         uint8_t prefix[static QUESTION_PREFIX_MAX])
{
    size_t hash_size = hash == CERTID_HASH_SHA1 ? 20 : 32;
    size_t prefix_size = 0;
    memset(hashes[0], 0x11, sizeof hashes[0]);
    memset(hashes[1], 0x22, sizeof hashes[1]);
    memset(serial, 0x33, sizeof serial);
    struct request_issuer issuer = {hash, span_of(hashes[0], hash_size),
                                    span_of(hashes[1], hash_size)};
    CHECK(request_certid_prefix(&issuer, sizeof serial, prefix, &prefix_size) == ERR_OK);
    return (struct reply_question){
        .certid = {hash, issuer.name_hash, issuer.key_hash, span_of(serial, sizeof serial)},
        .certid_prefix = span_of(prefix, prefix_size)};
}

static void openssl_reads_it_too(struct span der)
{
    const uint8_t *cursor = der.data;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &cursor, (long)der.size);
    CHECK(response != NULL && cursor == der.data + der.size);
    CHECK(OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t prefix[QUESTION_PREFIX_MAX];
    if (size < 1 || size > INPUT_BYTES_MAX)
        return 0;
    struct reply_question q =
        question_of(data[0] & 1 ? CERTID_HASH_SHA256 : CERTID_HASH_SHA1, prefix);
    struct span der = span_of(data + 1, size - 1);
    enum reply_verdict verdict = reply_check(der, &q, NOW_S, NOW_S);
    q.certid_prefix = span_of("?", 1);
    CHECK(reply_check(der, &q, NOW_S, NOW_S) == verdict);
    if (verdict == REPLY_NOT_DER)
        return 0;
    CHECK(reply_check(span_of(der.data, der.size - 1), &q, NOW_S, NOW_S) == REPLY_NOT_DER);
    if (verdict == REPLY_OCSP_ERROR || verdict == REPLY_WRONG_SERIAL)
        return 0;
    CHECK(memmem(der.data, der.size, serial, sizeof serial) != NULL);
    openssl_reads_it_too(der);
    return 0;
}

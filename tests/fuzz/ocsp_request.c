/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as a request. The short way and the general one agree. The first CertID of what
 * decodes, encoded as a plain request, decodes to the same CertID. */
#include "lib/check.h"
#include "lib/limit.h"
#include "lib/ocsp_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct span part, const uint8_t *data, size_t size)
{
    return part.size == 0 || (part.data >= data && part.data + part.size <= data + size);
}

static void check_again(const struct ocsp_request *r)
{
    static uint8_t out[OCSP_REQUEST_BYTES_MAX + 64];
    size_t size = 0;
    struct ocsp_request again;
    enum err err =
        ocsp_request_encode(r->hash, r->name_hash, r->key_hash, r->serial, out, sizeof out, &size);
    CHECK(err == (r->hash == CERTID_HASH_OTHER ? ERR_UNSUPPORTED : ERR_OK));
    if (err != ERR_OK)
        return;
    CHECK(ocsp_request_decode(span_of(out, size), &again) == ERR_OK);
    CHECK(again.hash == r->hash && again.request_count == 1);
    CHECK(span_equal(again.name_hash, r->name_hash) && span_equal(again.key_hash, r->key_hash));
    CHECK(span_equal(again.serial, r->serial));
    CHECK(!again.has_nonce && !again.has_requestor_name && !again.has_signature);
}

static bool same_span(struct span a, struct span b)
{
    return a.data == b.data && a.size == b.size;
}

static void check_agreement(enum err err, const struct ocsp_request *r, struct span der)
{
    struct ocsp_request any;
    CHECK(ocsp_request_decode_any(der, &any) == err);
    if (err != ERR_OK)
        return;
    CHECK(r->hash == any.hash && r->request_count == any.request_count);
    CHECK(same_span(r->name_hash, any.name_hash) && same_span(r->key_hash, any.key_hash));
    CHECK(same_span(r->serial, any.serial) && r->has_nonce == any.has_nonce);
    CHECK(r->has_requestor_name == any.has_requestor_name && r->has_signature == any.has_signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ocsp_request r;
    if (size > OCSP_REQUEST_BYTES_MAX)
        return 0;
    enum err err = ocsp_request_decode(span_of(data, size), &r);
    check_agreement(err, &r, span_of(data, size));
    if (err != ERR_OK) {
        CHECK(err == ERR_TRUNCATED || err == ERR_TRAILING || err == ERR_MALFORMED);
        return 0;
    }
    CHECK(within(r.name_hash, data, size) && within(r.key_hash, data, size));
    CHECK(within(r.serial, data, size) && r.serial.size > 0 && r.request_count > 0);
    check_again(&r);
    return 0;
}

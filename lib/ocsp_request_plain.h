/* SPDX-License-Identifier: Apache-2.0 */
/* The one shape that nearly all OCSP requests have: one CertID by SHA-1 or SHA-256 with NULL
 * parameters, nothing optional, every length in one octet. In it only the hashes and the serial are
 * free: all other octets follow from the size, so comparing them is decoding them. */
#pragma once

#include "lib/ocsp_request.h"

/* OCSPRequest, TBSRequest, requestList, Request, CertID: each the rest of the octets. */
#define OCSP_PLAIN_SEQUENCES      5
#define OCSP_PLAIN_SEQUENCE_BYTES ((size_t)2 * OCSP_PLAIN_SEQUENCES)
/* The largest length that is one octet. */
#define OCSP_PLAIN_LENGTH_MAX 127

static const uint8_t ocsp_plain_sha1[] = {0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03,
                                          0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
static const uint8_t ocsp_plain_sha256[] = {0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
                                            0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

/* `middle` is what stands between the sequences' headers and the name hash. Inlined with constants.
 * `ret` is written field by field, from registers: a copy would have to wait for what was just
 * stored. */
static inline bool ocsp_plain_take(struct span der, const uint8_t *middle, size_t middle_size,
                                   enum certid_hash hash, struct ocsp_request *ret)
{
    size_t hash_size = middle[middle_size - 1];
    size_t name_at = OCSP_PLAIN_SEQUENCE_BYTES + middle_size;
    size_t key_at = name_at + hash_size + 2;
    size_t serial_at = key_at + hash_size + 2;
    if (der.size <= serial_at ||
        memcmp(der.data + OCSP_PLAIN_SEQUENCE_BYTES, middle, middle_size) != 0 ||
        der.data[key_at - 2] != DER_OCTET_STRING || der.data[key_at - 1] != hash_size ||
        der.data[serial_at - 2] != DER_INTEGER || der.data[serial_at - 1] != der.size - serial_at)
        return false;
    struct span serial = span_of(der.data + serial_at, der.size - serial_at);
    if (!der_integer_valid(serial))
        return false;
    ret->hash = hash;
    ret->name_hash = span_of(der.data + name_at, hash_size);
    ret->key_hash = span_of(der.data + key_at, hash_size);
    ret->serial = serial;
    ret->request_count = 1;
    ret->has_nonce = ret->has_requestor_name = ret->has_signature = false;
    return true;
}

static inline bool ocsp_plain_sequences(struct span der)
{
    size_t difference = 0;
    for (size_t i = 0; i < OCSP_PLAIN_SEQUENCE_BYTES; i += 2)
        difference |= (der.data[i] ^ DER_SEQUENCE) | (der.data[i + 1] ^ (der.size - i - 2));
    return difference == 0;
}

/** Whether `der` has the shape; only then `ret` is filled. */
static inline bool ocsp_request_decode_plain(struct span der, struct ocsp_request *ret)
{
    if (der.size <= OCSP_PLAIN_SEQUENCE_BYTES || der.size > 2 + OCSP_PLAIN_LENGTH_MAX ||
        !ocsp_plain_sequences(der))
        return false;
    return ocsp_plain_take(der, ocsp_plain_sha1, sizeof ocsp_plain_sha1, CERTID_HASH_SHA1, ret) ||
           ocsp_plain_take(der, ocsp_plain_sha256, sizeof ocsp_plain_sha256, CERTID_HASH_SHA256,
                           ret);
}

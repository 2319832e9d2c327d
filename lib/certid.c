/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/certid.h"

#include "lib/check.h"

/* AlgorithmIdentifiers with NULL parameters; the object identifier's element starts at octet 2. */
static const uint8_t sha1_identifier[] = {0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                          0x03, 0x02, 0x1a, 0x05, 0x00};
static const uint8_t sha256_identifier[] = {0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                            0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00};

#define OID_AT 4 /* content of the object identifier, whose size is the octet before */

static bool is_oid_of(struct span oid, const uint8_t *identifier)
{
    return span_equal(oid, span_of(identifier + OID_AT, identifier[OID_AT - 1]));
}

static enum certid_hash take_hash_algorithm(struct der_reader *r)
{
    enum certid_hash hash = CERTID_HASH_OTHER;
    der_enter(r, DER_SEQUENCE);
    struct span oid = der_take(r, DER_OID);
    if (is_oid_of(oid, sha1_identifier))
        hash = CERTID_HASH_SHA1;
    else if (is_oid_of(oid, sha256_identifier))
        hash = CERTID_HASH_SHA256;
    if (oid.size == 0)
        der_fail(r, ERR_MALFORMED);
    if (!der_at_end(r)) {
        uint8_t tag = 0;
        struct span parameters = der_take_any(r, &tag);
        if (hash != CERTID_HASH_OTHER && (tag != DER_NULL || parameters.size != 0))
            der_fail(r, ERR_MALFORMED);
    }
    der_leave(r);
    return hash;
}

struct certid certid_take(struct der_reader *r)
{
    struct certid certid;
    der_enter(r, DER_SEQUENCE);
    certid.hash = take_hash_algorithm(r);
    certid.name_hash = der_take(r, DER_OCTET_STRING);
    certid.key_hash = der_take(r, DER_OCTET_STRING);
    certid.serial = der_take_integer(r);
    der_leave(r);
    return certid;
}

void certid_put(struct der_writer *w, const struct certid *certid)
{
    CHECK(certid->hash == CERTID_HASH_SHA1 || certid->hash == CERTID_HASH_SHA256);
    size_t mark = w->used;
    der_put_element(w, DER_INTEGER, certid->serial);
    der_put_element(w, DER_OCTET_STRING, certid->key_hash);
    der_put_element(w, DER_OCTET_STRING, certid->name_hash);
    if (certid->hash == CERTID_HASH_SHA1)
        der_put(w, sha1_identifier, sizeof sha1_identifier);
    else
        der_put(w, sha256_identifier, sizeof sha256_identifier);
    der_put_header(w, DER_SEQUENCE, mark);
}

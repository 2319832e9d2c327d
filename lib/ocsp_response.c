/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ocsp_response.h"

#include "lib/certid.h"
#include "lib/check.h"
#include "lib/der_write.h"
#include "lib/timetext.h"

/* Everything is written from the end to the start (der_write.h): read the functions upwards. */

/* AlgorithmIdentifier and id-pkix-ocsp-basic, RFC 6960 4.2.1 */
static const uint8_t basic_oid[] = {0x06, 0x09, 0x2b, 0x06, 0x01, 0x05,
                                    0x05, 0x07, 0x30, 0x01, 0x01};
static const uint8_t status_successful[] = {0x0a, 0x01, 0x00};
static const uint8_t status_good[] = {0x80, 0x00};

/* A GeneralizedTime element: the same few stand in both SingleResponses, so they are made once. */
struct time_element {
    uint8_t octets[2 + GENERALIZED_TIME_BYTES];
};

struct times {
    struct time_element produced_at, this_update, next_update, revoked_at;
};

static void time_element_make(uint32_t time_s, struct time_element *ret)
{
    ret->octets[0] = DER_GENERALIZED_TIME;
    ret->octets[1] = GENERALIZED_TIME_BYTES;
    generalized_time_write(time_s, ret->octets + 2);
}

static void times_make(const struct facts *facts, uint32_t produced_at_s, struct times *ret)
{
    time_element_make(facts->this_update_s, &ret->this_update);
    time_element_make(facts->next_update_s, &ret->next_update);
    if (produced_at_s == facts->this_update_s)
        ret->produced_at = ret->this_update;
    else
        time_element_make(produced_at_s, &ret->produced_at);
    if (facts->status == CERT_REVOKED)
        time_element_make(facts->revoked_at_s, &ret->revoked_at);
}

static void put_time(struct der_writer *w, const struct time_element *time)
{
    der_put(w, time->octets, sizeof time->octets);
}

/* CertStatus: good [0] IMPLICIT NULL, revoked [1] IMPLICIT RevokedInfo. */
static void put_status(struct der_writer *w, const struct facts *facts, const struct times *times)
{
    if (facts->status == CERT_GOOD) {
        der_put(w, status_good, sizeof status_good);
        return;
    }
    size_t revoked = w->used;
    if (facts->reason != REASON_ABSENT) {
        const uint8_t reason[] = {DER_CONTEXT_CONSTRUCTED, 3, DER_ENUMERATED, 1, facts->reason};
        der_put(w, reason, sizeof reason);
    }
    put_time(w, &times->revoked_at);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED + 1, revoked);
}

static void put_single(struct der_writer *w, const struct certid *certid, const struct facts *facts,
                       const struct times *times)
{
    size_t single = w->used;
    size_t next_update = w->used;
    put_time(w, &times->next_update);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED, next_update);
    put_time(w, &times->this_update);
    put_status(w, facts, times);
    certid_put(w, certid);
    der_put_header(w, DER_SEQUENCE, single);
}

static void put_responses(struct der_writer *w, const struct ocsp_template *t,
                          const struct serial *serial, const struct facts *facts,
                          const struct times *times)
{
    struct certid certid = {.serial = span_of(serial->octets, serial->size)};
    size_t responses = w->used;
    if (t->certid_set & CERTID_SHA256) {
        certid.hash = CERTID_HASH_SHA256;
        certid.name_hash = span_of(t->name_sha256, sizeof t->name_sha256);
        certid.key_hash = span_of(t->key_sha256, sizeof t->key_sha256);
        put_single(w, &certid, facts, times);
    }
    if (t->certid_set & CERTID_SHA1) {
        certid.hash = CERTID_HASH_SHA1;
        certid.name_hash = span_of(t->name_sha1, sizeof t->name_sha1);
        certid.key_hash = span_of(t->key_sha1, sizeof t->key_sha1);
        put_single(w, &certid, facts, times);
    }
    der_put_header(w, DER_SEQUENCE, responses);
}

/* What cannot be said in an OCSPResponse. Facts and templates were validated when they were read;
 * this keeps a mistake of ours from being signed. */
static enum err check_sayable(const struct ocsp_template *t, const struct serial *serial,
                              const struct facts *facts)
{
    bool known = t->certid_set >= CERTID_SHA1 && t->certid_set <= CERTID_BOTH &&
                 (facts->status == CERT_GOOD || facts->status == CERT_REVOKED) &&
                 reason_valid(facts->reason);
    bool sized = serial->size >= 1 && serial->size <= SERIAL_BYTES_MAX &&
                 t->responder_cert_size <= RESPONDER_CERT_BYTES_MAX;
    return known && sized ? ERR_OK : ERR_MALFORMED;
}

static enum err put_tbs(struct der_writer *w, const struct ocsp_template *t,
                        const struct serial *serial, const struct facts *facts,
                        uint32_t produced_at_s)
{
    TRY(check_sayable(t, serial, facts));
    struct times times;
    times_make(facts, produced_at_s, &times);
    size_t tbs = w->used;
    put_responses(w, t, serial, facts, &times);
    put_time(w, &times.produced_at);
    size_t by_key = w->used;
    der_put_element(w, DER_OCTET_STRING,
                    span_of(t->responder_key_sha1, sizeof t->responder_key_sha1));
    der_put_header(w, DER_CONTEXT_CONSTRUCTED + 2, by_key);
    der_put_header(w, DER_SEQUENCE, tbs);
    return ERR_OK;
}

enum err ocsp_tbs_encode(const struct ocsp_template *t, const struct serial *serial,
                         const struct facts *facts, uint32_t produced_at_s, uint8_t *out,
                         size_t out_size, size_t *ret_size)
{
    struct der_writer w = der_writer_into(out, out_size);
    TRY(put_tbs(&w, t, serial, facts, produced_at_s));
    return der_writer_finish(&w, ret_size);
}

/* certs [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL */
static void put_certs(struct der_writer *w, const struct ocsp_template *t)
{
    if (t->responder_cert_size == 0)
        return;
    size_t certs = w->used;
    der_put(w, t->responder_cert, t->responder_cert_size);
    der_put_header(w, DER_SEQUENCE, certs);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED, certs);
}

static enum err put_basic_response(struct der_writer *w, const struct ocsp_template *t,
                                   const struct serial *serial, const struct facts *facts,
                                   uint32_t produced_at_s, struct span signature)
{
    const struct sig_alg_info *info = sig_alg_info(t->sig_alg);
    if (info == NULL)
        return ERR_MALFORMED;
    size_t basic = w->used;
    put_certs(w, t);
    size_t bits = w->used;
    TRY(sig_put_x509(w, info->alg, signature));
    der_put_octet(w, 0); /* unused bits */
    der_put_header(w, DER_BIT_STRING, bits);
    der_put(w, info->identifier.data, info->identifier.size);
    TRY(put_tbs(w, t, serial, facts, produced_at_s));
    der_put_header(w, DER_SEQUENCE, basic);
    return ERR_OK;
}

enum err ocsp_response_encode(const struct ocsp_template *t, const struct serial *serial,
                              const struct facts *facts, uint32_t produced_at_s,
                              struct span signature, uint8_t *out, size_t out_size,
                              size_t *ret_size)
{
    struct der_writer w = der_writer_into(out, out_size);
    TRY(put_basic_response(&w, t, serial, facts, produced_at_s, signature));
    der_put_header(&w, DER_OCTET_STRING, 0);
    der_put(&w, basic_oid, sizeof basic_oid);
    der_put_header(&w, DER_SEQUENCE, 0);
    der_put_header(&w, DER_CONTEXT_CONSTRUCTED, 0);
    der_put(&w, status_successful, sizeof status_successful);
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

struct span ocsp_error_response(enum ocsp_response_status status)
{
#define ERROR_RESPONSE(status) [status] = { 0x30, 0x03, 0x0a, 0x01, status }
    static const uint8_t responses[][5] = {
        ERROR_RESPONSE(OCSP_MALFORMED_REQUEST),
        ERROR_RESPONSE(OCSP_INTERNAL_ERROR),
        ERROR_RESPONSE(OCSP_TRY_LATER),
        ERROR_RESPONSE(OCSP_UNAUTHORIZED),
    };
#undef ERROR_RESPONSE
    size_t number = (size_t)status;
    CHECK(number < sizeof responses / sizeof responses[0] && responses[number][0] != 0);
    return span_of(responses[number], sizeof responses[number]);
}

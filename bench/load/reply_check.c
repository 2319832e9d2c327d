/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/reply_check.h"

#include "lib/der_read.h"
#include "lib/timetext.h"

/* RFC 6960 4.2.1: the statuses with a meaning. */
#define STATUS_MAX      6
#define STATUS_RESERVED 4
/* RFC 5280 5.3.1 */
#define REASON_MAX      10
#define REASON_RESERVED 7

/* A PrintableString and the like never matter here; of the extensions only the frame is read. */
#define TAG_VERSION      (DER_CONTEXT_CONSTRUCTED + 0)
#define TAG_BY_NAME      (DER_CONTEXT_CONSTRUCTED + 1)
#define TAG_BY_KEY       (DER_CONTEXT_CONSTRUCTED + 2)
#define TAG_GOOD         (DER_CONTEXT + 0)
#define TAG_REVOKED      (DER_CONTEXT_CONSTRUCTED + 1)
#define TAG_UNKNOWN      (DER_CONTEXT + 2)
#define TAG_NEXT_UPDATE  (DER_CONTEXT_CONSTRUCTED + 0)
#define TAG_EXTENSIONS   (DER_CONTEXT_CONSTRUCTED + 1)
#define TAG_REASON       (DER_CONTEXT_CONSTRUCTED + 0)
#define TAG_CERTIFICATES (DER_CONTEXT_CONSTRUCTED + 0)

static const uint8_t basic_oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};

struct single {
    bool matches;
    enum reply_verdict status;
    uint64_t this_update_s;
    uint64_t next_update_s; /* UINT64_MAX: none */
};

/* An answer says the same two times over and over: each is read once. */
struct time_memo {
    struct {
        struct span text;
        uint64_t time_s;
    } known[2];
    unsigned next;
};

static uint64_t take_time(struct der_reader *r, struct time_memo *memo)
{
    uint64_t time_s = 0;
    struct span text = der_take(r, DER_GENERALIZED_TIME);
    if (r->err != ERR_OK)
        return 0;
    for (unsigned i = 0; i < 2; i++) {
        if (memo->known[i].text.data != NULL && span_equal(memo->known[i].text, text))
            return memo->known[i].time_s;
    }
    if (generalized_time_read(text, &time_s) != ERR_OK) {
        der_fail(r, ERR_MALFORMED);
        return 0;
    }
    memo->known[memo->next].text = text;
    memo->known[memo->next].time_s = time_s;
    memo->next = 1 - memo->next;
    return time_s;
}

/* The right CertID, as it is usually written, is compared whole; any other is decoded. */
static bool take_certid(struct der_reader *r, const struct reply_question *q)
{
    struct span content = SPAN_EMPTY;
    const uint8_t *at = r->at;
    content = der_take(r, DER_SEQUENCE);
    size_t prefix = q->certid_prefix.size;
    if (content.size == prefix + q->certid.serial.size &&
        memcmp(content.data, q->certid_prefix.data, prefix) == 0 &&
        memcmp(content.data + prefix, q->certid.serial.data, q->certid.serial.size) == 0)
        return true;
    if (r->err != ERR_OK)
        return false;
    struct der_reader inner;
    der_reader_init(&inner, span_of(at, (size_t)(content.data + content.size - at)));
    struct certid certid = certid_take(&inner);
    if (der_end(&inner) != ERR_OK) {
        der_fail(r, ERR_MALFORMED);
        return false;
    }
    return certid.hash == q->certid.hash && span_equal(certid.name_hash, q->certid.name_hash) &&
           span_equal(certid.key_hash, q->certid.key_hash) &&
           span_equal(certid.serial, q->certid.serial);
}

static void take_revoked(struct der_reader *r, struct time_memo *memo)
{
    der_enter(r, TAG_REVOKED);
    (void)take_time(r, memo);
    if (der_next_is(r, TAG_REASON)) {
        der_enter(r, TAG_REASON);
        struct span reason = der_take(r, DER_ENUMERATED);
        if (reason.size != 1 || reason.data[0] > REASON_MAX || reason.data[0] == REASON_RESERVED)
            der_fail(r, ERR_MALFORMED);
        der_leave(r);
    }
    der_leave(r);
}

static enum reply_verdict take_status(struct der_reader *r, struct time_memo *memo)
{
    if (der_next_is(r, TAG_REVOKED)) {
        take_revoked(r, memo);
        return REPLY_REVOKED;
    }
    uint8_t tag = 0;
    struct span content = der_take_any(r, &tag);
    if (content.size != 0 || (tag != TAG_GOOD && tag != TAG_UNKNOWN))
        der_fail(r, ERR_MALFORMED);
    return tag == TAG_GOOD ? REPLY_GOOD : REPLY_UNKNOWN;
}

/* SEQUENCE OF Extension { extnID, critical DEFAULT FALSE, extnValue } */
static void take_extensions(struct der_reader *r)
{
    der_enter(r, TAG_EXTENSIONS);
    der_enter(r, DER_SEQUENCE);
    do {
        der_enter(r, DER_SEQUENCE);
        (void)der_take(r, DER_OID);
        if (der_next_is(r, DER_BOOLEAN)) {
            struct span critical = der_take(r, DER_BOOLEAN);
            if (critical.size != 1 || critical.data[0] != 0xff)
                der_fail(r, ERR_MALFORMED);
        }
        (void)der_take(r, DER_OCTET_STRING);
        der_leave(r);
    } while (!der_at_end(r));
    der_leave(r);
    der_leave(r);
}

static struct single take_single(struct der_reader *r, const struct reply_question *q,
                                 struct time_memo *memo)
{
    struct single single = {.next_update_s = UINT64_MAX};
    der_enter(r, DER_SEQUENCE);
    single.matches = take_certid(r, q);
    single.status = take_status(r, memo);
    single.this_update_s = take_time(r, memo);
    if (der_next_is(r, TAG_NEXT_UPDATE)) {
        der_enter(r, TAG_NEXT_UPDATE);
        single.next_update_s = take_time(r, memo);
        der_leave(r);
    }
    if (der_next_is(r, TAG_EXTENSIONS))
        take_extensions(r);
    der_leave(r);
    return single;
}

static void take_responder_id(struct der_reader *r)
{
    uint8_t tag = 0;
    if (der_next_is(r, TAG_BY_NAME)) {
        der_enter(r, TAG_BY_NAME);
        (void)der_take(r, DER_SEQUENCE);
    } else {
        der_enter(r, TAG_BY_KEY);
        if (der_take_any(r, &tag).size != 20 || tag != DER_OCTET_STRING)
            der_fail(r, ERR_MALFORMED);
    }
    der_leave(r);
}

/* ResponseData; the first SingleResponse that matches, or one that does not. */
static struct single take_response_data(struct der_reader *r, const struct reply_question *q)
{
    struct single found = {.matches = false};
    struct time_memo memo = {.next = 0};
    der_enter(r, DER_SEQUENCE);
    take_responder_id(r); /* no version before it: v1 is the default, which DER omits */
    (void)take_time(r, &memo);
    der_enter(r, DER_SEQUENCE);
    while (!der_at_end(r)) {
        struct single single = take_single(r, q, &memo);
        if (single.matches && !found.matches)
            found = single;
    }
    der_leave(r);
    if (der_next_is(r, TAG_EXTENSIONS))
        take_extensions(r);
    der_leave(r);
    return found;
}

static void take_signature(struct der_reader *r)
{
    der_enter(r, DER_SEQUENCE);
    (void)der_take(r, DER_OID);
    if (!der_at_end(r)) {
        uint8_t tag = 0;
        (void)der_take_any(r, &tag);
    }
    der_leave(r);
    struct span bits = der_take(r, DER_BIT_STRING);
    if (bits.size < 2 || bits.data[0] != 0)
        der_fail(r, ERR_MALFORMED);
    if (der_next_is(r, TAG_CERTIFICATES)) {
        der_enter(r, TAG_CERTIFICATES);
        der_enter(r, DER_SEQUENCE);
        while (!der_at_end(r))
            (void)der_take(r, DER_SEQUENCE);
        der_leave(r);
        der_leave(r);
    }
}

static enum err basic_check(struct span der, const struct reply_question *q, struct single *ret)
{
    struct der_reader r;
    der_reader_init(&r, der);
    der_enter(&r, DER_SEQUENCE);
    struct single single = take_response_data(&r, q);
    take_signature(&r);
    der_leave(&r);
    TRY(der_end(&r));
    *ret = single;
    return ERR_OK;
}

/* The frame around: the status, and the octets of the BasicOCSPResponse. */
static enum err response_read(struct span der, uint8_t *ret_status, struct span *ret_basic)
{
    struct der_reader r;
    struct span basic = SPAN_EMPTY;
    der_reader_init(&r, der);
    der_enter(&r, DER_SEQUENCE);
    struct span status = der_take(&r, DER_ENUMERATED);
    if (status.size != 1 || status.data[0] > STATUS_MAX || status.data[0] == STATUS_RESERVED)
        return ERR_MALFORMED;
    if (status.data[0] == 0) {
        der_enter(&r, DER_CONTEXT_CONSTRUCTED);
        der_enter(&r, DER_SEQUENCE);
        if (!span_equal(der_take(&r, DER_OID), span_of(basic_oid, sizeof basic_oid)))
            return ERR_MALFORMED;
        basic = der_take(&r, DER_OCTET_STRING);
        der_leave(&r);
        der_leave(&r);
    }
    der_leave(&r);
    TRY(der_end(&r));
    *ret_status = status.data[0];
    *ret_basic = basic;
    return ERR_OK;
}

enum reply_verdict reply_check(struct span der, const struct reply_question *question,
                               uint64_t sent_s, uint64_t received_s)
{
    uint8_t status = 0;
    struct span basic = SPAN_EMPTY;
    struct single single;
    if (response_read(der, &status, &basic) != ERR_OK)
        return REPLY_NOT_DER;
    if (status != 0)
        return REPLY_OCSP_ERROR;
    if (basic_check(basic, question, &single) != ERR_OK)
        return REPLY_NOT_DER;
    if (!single.matches)
        return REPLY_WRONG_SERIAL;
    if (single.this_update_s > received_s || single.next_update_s < sent_s)
        return REPLY_NOT_FRESH;
    return single.status;
}

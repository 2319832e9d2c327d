/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/crl_read.h"

#include "lib/timetext.h"

#define YEAR_2050_S  2524608000u
#define DER_UTC_TIME 0x17
/* Last octets of 2.5.29.x */
#define OID_CRL_NUMBER   20
#define OID_REASON       21
#define OID_INVALIDITY   24
#define OID_DELTA        27
#define OID_IDP          28
#define OID_AKI          35
#define ID_CE_BYTES      3
#define EXTENSION_OTHER  (-1)
#define GENERAL_NAME_URL (DER_CONTEXT + 6)

/* The octets of the element that was just taken, with its header. */
static struct span since(const struct der_reader *r, const uint8_t *start)
{
    return r->err == ERR_OK ? span_of(start, (size_t)(r->at - start)) : SPAN_EMPTY;
}

static struct span take_whole(struct der_reader *r, uint8_t tag)
{
    const uint8_t *start = r->at;
    der_take(r, tag);
    return since(r, start);
}

static bool next_is_time(const struct der_reader *r)
{
    return der_next_is(r, DER_UTC_TIME) || der_next_is(r, DER_GENERALIZED_TIME);
}

static uint64_t take_time(struct der_reader *r, uint32_t *flags)
{
    uint8_t tag = 0;
    uint64_t time_s = 0;
    struct span text = der_take_any(r, &tag);
    if (r->err != ERR_OK)
        return 0;
    bool utc = tag == DER_UTC_TIME;
    size_t size = utc ? GENERALIZED_TIME_BYTES - 2 : GENERALIZED_TIME_BYTES;
    if ((!utc && tag != DER_GENERALIZED_TIME) || text.size != size ||
        asn1_time_read(text, &time_s) != ERR_OK)
        der_fail(r, ERR_MALFORMED);
    if (utc != (time_s < YEAR_2050_S))
        *flags |= CRL_FLAG_TIME_FORM;
    return time_s;
}

/* Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue }. Returns the last octet of
 * an id-ce OID, EXTENSION_OTHER for any other. */
static int take_extension(struct der_reader *r, bool *ret_critical, struct span *ret_value)
{
    static const uint8_t id_ce[] = {0x55, 0x1d};
    *ret_critical = false;
    der_enter(r, DER_SEQUENCE);
    struct span oid = der_take(r, DER_OID);
    if (der_next_is(r, DER_BOOLEAN)) {
        struct span value = der_take(r, DER_BOOLEAN);
        *ret_critical = true;
        if (value.size != 1 || value.data[0] != 0xff) /* DER: FALSE is the default, left out */
            der_fail(r, ERR_MALFORMED);
    }
    *ret_value = der_take(r, DER_OCTET_STRING);
    der_leave(r);
    if (r->err != ERR_OK || oid.size != ID_CE_BYTES || memcmp(oid.data, id_ce, sizeof id_ce) != 0)
        return EXTENSION_OTHER;
    return oid.data[ID_CE_BYTES - 1];
}

static struct span read_integer(struct der_reader *outer, struct span value)
{
    struct der_reader r;
    der_reader_init(&r, value);
    struct span content = der_take_integer(&r);
    if (der_end(&r) != ERR_OK || (content.data[0] & 0x80) != 0) {
        der_fail(outer, ERR_MALFORMED);
        return SPAN_EMPTY;
    }
    return content;
}

/* AuthorityKeyIdentifier: the keyIdentifier [0]; the rest is not looked at. */
static void read_key_id(struct der_reader *outer, struct span value, struct crl *crl)
{
    struct der_reader r;
    unsigned others = 0;
    der_reader_init(&r, value);
    der_enter(&r, DER_SEQUENCE);
    while (!der_at_end(&r)) {
        uint8_t tag = 0;
        struct span content = der_take_any(&r, &tag);
        if (tag == DER_CONTEXT)
            crl->key_id = content;
        others += tag != DER_CONTEXT;
    }
    der_leave(&r);
    if (der_end(&r) != ERR_OK)
        der_fail(outer, ERR_MALFORMED);
    if (others > 0 || crl->key_id.size == 0)
        crl->flags |= CRL_FLAG_KEY_ID_FORM;
}

/* distributionPoint [0] CHOICE { fullName [0] GeneralNames, ... } */
static void take_distribution_point(struct der_reader *r, struct crl *crl)
{
    unsigned urls = 0;
    unsigned others = 0;
    der_enter(r, DER_CONTEXT_CONSTRUCTED);
    if (der_next_is(r, DER_CONTEXT_CONSTRUCTED)) {
        der_enter(r, DER_CONTEXT_CONSTRUCTED);
        const uint8_t *start = r->at;
        while (!der_at_end(r)) {
            uint8_t tag = 0;
            struct span content = der_take_any(r, &tag);
            if (tag == GENERAL_NAME_URL && urls++ == 0)
                crl->url = content;
            others += tag != GENERAL_NAME_URL;
        }
        crl->urls = since(r, start);
        der_leave(r);
    } else {
        uint8_t tag = 0;
        der_take_any(r, &tag);
    }
    der_leave(r);
    if (urls != 1 || others > 0)
        crl->flags |= CRL_FLAG_URLS;
}

enum err crl_url_next(struct span *urls, struct span *ret)
{
    struct der_reader r;
    der_reader_init(&r, *urls);
    while (!der_at_end(&r)) {
        uint8_t tag = 0;
        struct span content = der_take_any(&r, &tag);
        if (r.err != ERR_OK || tag != GENERAL_NAME_URL)
            continue;
        *urls = span_of(r.at, (size_t)(urls->data + urls->size - r.at));
        *ret = content;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static bool boolean_true(struct der_reader *r, struct span value)
{
    if (value.size != 1 || value.data[0] != 0xff)
        der_fail(r, ERR_MALFORMED);
    return r->err == ERR_OK;
}

/* IssuingDistributionPoint, RFC 5280 5.2.5 */
static void read_idp(struct der_reader *outer, struct span value, struct crl *crl)
{
    struct der_reader r;
    der_reader_init(&r, value);
    der_enter(&r, DER_SEQUENCE);
    if (der_next_is(&r, DER_CONTEXT_CONSTRUCTED))
        take_distribution_point(&r, crl);
    while (!der_at_end(&r)) {
        uint8_t tag = 0;
        struct span content = der_take_any(&r, &tag);
        if (r.err == ERR_OK && tag == DER_CONTEXT + 1 && boolean_true(&r, content))
            crl->scope = CRL_USER_CERTS;
        else if (r.err == ERR_OK && tag == DER_CONTEXT + 2 && boolean_true(&r, content))
            crl->scope = crl->scope == CRL_ALL_CERTS ? CRL_CA_CERTS : crl->scope;
        else
            crl->flags |= CRL_FLAG_INDIRECT;
    }
    der_leave(&r);
    if (der_end(&r) != ERR_OK)
        der_fail(outer, ERR_MALFORMED);
    crl->has_idp = true;
}

/* `seen`: 1 << last octet, of those of id-ce before. */
static void take_crl_extension(struct der_reader *r, struct crl *crl, uint64_t *seen)
{
    bool critical = false;
    struct span value = SPAN_EMPTY;
    int oid = take_extension(r, &critical, &value);
    if (r->err != ERR_OK)
        return;
    uint64_t bit = oid >= 0 && oid < 64 ? 1ull << oid : 0;
    if ((*seen & bit) != 0)
        crl->flags |= CRL_FLAG_REPEATED;
    *seen |= bit;
    if (oid == OID_CRL_NUMBER)
        crl->number = read_integer(r, value);
    else if (oid == OID_DELTA)
        crl->base_number = read_integer(r, value);
    else if (oid == OID_AKI)
        read_key_id(r, value, crl);
    else if (oid == OID_IDP)
        read_idp(r, value, crl);
    else if (critical)
        der_fail(r, ERR_UNSUPPORTED);
    if (oid == OID_IDP && !critical)
        crl->flags |= CRL_FLAG_IDP_NOT_CRITICAL;
    if ((oid == OID_CRL_NUMBER || oid == OID_AKI) && critical)
        crl->flags |= CRL_FLAG_CRITICAL;
}

static void take_crl_extensions(struct der_reader *r, struct crl *crl)
{
    uint64_t seen = 0;
    der_enter(r, DER_CONTEXT_CONSTRUCTED);
    der_enter(r, DER_SEQUENCE);
    do
        take_crl_extension(r, crl, &seen);
    while (!der_at_end(r));
    der_leave(r);
    der_leave(r);
}

static void take_version_2(struct der_reader *r)
{
    /* Version 1 leaves the number out. */
    if (r->err == ERR_OK && !der_next_is(r, DER_INTEGER))
        der_fail(r, ERR_UNSUPPORTED);
    struct span version = der_take_integer(r);
    if (r->err == ERR_OK && (version.size != 1 || version.data[0] != 1))
        der_fail(r, ERR_UNSUPPORTED);
}

/* TBSCertList; returns its inner AlgorithmIdentifier. */
static struct span take_tbs(struct der_reader *r, struct crl *crl)
{
    der_enter(r, DER_SEQUENCE);
    take_version_2(r);
    struct span algorithm = take_whole(r, DER_SEQUENCE);
    crl->issuer = take_whole(r, DER_SEQUENCE);
    crl->this_update_s = take_time(r, &crl->flags);
    if (next_is_time(r))
        crl->next_update_s = take_time(r, &crl->flags);
    if (der_next_is(r, DER_SEQUENCE)) {
        crl->entries = der_take(r, DER_SEQUENCE);
        if (r->err == ERR_OK && crl->entries.size == 0)
            crl->flags |= CRL_FLAG_EMPTY_LIST;
    }
    if (der_next_is(r, DER_CONTEXT_CONSTRUCTED))
        take_crl_extensions(r, crl);
    der_leave(r);
    return algorithm;
}

enum err crl_open(struct span der, struct crl *ret)
{
    struct crl crl = {.issuer = SPAN_EMPTY};
    struct der_reader r;
    der_reader_init(&r, der);
    der_enter(&r, DER_SEQUENCE);
    const uint8_t *start = r.at;
    struct span inner = take_tbs(&r, &crl);
    crl.tbs = since(&r, start);
    crl.algorithm = take_whole(&r, DER_SEQUENCE);
    struct span bits = der_take(&r, DER_BIT_STRING);
    der_leave(&r);
    TRY(der_end(&r));
    if (bits.size < 2 || bits.data[0] != 0)
        return ERR_MALFORMED;
    crl.signature = span_of(bits.data + 1, bits.size - 1);
    if (!span_equal(inner, crl.algorithm))
        crl.flags |= CRL_FLAG_ALGORITHMS;
    *ret = crl;
    return ERR_OK;
}

void crl_cursor_start(struct crl_cursor *cursor, const struct crl *crl)
{
    der_reader_init(&cursor->reader, crl->entries);
    cursor->flags = 0;
}

static uint32_t reason_flags(uint8_t reason)
{
    switch (reason) {
    case REASON_KEY_COMPROMISE:
    case REASON_AFFILIATION_CHANGED:
    case REASON_SUPERSEDED:
    case REASON_CESSATION_OF_OPERATION:
    case REASON_PRIVILEGE_WITHDRAWN:
        return 0;
    case REASON_UNSPECIFIED:
        return CRL_FLAG_REASON_ZERO;
    default:
        return CRL_FLAG_REASON_BAD;
    }
}

static uint8_t read_reason(struct der_reader *outer, struct span value)
{
    struct der_reader r;
    der_reader_init(&r, value);
    struct span content = der_take(&r, DER_ENUMERATED);
    if (der_end(&r) != ERR_OK || content.size != 1 || content.data[0] == REASON_ABSENT ||
        !reason_valid(content.data[0])) {
        der_fail(outer, ERR_MALFORMED);
        return REASON_ABSENT;
    }
    return content.data[0];
}

static void take_entry_extension(struct crl_cursor *cursor, struct crl_entry *entry)
{
    struct der_reader *r = &cursor->reader;
    bool critical = false;
    struct span value = SPAN_EMPTY;
    int oid = take_extension(r, &critical, &value);
    if (r->err != ERR_OK)
        return;
    if ((oid == OID_INVALIDITY || oid == OID_REASON) && critical)
        cursor->flags |= CRL_FLAG_CRITICAL;
    if (oid == OID_INVALIDITY)
        return;
    if (oid != OID_REASON) {
        cursor->flags |= CRL_FLAG_ENTRY_EXTENSION;
        if (critical)
            der_fail(r, ERR_UNSUPPORTED);
        return;
    }
    entry->reason = read_reason(r, value);
    cursor->flags |= reason_flags(entry->reason);
}

enum err crl_cursor_next(struct crl_cursor *cursor, struct crl_entry *ret)
{
    struct der_reader *r = &cursor->reader;
    struct crl_entry entry = {.reason = REASON_ABSENT};
    if (r->err == ERR_OK && der_at_end(r))
        return ERR_NOT_FOUND;
    der_enter(r, DER_SEQUENCE);
    struct span serial = der_take_integer(r);
    uint64_t revoked_at_s = take_time(r, &cursor->flags);
    if (der_next_is(r, DER_SEQUENCE)) {
        der_enter(r, DER_SEQUENCE);
        do
            take_entry_extension(cursor, &entry);
        while (!der_at_end(r));
        der_leave(r);
    }
    der_leave(r);
    /* Later than what 32 bits hold is 2106: no revocation time of today. */
    if (revoked_at_s > UINT32_MAX)
        der_fail(r, ERR_MALFORMED);
    if (r->err != ERR_OK)
        return r->err;
    TRY(serial_from_content(serial, &entry.serial));
    entry.revoked_at_s = (uint32_t)revoked_at_s;
    *ret = entry;
    return ERR_OK;
}

static struct span without_zeros(struct span number)
{
    while (number.size > 0 && number.data[0] == 0)
        number = span_of(number.data + 1, number.size - 1);
    return number;
}

enum err crl_number(struct span number, uint64_t *ret)
{
    if (number.size == 0)
        return ERR_NOT_FOUND;
    struct span digits = without_zeros(number);
    if (digits.size > 8)
        return ERR_LIMIT;
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size; i++)
        value = value << 8 | digits.data[i];
    *ret = value;
    return ERR_OK;
}

int crl_number_compare(struct span a, struct span b)
{
    a = without_zeros(a);
    b = without_zeros(b);
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/crl_write.h"

#include "lib/timetext.h"

#define YEAR_2050_S    2524608000u
#define YEAR_10000_S   253402300800u
#define DER_UTC_TIME   0x17
#define UTC_TIME_BYTES (GENERALIZED_TIME_BYTES - 2)

/* Everything is written from the end to the start (der_write.h): read the functions upwards. */

static const uint8_t oid_aki[] = {DER_OID, 3, 0x55, 0x1d, 0x23};
static const uint8_t oid_number[] = {DER_OID, 3, 0x55, 0x1d, 0x14};
static const uint8_t oid_delta[] = {DER_OID, 3, 0x55, 0x1d, 0x1b};
static const uint8_t oid_idp[] = {DER_OID, 3, 0x55, 0x1d, 0x1c};
static const uint8_t oid_freshest[] = {DER_OID, 3, 0x55, 0x1d, 0x2e};
static const uint8_t critical[] = {DER_BOOLEAN, 1, 0xff};
static const uint8_t version_2[] = {DER_INTEGER, 1, 1};

/* Time, RFC 5280 5.1.2.4 to 5.1.2.6. */
static void put_time(struct der_writer *w, uint64_t time_s)
{
    uint8_t text[GENERALIZED_TIME_BYTES];
    generalized_time_write(time_s, text);
    if (time_s < YEAR_2050_S)
        der_put_element(w, DER_UTC_TIME, span_of(text + 2, UTC_TIME_BYTES));
    else
        der_put_element(w, DER_GENERALIZED_TIME, span_of(text, sizeof text));
}

static void put_number(struct der_writer *w, uint64_t number)
{
    uint8_t octets[8];
    for (unsigned i = 0; i < 8; i++)
        octets[i] = (uint8_t)(number >> (56 - 8 * i));
    der_put_unsigned(w, span_of(octets, sizeof octets));
}

/* crlEntryExtensions with a reasonCode, RFC 5280 5.3.1: 14 constant octets but the last. */
static void put_reason(struct der_writer *w, uint8_t reason)
{
    if (reason == REASON_ABSENT || reason == REASON_UNSPECIFIED)
        return;
    const uint8_t extension[] = {
        DER_SEQUENCE, 12,   DER_SEQUENCE,     10, DER_OID,        3, 0x55,
        0x1d,         0x15, DER_OCTET_STRING, 3,  DER_ENUMERATED, 1, reason};
    der_put(w, extension, sizeof extension);
}

static void put_entry(struct der_writer *w, const struct crl_entry *entry)
{
    size_t mark = w->used;
    put_reason(w, entry->reason);
    put_time(w, entry->revoked_at_s);
    der_put_element(w, DER_INTEGER, span_of(entry->serial.octets, entry->serial.size));
    der_put_header(w, DER_SEQUENCE, mark);
}

/* The extension whose value was put since `mark`. */
static void end_extension(struct der_writer *w, size_t mark, bool is_critical,
                          const uint8_t oid[static 5])
{
    der_put_header(w, DER_OCTET_STRING, mark);
    if (is_critical)
        der_put(w, critical, sizeof critical);
    der_put(w, oid, 5);
    der_put_header(w, DER_SEQUENCE, mark);
}

/* distributionPoint [0] { fullName [0] { uniformResourceIdentifier [6] } }: as in the certificates.
 */
static void put_distribution_point(struct der_writer *w, struct span url)
{
    size_t mark = w->used;
    der_put_element(w, DER_CONTEXT + 6, url);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED, mark);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED, mark);
}

static void put_idp(struct der_writer *w, const struct crl_fields *fields)
{
    static const uint8_t only_user[] = {DER_CONTEXT + 1, 1, 0xff};
    static const uint8_t only_ca[] = {DER_CONTEXT + 2, 1, 0xff};
    if (fields->url.size == 0 && fields->scope == CRL_ALL_CERTS)
        return;
    size_t mark = w->used;
    if (fields->scope == CRL_CA_CERTS)
        der_put(w, only_ca, sizeof only_ca);
    if (fields->scope == CRL_USER_CERTS)
        der_put(w, only_user, sizeof only_user);
    if (fields->url.size > 0)
        put_distribution_point(w, fields->url);
    der_put_header(w, DER_SEQUENCE, mark);
    end_extension(w, mark, true, oid_idp);
}

/* CRLDistributionPoints, RFC 5280 5.2.6 and 4.2.1.13: one point with one URL. */
static void put_freshest(struct der_writer *w, struct span url)
{
    size_t mark = w->used;
    if (url.size == 0)
        return;
    put_distribution_point(w, url);
    der_put_header(w, DER_SEQUENCE, mark);
    der_put_header(w, DER_SEQUENCE, mark);
    end_extension(w, mark, false, oid_freshest);
}

static void put_extensions(struct der_writer *w, const struct crl_fields *fields)
{
    size_t all = w->used;
    put_freshest(w, fields->freshest_url);
    put_idp(w, fields);
    size_t mark = w->used;
    if (fields->base_number != 0) {
        put_number(w, fields->base_number);
        end_extension(w, mark, true, oid_delta);
    }
    mark = w->used;
    put_number(w, fields->number);
    end_extension(w, mark, false, oid_number);
    mark = w->used;
    der_put_element(w, DER_CONTEXT, fields->key_id);
    der_put_header(w, DER_SEQUENCE, mark);
    end_extension(w, mark, false, oid_aki);
    der_put_header(w, DER_SEQUENCE, all);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED, all);
}

static enum err check_fields(const struct crl_fields *fields, size_t entry_count)
{
    if (entry_count > CRL_ENTRIES_MAX || fields->url.size > CRL_URL_BYTES_MAX ||
        fields->freshest_url.size > CRL_URL_BYTES_MAX || fields->issuer.size > CRL_NAME_BYTES_MAX ||
        fields->key_id.size > 64)
        return ERR_LIMIT;
    bool whole = fields->issuer.size > 0 && fields->key_id.size > 0 &&
                 sig_alg_info((uint8_t)fields->alg) != NULL;
    bool timely =
        fields->this_update_s < fields->next_update_s && fields->next_update_s < YEAR_10000_S;
    bool numbered = fields->number > 0 && fields->base_number < fields->number &&
                    (fields->base_number == 0 || fields->freshest_url.size == 0);
    return whole && timely && numbered ? ERR_OK : ERR_MALFORMED;
}

static bool is_entry_sayable(const struct crl_entry *entry)
{
    return reason_valid(entry->reason) && entry->serial.size >= 1 &&
           entry->serial.size <= SERIAL_BYTES_MAX;
}

static enum err put_entries(struct der_writer *w, const struct crl_entry *entries, size_t count)
{
    size_t mark = w->used;
    for (size_t i = count; i > 0; i--) {
        if (!is_entry_sayable(&entries[i - 1]))
            return ERR_MALFORMED;
        put_entry(w, &entries[i - 1]);
    }
    if (count > 0)
        der_put_header(w, DER_SEQUENCE, mark);
    return ERR_OK;
}

enum err crl_tbs_encode(const struct crl_fields *fields, const struct crl_entry *entries,
                        size_t entry_count, uint8_t *out, size_t out_size, size_t *ret_size)
{
    TRY(check_fields(fields, entry_count));
    const struct sig_alg_info *info = sig_alg_info((uint8_t)fields->alg);
    struct der_writer w = der_writer_into(out, out_size);
    put_extensions(&w, fields);
    TRY(put_entries(&w, entries, entry_count));
    put_time(&w, fields->next_update_s);
    put_time(&w, fields->this_update_s);
    der_put(&w, fields->issuer.data, fields->issuer.size);
    der_put(&w, info->identifier.data, info->identifier.size);
    der_put(&w, version_2, sizeof version_2);
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

enum err crl_encode(struct span tbs, enum sig_alg alg, struct span signature, uint8_t *out,
                    size_t out_size, size_t *ret_size)
{
    const struct sig_alg_info *info = sig_alg_info((uint8_t)alg);
    if (info == NULL)
        return ERR_MALFORMED;
    struct der_writer w = der_writer_into(out, out_size);
    TRY(sig_put_x509(&w, alg, signature));
    der_put_octet(&w, 0); /* unused bits */
    der_put_header(&w, DER_BIT_STRING, 0);
    der_put(&w, info->identifier.data, info->identifier.size);
    der_put(&w, tbs.data, tbs.size);
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

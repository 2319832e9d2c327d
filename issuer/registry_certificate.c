/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_certificate.h"

#include "issuer/registry_certificate_row.h"
#include "issuer/registry_reversed.h"
#include "lib/facts.h"

void certificate_row_read(struct sql_row *row, struct registry_certificate *ret)
{
    *ret = (struct registry_certificate){.der = SPAN_EMPTY};
    ret->id = sql_get_hash(row);
    ret->issuer_id = sql_get_bits(row);
    ret->serial = sql_get_serial(row);
    ret->kind = (enum registry_certificate_kind)sql_get_number_to(row, REGISTRY_FINAL);
    ret->profile = sql_get_text(row);
    ret->customer = sql_get_text(row);
    ret->order_id = sql_get_text(row);
    ret->not_before_s = sql_get_number(row);
    ret->not_after_s = sql_get_number(row);
    ret->shard = (uint32_t)sql_get_number_to(row, UINT32_MAX);
    ret->spki_sha256 = sql_get_hash(row);
    ret->tbs_sha256 = sql_get_hash(row);
    ret->stored_at_s = sql_get_number(row);
    ret->issued_seq = sql_get_number(row);
    ret->reason = (uint8_t)sql_get_number_to(row, REASON_ABSENT);
    ret->revoked_at_s = sql_get_number(row);
    ret->revoked = ret->revoked_at_s > 0;
}

static enum err add_names(struct registry *r, const struct registry_certificate *c,
                          const struct span *names, size_t name_count)
{
    for (size_t i = 0; i < name_count; i++) {
        uint8_t reversed[REVERSED_BYTES_MAX];
        size_t size;
        TRY(name_reverse(names[i], reversed, &size));
        TRY(registry_run(r, STATEMENT_NAME_ADD,
                         REGISTRY_PARAMS(sql_bits(c->issuer_id), sql_serial(&c->serial),
                                         sql_octets(span_of(reversed, size), sizeof reversed),
                                         param_name(names[i])),
                         NULL, NULL));
    }
    return ERR_OK;
}

/* Before anything is written, for a name that cannot be one is no fault of the database. */
static enum err check_names(const struct span *names, size_t name_count)
{
    if (name_count > REGISTRY_NAMES_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < name_count; i++) {
        uint8_t reversed[REVERSED_BYTES_MAX];
        size_t size;
        TRY(name_reverse(names[i], reversed, &size));
        TRY(param_name(names[i]).err);
    }
    return ERR_OK;
}

struct hash_or_none {
    bool found;
    struct sha256 hash;
};

static enum err read_hash(void *context, struct sql_row *row)
{
    struct hash_or_none *h = context;
    h->hash = sql_get_hash(row);
    h->found = true;
    return sql_row_end(row);
}

/* What was reserved is what was in the audit log before the signature. A precertificate's TBS is
 * what was reserved, and the final one differs from it by its SCTs. */
static enum err check_reserved(struct registry *r, const struct registry_certificate *c)
{
    struct registry_reservation reserved;
    struct hash_or_none precert = {.found = false};
    TRY(registry_serial_get(r, c->issuer_id, &c->serial, &reserved));
    struct sha256 tbs = reserved.tbs_sha256;
    if (reserved.state != REGISTRY_SERIAL_SIGNING || reserved.not_after_s != c->not_after_s ||
        reserved.shard != c->shard)
        return ERR_CONFLICT;
    if (c->kind == REGISTRY_FINAL)
        TRY(registry_run(r, STATEMENT_PRECERTIFICATE_TBS,
                         REGISTRY_PARAMS(sql_bits(c->issuer_id), sql_serial(&c->serial)), read_hash,
                         &precert));
    return precert.found || sha256_equal(&tbs, &c->tbs_sha256) ? ERR_OK : ERR_CONFLICT;
}

enum err registry_certificate_store(struct registry *r, const struct registry_certificate *c,
                                    const struct span *names, size_t name_count)
{
    if (c->kind != REGISTRY_PRECERT && c->kind != REGISTRY_FINAL)
        return ERR_RANGE;
    TRY(check_names(names, name_count));
    TRY(check_reserved(r, c));
    TRY(registry_change(
        r, STATEMENT_CERTIFICATE_ADD,
        REGISTRY_PARAMS(sql_hash(&c->id), sql_bits(c->issuer_id), sql_serial(&c->serial),
                        sql_number(c->kind), param_word(c->profile), param_customer(c->customer),
                        param_order_id(c->order_id), sql_number(c->not_before_s),
                        sql_number(c->not_after_s), sql_number(c->shard), sql_hash(&c->spki_sha256),
                        sql_hash(&c->tbs_sha256), sql_octets(c->der, REGISTRY_DER_MAX),
                        sql_number(c->stored_at_s)),
        ERR_EXISTS));
    TRY(add_names(r, c, names, name_count));
    if (c->kind == REGISTRY_PRECERT)
        return ERR_OK;
    TRY(registry_change(r, STATEMENT_SERIAL_STEP,
                        REGISTRY_PARAMS(sql_bits(c->issuer_id), sql_serial(&c->serial),
                                        sql_number(REGISTRY_SERIAL_SIGNING),
                                        sql_number(REGISTRY_SERIAL_ISSUED)),
                        ERR_CONFLICT));
    r->events_owed++;
    return ERR_OK;
}

struct one_certificate {
    struct registry *r;
    struct registry_certificate certificate;
};

static enum err keep_certificate(void *context, struct sql_row *row)
{
    struct one_certificate *one = context;
    struct registry_certificate *c = &one->certificate;
    certificate_row_read(row, c);
    c->der = sql_get_octets(row);
    TRY(sql_row_end(row));
    TRY(registry_keep(one->r, &c->profile));
    TRY(registry_keep(one->r, &c->customer));
    TRY(registry_keep(one->r, &c->order_id));
    return registry_keep(one->r, &c->der);
}

enum err registry_certificate_by_id(struct registry *r, const struct sha256 *id,
                                    struct registry_certificate *ret)
{
    struct one_certificate one = {.r = r};
    TRY(registry_one(r, STATEMENT_CERTIFICATE_BY_ID, REGISTRY_PARAMS(sql_hash(id)),
                     keep_certificate, &one));
    *ret = one.certificate;
    return ERR_OK;
}

enum err registry_certificate_by_serial(struct registry *r, uint64_t issuer_id,
                                        const struct serial *serial,
                                        enum registry_certificate_kind kind,
                                        struct registry_certificate *ret)
{
    struct one_certificate one = {.r = r};
    TRY(registry_one(
        r, STATEMENT_CERTIFICATE_BY_SERIAL,
        REGISTRY_PARAMS(sql_bits(issuer_id), sql_serial(serial), sql_number((uint64_t)kind)),
        keep_certificate, &one));
    *ret = one.certificate;
    return ERR_OK;
}

struct name_list {
    registry_name_row row;
    void *context;
};

static enum err give_name(void *context, struct sql_row *row)
{
    const struct name_list *list = context;
    struct span name = sql_get_text(row);
    TRY(sql_row_end(row));
    return list->row(list->context, name);
}

enum err registry_certificate_names(struct registry *r, uint64_t issuer_id,
                                    const struct serial *serial, registry_name_row row,
                                    void *context)
{
    struct name_list list = {row, context};
    return registry_run(r, STATEMENT_CERTIFICATE_NAMES,
                        REGISTRY_PARAMS(sql_bits(issuer_id), sql_serial(serial)), give_name, &list);
}

struct certificate_list {
    registry_certificate_row row;
    void *context;
};

static enum err give_certificate(void *context, struct sql_row *row)
{
    const struct certificate_list *list = context;
    struct registry_certificate certificate;
    certificate_row_read(row, &certificate);
    TRY(sql_row_end(row));
    return list->row(list->context, &certificate);
}

enum err registry_certificates_of_key(struct registry *r, const struct sha256 *spki_sha256,
                                      size_t limit, registry_certificate_row row, void *context)
{
    struct certificate_list list = {row, context};
    TRY(registry_check_limit(limit));
    return registry_run(r, STATEMENT_CERTIFICATES_OF_KEY,
                        REGISTRY_PARAMS(sql_hash(spki_sha256), sql_number(limit)), give_certificate,
                        &list);
}

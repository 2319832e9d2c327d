/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/crl_issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "lib/der_read.h"
#include "lib/key_alg.h"
#include "lib/os/log.h"
#include "presigner/publish_files.h"

static uint64_t seconds(const ASN1_TIME *t)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    time_t s = timegm(&tm);
    return s < 0 ? 0 : (uint64_t)s;
}

static enum err octets(int size, struct buffer *b)
{
    if (size <= 0)
        return ERR_CRYPTO;
    TRY(buffer_reserve(b, (size_t)size));
    b->size = (size_t)size;
    return ERR_OK;
}

/* The subjectKeyIdentifier, or what RFC 5280 4.2.1.2 (1) would make it. */
static enum err take_key_id(const X509 *x, struct crl_issuer *ci)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id((X509 *)(uintptr_t)x);
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
    if (id != NULL) {
        ci->key_id_size = (size_t)ASN1_STRING_length(id);
        if (ci->key_id_size == 0 || ci->key_id_size > sizeof ci->key_id)
            return ERR_LIMIT;
        memcpy(ci->key_id, ASN1_STRING_get0_data(id), ci->key_id_size);
        return ERR_OK;
    }
    ci->key_id_size = SHA_DIGEST_LENGTH;
    SHA1(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits), ci->key_id);
    return ERR_OK;
}

/* Certificate { tbsCertificate { [0] version, serialNumber, signature, issuer, validity, subject */
static enum err find_subject(struct span der, struct span *ret)
{
    struct der_reader r;
    uint8_t tag = 0;
    der_reader_init(&r, der);
    der_enter(&r, DER_SEQUENCE);
    der_enter(&r, DER_SEQUENCE);
    if (der_next_is(&r, DER_CONTEXT_CONSTRUCTED))
        der_take_any(&r, &tag);
    der_take_integer(&r);
    for (unsigned i = 0; i < 3; i++)
        der_take(&r, DER_SEQUENCE);
    const uint8_t *start = r.at;
    der_take(&r, DER_SEQUENCE);
    if (r.err != ERR_OK)
        return r.err;
    *ret = span_of(start, (size_t)(r.at - start));
    return ERR_OK;
}

static enum err take_certificate(X509 *x, struct crl_issuer *ci)
{
    X509_NAME *name = X509_get_subject_name(x);
    TRY(octets(i2d_X509(x, NULL), &ci->der));
    TRY(octets(i2d_X509_NAME(name, NULL), &ci->name));
    uint8_t *at = ci->der.data;
    i2d_X509(x, &at);
    at = ci->name.data;
    i2d_X509_NAME(name, &at);
    TRY(find_subject(span_of(ci->der.data, ci->der.size), &ci->subject));
    ci->not_before_s = seconds(X509_get0_notBefore(x));
    ci->not_after_s = seconds(X509_get0_notAfter(x));
    ci->key = X509_get_pubkey(x);
    if (ci->key == NULL)
        return ERR_CRYPTO;
    if ((X509_get_key_usage(x) & KU_CRL_SIGN) == 0)
        log_warning("issuer %s: its certificate is not for signing CRLs (keyUsage cRLSign): "
                    "clients will refuse them",
                    ci->issuer->config->name);
    TRY(key_alg_of(ci->key, &ci->alg));
    return take_key_id(x, ci);
}

static enum err read_certificate(struct crl_issuer *ci)
{
    FILE *file = fopen(ci->issuer->config->ca_certificate, "re");
    if (file == NULL)
        return ERR_NOT_FOUND;
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    enum err err = x == NULL ? ERR_CONFIG : take_certificate(x, ci);
    X509_free(x);
    return err;
}

static enum err open_key(struct crl_issuer *ci)
{
    struct ocsp_template *t = malloc(sizeof *t);
    if (ci->issuer->config->responder_certificate == NULL) {
        free(t);
        return signer_worker_new(ci->issuer->signer, &ci->worker);
    }
    if (t == NULL)
        return ERR_MEMORY;
    *t = ci->issuer->template_;
    enum err err = template_from_certificates(span_of(ci->der.data, ci->der.size), SPAN_EMPTY, t);
    if (err == ERR_OK)
        err = signer_open(&ci->issuer->config->ca_key, t, &ci->own);
    free(t);
    TRY(err);
    return signer_worker_new(ci->own, &ci->worker);
}

static enum err open_sets(struct publisher *p, struct crl_issuer *ci)
{
    struct crl_set set = crl_config_set(ci->config);
    enum err err = crl_sets_configure(p->status, ci->issuer->template_.issuer_id, &set, &ci->sets);
    if (err == ERR_CONFLICT)
        log_error("issuer %s: crl: set %u has another count of shards, for ever: another count "
                  "needs another shard_set",
                  ci->issuer->config->name, set.number);
    return err;
}

static int compare_slots(const void *a, const void *b)
{
    const struct crl_slot *x = a, *y = b;
    return (x->shard > y->shard) - (x->shard < y->shard);
}

static enum err make_slots(struct crl_issuer *ci)
{
    size_t count = 1, at = 0;
    bool full = false;
    for (size_t i = 0; i < ci->sets.count; i++)
        count += ci->sets.sets[i].count;
    ci->slots = calloc(count, sizeof *ci->slots);
    if (ci->slots == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < ci->sets.count; i++) {
        const struct crl_set *set = &ci->sets.sets[i];
        full = full || set->full;
        for (uint32_t place = 0; !set->full && place < set->count; place++)
            ci->slots[at++].shard = crl_shard_pack(set->number, (uint16_t)place);
    }
    if (full)
        ci->slots[at++].shard = CRL_SHARD_FULL;
    ci->slot_count = at;
    qsort(ci->slots, at, sizeof *ci->slots, compare_slots);
    return ERR_OK;
}

/* Withdrawn, and configured again: the record is there, but nothing at its path. */
static enum err is_at_its_path(struct publisher *p, MDB_txn *txn, const struct crl_issuer *ci,
                               const struct crl_slot *slot, bool *ret)
{
    char url[CRL_SHARD_URL_MAX];
    struct blob_path path;
    TRY(crl_shard_url(ci->config->url_base, slot->shard, url));
    enum err err = path_record_get(&p->db, txn, span_text(crl_url_path(url)), &path);
    *ret = err == ERR_OK;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static bool is_current(const struct crl_issuer *ci, const struct crl_slot *slot)
{
    const struct crl_set *set = &ci->sets.sets[ci->sets.current];
    return set->full ? slot->shard == CRL_SHARD_FULL : slot->shard >> 16 == set->number;
}

/* The scope of a set that goes on beside the current one: certificates were issued under it, and
 * the configuration may have another by now. It is what its CRLs say. */
static enum crl_scope scope_of(struct publisher *p, const struct crl_issuer *ci,
                               const struct crl_slot *slot)
{
    char path[PUBLISH_PATH_BYTES];
    struct buffer b = {0};
    struct crl crl;
    enum crl_scope scope = ci->config->scope;
    if (is_current(ci, slot))
        return scope;
    enum err err = publish_path_hash(p, "blob", &slot->record.blob, path);
    if (err == ERR_OK)
        err = file_read(path, BLOB_BYTES_MAX, &b);
    if (err == ERR_OK)
        err = crl_open(span_of(b.data, b.size), &crl);
    if (err == ERR_OK)
        scope = crl.scope;
    buffer_done(&b);
    return scope;
}

static enum err load_slot(struct publisher *p, MDB_txn *txn, const struct crl_issuer *ci,
                          struct crl_slot *slot)
{
    bool there = true;
    uint64_t issuer_id = ci->issuer->template_.issuer_id;
    enum err err = crl_record_get(&p->db, txn, issuer_id, slot->shard, &slot->record);
    slot->scope = ci->config->scope;
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(err);
    TRY(is_at_its_path(p, txn, ci, slot, &there));
    slot->scope = scope_of(p, ci, slot);
    slot->schedule.published = true;
    slot->schedule.this_update_s = slot->record.this_update_s;
    slot->schedule.next_planned_s = there ? slot->record.next_planned_s : 0;
    return crl_delta_get(&p->db, txn, issuer_id, slot->shard, &slot->delta);
}

static enum err load_slots(struct publisher *p, struct crl_issuer *ci)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < ci->slot_count; i++)
        err = load_slot(p, txn, ci, &ci->slots[i]);
    status_txn_abort(txn);
    return err;
}

static enum err open_all(struct publisher *p, struct crl_issuer *ci)
{
    TRY(read_certificate(ci));
    TRY(open_key(ci));
    TRY(open_sets(p, ci));
    TRY(make_slots(ci));
    return load_slots(p, ci);
}

enum err crl_issuer_open(struct publisher *p, struct publish_issuer *issuer, struct crl_issuer *ret)
{
    *ret = (struct crl_issuer){
        .issuer = issuer, .config = &issuer->config->crl, .index_after = SERIAL_BEFORE_ALL};
    enum err err = open_all(p, ret);
    if (err != ERR_OK)
        log_error("issuer %s: its CRLs cannot be made: %s", issuer->config->name, err_text(err));
    return err;
}

void crl_issuer_close(struct crl_issuer *ci)
{
    signer_worker_free(ci->worker);
    signer_free(ci->own);
    EVP_PKEY_free(ci->key);
    buffer_done(&ci->der);
    buffer_done(&ci->name);
    free(ci->slots);
    *ci = (struct crl_issuer){0};
}

struct crl_slot *crl_issuer_slot(struct crl_issuer *ci, uint32_t shard)
{
    struct crl_slot key = {.shard = shard};
    return ci->slot_count == 0
               ? NULL
               : bsearch(&key, ci->slots, ci->slot_count, sizeof key, compare_slots);
}

bool crl_issuer_verify(void *context, struct span tbs, struct span signature)
{
    const struct crl_issuer *ci = context;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = md != NULL &&
                EVP_DigestVerifyInit_ex(md, NULL, key_alg_digest(ci->alg), NULL, NULL, ci->key,
                                        NULL) == 1 &&
                EVP_DigestVerify(md, signature.data, signature.size, tbs.data, tbs.size) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

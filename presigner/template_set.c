/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/template_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/os/log.h"
#include "lib/responder_cert.h"
#include "presigner/publish_entry.h"
#include "presigner/publish_ranges.h"

#define CERTIFICATE_BYTES_MAX 65536
/* A validity of twice as much or more is renewed so long before its end, and at this age. */
#define REFRESH_AHEAD_S  (8u * 3600)
#define REFRESH_LATEST_S (4u * 86400)

static enum err certificate_read(const char *path, X509 **ret)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        log_error("%s: the certificate cannot be opened: %m", path);
        return ERR_NOT_FOUND;
    }
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    if (x == NULL) {
        log_error("%s: is not a certificate in PEM", path);
        return ERR_CONFIG;
    }
    *ret = x;
    return ERR_OK;
}

static enum err certificate_der(X509 *x, struct buffer *b)
{
    int size = i2d_X509(x, NULL);
    if (size <= 0 || size > CERTIFICATE_BYTES_MAX)
        return ERR_LIMIT;
    TRY(buffer_reserve(b, (size_t)size));
    uint8_t *out = b->data;
    b->size = (size_t)i2d_X509(x, &out);
    return ERR_OK;
}

static uint64_t not_after(const X509 *x)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
        return 0;
    time_t t = timegm(&tm);
    return t < 0 ? 0 : (uint64_t)t;
}

struct certificate {
    X509 *x;
    struct buffer der;
};

static enum err load(const char *path, struct certificate *c)
{
    TRY(certificate_read(path, &c->x));
    return certificate_der(c->x, &c->der);
}

static void unload(struct certificate *c)
{
    X509_free(c->x);
    buffer_done(&c->der);
}

/* As edges check it: none could get past a log entry with a template it does not take. */
static enum err load_responder(const char *path, const struct certificate *ca,
                               struct certificate *c)
{
    TRY(load(path, c));
    enum err err = responder_cert_check(c->x, ca->x);
    if (err != ERR_OK)
        log_error("%s: the CA did not issue it for OCSP signing", path);
    else if (X509_get_ext_by_NID(c->x, NID_id_pkix_OCSP_noCheck, -1) < 0)
        log_warning("%s: without id-pkix-ocsp-nocheck: clients may ask whether it is revoked, of "
                    "itself (RFC 6960 4.2.2.2.1)",
                    path);
    return err;
}

/* OpenSSL says all ones of a certificate without keyUsage. */
static void warn_of_usage(const struct issuer_config *config, X509 *ca)
{
    if ((X509_get_key_usage(ca) & KU_DIGITAL_SIGNATURE) == 0)
        log_warning(
            "issuer %s: its certificate is not for signing OCSP responses (keyUsage "
            "digitalSignature, BR 7.1.2.10.7): clients may refuse them; give it a responder",
            config->name);
}

/* What the Baseline Requirements 4.9.10 ask of a public CA. */
static void warn_of_refresh(const struct issuer_config *config)
{
    uint64_t latest_s = config->validity_s - REFRESH_AHEAD_S;
    if (config->validity_s < 2 * REFRESH_AHEAD_S)
        latest_s = config->validity_s / 2;
    else if (latest_s > REFRESH_LATEST_S)
        latest_s = REFRESH_LATEST_S;
    if (config->refresh_s > latest_s)
        log_warning("issuer %s: refresh_s is %" PRIu64 ": with this validity_s, BR 4.9.10 asks for "
                    "new statements after at most %" PRIu64,
                    config->name, config->refresh_s, latest_s);
}

static enum err template_make(struct publish_issuer *issuer, struct certificate *ca,
                              struct certificate *responder)
{
    const struct issuer_config *config = issuer->config;
    warn_of_refresh(config);
    TRY(load(config->ca_certificate, ca));
    uint64_t end_s = not_after(ca->x);
    if (config->responder_certificate != NULL) {
        TRY(load_responder(config->responder_certificate, ca, responder));
        end_s = not_after(responder->x);
    } else {
        warn_of_usage(config, ca->x);
    }
    TRY(template_from_certificates(span_of(ca->der.data, ca->der.size),
                                   span_of(responder->der.data, responder->der.size),
                                   &issuer->template_));
    issuer->template_.certid_set = (uint8_t)config->certid;
    issuer->template_.refresh_interval_s = (uint32_t)config->refresh_s;
    issuer->policy = (struct schedule_policy){.validity_s = config->validity_s,
                                              .refresh_s = config->refresh_s,
                                              .backdate_s = config->backdate_s,
                                              .responder_not_after_s = end_s};
    return ERR_OK;
}

enum err template_set_issuer_id(const char *ca_certificate, uint64_t *ret)
{
    struct certificate ca = {0};
    struct ocsp_template t = {0};
    enum err err = load(ca_certificate, &ca);
    if (err == ERR_OK)
        err = template_from_certificates(span_of(ca.der.data, ca.der.size), SPAN_EMPTY, &t);
    unload(&ca);
    if (err == ERR_OK)
        *ret = t.issuer_id;
    return err;
}

static bool same_content(const struct ocsp_template *a, const struct ocsp_template *b)
{
    uint8_t wire[2][TEMPLATE_BYTES_MAX];
    size_t sizes[2];
    struct ocsp_template renumbered = *a;
    renumbered.template_no = b->template_no;
    return template_write(&renumbered, wire[0], sizeof wire[0], &sizes[0]) == ERR_OK &&
           template_write(b, wire[1], sizeof wire[1], &sizes[1]) == ERR_OK &&
           span_equal(span_of(wire[0], sizes[0]), span_of(wire[1], sizes[1]));
}

static enum err template_number(struct publisher *p, MDB_txn *txn, struct publish_issuer *issuer,
                                bool *ret_new)
{
    struct ocsp_template *last = malloc(sizeof *last);
    if (last == NULL)
        return ERR_MEMORY;
    struct ocsp_template *t = &issuer->template_;
    enum err err = publish_db_template_last(&p->db, txn, t->issuer_id, last);
    bool none = err == ERR_NOT_FOUND;
    bool fresh = none || (err == ERR_OK && !same_content(t, last));
    if (none)
        err = ERR_OK;
    if (err == ERR_OK && fresh && !none && last->template_no == UINT16_MAX)
        err = ERR_LIMIT;
    if (err == ERR_OK) {
        t->template_no = none ? 1 : (uint16_t)(last->template_no + (fresh ? 1 : 0));
        *ret_new = fresh;
    }
    free(last);
    return err;
}

static enum err issuer_load(struct publisher *p, struct publish_issuer *issuer,
                            const struct issuer_config *config)
{
    struct certificate ca = {0};
    struct certificate responder = {0};
    issuer->config = config;
    enum err err = template_make(issuer, &ca, &responder);
    unload(&ca);
    unload(&responder);
    if (err != ERR_OK) {
        log_error("issuer %s: its certificates cannot be used: %s", config->name, err_text(err));
        return err;
    }
    const struct publish_issuer *same = publish_issuer_find(p, issuer->template_.issuer_id);
    if (same == NULL)
        return ERR_OK;
    log_error("issuer %s: %s has the name and key of issuer %s's CA: one CA is one issuer",
              config->name, config->ca_certificate, same->config->name);
    return ERR_CONFIG;
}

static enum err issuer_open(struct publisher *p, struct publish_issuer *issuer)
{
    enum err err = signer_open(&issuer->config->signer, &issuer->template_, &issuer->signer);
    if (err == ERR_OK)
        err = sign_source_new(p->pool, issuer->signer, &issuer->template_, &issuer->source);
    if (err != ERR_OK)
        log_error("issuer %s: its key cannot be used: %s", issuer->config->name, err_text(err));
    return err;
}

/* Records of an issuer that are missing, and the template for the log. */
static enum err issuer_record(struct publisher *p, MDB_txn *txn,
                              const struct publish_issuer *issuer, bool fresh)
{
    struct range_record range;
    const struct serial end = SERIAL_AFTER_ALL;
    uint64_t id = issuer->template_.issuer_id;
    if (fresh)
        TRY(publish_db_template_put(&p->db, txn, &issuer->template_));
    enum err err = publish_db_range_of(&p->db, txn, id, &end, &range);
    if (err != ERR_NOT_FOUND)
        return err;
    /* Changes that came before the issuer was configured were passed over. */
    struct status_counts counts;
    TRY(status_counts(p->status, txn, id, &counts));
    range = publish_range_first(id);
    if (counts.good + counts.revoked > 0)
        range.flags |= RANGE_DIRTY;
    return publish_db_range_put(&p->db, txn, &range);
}

/* What is already there stays as it is, so this is the same whether or not a run before got here.
 */
static enum err record_all(struct publisher *p, struct publish_entry *e)
{
    bool fresh[CONFIG_ISSUERS_MAX] = {false};
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < p->issuer_count; i++)
        err = template_number(p, txn, &p->issuers[i], &fresh[i]);
    status_txn_abort(txn);
    TRY(err);
    for (size_t i = 0; i < p->issuer_count; i++) {
        TRY(issuer_open(p, &p->issuers[i]));
        if (fresh[i])
            publish_entry_template(e, &p->issuers[i].template_);
    }
    TRY(publish_entry_seal(p, e, &txn));
    for (size_t i = 0; err == ERR_OK && i < p->issuer_count; i++)
        err = issuer_record(p, txn, &p->issuers[i], fresh[i]);
    if (err == ERR_OK)
        return publish_entry_commit(p, e, txn);
    publish_entry_drop(p, e, txn);
    return err;
}

static enum err load_all(struct publisher *p)
{
    p->issuers = calloc(p->config->issuer_count + 1, sizeof *p->issuers);
    if (p->issuers == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < p->config->issuer_count; i++) {
        TRY(issuer_load(p, &p->issuers[i], &p->config->issuers[i]));
        p->issuer_count++;
    }
    return ERR_OK;
}

enum err template_set_open(struct publisher *p)
{
    struct publish_entry e;
    TRY(load_all(p));
    TRY(publish_entry_start(p, &e));
    return record_all(p, &e);
}

enum err template_set_check(struct publisher *p)
{
    TRY(load_all(p));
    for (size_t i = 0; i < p->issuer_count; i++)
        TRY(issuer_open(p, &p->issuers[i]));
    return ERR_OK;
}

void template_set_close(struct publisher *p)
{
    for (size_t i = 0; i < p->issuer_count; i++) {
        sign_source_free(p->issuers[i].source);
        signer_free(p->issuers[i].signer);
    }
    free(p->issuers);
    p->issuers = NULL;
    p->issuer_count = 0;
}

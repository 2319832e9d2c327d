/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/os/log.h"
#include "presigner/crl_record.h"
#include "presigner/filter_block.h"
#include "presigner/filter_job.h"
#include "presigner/filter_record.h"
#include "presigner/publish_entry.h"
#include "presigner/publish_files.h"
#include "presigner/publish_txn.h"

/* A filter that failed or was refused is tried again after this, or the interval if shorter. */
#define RETRY_S 300

static const char media_type[] = "application/octet-stream";

struct publish_filter {
    struct filter_job_issuer issuers[CONFIG_ISSUERS_MAX];
    struct sha256 log_id;
    char blob_dir[PUBLISH_PATH_BYTES];
    struct filter_job *job; /* NULL: none is in the making */
    bool published;
    bool there;                  /* at its path; its file may have gone */
    struct filter_record record; /* when published */
    bool made;                   /* in this run */
    uint64_t retry_s;            /* not before, after a failure; 0: none */
    uint64_t looked_s;           /* when it was last looked whether one is due */
};

/* --- Open and close --- */

static enum err read_block(const struct issuer_config *issuer, struct sha256 *ret)
{
    FILE *file = fopen(issuer->ca_certificate, "re");
    if (file == NULL) {
        log_error("%s: the certificate cannot be opened: %m", issuer->ca_certificate);
        return ERR_NOT_FOUND;
    }
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    enum err err = x == NULL ? ERR_CONFIG : filter_block_of(x, ret);
    X509_free(x);
    if (err != ERR_OK)
        log_error("%s: the public key cannot be read", issuer->ca_certificate);
    return err;
}

static int by_block(const void *a, const void *b)
{
    const struct filter_job_issuer *x = a, *y = b;
    return memcmp(x->block.octets, y->block.octets, SHA256_BYTES);
}

static enum err open_issuers(struct publisher *p, struct publish_filter *f)
{
    for (size_t i = 0; i < p->issuer_count; i++) {
        f->issuers[i].issuer_id = p->issuers[i].template_.issuer_id;
        TRY(read_block(p->issuers[i].config, &f->issuers[i].block));
    }
    qsort(f->issuers, p->issuer_count, sizeof *f->issuers, by_block);
    for (size_t i = 1; i < p->issuer_count; i++)
        if (by_block(&f->issuers[i - 1], &f->issuers[i]) == 0) {
            log_error("filter: two issuers have the same key: a filter cannot tell them apart");
            return ERR_CONFIG;
        }
    return ERR_OK;
}

static void gauges(struct publisher *p, const struct filter_record *record)
{
    publish_gauge(p, COUNT_filter_bytes, record->bytes);
    publish_gauge(p, COUNT_filter_certificates, record->known_count);
    publish_gauge(p, COUNT_filter_revocations, record->revoked_count);
    publish_gauge(p, COUNT_filter_exceptions, record->exception_count);
    publish_gauge(p, COUNT_filter_bits_per_revocation_hundredths,
                  filter_record_bits_hundredths(record));
    publish_gauge(p, COUNT_filter_covered_until_seconds, record->covered_until_s);
    publish_gauge(p, COUNT_filter_made_seconds, record->made_s);
    publish_gauge(p, COUNT_filter_sequence, record->covers_sequence);
}

static enum err load_record(struct publisher *p, struct publish_filter *f)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    struct blob_path path;
    enum err err = filter_record_get(&p->db, txn, &f->record);
    f->published = err == ERR_OK;
    f->there =
        f->published && path_record_get(&p->db, txn, span_text(f->record.path), &path) == ERR_OK;
    status_txn_abort(txn);
    if (f->published)
        gauges(p, &f->record);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err publish_filter_open(struct publisher *p)
{
    struct publish_filter *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERR_MEMORY;
    p->filter = f;
    f->log_id = filter_log_id(span_text(p->config->network));
    TRY(publish_path(p, "blob", "", f->blob_dir));
    if (p->config->filter.path != NULL)
        TRY(open_issuers(p, f));
    return load_record(p, f);
}

void publish_filter_close(struct publisher *p)
{
    struct publish_filter *f = p->filter;
    struct filter_job_result result;
    if (f == NULL)
        return;
    if (f->job != NULL) {
        filter_job_stop(f->job);
        if (filter_job_end(f->job, &result) == ERR_OK)
            buffer_done(&result.made.wire);
    }
    free(f);
    p->filter = NULL;
}

/* --- Publishing --- */

static enum err put_all(struct publisher *p, MDB_txn *txn, const struct blob_path *path,
                        const struct filter_record *record)
{
    TRY(path_record_put(&p->db, txn, path));
    return filter_record_put(&p->db, txn, record);
}

static enum err publish(struct publisher *p, const struct filter_record *record)
{
    struct publish_entry e;
    MDB_txn *txn = NULL;
    struct blob_path path = {.path = span_text(record->path),
                             .blob = record->blob,
                             .blob_bytes = record->bytes,
                             .media_type = span_text(media_type),
                             .modified_s = record->covered_until_s,
                             .next_s = record->made_s + p->config->filter.interval_s};
    TRY(publish_entry_start(p, &e));
    publish_entry_path(&e, &path);
    TRY(publish_entry_seal(p, &e, &txn));
    enum err err = put_all(p, txn, &path, record);
    if (err != ERR_OK) {
        publish_entry_drop(p, &e, txn);
        return err;
    }
    TRY(publish_entry_commit(p, &e, txn));
    publish_count(p, COUNT_filters_published, 1);
    log_info("filter: %" PRIu64 " of %" PRIu64 " certificates revoked, %" PRIu64 " octets",
             record->revoked_count, record->known_count, record->bytes);
    return ERR_OK;
}

/* The filter that is published is the one to have: only what it was made from moves on. */
static enum err confirm(struct publisher *p, const struct filter_record *record)
{
    MDB_txn *txn = NULL;
    TRY(publish_txn_write(p, &txn));
    enum err err = filter_record_put(&p->db, txn, record);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    return status_txn_commit(txn);
}

static enum err withdraw(struct publisher *p, struct publish_filter *f)
{
    struct publish_entry e;
    MDB_txn *txn = NULL;
    struct blob_path path = {.path = span_text(f->record.path)};
    TRY(publish_entry_start(p, &e));
    publish_entry_path(&e, &path);
    TRY(publish_entry_seal(p, &e, &txn));
    enum err err = filter_record_delete(&p->db, txn, f->record.path);
    if (err != ERR_OK) {
        publish_entry_drop(p, &e, txn);
        return err;
    }
    TRY(publish_entry_commit(p, &e, txn));
    log_info("filter: %s is no longer published", f->record.path);
    f->published = f->there = false;
    gauges(p, &(struct filter_record){.path = ""});
    return ERR_OK;
}

/* --- What was made --- */

static struct filter_record record_of(const struct publisher *p,
                                      const struct filter_job_result *result)
{
    struct filter_record record = {.covers_sequence = result->covers_sequence,
                                   .covered_until_s = result->covered_until_s,
                                   .made_s = p->clock_s(),
                                   .first_expiry_s = result->first_expiry_s,
                                   .known_count = result->made.known_count,
                                   .revoked_count = result->made.revoked_count,
                                   .exception_count = result->made.exception_count,
                                   .bytes = result->made.wire.size,
                                   .blob = result->blob};
    (void)snprintf(record.path, sizeof record.path, "%s", p->config->filter.path);
    return record;
}

static enum err take(struct publisher *p, struct publish_filter *f,
                     const struct filter_job_result *result)
{
    struct filter_record record = record_of(p, result);
    struct span wire = span_of(result->made.wire.data, result->made.wire.size);
    if (f->there && sha256_equal(&f->record.blob, &record.blob)) {
        TRY(confirm(p, &record));
    } else {
        TRY(publish_blob_write(p, wire, &record.blob));
        TRY(publish(p, &record));
    }
    f->record = record;
    f->published = f->there = f->made = true;
    gauges(p, &record);
    return ERR_OK;
}

static void failed(struct publisher *p, struct publish_filter *f, enum err err,
                   enum filter_refusal refusal)
{
    uint64_t wait_s = p->config->filter.interval_s;
    wait_s = wait_s < RETRY_S ? wait_s : RETRY_S;
    f->retry_s = p->clock_s() + wait_s;
    publish_count(p, COUNT_filter_failures, 1);
    if (refusal != FILTER_ACCEPTED)
        publish_count(p, COUNT_filter_refused_answer + refusal - FILTER_REFUSED_ANSWER, 1);
    log_error("filter: not published: %s; again in %" PRIu64 " s",
              refusal != FILTER_ACCEPTED ? filter_refusal_text(refusal) : err_text(err), wait_s);
}

static enum err end_job(struct publisher *p, struct publish_filter *f)
{
    struct filter_job_result result;
    enum err err = filter_job_end(f->job, &result);
    f->job = NULL;
    publish_count(p, COUNT_filters_made, err == ERR_OK);
    publish_gauge(p, COUNT_filter_duration_milliseconds, result.duration_ms);
    if (err != ERR_OK) {
        failed(p, f, err, result.refusal);
        return ERR_OK;
    }
    publish_gauge(p, COUNT_filter_memory_bytes, result.made.memory_bytes);
    err = take(p, f, &result);
    buffer_done(&result.made.wire);
    return err;
}

/* --- What is due --- */

static enum err is_due(struct publisher *p, const struct publish_filter *f, bool *ret)
{
    uint64_t now_s = p->clock_s(), sequence = 0;
    *ret = false;
    if (f->retry_s != 0 && now_s < f->retry_s)
        return ERR_OK;
    if (!f->made || !f->published) {
        *ret = true;
        return ERR_OK;
    }
    /* A clock that was set back makes it due, too. */
    if (now_s >= f->record.made_s && now_s - f->record.made_s < p->config->filter.interval_s)
        return ERR_OK;
    TRY(status_poll_sequence(p->status, &sequence));
    *ret = sequence != f->record.covers_sequence || now_s >= f->record.first_expiry_s ||
           now_s < f->record.made_s;
    return ERR_OK;
}

static enum err start_job(struct publisher *p, struct publish_filter *f)
{
    const struct filter_config *config = &p->config->filter;
    struct filter_job_order order = {.status = p->status,
                                     .state_dir = p->config->state_dir,
                                     .blob_dir = f->blob_dir,
                                     .issuers = f->issuers,
                                     .issuer_count = p->issuer_count,
                                     .log_id = f->log_id,
                                     .reasons = config->reasons,
                                     .grace_s = p->config->grace_after_expiry_s,
                                     .now_s = p->clock_s(),
                                     .memory_max_bytes = config->memory_max_bytes};
    if (f->published)
        order.before = (struct filter_job_before){.blob = f->record.blob,
                                                  .covers_sequence = f->record.covers_sequence,
                                                  .covered_until_s = f->record.covered_until_s};
    f->retry_s = 0;
    return filter_job_start(&order, &f->job);
}

enum err publish_filter_step(struct publisher *p, bool *ret_worked, bool *ret_waiting)
{
    struct publish_filter *f = p->filter;
    const char *path = p->config->filter.path;
    bool due = false;
    if (f->published && (path == NULL || strcmp(path, f->record.path) != 0)) {
        *ret_worked = true;
        TRY(withdraw(p, f));
    }
    if (path == NULL)
        return ERR_OK;
    if (f->job != NULL && filter_job_ended(f->job)) {
        *ret_worked = true;
        return end_job(p, f);
    }
    if (f->job == NULL && f->looked_s != p->clock_s()) {
        f->looked_s = p->clock_s();
        TRY(is_due(p, f, &due));
        if (due)
            TRY(start_job(p, f));
    }
    *ret_waiting = *ret_waiting || f->job != NULL;
    return ERR_OK;
}

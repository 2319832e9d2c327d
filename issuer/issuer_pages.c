/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/issuer_pages.h"

#include <inttypes.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/audit_metrics.h"
#include "issuer/expiring.h"
#include "issuer/feed_lag.h"
#include "issuer/https.h"
#include "issuer/issuer_counters.h"
#include "issuer/journal.h"
#include "issuer/keeper.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"

#define PREFIX   "statim_issuer"
#define NS_PER_S 1000000000u

struct issuer_pages {
    struct issuer *issuer;
    struct registry *registry;
    bool registry_ok; /* the last question was answered */
    struct feed_lag lags[ISSUER_AUTHORITIES_MAX];
    struct expiring expiring;
    bool expiring_known;
    bool has_looked;         /* for what expires */
    uint64_t expiring_at_ns; /* of the last look, monotonic */
};

static const struct metric_row registry_row = {"registry_up", METRIC_GAUGE,
                                               "1 when the database answered just now"};
static const struct metric_row reconnects_row = {
    "database_reconnects", METRIC_COUNTER,
    "lost connections to the database that were opened again"};
static const struct metric_row keeper_row = {
    "serials_unfinished", METRIC_GAUGE,
    "serials of failed cycles that wait for the database or the audit log to get their end"};

enum err issuer_pages_open(struct issuer *issuer, struct issuer_pages **ret)
{
    const struct registry_options options = issuer_registry_options(issuer->config);
    struct issuer_pages *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_MEMORY;
    p->issuer = issuer;
    enum err err = registry_open(&options, &p->registry);
    if (err != ERR_OK) {
        free(p);
        return err;
    }
    *ret = p;
    return ERR_OK;
}

struct issuer_pages *issuer_pages_close(struct issuer_pages *p)
{
    if (p == NULL)
        return NULL;
    registry_close(p->registry);
    free(p);
    return NULL;
}

/* --- What the registry says. --- */

/* A report that takes longer than a statement may says nothing of the issuer's health, and is not
 * tried again at once: the last one stays. */
static void look_expiring(struct issuer_pages *p)
{
    uint64_t now_ns = issuer_now_ns(p->issuer);
    if (p->has_looked && now_ns - p->expiring_at_ns < ISSUER_PAGES_EXPIRING_S * (uint64_t)NS_PER_S)
        return;
    p->has_looked = true;
    p->expiring_at_ns = now_ns;
    enum err err = expiring_take(p->registry, issuer_now_s(p->issuer),
                                 p->issuer->config->expiring_days, &p->expiring);
    if (err == ERR_OK)
        p->expiring_known = true;
    else
        log_warning("expiring certificates cannot be counted: %s", err_text(err));
}

static enum err ask_registry(struct issuer_pages *p)
{
    const struct authority_set *set = p->issuer->authorities;
    TRY(registry_ready(p->registry));
    for (size_t i = 0; i < set->count; i++)
        TRY(feed_lag_take(p->registry, &set->authorities[i], &p->lags[i]));
    look_expiring(p);
    return ERR_OK;
}

static void refresh(struct issuer_pages *p)
{
    enum err err = ask_registry(p);
    if (err != ERR_OK && p->registry_ok)
        log_warning("the registry does not answer: %s", err_text(err));
    p->registry_ok = err == ERR_OK;
}

/* --- Certificates of our own. --- */

/* UINT64_MAX: a time that nobody can read, which no certificate that was loaded has. */
static uint64_t not_after_s(const X509 *certificate)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return UINT64_MAX;
    return (uint64_t)timegm(&tm);
}

struct own_certificate {
    char labels[128];
    uint64_t not_after_s;
};

/* Those of the two listeners (0, 1) and of the CAs. False: no such one, or not there yet. */
static bool own_certificate(const struct issuer *issuer, size_t i, struct own_certificate *ret)
{
    static const char *const listeners[] = {"public", "internal"};
    struct https_server *server = __atomic_load_n(&issuer->server, __ATOMIC_ACQUIRE);
    if (i < 2) {
        if (server == NULL)
            return false;
        snprintf(ret->labels, sizeof ret->labels, "which=\"listener\",name=\"%s\"", listeners[i]);
        ret->not_after_s = https_server_not_after_s(server, (uint32_t)i);
        return true;
    }
    if (i - 2 >= issuer->authorities->count)
        return false;
    const struct authority *authority = &issuer->authorities->authorities[i - 2];
    snprintf(ret->labels, sizeof ret->labels, "which=\"ca\",ca=\"%s\"", authority->id_text);
    ret->not_after_s = not_after_s(authority->certificate);
    return true;
}

static size_t own_count(const struct issuer *issuer)
{
    return 2 + issuer->authorities->count;
}

/* --- The pages. --- */

static void write_days(const struct issuer_pages *p, struct text_writer *w)
{
    uint64_t now_s = issuer_now_s(p->issuer);
    struct own_certificate own;
    days_remaining_write_head(w);
    for (size_t i = 0; i < own_count(p->issuer); i++)
        if (own_certificate(p->issuer, i, &own))
            days_remaining_write(w, own.labels, own.not_after_s, now_s);
    if (p->expiring_known)
        expiring_write_soonest(&p->expiring, now_s, w);
}

static void write_server(const struct issuer *issuer, struct text_writer *w)
{
    const struct https_server *server = __atomic_load_n(&issuer->server, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; server != NULL && i < HTTPS_COUNTER_COUNT; i++)
        metrics_write_row(w, PREFIX, &https_counter_rows[i],
                          https_server_counter(server, (enum https_counter)i));
}

static unsigned metrics_page(void *context, struct text_writer *w)
{
    struct issuer_pages *p = context;
    struct journal_status journal;
    refresh(p);
    journal_status(p->issuer->journal, &journal);
    issuer_metrics_write(p->issuer->metrics, w);
    audit_metrics_write(&journal, w);
    metrics_write_row(w, PREFIX, &registry_row, p->registry_ok);
    metrics_write_row(w, PREFIX, &reconnects_row, registry_reconnects());
    metrics_write_row(w, PREFIX, &keeper_row, keeper_waiting(p->issuer->keeper));
    if (p->registry_ok)
        feed_lags_write(p->issuer->authorities, p->lags, issuer_now_s(p->issuer), w);
    if (p->expiring_known)
        expiring_write_counts(&p->expiring, w);
    write_days(p, w);
    write_server(p->issuer, w);
    return 200;
}

/* A line for each; none: all is well. */
static void write_troubles(struct issuer_pages *p, struct text_writer *w)
{
    struct journal_status journal;
    struct own_certificate own;
    journal_status(p->issuer->journal, &journal);
    if (journal.err != ERR_OK)
        text_writer_format(w, "the audit log cannot be written: %s\n", err_text(journal.err));
    if (journal.unsigned_ns > ISSUER_PAGES_UNSIGNED_S * (uint64_t)NS_PER_S)
        text_writer_format(w, "the audit log has not been signed for long\n");
    if (!p->registry_ok)
        text_writer_format(w, "the registry does not answer\n");
    for (size_t i = 0; i < own_count(p->issuer); i++)
        if (own_certificate(p->issuer, i, &own) && own.not_after_s < issuer_now_s(p->issuer))
            text_writer_format(w, "a certificate is over: %s\n", own.labels);
}

static unsigned health_page(void *context, struct text_writer *w)
{
    struct issuer_pages *p = context;
    refresh(p);
    write_troubles(p, w);
    if (w->size > 0)
        return 503;
    text_writer_format(w, "ok\n");
    return 200;
}

const struct admin_page issuer_admin_pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_page},
    {"/healthz", "text/plain; charset=utf-8", health_page},
    {0},
};

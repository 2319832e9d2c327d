/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/expiring.h"

#include <inttypes.h>
#include <stdio.h>

#include "issuer/registry_search.h"

#define DAY_S 86400u
/* Rows that are read for the list: revoked ones among them are passed by. */
#define LIST_ROWS 100

static const uint64_t windows[EXPIRING_WINDOW_COUNT] = {
#define X(days) days,
    EXPIRING_WINDOW_TABLE(X)
#undef X
};

static const struct metric_row expiring_row = {
    "certificates_expiring", METRIC_GAUGE,
    "issued certificates that end within so many days, revoked ones among them"};
static const struct metric_row days_row = {
    "cert_days_remaining", METRIC_GAUGE,
    "days until a certificate ends: of a listener, of a CA, or an issued one that ends soon"};

static enum err keep(void *context, const struct registry_certificate *row)
{
    struct expiring *e = context;
    if (row->revoked || e->soonest_count == EXPIRING_LIST_MAX)
        return ERR_OK;
    e->soonest[e->soonest_count].issuer_id = row->issuer_id;
    e->soonest[e->soonest_count].serial = row->serial;
    e->soonest[e->soonest_count].not_after_s = row->not_after_s;
    e->soonest_count++;
    return ERR_OK;
}

/* A window begins where the one before ends, so that no certificate is read twice. */
static enum err count(struct registry *r, uint64_t now_s, uint64_t days, struct expiring *e,
                      size_t window)
{
    uint64_t more = 0;
    uint64_t from_s = now_s + (window > 0 ? e->windows[window - 1].days * DAY_S : 0);
    TRY(registry_expiring(r, from_s, now_s + days * DAY_S, &more));
    e->windows[window].days = days;
    e->windows[window].count = more + (window > 0 ? e->windows[window - 1].count : 0);
    return ERR_OK;
}

enum err expiring_take(struct registry *r, uint64_t now_s, uint64_t days, struct expiring *ret)
{
    struct expiring e = {0};
    char cursor[REGISTRY_CURSOR_BYTES];
    size_t n = 0;
    for (; n < EXPIRING_WINDOW_COUNT && windows[n] < days; n++)
        TRY(count(r, now_s, windows[n], &e, n));
    TRY(count(r, now_s, days, &e, n));
    const struct registry_search search = {
        .expires_after_s = now_s,
        .expires_before_s = now_s + days * DAY_S,
        .limit = LIST_ROWS,
    };
    TRY(registry_search(r, &search, keep, &e, cursor));
    *ret = e;
    return ERR_OK;
}

void expiring_write_counts(const struct expiring *e, struct text_writer *w)
{
    metrics_write_head(w, "statim_issuer", &expiring_row);
    for (size_t i = 0; e->windows[i].days != 0; i++)
        text_writer_format(
            w, "statim_issuer_certificates_expiring{days=\"%" PRIu64 "\"} %" PRIu64 "\n",
            e->windows[i].days, e->windows[i].count);
}

void days_remaining_write_head(struct text_writer *w)
{
    metrics_write_head(w, "tls", &days_row);
}

void days_remaining_write(struct text_writer *w, const char *labels, uint64_t not_after_s,
                          uint64_t now_s)
{
    double left_s =
        not_after_s >= now_s ? (double)(not_after_s - now_s) : -(double)(now_s - not_after_s);
    text_writer_format(w, "tls_cert_days_remaining{%s} %.3f\n", labels, left_s / DAY_S);
}

void expiring_write_soonest(const struct expiring *e, uint64_t now_s, struct text_writer *w)
{
    for (size_t i = 0; i < e->soonest_count; i++) {
        char labels[64 + SERIAL_HEX_MAX];
        char serial[SERIAL_HEX_MAX];
        serial_to_hex(&e->soonest[i].serial, serial);
        snprintf(labels, sizeof labels, "which=\"issued\",ca=\"%016" PRIx64 "\",serial=\"%s\"",
                 e->soonest[i].issuer_id, serial);
        days_remaining_write(w, labels, e->soonest[i].not_after_s, now_s);
    }
}

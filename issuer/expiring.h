/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificates end soon: how many within so many days, and the first few of them. What the
 * registry says, kept for /metrics; a person who wants them all asks the registry's search. */
#pragma once

#include "issuer/registry.h"
#include "lib/metrics.h"

#define EXPIRING_LIST_MAX 20
/* Windows that are counted, in days, as far as they are below the configured one. */
#define EXPIRING_WINDOW_TABLE(X) X(1) X(7) X(14) X(30)

enum {
#define X(days) EXPIRING_WINDOW_##days,
    EXPIRING_WINDOW_TABLE(X)
#undef X
        EXPIRING_WINDOW_COUNT
};

struct expiring {
    struct {
        uint64_t days; /* 0: the end */
        uint64_t count;
    } windows[EXPIRING_WINDOW_COUNT + 2];
    struct {
        uint64_t issuer_id;
        struct serial serial;
        uint64_t not_after_s;
    } soonest[EXPIRING_LIST_MAX]; /* revoked ones are left out */
    size_t soonest_count;
};

/** What ends between now and `days` days from now. Errors of the registry. */
MUST_CHECK enum err expiring_take(struct registry *r, uint64_t now_s, uint64_t days,
                                  struct expiring *ret);
/** `statim_issuer_certificates_expiring{days}`. */
void expiring_write_counts(const struct expiring *e, struct text_writer *w);

/* tls_cert_days_remaining{which="listener"|"ca"|"issued", ...}: the name is without our prefix, so
 * that one rule of an alert is for all certificates of a site. Days with a fraction; negative when
 * it is over. */
void days_remaining_write_head(struct text_writer *w);
/** `labels` as in lib/metrics.h. */
void days_remaining_write(struct text_writer *w, const char *labels, uint64_t not_after_s,
                          uint64_t now_s);
/** Those of `soonest`. */
void expiring_write_soonest(const struct expiring *e, uint64_t now_s, struct text_writer *w);

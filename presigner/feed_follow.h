/* SPDX-License-Identifier: Apache-2.0 */
/* One issuer's feed being followed: for feeds.c, on its thread. */
#pragma once

#include "presigner/counters.h"
#include "presigner/feed_gauges.h"
#include "presigner/feed_link.h"
#include "presigner/feed_report.h"
#include "presigner/feed_state.h"

struct feed_follow {
    const struct issuer_config *issuer;
    uint64_t issuer_id;
    struct status_db *status;
    uint64_t *counters; /* COUNT_COUNT */
    uint64_t *gauges;   /* FEED_GAUGE_COUNT */
    int wake_fd;        /* of the publishing thread */
    uint64_t wait_s;    /* that the issuer is asked to wait */

    struct feed_state state;
    struct sha256 hash; /* of the event at state.seq */
    struct feed_link ask;
    struct feed_link say;
    struct feed_link tell;
    struct feed_report report;
    uint64_t telling;                /* log number of what is being told */
    uint64_t settled, log_last;      /* as the publishing thread said last */
    bool current;                    /* the issuer had nothing more */
    bool failing;                    /* the latest question failed */
    bool stopped;                    /* and a person has to look */
    char complaint[256];             /* that was logged last */
    char crl_url[CRL_SHARD_URL_MAX]; /* that its new certificates name, the last of the set */
    bool crl_missing;                /* it is not published here */
};

/** The fields before `state` are set. Reads the position, or forgets it (`anew`). ERR_MEMORY,
 *  ERR_STORE, ERR_BUSY. */
MUST_CHECK enum err feed_follow_open(struct feed_follow *f, CURLM *multi, const char *publish_dir,
                                     bool anew);
void feed_follow_close(struct feed_follow *f);
/** Begins what is due. */
void feed_follow_step(struct feed_follow *f, uint64_t now_ns);
/** One of its links has finished. */
void feed_follow_finished(struct feed_follow *f, struct feed_link *link, CURLcode code,
                          uint64_t now_ns);
void feed_follow_settled(struct feed_follow *f, uint64_t sequence, uint64_t log_last);
/** Nothing is left to be said, or cannot be. */
bool feed_follow_is_done(const struct feed_follow *f);

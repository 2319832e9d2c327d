/* SPDX-License-Identifier: Apache-2.0 */
/* What the publishing thread leaves for the fast lane's thread. The one never waits for the other:
 * the lock is held for a few assignments. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "lib/err.h"
#include "presigner/lane_edges.h"
#include "presigner/publish_news.h"

/* Entries with revocations that were published while the other thread was busy. */
#define LANE_MAIL_TRACKS_MAX 64

struct lane_letter {
    uint64_t log_first; /* 0: nothing was published yet */
    uint64_t log_last;
    struct lane_track tracks[LANE_MAIL_TRACKS_MAX]; /* since the letter before */
    size_t track_count;
    bool stop;
};

struct lane_mail {
    pthread_mutex_t lock;
    struct lane_letter letter;
    int wake_fd; /* an eventfd: readable when there is something new */
};

/** ERR_IO. */
MUST_CHECK enum err lane_mail_make(struct lane_mail *m);
void lane_mail_done(struct lane_mail *m);

void lane_mail_put(struct lane_mail *m, const struct publish_news *news);
void lane_mail_stop(struct lane_mail *m);
/** All that came so far. */
void lane_mail_take(struct lane_mail *m, struct lane_letter *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lane_mail.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum err lane_mail_make(struct lane_mail *m)
{
    *m = (struct lane_mail){.lock = PTHREAD_MUTEX_INITIALIZER};
    m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return m->wake_fd >= 0 ? ERR_OK : ERR_IO;
}

void lane_mail_done(struct lane_mail *m)
{
    if (m->wake_fd >= 0)
        close(m->wake_fd);
    m->wake_fd = -1;
}

/* The number does not matter, and a full eventfd is readable already. */
static void wake(struct lane_mail *m)
{
    const uint64_t one = 1;
    (void)!write(m->wake_fd, &one, sizeof one);
}

/* Of too many the oldest is not followed. */
static void track(struct lane_letter *letter, const struct publish_news *news)
{
    if (news->revoked_number == 0 || news->revoked_commit_ms == 0)
        return;
    if (letter->track_count == LANE_MAIL_TRACKS_MAX) {
        letter->track_count--;
        memmove(letter->tracks, letter->tracks + 1, letter->track_count * sizeof letter->tracks[0]);
    }
    letter->tracks[letter->track_count++] =
        (struct lane_track){.number = news->revoked_number, .commit_ms = news->revoked_commit_ms};
}

void lane_mail_put(struct lane_mail *m, const struct publish_news *news)
{
    pthread_mutex_lock(&m->lock);
    m->letter.log_first = news->log_first;
    m->letter.log_last = news->log_last;
    track(&m->letter, news);
    pthread_mutex_unlock(&m->lock);
    wake(m);
}

void lane_mail_stop(struct lane_mail *m)
{
    pthread_mutex_lock(&m->lock);
    m->letter.stop = true;
    pthread_mutex_unlock(&m->lock);
    wake(m);
}

void lane_mail_take(struct lane_mail *m, struct lane_letter *ret)
{
    uint64_t count;
    (void)!read(m->wake_fd, &count, sizeof count);
    pthread_mutex_lock(&m->lock);
    *ret = m->letter;
    m->letter.track_count = 0;
    pthread_mutex_unlock(&m->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feeds.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "lib/os/log.h"
#include "presigner/feed_apply.h"
#include "presigner/feed_follow.h"

#define NS_PER_MS UINT64_C(1000000)
/* The poll ends after this at the latest. */
#define TURN_NS (1000 * NS_PER_MS)

/* What the publishing thread leaves for one feed. */
struct letter {
    uint64_t sequence;
    uint64_t log_last;
};

struct feeds {
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock; /* of the letters, `stop`, and what feeds_caught_up() asks for */
    pthread_cond_t heard;
    bool stop;
    struct letter letters[CONFIG_ISSUERS_MAX];
    bool current[CONFIG_ISSUERS_MAX];
    bool failed[CONFIG_ISSUERS_MAX];
    size_t count;
    struct feed_follow follows[CONFIG_ISSUERS_MAX]; /* the thread's own */
    uint64_t stop_ns;                               /* that a stop waits */
    uint64_t deadline_ns;                           /* of a stop */
};

/* --- Between the threads --- */

static bool take_letters(struct feeds *f)
{
    struct letter letters[CONFIG_ISSUERS_MAX];
    pthread_mutex_lock(&f->lock);
    memcpy(letters, f->letters, sizeof letters);
    bool stop = f->stop;
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < f->count; i++)
        feed_follow_settled(&f->follows[i], letters[i].sequence, letters[i].log_last);
    return stop;
}

/* For who waits in feeds_caught_up(). */
static void say_heard(struct feeds *f)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->count; i++) {
        f->current[i] |= f->follows[i].current;
        f->failed[i] |= f->follows[i].failing;
    }
    pthread_cond_broadcast(&f->heard);
    pthread_mutex_unlock(&f->lock);
}

void feeds_settled(struct feeds *f, const struct publisher *publisher)
{
    bool news = false;
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->count; i++) {
        struct letter now;
        now.sequence = publisher_settled(publisher, f->follows[i].issuer_id, &now.log_last);
        news |= now.sequence != f->letters[i].sequence || now.log_last != f->letters[i].log_last;
        f->letters[i] = now;
    }
    pthread_mutex_unlock(&f->lock);
    if (news)
        curl_multi_wakeup(f->multi);
}

static bool all_heard(const struct feeds *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (!f->current[i] && !f->failed[i])
            return false;
    return true;
}

enum err feeds_caught_up(struct feeds *f, unsigned timeout_ms)
{
    struct timespec until;
    int code = 0;
    enum err err = ERR_OK;
    if (f == NULL)
        return ERR_OK;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    pthread_mutex_lock(&f->lock);
    while (!all_heard(f) && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&f->heard, &f->lock, &until);
    for (size_t i = 0; i < f->count; i++)
        if (!f->current[i])
            err = f->failed[i] ? ERR_IO : ERR_BUSY;
    pthread_mutex_unlock(&f->lock);
    return err;
}

/* --- The thread --- */

static void finish(struct feeds *f, uint64_t now_ns)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(f->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE) {
            struct feed_link *link = feed_link_of(message->easy_handle);
            feed_follow_finished(link->owner, link, message->data.result, now_ns);
        }
}

static void turn(struct feeds *f, uint64_t now_ns)
{
    int running = 0;
    for (size_t i = 0; i < f->count; i++)
        feed_follow_step(&f->follows[i], now_ns);
    curl_multi_perform(f->multi, &running);
    finish(f, now_ns);
    /* What an answer asks for is begun before anything is waited for. */
    for (size_t i = 0; i < f->count; i++)
        feed_follow_step(&f->follows[i], now_ns);
    curl_multi_perform(f->multi, &running);
}

static void wait(struct feeds *f, uint64_t now_ns)
{
    uint64_t wake_ns = now_ns + TURN_NS;
    int events = 0;
    for (size_t i = 0; i < f->count; i++) {
        uint64_t ns = feed_state_wake_ns(&f->follows[i].state);
        if (ns < wake_ns)
            wake_ns = ns;
    }
    uint64_t ms = wake_ns > now_ns ? (wake_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    if (curl_multi_poll(f->multi, NULL, 0, (int)ms, &events) != CURLM_OK)
        log_error("feeds: libcurl cannot wait");
}

static bool is_over(struct feeds *f, bool stop, uint64_t now_ns)
{
    if (!stop)
        return false;
    if (f->deadline_ns == 0)
        f->deadline_ns = now_ns + f->stop_ns;
    bool done = true;
    for (size_t i = 0; i < f->count; i++)
        done &= feed_follow_is_done(&f->follows[i]);
    return done || now_ns >= f->deadline_ns;
}

static void *thread_main(void *context)
{
    struct feeds *f = context;
    for (;;) {
        bool stop = take_letters(f);
        uint64_t now_ns = clock_monotonic_ns();
        turn(f, now_ns);
        say_heard(f);
        if (is_over(f, stop, now_ns))
            return NULL;
        wait(f, now_ns);
    }
}

/* --- Start and end --- */

/* After the transactions that have forgotten: a crash between repeats them. */
static void remove_anew(const char *path)
{
    log_warning("%s: all events of issuers are taken again, from the first on", path);
    if (unlink(path) != 0)
        log_error("%s: cannot be removed, so the next start does it again: %s", path,
                  strerror(errno));
}

static enum err make(struct feeds *f, const struct feeds_setup *setup)
{
    const struct presigner_config *config = setup->config;
    char path[PATH_BYTES_MAX];
    TRY(path_join(path, sizeof path, config->state_dir, FEEDS_ANEW_FILE));
    bool anew = access(path, F_OK) == 0;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (f->multi = curl_multi_init()) == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < config->issuer_count; i++) {
        const struct issuer_config *issuer = &config->issuers[i];
        if (issuer->feed.url == NULL)
            continue;
        struct feed_follow *follow = &f->follows[f->count];
        *follow = (struct feed_follow){.issuer = issuer,
                                       .issuer_id = publisher_issuer_id(setup->publisher, issuer),
                                       .status = setup->status,
                                       .counters = setup->counters,
                                       .gauges = setup->gauges->feeds[f->count].values,
                                       .wake_fd = setup->wake_fd,
                                       .wait_s = setup->once ? 0 : issuer->feed.wait_s};
        f->count++;
        TRY(feed_follow_open(follow, f->multi, config->publish_dir, anew));
    }
    if (anew)
        remove_anew(path);
    return ERR_OK;
}

static struct feeds *done(struct feeds *f)
{
    for (size_t i = 0; i < f->count; i++)
        feed_follow_close(&f->follows[i]);
    curl_multi_cleanup(f->multi);
    pthread_cond_destroy(&f->heard);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return NULL;
}

static void cond_make(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum err feeds_start(const struct feeds_setup *setup, struct feeds **ret)
{
    struct feeds *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERR_MEMORY;
    f->stop_ns = (setup->once ? FEEDS_ONCE_STOP_MS : FEEDS_STOP_MS) * NS_PER_MS;
    pthread_mutex_init(&f->lock, NULL);
    cond_make(&f->heard);
    enum err err = make(f, setup);
    if (err == ERR_OK && pthread_create(&f->thread, NULL, thread_main, f) != 0)
        err = ERR_IO;
    if (err != ERR_OK) {
        done(f);
        return err;
    }
    *ret = f;
    return ERR_OK;
}

struct feeds *feeds_stop(struct feeds *f)
{
    if (f == NULL)
        return NULL;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_mutex_unlock(&f->lock);
    curl_multi_wakeup(f->multi);
    pthread_join(f->thread, NULL);
    return done(f);
}

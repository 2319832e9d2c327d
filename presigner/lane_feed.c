/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lane_feed.h"

#include "lib/check.h"

void lane_feed_start(struct lane_feed *f, uint64_t keep_count)
{
    CHECK(keep_count > 0);
    *f = (struct lane_feed){.keep_count = keep_count};
}

static bool is_known(const struct lane_feed *f)
{
    return f->log_first > 0;
}

static void ask(struct lane_feed *f)
{
    f->phase = f->connected && is_known(f) ? LANE_ASK : LANE_DOWN;
}

void lane_feed_published(struct lane_feed *f, uint64_t log_first, uint64_t log_last)
{
    CHECK(log_first > 0);
    f->log_first = log_first;
    f->log_last = log_last;
    if (f->phase == LANE_DOWN)
        ask(f);
}

void lane_feed_connection(struct lane_feed *f, bool up)
{
    f->connected = up;
    f->flying = 0;
    f->refused = false;
    f->retry_ns = 0;
    f->newest = 0;
    ask(f);
}

/* The oldest entry that is worth adding. */
static uint64_t floor_of(const struct lane_feed *f)
{
    uint64_t count = f->keep_count < LANE_REFILL_MAX ? f->keep_count : LANE_REFILL_MAX;
    uint64_t newest = f->log_last >= count ? f->log_last - count + 1 : 1;
    return newest > f->log_first ? newest : f->log_first;
}

static enum lane_want next_add(struct lane_feed *f, uint64_t *ret_number)
{
    uint64_t floor = floor_of(f);
    if (f->next > f->log_last || f->flying >= LANE_FLYING_MAX)
        return LANE_WANT_NOTHING;
    if (f->next < floor) {
        f->skipped += floor - f->next;
        f->next = floor;
    }
    if (f->next > f->log_last)
        return LANE_WANT_NOTHING;
    *ret_number = f->next;
    return LANE_WANT_ADD;
}

enum lane_want lane_feed_next(struct lane_feed *f, uint64_t now_ns, uint64_t *ret_number)
{
    if (now_ns < f->retry_ns)
        return LANE_WANT_NOTHING;
    switch (f->phase) {
    case LANE_ASK:
        /* Not among adds that are under way: the answer would be old. */
        return f->flying == 0 ? LANE_WANT_LAST : LANE_WANT_NOTHING;
    case LANE_DELETE:
        return f->flying == 0 ? LANE_WANT_DELETE : LANE_WANT_NOTHING;
    case LANE_FEED:
        return next_add(f, ret_number);
    case LANE_DOWN:
    case LANE_ASKED:
    case LANE_DELETED:
        return LANE_WANT_NOTHING;
    }
    return LANE_WANT_NOTHING;
}

void lane_feed_sent(struct lane_feed *f, enum lane_want want)
{
    switch (want) {
    case LANE_WANT_LAST:
        f->phase = LANE_ASKED;
        break;
    case LANE_WANT_DELETE:
        f->phase = LANE_DELETED;
        break;
    case LANE_WANT_ADD:
        f->next++;
        f->flying++;
        break;
    case LANE_WANT_NOTHING:
        break;
    }
}

static void feed_after(struct lane_feed *f, uint64_t number)
{
    f->phase = LANE_FEED;
    f->newest = number;
    f->next = number + 1;
    /* What an empty stream never had was not left out. */
    if (number == 0)
        f->next = floor_of(f);
}

void lane_feed_is_empty(struct lane_feed *f)
{
    if (f->refused)
        lane_feed_is_foreign(f);
    else
        feed_after(f, 0);
}

void lane_feed_is_at(struct lane_feed *f, uint64_t number, enum lane_match match)
{
    CHECK(number > 0);
    if (number > f->log_last || match == LANE_OTHER)
        lane_feed_is_foreign(f);
    else
        feed_after(f, number);
}

void lane_feed_is_foreign(struct lane_feed *f)
{
    f->phase = LANE_DELETE;
}

void lane_feed_is_deleted(struct lane_feed *f)
{
    f->deleted++;
    f->refused = false;
    feed_after(f, 0);
}

void lane_feed_is_added(struct lane_feed *f, uint64_t number)
{
    CHECK(f->flying > 0);
    f->flying--;
    f->refused = false;
    if (number > f->newest)
        f->newest = number;
}

void lane_feed_is_refused(struct lane_feed *f, uint64_t now_ns)
{
    CHECK(f->flying > 0);
    f->flying--;
    if (f->phase != LANE_FEED)
        return; /* the first of several unanswered ones has said so */
    f->refused = true;
    f->retry_ns = now_ns + LANE_RETRY_NS;
    ask(f);
}

void lane_feed_lacks(struct lane_feed *f, uint64_t now_ns)
{
    f->retry_ns = now_ns + LANE_RETRY_NS;
}

bool lane_feed_is_done(const struct lane_feed *f)
{
    return f->phase == LANE_FEED && f->flying == 0 && f->next > f->log_last;
}

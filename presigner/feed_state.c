/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feed_state.h"

#include "lib/check.h"

static void add_step(struct feed_state *s, const struct feed_position *position)
{
    if (s->step_count == FEED_STEPS_MAX)
        s->step_count--; /* its events are published when those after it are, too */
    s->steps[s->step_count++] = *position;
}

void feed_state_start(struct feed_state *s, const struct feed_position *position, uint64_t told)
{
    *s = (struct feed_state){.seq = position->seq,
                             .told = told,
                             .retry_ns = FEED_RETRY_FIRST_NS,
                             .say_retry_ns = FEED_RETRY_FIRST_NS};
    if (position->seq > 0)
        add_step(s, position);
}

static uint64_t doubled(uint64_t ns)
{
    return 2 * ns < FEED_RETRY_LAST_NS ? 2 * ns : FEED_RETRY_LAST_NS;
}

/* --- What is next --- */

static bool has_to_say(const struct feed_state *s)
{
    return s->agrees && !s->saying &&
           (s->published.seq > s->said || (!s->knows && s->published.seq > 0));
}

static bool has_to_tell(const struct feed_state *s)
{
    return s->agrees && s->log_last > s->told && !s->telling;
}

enum feed_want feed_state_next(const struct feed_state *s, uint64_t now_ns)
{
    /* What somebody waits for goes first. */
    if (has_to_say(s) && now_ns >= s->say_ns)
        return FEED_WANT_SAY;
    if (has_to_tell(s) && now_ns >= s->tell_ns)
        return FEED_WANT_TELL;
    return !s->asking && now_ns >= s->ask_ns ? FEED_WANT_ASK : FEED_WANT_NOTHING;
}

uint64_t feed_state_wake_ns(const struct feed_state *s)
{
    uint64_t wake_ns = UINT64_MAX;
    if (!s->asking)
        wake_ns = s->ask_ns;
    if (has_to_say(s) && s->say_ns < wake_ns)
        wake_ns = s->say_ns;
    if (has_to_tell(s) && s->tell_ns < wake_ns)
        wake_ns = s->tell_ns;
    return wake_ns;
}

/* --- Events --- */

void feed_state_asked(struct feed_state *s, uint64_t now_ns)
{
    CHECK(!s->asking);
    s->asking = true;
    s->asked_ns = now_ns;
}

static void answered(struct feed_state *s, uint64_t ask_ns)
{
    CHECK(s->asking);
    s->asking = false;
    s->ask_ns = ask_ns;
}

void feed_state_taken(struct feed_state *s, const struct feed_position *position)
{
    answered(s, 0);
    s->retry_ns = FEED_RETRY_FIRST_NS;
    s->agrees = true;
    s->seq = position->seq;
    add_step(s, position);
}

void feed_state_quiet(struct feed_state *s, uint64_t now_ns)
{
    bool waited = now_ns >= s->asked_ns + FEED_QUIET_NS;
    answered(s, waited || !s->agrees ? 0 : s->asked_ns + FEED_QUIET_NS);
    s->retry_ns = FEED_RETRY_FIRST_NS;
    s->agrees = true;
}

void feed_state_failed(struct feed_state *s, uint64_t now_ns, bool person)
{
    answered(s, now_ns + (person ? FEED_PERSON_NS : s->retry_ns));
    s->retry_ns = doubled(s->retry_ns);
    /* An issuer that was away may have begun anew and know of nothing, or be restored from a backup
     * and give our numbers to other events: that they are published would be a lie. */
    s->knows = s->agrees = false;
}

/* --- What is published --- */

void feed_state_settled(struct feed_state *s, uint64_t sequence, uint64_t log_last)
{
    size_t done = 0;
    while (done < s->step_count && s->steps[done].sequence <= sequence)
        s->published = s->steps[done++];
    s->step_count -= done;
    memmove(s->steps, s->steps + done, s->step_count * sizeof s->steps[0]);
    s->log_last = log_last;
}

void feed_state_saying(struct feed_state *s)
{
    CHECK(!s->saying);
    s->saying = true;
    s->saying_seq = s->published.seq;
}

void feed_state_said(struct feed_state *s)
{
    CHECK(s->saying);
    s->saying = false;
    s->knows = true;
    s->said = s->saying_seq;
    s->say_ns = 0;
    s->say_retry_ns = FEED_RETRY_FIRST_NS;
}

void feed_state_say_failed(struct feed_state *s, uint64_t now_ns)
{
    CHECK(s->saying);
    s->saying = false;
    s->say_ns = now_ns + s->say_retry_ns;
    s->say_retry_ns = doubled(s->say_retry_ns);
}

void feed_state_telling(struct feed_state *s)
{
    CHECK(!s->telling);
    s->telling = true;
}

void feed_state_told(struct feed_state *s, uint64_t now_ns, uint64_t log_number)
{
    CHECK(s->telling);
    s->telling = false;
    s->told = log_number;
    s->tell_ns = now_ns + FEED_TELL_NS;
}

void feed_state_tell_failed(struct feed_state *s, uint64_t now_ns)
{
    CHECK(s->telling);
    s->telling = false;
    s->tell_ns = now_ns + FEED_RETRY_LAST_NS;
}

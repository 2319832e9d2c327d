/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers' feeds (docs/formats.md, "Feed"): a thread that asks each statim-issuer for its events,
 * puts them into the status database, wakes the publishing thread, and tells the issuer when they
 * are published. It is stopped by nothing that happens to an issuer, and nothing else waits for it
 * but the first publication, for a moment.
 *
 * Decisions are in feed_state.h, what is done with an answer in feed_apply.h, the connection in
 * feed_link.h. */
#pragma once

#include "presigner/feed_gauges.h"
#include "presigner/publish.h"

/* A stop waits so long for what is not yet said to the issuers; the end of --once, after which
 * nobody says it for perhaps hours, for as long as a request may take. */
#define FEEDS_STOP_MS      1000
#define FEEDS_ONCE_STOP_MS 15000
/* A file of this name in the state folder says that a person knows that an issuer's registry has
 * another history now (docs/operations.md). At the start the positions are forgotten and the file
 * is removed: all events are taken again. They are joined into what is known, which loses nothing.
 */
#define FEEDS_ANEW_FILE "feed-anew"

struct feeds;

/** All stay borrowed. */
struct feeds_setup {
    const struct presigner_config *config; /* has a feed */
    struct status_db *status;
    const struct publisher *publisher; /* open */
    uint64_t *counters;                /* feed_* of them are the thread's own from now on */
    struct feed_gauges *gauges;
    int wake_fd; /* an eventfd: written to when there are changes */
    bool once;   /* issuers are asked not to wait; for feeds_caught_up() */
};

/** ERR_MEMORY, ERR_IO (no thread), ERR_STORE. */
MUST_CHECK enum err feeds_start(const struct feeds_setup *setup, struct feeds **ret);
/** From the publishing thread, after each step. Never waits. Takes NULL. */
void feeds_settled(struct feeds *feeds, const struct publisher *publisher);
/** Waits until each feed has given all it had at some time since the start. ERR_IO: one cannot be
 *  asked, or what it says is refused. ERR_BUSY: not within this time. Takes NULL. */
MUST_CHECK enum err feeds_caught_up(struct feeds *feeds, unsigned timeout_ms);
/** Takes NULL, returns NULL. */
struct feeds *feeds_stop(struct feeds *feeds);

/* SPDX-License-Identifier: Apache-2.0 */
/* Publication: turns changes in the status database into signed static files.
 *
 *   publish_dir/head   log/<number>   index/<sha256>   pack/<sha256>
 *
 * Work is cut into steps. Each step leaves the publication whole: packs, then the log entry that
 * names them, each fsynced; then one LMDB commit (ranges, tail, log number); then the head. A crash
 * between any two leaves at most files that nothing refers to. Only the holder of the lease
 * publishes (lease.h): each commit, and each file that is not named by its hash, first asks for it.
 */
#pragma once

#include "presigner/config.h"
#include "presigner/counters.h"
#include "presigner/lease.h"
#include "presigner/publish_news.h"

struct publisher;

/** All stay borrowed. */
struct publisher_setup {
    const struct presigner_config *config;
    struct status_db *status;
    struct lease *lease;       /* taken */
    uint64_t (*clock_s)(void); /* the wall clock */
    uint64_t *counters;        /* COUNT_COUNT; any thread may read them by counter_get() */
    struct publish_watch watch;
    /** The same thread, after each head, which may be in the middle of a step: publisher_settled()
     *  may have news. NULL: nobody. */
    void (*settled)(void *context, const struct publisher *p);
    void *settled_context;
};

/** Opens the keys, checks them against the certificates, makes folders, publishes templates that
 * are new, a first index when there is none, and the head. ERR_KEY, ERR_CONFIG, ERR_CONFLICT (a
 * state older than the head: an old copy), ERR_FENCED, ERR_NOT_FOUND, ERR_IO, ERR_DISK_FULL,
 * ERR_STORE, ERR_MEMORY, ERR_CRYPTO; what is wrong is logged. */
MUST_CHECK enum err publisher_open(const struct publisher_setup *setup, struct publisher **ret);
/** Opens the keys and checks them against the certificates, and nothing else: no state, no folder.
 * ERR_KEY, ERR_CONFIG, ERR_NOT_FOUND, ERR_MEMORY, ERR_CRYPTO; what is wrong is logged. */
MUST_CHECK enum err publisher_check(const struct presigner_config *config);
/** Takes NULL, returns NULL. */
struct publisher *publisher_close(struct publisher *p);

enum publish_outcome {
    PUBLISH_IDLE,    /* there was nothing to do */
    PUBLISH_WAITING, /* something is left for a little later: log entries are not too many */
    PUBLISH_WORKED,  /* there may be more */
};

/** Does the most urgent piece of work: revocations, other changes, one range, an index, the head,
 *  removal of old files. Bounded: about a pack's worth of signatures. An error leaves the
 * publication as it was before. ERR_FENCED: another process publishes by now; this one never will
 * again. */
MUST_CHECK enum err publisher_step(struct publisher *p, enum publish_outcome *ret);

/** All changes of the issuer up to this sequence are published: their statements are in the log, as
 *  far as any are wanted, and a head of this run names it. 0: not known, or no such issuer.
 *  `ret_log_last` is the newest log entry that the head names. */
uint64_t publisher_settled(const struct publisher *p, uint64_t issuer_id, uint64_t *ret_log_last);
/** The id of a configured issuer (lib/template.h). */
uint64_t publisher_issuer_id(const struct publisher *p, const struct issuer_config *issuer);

/** Asks a step that runs to end at the next safe point (from a signal or another thread): it then
 *  gives ERR_STOPPED. */
void publisher_stop(struct publisher *p);

/** An index now, unless the newest one is of this state. */
MUST_CHECK enum err publisher_index(struct publisher *p);
/** Removes old log entries and files that nothing refers to. */
MUST_CHECK enum err publisher_collect(struct publisher *p);

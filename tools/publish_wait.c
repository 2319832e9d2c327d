/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/publish_wait.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "lib/os/clock.h"
#include "presigner/crl_record.h"
#include "presigner/revoked_index.h"
#include "tools/progress.h"

#define LOOK_NS  50000000
#define NS_PER_S 1000000000u

struct place {
    uint64_t published_sequence; /* statements of revocations up to here are in the log */
    uint64_t log_number;
    size_t behind_count; /* CRLs that lack some */
};

/* A CRL without any of the revocations is not made anew for them: what tells is whether there is
 * one in the shard that is newer than the CRL. */
static enum err shard_is_behind(const struct directory *d, MDB_txn *txn, uint32_t shard,
                                uint64_t sequence, bool *ret)
{
    struct crl_record record;
    struct revoked_cursor cursor;
    struct status_cert cert;
    struct publish_db publish = publish_db_of(d->db);
    enum err err = crl_record_get(&publish, txn, d->issuer_id, shard, &record);
    uint64_t covers = err == ERR_OK ? record.covers_sequence : 0;
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    *ret = false;
    if (covers >= sequence)
        return ERR_OK;
    TRY(revoked_begin(d->db, txn, d->issuer_id, shard, &cursor));
    while (!*ret && (err = revoked_next(&cursor, &cert)) == ERR_OK)
        *ret = cert.record.sequence > covers && cert.record.sequence <= sequence;
    revoked_end(&cursor);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err count_behind(const struct directory *d, MDB_txn *txn, uint64_t sequence,
                             struct place *ret)
{
    struct crl_sets sets;
    bool full = false, behind = false;
    TRY(crl_sets_get(d->db, txn, d->issuer_id, &sets));
    for (size_t i = 0; i < sets.count; i++) {
        const struct crl_set *set = &sets.sets[i];
        full = full || set->full;
        for (uint32_t place = 0; !set->full && place < set->count; place++) {
            TRY(shard_is_behind(d, txn, crl_shard_pack(set->number, (uint16_t)place), sequence,
                                &behind));
            ret->behind_count += behind;
        }
    }
    if (!full)
        return ERR_OK;
    TRY(shard_is_behind(d, txn, CRL_SHARD_FULL, sequence, &behind));
    ret->behind_count += behind;
    return ERR_OK;
}

static enum err look(const struct directory *d, uint64_t sequence, struct place *ret)
{
    MDB_txn *txn;
    struct publish_state state = {0};
    struct place place = {0};
    struct publish_db publish = publish_db_of(d->db);
    TRY(status_txn_read(d->db, &txn));
    enum err err = publish_db_state_get(&publish, txn, &state);
    place.published_sequence = state.urgent_sequence;
    place.log_number = state.log_last;
    if (err == ERR_OK && state.urgent_sequence >= sequence && d->issuer->crl.url_base != NULL)
        err = count_behind(d, txn, sequence, &place);
    status_txn_abort(txn);
    if (err == ERR_OK)
        *ret = place;
    return err;
}

struct wait {
    const struct directory *d;
    uint64_t sequence;
    uint64_t start_ns;
    struct progress progress;
    bool in_log;
};

static double passed_s(const struct wait *w)
{
    return (double)(clock_monotonic_ns() - w->start_ns) / NS_PER_S;
}

static void tell(struct wait *w, const char *what, uint64_t log_number)
{
    progress_end(&w->progress);
    printf("%s after %.1f s, log entry %" PRIu64 "\n", what, passed_s(w), log_number);
    (void)fflush(stdout);
}

/* Whether all is done. */
static bool note(struct wait *w, const struct place *place)
{
    bool in_log = place->published_sequence >= w->sequence;
    if (in_log && !w->in_log)
        tell(w, "statements in the log", place->log_number);
    w->in_log = in_log;
    bool done = in_log && place->behind_count == 0;
    if (done && w->d->issuer->crl.url_base != NULL)
        tell(w, "CRLs published", place->log_number);
    if (!in_log)
        progress_update(&w->progress, PROGRESS_NO_PART, "published sequence",
                        place->published_sequence);
    else if (!done)
        progress_update(&w->progress, PROGRESS_NO_PART, "CRLs to make:", place->behind_count);
    return done;
}

bool publish_wait(const struct directory *d, uint64_t sequence, uint64_t wait_s)
{
    static const struct timespec pause = {.tv_nsec = LOOK_NS};
    struct place place = {0};
    struct wait w = {.d = d, .sequence = sequence, .start_ns = clock_monotonic_ns()};
    progress_start(&w.progress);
    enum err err = look(d, sequence, &place);
    bool done = false;
    while (err == ERR_OK && !(done = note(&w, &place)) && passed_s(&w) < (double)wait_s) {
        nanosleep(&pause, NULL);
        err = look(d, sequence, &place);
    }
    progress_end(&w.progress);
    if (err != ERR_OK)
        directory_complain(d, "all is accepted, but whether it is published cannot be seen: %s",
                           err_text(err));
    else if (!done)
        directory_complain(d,
                           "all is accepted, but not all published within %" PRIu64
                           " s: does statim-presigner run?",
                           wait_s);
    return done;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/wait.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "lib/head.h"
#include "lib/os/clock.h"
#include "lib/textline.h"
#include "presigner/lease.h"
#include "presigner/publish_db.h"
#include "tools/edges.h"
#include "tools/progress.h"
#include "tools/publish_wait.h"

/* Between two looks. */
#define POLL_NS 20000000

bool wait_option(int option, const char *value, struct wait_options *o)
{
    uint64_t number = 0;
    if (value == NULL || text_decimal(span_text(value), &number) != ERR_OK)
        return false;
    o->told = true;
    if (option == WAIT_OPTION_EDGES && number > 0 && number <= LANE_EDGES_MAX) {
        o->edges = number;
        return true;
    }
    o->published = true;
    o->limit_s = number;
    return option == WAIT_OPTION_WAIT && number <= PUBLISH_WAIT_MAX_S;
}

bool wait_possible(const struct directory *d, const struct wait_options *o)
{
    if (o->edges == 0 || d->config->redis.addresses != NULL)
        return true;
    directory_complain(d, "--wait-edges: %s has no redis, by which edges report; nothing was done",
                       d->config_path);
    return false;
}

void wait_by_default(const struct directory *d, struct wait_options *o)
{
    bool held = false;
    if (o->told)
        return;
    enum err err = lease_is_held(d->db, d->config->state_dir, &held);
    if (err != ERR_OK)
        directory_complain(d, "whether a presigner works here cannot be told: %s", err_text(err));
    else if (!held)
        printf("no presigner works here: it is published once one does\n");
    o->published = held;
}

/* --- Published --- */

/* The certificate's own newest statement. */
static enum err is_one_published(const struct directory *d, MDB_txn *txn,
                                 const struct publish_db *publish, const struct wait_goal *goal,
                                 bool *ret)
{
    struct cert_record record;
    struct tail_record tail;
    struct range_record range;
    TRY(status_get(d->db, txn, d->issuer_id, goal->serial, &record));
    /* No more statements are made about it. */
    *ret = cert_expired(&record, d->config->grace_after_expiry_s, clock_wall_s());
    if (*ret)
        return ERR_OK;
    enum err err = publish_db_tail_get(publish, txn, d->issuer_id, goal->serial, &tail);
    if (err == ERR_OK)
        *ret = tail.statement.facts.status == CERT_REVOKED;
    if (err != ERR_NOT_FOUND)
        return err;
    TRY(publish_db_range_of(publish, txn, d->issuer_id, goal->serial, &range));
    *ret = range.sequence >= goal->sequence && !sha256_is_zero(&range.pack);
    return ERR_OK;
}

static enum err is_range_waiting(struct publish_cursor *c, const struct directory *d,
                                 const struct wait_goal *goal, bool *ret_waiting)
{
    struct span key = SPAN_EMPTY;
    struct span value = SPAN_EMPTY;
    struct range_record range;
    TRY(publish_cursor_next(c, &key, &value));
    TRY(range_record_read(key, value, &range));
    *ret_waiting = range.issuer_id == d->issuer_id && (range.flags & RANGE_DIRTY) &&
                   range.sequence < goal->sequence;
    return ERR_OK;
}

/* Changes are in log entries of their own, or their range waits to be signed as a whole. */
static enum err are_all_published(const struct directory *d, MDB_txn *txn,
                                  const struct publish_db *publish, const struct wait_goal *goal,
                                  bool *ret)
{
    struct publish_cursor c;
    bool waiting = false;
    TRY(publish_cursor_open(txn, publish->range, SPAN_EMPTY, &c));
    enum err err = ERR_OK;
    while (err == ERR_OK && !waiting)
        err = is_range_waiting(&c, d, goal, &waiting);
    publish_cursor_close(&c);
    if (err != ERR_NOT_FOUND)
        TRY(err);
    *ret = !waiting;
    return ERR_OK;
}

static enum err look(const struct directory *d, MDB_txn *txn, const struct wait_goal *goal,
                     bool *ret, uint64_t *ret_log)
{
    struct publish_db publish = publish_db_of(d->db);
    struct publish_state state;
    TRY(publish_db_state_get(&publish, txn, &state));
    bool all = goal->kind == WAIT_ALL;
    *ret_log = state.log_last;
    *ret = (all ? state.published_sequence : state.urgent_sequence) >= goal->sequence;
    if (*ret && all)
        return are_all_published(d, txn, &publish, goal, ret);
    if (*ret && goal->kind == WAIT_ONE)
        return is_one_published(d, txn, &publish, goal, ret);
    return ERR_OK;
}

static enum err is_committed(const struct directory *d, const struct wait_goal *goal, bool *ret,
                             uint64_t *ret_log)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(d->db, &txn));
    enum err err = look(d, txn, goal, ret, ret_log);
    status_txn_abort(txn);
    if (err != ERR_NOT_FOUND)
        return err;
    *ret = false; /* it has no range yet */
    return ERR_OK;
}

/* How far the head is; 0: there is none. It is our own file: its signature is not looked at. */
static uint64_t head_log(const struct directory *d)
{
    char path[PATH_BYTES_MAX];
    struct buffer note = {0};
    struct head head = {0};
    if (path_join(path, sizeof path, d->config->publish_dir, "head") == ERR_OK &&
        file_read(path, HEAD_BYTES_MAX, &note) == ERR_OK) {
        const uint8_t *end = memmem(note.data, note.size, "\n\n", 2);
        if (end == NULL ||
            head_text_read(span_of(note.data, (size_t)(end + 1 - note.data)), &head) != ERR_OK)
            head.log_last = 0;
    }
    buffer_done(&note);
    return head.log_last;
}

/* --- The wait --- */

static uint64_t count_edges(const struct directory *d, uint64_t log_number)
{
    struct buffer text = {0};
    struct lane_report report;
    uint64_t count = 0;
    if (edges_load(d, &text, &report) == ERR_OK && edges_current(&report, clock_wall_ms()))
        count = edges_at(&report, log_number);
    buffer_done(&text);
    return count;
}

struct wait {
    const struct directory *d;
    const struct wait_options *o;
    const struct wait_goal *goal;
    uint64_t end_ns;
    uint64_t log_number; /* that has it; 0: not published yet */
    uint64_t edges;      /* that have it */
};

static enum err turn(struct wait *w, bool *ret_done)
{
    bool committed = w->log_number != 0;
    uint64_t log_number = w->log_number;
    *ret_done = false;
    if (!committed) {
        TRY(is_committed(w->d, w->goal, &committed, &log_number));
        if (!committed || head_log(w->d) < log_number)
            return ERR_OK;
        w->log_number = log_number;
    }
    w->edges = w->o->edges > 0 ? count_edges(w->d, w->log_number) : 0;
    *ret_done = w->edges >= w->o->edges;
    return ERR_OK;
}

static enum err wait_turns(struct wait *w, bool *ret_done)
{
    static const struct timespec pause = {.tv_nsec = POLL_NS};
    struct progress progress;
    enum err err = ERR_OK;
    progress_start(&progress);
    while ((err = turn(w, ret_done)) == ERR_OK && !*ret_done && clock_monotonic_ns() < w->end_ns) {
        if (w->log_number == 0)
            progress_update(&progress, PROGRESS_NO_PART, "waiting for the publication, sequence",
                            w->goal->sequence);
        else
            progress_update(&progress, (double)w->edges / (double)w->o->edges,
                            "edges that have it:", w->edges);
        nanosleep(&pause, NULL);
    }
    progress_end(&progress);
    return err;
}

static int say_late(const struct wait *w)
{
    if (w->log_number == 0)
        directory_complain(w->d,
                           "it is accepted, but not published within %" PRIu64
                           " s: does the presigner run, and can it sign?",
                           w->o->limit_s);
    else
        directory_complain(w->d,
                           "it is published in log entry %" PRIu64 ", but only %" PRIu64
                           " of %" PRIu64 " edges have it after %" PRIu64 " s",
                           w->log_number, w->edges, w->o->edges, w->o->limit_s);
    return WAIT_LATE;
}

int wait_for(const struct directory *d, const struct wait_options *o, const struct wait_goal *goal)
{
    struct wait w = {.d = d,
                     .o = o,
                     .goal = goal,
                     .end_ns = clock_monotonic_ns() + o->limit_s * UINT64_C(1000000000)};
    bool done = false;
    bool revoked = goal->kind != WAIT_ALL;
    /* Revocations are in CRLs too. */
    if (o->published && revoked && !publish_wait(d, goal->sequence, o->limit_s))
        return WAIT_LATE;
    if (o->edges == 0 && (revoked || !o->published))
        return 0;
    enum err err = wait_turns(&w, &done);
    if (err != ERR_OK) {
        directory_complain(d, "it is accepted, but the wait failed: %s", err_text(err));
        return 1;
    }
    if (!done)
        return say_late(&w);
    printf("published, log entry %" PRIu64, w.log_number);
    if (o->edges > 0)
        printf("; %" PRIu64 " edges have it", w.edges);
    putchar('\n');
    return 0;
}

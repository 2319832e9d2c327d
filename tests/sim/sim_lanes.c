/* SPDX-License-Identifier: Apache-2.0 */
/* The sync cores of several edges with both lanes, on a virtual clock: entries by a stream
 * (tests/sim/sim_stream.h) and files from origins that lag, fail, lose, flip and replay; kills
 * between any two steps; a publisher that trims its log and goes on from a backup. The store is a
 * list of certificates: what the real one makes of an entry is sim_sync's to test.
 *
 * Checked after every step: what an edge holds is exactly what was published at its number, or what
 * the index has that is being applied; no revocation is taken back, and no number, unless the
 * publisher went back; without that nothing ever broke the chain, whatever the stream said; a store
 * never claims a head that it was not shown. In the end, with good origins and a stream that is
 * good, bad or gone, every edge stands at the head; and then, with a good stream and no origin at
 * all, it follows the stream. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/sync_check.h"
#include "lib/block.h"
#include "lib/check.h"
#include "tests/sim/lanes_publisher.h"
#include "tests/sim/sim_forge.h"
#include "tests/sim/sim_publisher.h"
#include "tests/sim/sim_world.h"

#define EDGES        3
#define ORIGINS      2
#define STEPS        300
#define STEPS_QUIET  6000
#define START_WALL_S UINT64_C(1800000000)
#define POLL_NS      UINT64_C(1000000000)
#define BY_STREAM    5

struct edge {
    struct sync_core core;
    struct sync_action action;
    struct position position; /* as committed */
    struct lanes_state state;
    struct lanes_state seen;         /* the furthest that a reader ever saw of each certificate */
    const struct lanes_index *index; /* being applied */
    struct lanes_state begun;        /* as it was when that index was begun, after another one */
    bool has_blob[LANES_ENTRIES_MAX];
    uint64_t counters[SYNC_COUNTER_COUNT];
    uint64_t kills, back;
    struct buffer file[SYNC_ACTION_COUNT];
    struct buffer by_lane;
};

enum stream_end { STREAM_GOOD, STREAM_BAD, STREAM_GONE, STREAM_END_COUNT };

struct world {
    uint64_t seed, random, steps, faults_made;
    struct lanes_publication publication;
    struct sim_stream stream;
    struct edge edges[EDGES];
    uint32_t shown[ORIGINS]; /* which head an origin has */
    uint64_t monotonic_ns;
    bool faults, origins_gone;
};

static struct world *current; /* for the message of a failure */

#define SIM_CHECK(condition)                                                                 \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "sim_lanes: seed %" PRIu64 ", step %" PRIu64 ": %s (line %d)\n", \
                    current->seed, current->steps, #condition, __LINE__);                    \
            abort();                                                                         \
        }                                                                                    \
    } while (0)

static bool chance(struct world *w, uint32_t one_in)
{
    return w->faults && sim_below(&w->random, one_in) == 0;
}

static struct sync_time time_of(const struct world *w)
{
    return (struct sync_time){.monotonic_ns = w->monotonic_ns, .wall_s = w->publication.now_s};
}

static void give(struct world *w, struct edge *e, const struct sync_event *event)
{
    struct sync_time now = time_of(w);
    e->action = sync_core_step(&e->core, event, &now);
}

static void start_edge(struct world *w, struct edge *e)
{
    struct sync_core_config config = {.key = *publish_key_public(sim_publish_key()),
                                      .origin_count = ORIGINS,
                                      .index_when_behind = 5 + (uint32_t)(w->seed % 30),
                                      .poll_ns = POLL_NS,
                                      .seed = w->seed};
    sync_core_start(&e->core, &config, &e->position, e->counters);
    give(w, e, &(struct sync_event){.type = SYNC_TICK});
}

/* --- Checks --- */

static bool same(const struct lanes_state *a, const struct lanes_state *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void check_state(struct world *w, struct edge *e)
{
    const struct lanes_entry *at = lanes_entry_of(&w->publication, &e->position.log_hash);
    bool empty = e->position.log_number == 0;
    SIM_CHECK(empty || (at != NULL && at->number == e->position.log_number));
    struct lanes_state want = empty ? (struct lanes_state){{0}} : at->after;
    bool as_begun = e->index != NULL && same(&e->state, &e->begun);
    bool as_index = e->index != NULL && same(&e->state, &e->index->state);
    SIM_CHECK(same(&e->state, &want) || as_begun || as_index);
    if (w->publication.forks > 0)
        return;
    SIM_CHECK(e->counters[SYNC_CHAIN_BREAKS] == 0);
    for (uint32_t i = 0; i < LANES_SERIALS; i++) {
        SIM_CHECK(e->seen.status[i] != LANES_REVOKED || e->state.status[i] == LANES_REVOKED);
        e->seen.status[i] = e->state.status[i];
    }
}

static void commit(struct world *w, struct edge *e, const struct position *next)
{
    const struct position before = e->position;
    e->position = *next;
    e->position.commit++;
    if (next->log_number < before.log_number) {
        SIM_CHECK(w->publication.forks > 0 && e->counters[SYNC_CHAIN_BREAKS] > 0);
        e->back++;
    }
    SIM_CHECK(next->complete >= before.complete);
    SIM_CHECK(next->head_time_s >= before.head_time_s);
    check_state(w, e);
}

/* --- The store --- */

static void put_statement(struct edge *e, const struct statement *s)
{
    uint8_t which = s->serial.octets[1];
    SIM_CHECK(s->serial.size == 2 && which < LANES_SERIALS);
    e->state.status[which] = s->facts.status == CERT_REVOKED ? LANES_REVOKED : LANES_GOOD;
}

static void apply_log(struct world *w, struct edge *e, struct position *next)
{
    const struct log_entry *entry = &e->core.entry;
    struct log_item item;
    size_t cursor = 0;
    while (log_entry_next(entry, &cursor, &item)) {
        if (item.type == LOG_STATEMENT)
            put_statement(e, &item.statement);
        if (item.type != LOG_PATH)
            continue;
        const struct lanes_entry *of = lanes_entry_of_blob(&w->publication, &item.path.blob);
        SIM_CHECK(of != NULL && e->has_blob[of - w->publication.entries]);
    }
    next->log_number = entry->number;
    next->log_hash = e->core.entry_hash;
}

static void put_blob(struct world *w, struct edge *e)
{
    const struct sha256 *hash = &e->core.want.path.blob;
    const struct lanes_entry *of = lanes_entry_of_blob(&w->publication, hash);
    SIM_CHECK(of != NULL);
    SIM_CHECK(span_equal(e->core.blob, span_of(of->blob_octets, sizeof of->blob_octets)));
    e->has_blob[of - w->publication.entries] = true;
}

static void apply_range(struct world *w, struct edge *e, struct position *next)
{
    const struct lanes_index *of = lanes_index_of_pack(&w->publication, &e->core.want.range.pack);
    SIM_CHECK(of != NULL && e->index != NULL && same(&of->state, &e->index->state));
    e->state = of->state;
    next->index_done = e->core.index_lines;
}

static void finish_index(struct edge *e, struct position *next)
{
    SIM_CHECK(e->index != NULL && same(&e->state, &e->index->state));
    next->log_number = e->index->number;
    next->log_hash = e->index->log_hash;
    next->index_hash = (struct sha256){0};
    next->index_done = 0;
    next->complete |= next->log_number >= e->core.head.log_last;
    e->index = NULL;
}

static void apply(struct world *w, struct edge *e)
{
    if (chance(w, 20)) {
        give(w, e, &(struct sync_event){.type = SYNC_FAILED, .err = ERR_DISK_FULL});
        return;
    }
    struct position next = e->position;
    next.head_time_s = e->core.head.time_s;
    next.head_valid_until_s = e->core.head.valid_until_s;
    switch ((int)e->action.type) {
    case SYNC_APPLY_HEAD:
        next.complete = 1;
        break;
    case SYNC_PUT_BLOB:
        put_blob(w, e);
        break;
    case SYNC_APPLY_LOG:
        apply_log(w, e, &next);
        break;
    case SYNC_BEGIN_INDEX:
        e->index = lanes_index_of(&w->publication, &e->core.index_hash);
        SIM_CHECK(e->index != NULL);
        e->begun = e->state;
        next.index_hash = e->index->hash;
        next.index_done = 1; /* its template */
        break;
    case SYNC_APPLY_RANGE:
        apply_range(w, e, &next);
        break;
    default:
        SIM_CHECK(e->action.type == SYNC_FINISH_INDEX);
        finish_index(e, &next);
        break;
    }
    commit(w, e, &next);
    if (chance(w, 25)) { /* committed, but nobody was told */
        e->kills++;
        start_edge(w, e);
        return;
    }
    give(w, e, &(struct sync_event){.type = SYNC_APPLIED, .position = &e->position});
}

/* --- The origins --- */

static struct span log_file(const struct world *w, const struct lanes_head *head, uint64_t number)
{
    const struct lanes_publication *p = &w->publication;
    for (uint32_t i = head->entry_count; i > 0 && number >= head->log_first; i--)
        if (p->entries[i - 1].number == number)
            return p->entries[i - 1].octets;
    return SPAN_EMPTY;
}

static struct span honest(const struct world *w, const struct sync_action *a)
{
    const struct lanes_publication *p = &w->publication;
    const struct lanes_head *head = &p->heads[w->shown[a->origin]];
    const struct lanes_index *index = NULL;
    const struct lanes_entry *entry = NULL;
    switch ((int)a->type) {
    case SYNC_FETCH_HEAD:
        return head->octets;
    case SYNC_FETCH_LOG:
        return log_file(w, head, a->number);
    case SYNC_FETCH_INDEX:
        index = lanes_index_of(p, &a->hash);
        return index == NULL ? SPAN_EMPTY : index->octets;
    case SYNC_FETCH_PACK:
        index = lanes_index_of_pack(p, &a->hash);
        return index == NULL ? SPAN_EMPTY : index->pack;
    default:
        entry = lanes_entry_of_blob(p, &a->hash);
        if (entry == NULL || entry - p->entries >= head->entry_count)
            return SPAN_EMPTY;
        return span_of(entry->blob_octets, sizeof entry->blob_octets);
    }
}

enum fault { FAIL, MISSING, CUT, FLIP, REPLAY, WRONG_KEY, FAULT_COUNT };

static enum err spoil(struct world *w, const struct sync_action *a, struct buffer *out)
{
    const struct lanes_publication *p = &w->publication;
    struct span old = a->type == SYNC_FETCH_HEAD
                          ? p->heads[sim_below(&w->random, p->head_count)].octets
                          : p->entries[sim_below(&w->random, p->entry_count)].octets;
    w->faults_made++;
    switch ((enum fault)sim_below(&w->random, FAULT_COUNT)) {
    case FAIL:
        return ERR_IO;
    case MISSING:
        return ERR_NOT_FOUND;
    case CUT:
        out->size = sim_below(&w->random, (uint32_t)out->size);
        return ERR_OK;
    case FLIP:
        out->data[sim_below(&w->random, (uint32_t)out->size)] ^=
            (uint8_t)(1u << sim_below(&w->random, 8));
        return ERR_OK;
    case REPLAY:
        out->size = 0;
        return buffer_append(out, old);
    case WRONG_KEY:
        sim_sign_wrong(a->type, out);
        return ERR_OK;
    case FAULT_COUNT:
        break;
    }
    return ERR_OK;
}

static void fetch(struct world *w, struct edge *e)
{
    const struct sync_action a = e->action;
    struct buffer *out = &e->file[a.type];
    struct span octets = w->origins_gone ? SPAN_EMPTY : honest(w, &a);
    enum err err = w->origins_gone ? ERR_IO : octets.size == 0 ? ERR_NOT_FOUND : ERR_OK;
    buffer_done(out); /* a fresh place each time, so that a span borrowed too long shows */
    if (err == ERR_OK) {
        SIM_CHECK(buffer_append(out, octets) == ERR_OK);
        if (chance(w, 8))
            err = spoil(w, &a, out);
    }
    w->monotonic_ns += 1000000;
    if (err != ERR_OK) {
        give(w, e, &(struct sync_event){.type = SYNC_FAILED, .err = err});
        return;
    }
    give(w, e, &(struct sync_event){.type = SYNC_FETCHED, .bytes = span_of(out->data, out->size)});
    if (sync_core_file_passed(&e->core))
        SIM_CHECK(span_equal(span_of(out->data, out->size), octets));
}

/* --- Time --- */

static void wait(struct world *w, struct edge *e)
{
    struct sync_event event;
    SIM_CHECK(e->action.until_ns <= w->monotonic_ns + SYNC_BACKOFF_MAX_NS);
    if (w->monotonic_ns >= e->action.until_ns)
        give(w, e, &(struct sync_event){.type = SYNC_TICK});
    else if (w->monotonic_ns >= e->action.lane_ns &&
             sim_stream_next(&w->stream, e->core.position.log_number, &e->by_lane, &event))
        give(w, e, &event);
}

static void step_edge(struct world *w, struct edge *e)
{
    if (chance(w, 60)) {
        e->kills++;
        start_edge(w, e);
        return;
    }
    if (e->action.type == SYNC_WAIT)
        wait(w, e);
    else if (e->action.type <= SYNC_FETCH_BLOB)
        fetch(w, e);
    else
        apply(w, e);
}

/* Caches and mirrors catch up, each in its own time; after a fork they may even go back. */
static void show_heads(struct world *w)
{
    for (uint32_t i = 0; i < ORIGINS; i++)
        if (!w->faults || sim_below(&w->random, 8) == 0)
            w->shown[i] = w->publication.head_count - 1;
}

static void pass_time(struct world *w)
{
    uint64_t ms = sim_below(&w->random, 100);
    if (chance(w, 150))
        ms = (LANES_VALID_S + 5) * UINT64_C(1000);
    w->monotonic_ns += ms * 1000000u;
    w->publication.now_s = START_WALL_S + w->monotonic_ns / 1000000000u;
}

static void step(struct world *w)
{
    w->steps++;
    pass_time(w);
    if (chance(w, 8) && lanes_has_room(&w->publication))
        lanes_publish(&w->publication, &w->stream, true);
    if (chance(w, 60) && lanes_has_room(&w->publication))
        lanes_publish_head(&w->publication);
    if (w->seed % 3 == 0 && chance(w, 250))
        lanes_fork(&w->publication);
    show_heads(w);
    step_edge(w, &w->edges[sim_below(&w->random, EDGES)]);
}

/* There, and with no resync to come; not by a head of a chain that was left, whose numbers the log
 * has not reached again: what goes on from there contradicts it, and only a newer head helps. */
static bool all_at(const struct world *w)
{
    const struct lanes_place *now = &w->publication.now;
    const struct sha256 *hash = &w->publication.entries[now->chain[now->log_last]].hash;
    for (uint32_t i = 0; i < EDGES; i++) {
        const struct position *p = &w->edges[i].position;
        if (!p->complete || !sync_hash_is_zero(&p->index_hash) ||
            !sha256_equal(&p->log_hash, hash) || w->edges[i].core.chain_broken ||
            w->edges[i].core.head.log_last > now->log_last)
            return false;
    }
    return true;
}

/* Beyond every number that an edge has, as after a restore (docs/operations.md, "Backup"). */
static void publish_beyond(struct world *w)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < EDGES; i++)
        if (w->edges[i].position.log_number > most)
            most = w->edges[i].position.log_number;
    do
        lanes_publish(&w->publication, &w->stream, false);
    while (w->publication.now.log_last <= most);
}

static void end_over_http(struct world *w)
{
    enum stream_end end = (enum stream_end)(w->seed % STREAM_END_COUNT);
    w->faults = false;
    w->stream.faults = end == STREAM_BAD;
    w->stream.down = end == STREAM_GONE;
    publish_beyond(w);
    for (uint32_t i = 0; i < STEPS_QUIET && !all_at(w); i++) {
        w->stream.down |= end == STREAM_GONE;
        if (i % 1000 == 999) /* an index that was begun before the fork may have led beyond again */
            publish_beyond(w);
        step(w);
    }
    SIM_CHECK(all_at(w));
}

/* Not one file can be fetched: what the stream has is enough, and nothing is asked for it. */
static void end_by_stream(struct world *w)
{
    w->stream.faults = w->stream.down = false;
    w->origins_gone = true;
    uint64_t before[EDGES];
    for (uint32_t i = 0; i < EDGES; i++)
        before[i] = w->edges[i].counters[SYNC_LANE_APPLIED];
    for (uint32_t i = 0; i < BY_STREAM; i++)
        lanes_publish(&w->publication, &w->stream, false);
    for (uint32_t i = 0; i < STEPS_QUIET && !all_at(w); i++)
        step(w);
    SIM_CHECK(all_at(w));
    for (uint32_t i = 0; i < EDGES; i++)
        SIM_CHECK(w->edges[i].counters[SYNC_LANE_APPLIED] == before[i] + BY_STREAM);
}

static void totals_add(struct sim_totals *totals, const struct world *w)
{
    totals->steps += w->steps;
    totals->faults += w->faults_made + w->stream.faults_made;
    for (uint32_t i = 0; i < EDGES; i++) {
        totals->kills += w->edges[i].kills;
        totals->went_back += w->edges[i].back;
        for (uint32_t k = 0; k < SYNC_COUNTER_COUNT; k++)
            totals->counters[k] += w->edges[i].counters[k];
    }
}

static void run_seed(uint64_t seed, struct sim_totals *totals)
{
    static struct world world;
    struct world *w = current = &world;
    *w = (struct world){.seed = seed, .random = seed * 7919, .faults = true};
    w->stream.random = seed * 104729;
    w->stream.faults = true;
    lanes_start(&w->publication, seed, START_WALL_S);
    for (uint32_t i = 0; i < EDGES; i++)
        start_edge(w, &w->edges[i]);
    for (uint32_t i = 0; i < STEPS; i++)
        step(w);
    end_over_http(w);
    end_by_stream(w);
    totals_add(totals, w);
    lanes_done(&w->publication);
    for (uint32_t i = 0; i < EDGES; i++) {
        buffer_done(&w->edges[i].by_lane);
        for (uint32_t k = 0; k < SYNC_ACTION_COUNT; k++)
            buffer_done(&w->edges[i].file[k]);
    }
}

int main(int argc, char **argv)
{
    uint64_t first = 1, count = 20;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seeds") == 0)
            count = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--first") == 0)
            first = strtoull(argv[i + 1], NULL, 10);
    }
    static struct sim_totals totals;
    sim_keys_start();
    for (uint64_t seed = first; seed < first + count; seed++)
        run_seed(seed, &totals);
    sim_keys_stop();
    sim_totals_print(&totals, count);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The edge's sync against a publication in memory, on a virtual clock, with faults: transfers that
 * fail, are cut, flipped, too long, replayed, or signed by another key; a full disk; kills between
 * any two steps; entries by the fast lane, hurt likewise; a publisher that stands still until its
 * head has expired, trims its log, loses files, or goes on from an old backup.
 *
 * Checked after every step: the log number goes back only by a full resync after a broken chain;
 * what the store holds is exactly what the publication held at that number, or, while an index is
 * being applied, a mix of the states before and after, statement by statement; every statement is
 * genuine; blocks are in order and counted; a path has what it had in one of those states, its blob
 * is whole, and nothing older than before unless the publisher went back; an edge that relays has a
 * head for others only with everything that belongs to it. At the end, without faults, the edge
 * must catch up, and its copy must be whole unless the publisher has lost a file of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/relay_fill.h"
#include "edge/sync_apply.h"
#include "edge/sync_check.h"
#include "tests/sim/sim_forge.h"
#include "tests/sim/sim_packs.h"
#include "tests/sim/sim_publisher.h"
#include "tests/sim/sim_relay.h"
#include "tests/sim/sim_world.h"

#define STEPS        400
#define STEPS_QUIET  3000
#define ORIGINS      2
#define MAP_BYTES    (256u << 20)
#define START_WALL_S UINT64_C(1800000000)
#define MIXED_MAX    64
struct world {
    uint64_t seed;
    uint64_t random;
    struct sim_publication *publication;
    char path[SIM_PATH_BYTES];
    struct store *store;
    struct trust *trust;
    struct sync_applier applier;
    struct relay_filler filler;
    struct sync_core core;
    uint64_t counters[SYNC_COUNTER_COUNT];
    struct sync_time now;
    /* head, log, index, pack, blob: as long as the core borrows them; one for the relay's copy, one
     * of the fast lane */
    struct buffer octets[7];
    struct sim_packs packs;
    bool faults;
    bool relays; /* changes with a kill now and then; at the end by seed */
    enum sim_relay_state relay;
    struct position position;       /* as the store had it last */
    struct sha256 mixed[MIXED_MAX]; /* states that may be mixed while an index is applied */
    uint32_t mixed_count;
    uint64_t sequence[SIM_PATHS]; /* the newest that was seen at each path */
    uint64_t steps, kills, faults_made, went_back, forged;
};

static struct world *current; /* for the message of a failure */

#define SIM_CHECK(condition)                                                                \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "sim_sync: seed %" PRIu64 ", step %" PRIu64 ": %s (line %d)\n", \
                    current->seed, current->steps, #condition, __LINE__);                   \
            abort();                                                                        \
        }                                                                                   \
    } while (0)

static bool chance(struct world *w, uint32_t one_in)
{
    return sim_below(&w->random, one_in) == 0;
}

static enum err fill_fetch(void *context, const struct sync_action *action, struct span *ret);

static void open_edge(struct world *w)
{
    w->store = sim_store_open(w->path, MAP_BYTES);
    w->applier = (struct sync_applier){
        .store = w->store,
        .trust = w->trust,
        .verify_log = SYNC_VERIFY_ALL,
        .verify_packs = (enum sync_verify)(w->seed % 3),
        .packs = {.context = &w->packs, .read = sim_packs_read},
        .counters = w->counters,
    };
    sync_relay_start(&w->applier.relay, w->relays);
    w->filler = (struct relay_filler){.store = w->store,
                                      .relay = &w->applier.relay,
                                      .counters = w->counters,
                                      .fetch = {w, fill_fetch, sim_relay_judged}};
    SIM_CHECK(sync_applier_start(&w->applier, w->seed) == ERR_OK);
    struct position position;
    SIM_CHECK(store_position_read(w->store, &position) == ERR_OK);
    struct sync_core_config config = {.key = *publish_key_public(sim_publish_key()),
                                      .origin_count = ORIGINS,
                                      .index_when_behind = 5 + (uint32_t)(w->seed % 30),
                                      .poll_ns = 1000000000,
                                      .seed = w->seed};
    sync_core_start(&w->core, &config, &position, w->counters);
}

static void close_edge(struct world *w)
{
    relay_fill_stop(&w->filler);
    sync_applier_stop(&w->applier);
    w->store = store_close(w->store);
}

static void kill_edge(struct world *w)
{
    w->kills++;
    close_edge(w);
    w->relays = w->seed % 3 != 0 && (w->relays ? !chance(w, 8) : chance(w, 3));
    if (chance(w, 2))
        sim_packs_forget(&w->packs);
    open_edge(w);
}

/* Statement by statement: as in one of the states that may be mixed here. */
static bool in_mixture(struct world *w, uint64_t issuer_id, const struct statement *have)
{
    for (uint32_t i = 0; i < w->mixed_count; i++) {
        const struct sim_past *past = sim_past(w->publication, &w->mixed[i]);
        SIM_CHECK(past != NULL);
        const struct model *m = &past->content;
        size_t at = model_at(m, issuer_id, &have->serial);
        if (at == m->count || model_order(&m->items[at], issuer_id, &have->serial) != 0)
            continue;
        struct statement want = model_statement(&m->items[at]);
        if (statement_equal(have, &want))
            return true;
    }
    return false;
}

static void check_mixture(struct world *w, struct store_txn *txn)
{
    uint64_t issuer_id = 0;
    struct serial last = SERIAL_BEFORE_ALL;
    struct span wire;
    uint64_t count = 0;
    struct serial before = SERIAL_BEFORE_ALL;
    uint64_t before_issuer = 0;
    while (store_next_block(txn, &issuer_id, &last, &wire) == ERR_OK) {
        struct block block;
        SIM_CHECK(block_open(wire, &block) == ERR_OK);
        for (uint32_t i = 0; i < block.count; i++, count++) {
            struct statement have;
            block_statement(&block, i, &have);
            SIM_CHECK(sim_is_genuine(w->publication, issuer_id, &have));
            SIM_CHECK(in_mixture(w, issuer_id, &have));
            struct ocsp_template t;
            SIM_CHECK(store_get_template(txn, issuer_id, have.facts.template_no, &t) == ERR_OK);
            SIM_CHECK(issuer_id > before_issuer ||
                      (issuer_id == before_issuer && serial_compare(&have.serial, &before) > 0));
            before = have.serial;
            before_issuer = issuer_id;
        }
    }
    SIM_CHECK(count == store_position(txn)->statement_count);
}

/* A path as in one of the states that may be mixed here, and never back. */
static void check_path(struct world *w, struct store_txn *txn, uint32_t which)
{
    struct sim_path have = sim_path_of_store(txn, which);
    bool found = false;
    for (uint32_t i = 0; i < w->mixed_count && !found; i++)
        found = sim_path_equal(&have, &sim_past(w->publication, &w->mixed[i])->paths.list[which]);
    SIM_CHECK(found);
    if (have.sequence == 0)
        return;
    SIM_CHECK(have.sequence >= w->sequence[which] || w->publication->forks > 0);
    w->sequence[which] = have.sequence;
}

static void follow_mixture(struct world *w, const struct position *now)
{
    if (sync_hash_is_zero(&now->index_hash)) {
        w->mixed_count = 1;
        w->mixed[0] = now->log_hash;
    } else if (!sha256_equal(&now->index_hash, &w->position.index_hash)) {
        SIM_CHECK(w->mixed_count < MIXED_MAX);
        w->mixed[w->mixed_count++] = w->core.index.log_hash;
    }
}

static void check_store(struct world *w)
{
    struct store_txn *txn;
    SIM_CHECK(store_read(w->store, &txn) == ERR_OK);
    const struct position *now = store_position(txn);
    follow_mixture(w, now);
    if (now->log_number < w->position.log_number) {
        /* Only a finished resync after a break. */
        SIM_CHECK(w->publication->forks > 0 || w->counters[SYNC_CHAIN_BREAKS] > 0);
        SIM_CHECK(!sync_hash_is_zero(&w->position.index_hash));
        SIM_CHECK(w->counters[SYNC_CHAIN_BREAKS] > 0);
        w->went_back++;
    }
    SIM_CHECK(now->complete >= w->position.complete);
    SIM_CHECK(now->head_time_s >= w->position.head_time_s);
    check_mixture(w, txn);
    for (uint32_t i = 0; i < SIM_PATHS; i++)
        check_path(w, txn, i);
    w->relay = sim_relay_state(w->publication, txn);
    SIM_CHECK(w->relay != SIM_RELAY_BROKEN);
    if (sync_hash_is_zero(&now->index_hash)) {
        const struct sim_past *want = sim_past(w->publication, &now->log_hash);
        SIM_CHECK(want != NULL);
        SIM_CHECK(store_equals_model(txn, &want->content));
    }
    w->position = *now;
    store_abort(txn);
}

static const char *folder_of(enum sync_action_type type)
{
    return type == SYNC_FETCH_PACK ? "pack" : type == SYNC_FETCH_BLOB ? "blob" : "index";
}

/* What the origin has for the action, without faults. */
static struct span honest(struct world *w, const struct sync_action *action)
{
    char name[SIM_NAME_BYTES];
    char hash[SHA256_TEXT_BYTES];
    struct sim_publication *p = w->publication;
    switch ((int)action->type) {
    case SYNC_FETCH_HEAD:
        /* The second origin lags now and then. */
        if (w->faults && action->origin == 1 && p->head_count > 2 && chance(w, 3))
            return p->heads[p->head_count - 2];
        return p->heads[p->head_count - 1];
    case SYNC_FETCH_LOG:
        snprintf(name, sizeof name, "log/%" PRIu64, action->number);
        break;
    default:
        sha256_to_text(&action->hash, hash);
        snprintf(name, sizeof name, "%s/%s", folder_of(action->type), hash);
        break;
    }
    return sim_file(p, name);
}

static enum err spoil(struct world *w, enum sync_action_type type, struct buffer *out)
{
    w->faults_made++;
    return sim_spoil(w->publication, type, &w->random, out, &w->forged);
}

static struct sync_action give(struct world *w, const struct sync_event *event)
{
    return sync_core_step(&w->core, event, &w->now);
}

/* Now and then what the store has is removed before it is used. */
static bool has_blob(struct world *w, const struct sync_action *action)
{
    if (action->type != SYNC_FETCH_BLOB)
        return false;
    return (w->faults && chance(w, 20)) ||
           sync_apply_has_blob(&w->applier, &action->hash, action->bytes_max) == ERR_OK;
}

static enum err fill_fetch(void *context, const struct sync_action *action, struct span *ret)
{
    struct world *w = context;
    struct buffer *out = &w->octets[5];
    struct span content = honest(w, action);
    buffer_done(out);
    SIM_CHECK(buffer_append(out, content) == ERR_OK);
    if (content.size > 0 && w->faults && chance(w, 6))
        TRY(spoil(w, action->type, out));
    *ret = span_of(out->data, out->size);
    return content.size == 0 ? ERR_NOT_FOUND : ERR_OK;
}

/* What others get, a few files at a time. */
static void fill(struct world *w)
{
    bool more = true;
    SIM_CHECK(sync_relay_tidy(&w->applier.relay, w->store, w->now.wall_s) == ERR_OK);
    for (uint32_t i = 0; i < 8 && more; i++) {
        enum err err = relay_fill_step(&w->filler, &w->core, &w->now, &more);
        SIM_CHECK(err != ERR_STORE && err != ERR_DISK_FULL && err != ERR_MALFORMED);
        check_store(w);
    }
}

static struct sync_action fetch(struct world *w, const struct sync_action *action)
{
    static const uint8_t which[SYNC_ACTION_COUNT] = {[SYNC_FETCH_HEAD] = 0,
                                                     [SYNC_FETCH_LOG] = 1,
                                                     [SYNC_FETCH_INDEX] = 2,
                                                     [SYNC_FETCH_PACK] = 3,
                                                     [SYNC_FETCH_BLOB] = 4};
    if (has_blob(w, action))
        return give(w, &(struct sync_event){.type = SYNC_HAVE});
    struct buffer *out = &w->octets[which[action->type]];
    /* A fresh place each time, so that a span that was borrowed too long shows. */
    buffer_done(out);
    struct span content = honest(w, action);
    SIM_CHECK(buffer_append(out, content) == ERR_OK);
    enum err err = content.size == 0 ? ERR_NOT_FOUND : ERR_OK;
    if (err == ERR_OK && w->faults && chance(w, 6))
        err = spoil(w, action->type, out);
    w->now.monotonic_ns += 1000000;
    if (err != ERR_OK)
        return give(w, &(struct sync_event){.type = SYNC_FAILED, .err = err});
    struct sync_action next =
        give(w, &(struct sync_event){.type = SYNC_FETCHED, .bytes = span_of(out->data, out->size)});
    if (sync_core_file_passed(&w->core)) {
        SIM_CHECK(span_equal(span_of(out->data, out->size), content));
        if (action->type == SYNC_FETCH_PACK)
            sim_packs_keep(&w->packs, &action->hash, span_of(out->data, out->size));
    }
    return next;
}

static struct sync_action apply(struct world *w, const struct sync_action *action)
{
    if (w->faults && chance(w, 15))
        return give(w, &(struct sync_event){.type = SYNC_FAILED, .err = ERR_DISK_FULL});
    struct position position;
    enum err err = sync_apply(&w->applier, &w->core, action->type, w->now.wall_s, &position);
    if (err != ERR_OK) {
        SIM_CHECK(w->faults); /* the content is genuine: only a kept pack or a blob can be gone */
        SIM_CHECK(err == ERR_NOT_FOUND || (err == ERR_SIGNATURE && w->forged > 0));
        return give(w, &(struct sync_event){.type = SYNC_FAILED, .err = err});
    }
    if (action->type == SYNC_PUT_BLOB || action->type == SYNC_APPLY_PATH)
        buffer_done(&w->octets[4]);
    check_store(w);
    if (w->faults && chance(w, 20)) {
        kill_edge(w); /* committed, but nobody was told */
        return give(w, &(struct sync_event){.type = SYNC_TICK});
    }
    return give(w, &(struct sync_event){.type = SYNC_APPLIED, .position = &position});
}

static void pass_time(struct world *w, uint64_t ns)
{
    w->now.monotonic_ns += ns;
    w->now.wall_s = START_WALL_S + w->now.monotonic_ns / 1000000000u;
    w->publication->now_s = w->now.wall_s;
}

/* What is not needed goes, whenever there is a pause, and nothing else. */
static void tidy(struct world *w)
{
    if (w->faults && chance(w, 3) && !w->applier.sweep.walking)
        template_sweep_restart(&w->applier.sweep);
    SIM_CHECK(sync_apply_tidy(&w->applier, &w->core, w->now.monotonic_ns) == ERR_OK);
    check_store(w);
}

/* What the fast lane has (tests/sim/sim_lanes.c has all that it may do): the next entry, or one of
 * another number, hurt now and then. */
static bool lane_has(struct world *w, struct sync_event *ret)
{
    uint64_t number = w->core.position.log_number + 1 + (w->faults && chance(w, 8));
    char name[SIM_NAME_BYTES];
    snprintf(name, sizeof name, "log/%" PRIu64, number);
    struct span content = sim_file(w->publication, name);
    struct buffer *out = &w->octets[6];
    if (content.size == 0 || !w->faults || chance(w, 3))
        return false;
    buffer_done(out);
    SIM_CHECK(buffer_append(out, content) == ERR_OK);
    if (chance(w, 6) && spoil(w, SYNC_FETCH_LOG, out) != ERR_OK)
        return false;
    *ret = (struct sync_event){.type = SYNC_LANE,
                               .bytes = span_of(out->data, out->size),
                               .number = number,
                               .after = w->core.position.log_number};
    return true;
}

static struct sync_action step(struct world *w, struct sync_action action)
{
    w->steps++;
    if (w->faults && chance(w, 30)) {
        kill_edge(w);
        return give(w, &(struct sync_event){.type = SYNC_TICK});
    }
    if (w->faults && chance(w, 4))
        sim_publish(w->publication);
    if (w->faults && chance(w, 150))
        sim_fork(w->publication);
    if (w->faults && chance(w, 100))
        pass_time(w, (SIM_HEAD_VALID_S + 5) * UINT64_C(1000000000));
    if (action.type == SYNC_WAIT) {
        SIM_CHECK(action.until_ns <= w->now.monotonic_ns + SYNC_BACKOFF_MAX_NS);
        struct sync_event event;
        if (w->now.monotonic_ns >= action.lane_ns && lane_has(w, &event))
            return give(w, &event);
        if (action.until_ns > w->now.monotonic_ns)
            pass_time(w, action.until_ns - w->now.monotonic_ns);
        tidy(w);
        fill(w);
        return give(w, &(struct sync_event){.type = SYNC_TICK});
    }
    if (action.type <= SYNC_FETCH_BLOB)
        return fetch(w, &action);
    return apply(w, &action);
}

static bool caught_up(const struct world *w)
{
    return w->position.complete && sync_hash_is_zero(&w->position.index_hash) &&
           sha256_equal(&w->position.log_hash, &w->publication->state.log_hash);
}

/* As it should be at the end: the filler still tries when the publisher has lost a file. */
static bool relayed(const struct world *w)
{
    return w->relays ? w->relay == SIM_RELAY_NEWEST || w->filler.failures > 2
                     : w->relay == SIM_RELAY_NONE;
}

static void totals_add(struct sim_totals *totals, const struct world *w)
{
    totals->steps += w->steps;
    totals->kills += w->kills;
    totals->faults += w->faults_made;
    totals->went_back += w->went_back;
    totals->relayed += w->relay == SIM_RELAY_NEWEST;
    for (uint32_t i = 0; i < SYNC_COUNTER_COUNT; i++)
        totals->counters[i] += w->counters[i];
}

static void run_seed(uint64_t seed, struct sim_totals *totals)
{
    static struct world world;
    struct world *w = current = &world;
    *w = (struct world){.seed = seed, .random = seed * 7919, .faults = true, .mixed_count = 1};
    w->relays = seed % 3 == 1;
    w->now = (struct sync_time){.monotonic_ns = 0, .wall_s = START_WALL_S};
    w->publication = sim_publication_new(seed, START_WALL_S);
    sim_directory(w->path);
    SIM_CHECK(trust_load(NULL, 0, &w->trust, NULL) == ERR_OK);
    open_edge(w);
    check_store(w);
    struct sync_action action = give(w, &(struct sync_event){.type = SYNC_TICK});
    for (uint32_t i = 0; i < STEPS; i++)
        action = step(w, action);
    w->faults = false;
    w->relays = w->seed % 3 != 0;
    close_edge(w);
    open_edge(w);
    action = give(w, &(struct sync_event){.type = SYNC_TICK});
    sim_publish_head(w->publication);
    for (uint32_t i = 0; i < STEPS_QUIET && !(caught_up(w) && relayed(w)); i++)
        action = step(w, action);
    SIM_CHECK(caught_up(w) && relayed(w));
    totals_add(totals, w);
    close_edge(w);
    trust_free(w->trust);
    sim_packs_forget(&w->packs);
    for (uint32_t i = 0; i < 7; i++)
        buffer_done(&w->octets[i]);
    sim_publication_free(w->publication);
    sim_remove(w->path);
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

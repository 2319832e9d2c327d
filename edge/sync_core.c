/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_core.h"

#include "edge/sync_check.h"
#include "edge/sync_gauges.h"
#include "lib/check.h"

static void count(struct sync_core *core, enum sync_counter counter)
{
    counter_add(&core->counters[counter], 1);
}

static struct sync_action act(struct sync_core *core, enum sync_action_type type)
{
    core->doing = type;
    return (struct sync_action){.type = type, .origin = core->origins.current};
}

static bool index_needed(const struct sync_core *core);

static struct sync_action wait_until(struct sync_core *core, uint64_t until_ns)
{
    core->wait_until_ns = until_ns;
    struct sync_action action = act(core, SYNC_WAIT);
    action.until_ns = until_ns;
    bool closed = !core->position.complete || core->refill || index_needed(core);
    action.lane_ns = closed ? UINT64_MAX : core->lane.open_ns;
    return action;
}

static struct sync_action fetch_head(struct sync_core *core, const struct sync_time *now)
{
    count(core, SYNC_POLLS);
    core->head_taken = false;
    bool lively = now->monotonic_ns < core->lively_until_ns;
    core->next_poll_ns =
        now->monotonic_ns + core->config.poll_ns / (lively ? SYNC_LIVELY_POLLS : 1);
    struct sync_action action = act(core, SYNC_FETCH_HEAD);
    action.bytes_max = HEAD_BYTES_MAX;
    return action;
}

static struct sync_action back_off(struct sync_core *core, uint32_t times,
                                   const struct sync_time *now)
{
    return wait_until(core, now->monotonic_ns + sync_pause_ns(times, &core->random));
}

/* What was begun with this head is left where it is; the next origin's head comes first. */
static struct sync_action try_again(struct sync_core *core, bool pause_now,
                                    const struct sync_time *now)
{
    sync_lane_given_up(core, now);
    core->head_taken = false;
    core->index_cursor = 0;
    core->index_lines = 0;
    core->failures++;
    sync_origins_next(&core->origins, now->monotonic_ns);
    uint32_t rounds = core->failures / core->origins.count;
    if (pause_now || core->failures % core->origins.count == 0)
        return back_off(core, rounds > 0 ? rounds : 1, now);
    return fetch_head(core, now);
}

static struct sync_action refuse(struct sync_core *core, enum err err, const struct sync_time *now)
{
    core->refused = err;
    count(core, SYNC_CONTENT_REFUSED);
    return try_again(core, false, now);
}

/* What we have and what is published have no common past: only an index helps. When even that did
 * not help the last time, not at once. */
static struct sync_action chain_broken(struct sync_core *core, const struct sync_time *now)
{
    count(core, SYNC_CHAIN_BREAKS);
    core->chain_broken = true;
    if (++core->resyncs > 1)
        return back_off(core, core->resyncs, now);
    return fetch_head(core, now);
}

static void close_index(struct sync_core *core)
{
    core->index_hash = (struct sha256){0};
    core->index_octets = SPAN_EMPTY;
    core->index_cursor = 0;
    core->index_lines = 0;
    core->tails_here = false;
    core->index_missing = false;
}

static bool index_begun(const struct sync_core *core)
{
    return !sync_hash_is_zero(&core->position.index_hash);
}

static bool index_needed(const struct sync_core *core)
{
    const struct position *p = &core->position;
    const struct head *head = &core->head;
    if (index_begun(core) || core->chain_broken || head->log_first > p->log_number + 1)
        return true;
    if (sync_hash_is_zero(&head->index_hash) || head->index_log < p->log_number)
        return false;
    bool empty = !p->complete && p->log_number == 0;
    bool gone = core->log_missing >= core->origins.count && head->index_log > p->log_number;
    bool behind = head->index_log > p->log_number &&
                  head->log_last - p->log_number > core->config.index_when_behind;
    return empty || behind || gone || core->refill;
}

static struct sync_action fetch_index(struct sync_core *core, const struct sync_time *now)
{
    struct sync_action action = {.bytes_max = INDEX_BYTES_MAX};
    if (index_begun(core) && !core->index_missing) {
        action.hash = core->position.index_hash;
    } else {
        if (sync_hash_is_zero(&core->head.index_hash))
            return try_again(core, true, now);
        action.hash = core->head.index_hash;
    }
    if (sha256_equal(&action.hash, &core->head.index_hash))
        action.bytes_max = core->head.index_bytes;
    action.type = SYNC_FETCH_INDEX;
    action.origin = core->origins.current;
    core->doing = action.type;
    core->wanted_index = action.hash;
    return action;
}

static struct sync_action fetch_wanted(struct sync_core *core, bool keep)
{
    bool blob = core->want.type == SYNC_WANT_BLOB;
    struct sync_action action = act(core, blob ? SYNC_FETCH_BLOB : SYNC_FETCH_PACK);
    action.hash = *sync_want_hash(&core->want);
    action.bytes_max = sync_want_bytes(&core->want);
    action.keep = keep && !blob;
    return action;
}

/* The next tail to fetch; SYNC_WAIT when all are here. */
static struct sync_action next_tail(struct sync_core *core)
{
    if (sync_want_tail(&core->index, core->config.issuers, &core->index_cursor, &core->want))
        return fetch_wanted(core, true);
    core->tails_here = true;
    core->index_cursor = 0;
    core->index_lines = 0;
    return (struct sync_action){.type = SYNC_WAIT};
}

static struct sync_action next_range_or_path(struct sync_core *core)
{
    if (sync_want_of_index(&core->index, core->config.issuers, core->position.index_done,
                           &core->index_cursor, &core->index_lines, &core->want))
        return fetch_wanted(core, false);
    return act(core, SYNC_FINISH_INDEX);
}

static struct sync_action next_of_index(struct sync_core *core, const struct sync_time *now)
{
    bool open = !sync_hash_is_zero(&core->index_hash);
    bool begun = open && sha256_equal(&core->index_hash, &core->position.index_hash);
    /* An index whose files are gone is left for another one; so is one that was not begun yet. */
    bool others = open && !sync_hash_is_zero(&core->head.index_hash) &&
                  !sha256_equal(&core->index_hash, &core->head.index_hash);
    if (others && (core->index_missing || !begun)) {
        bool missing = core->index_missing;
        close_index(core);
        core->index_missing = missing;
        open = false;
    }
    if (!open)
        return fetch_index(core, now);
    if (!core->tails_here) {
        struct sync_action action = next_tail(core);
        if (action.type != SYNC_WAIT)
            return action;
    }
    if (!begun || core->refill)
        return act(core, SYNC_BEGIN_INDEX);
    return next_range_or_path(core);
}

static struct sync_action fetch_log(struct sync_core *core)
{
    struct sync_action action = act(core, SYNC_FETCH_LOG);
    action.number = core->position.log_number + 1;
    action.bytes_max = LOG_ENTRY_BYTES_MAX;
    return action;
}

static struct sync_action next(struct sync_core *core, const struct sync_time *now)
{
    sync_gauges_show(core);
    if (!core->head_taken)
        return fetch_head(core, now);
    if (index_needed(core))
        return next_of_index(core, now);
    close_index(core);
    const struct position *p = &core->position;
    if (p->log_number < core->head.log_last)
        return fetch_log(core);
    core->failures = 0;
    core->resyncs = 0;
    counter_set(&core->counters[SYNC_LAST_SUCCESS], now->wall_s);
    if (!p->complete || p->head_time_s != core->head.time_s ||
        p->head_valid_until_s != core->head.valid_until_s)
        return act(core, SYNC_APPLY_HEAD);
    return wait_until(core, core->next_poll_ns);
}

static struct sync_action take_head(struct sync_core *core, struct span bytes,
                                    const struct sync_time *now)
{
    enum err err = sync_check_head(&core->config.key, &core->position, &core->head,
                                   core->lane.entry_time_s, now->wall_s, bytes, &core->head);
    if (err != ERR_OK && err != ERR_CHAIN) {
        core->refused = err;
        count(core, sync_head_counter(err));
        return try_again(core, false, now);
    }
    count(core, SYNC_HEADS);
    if (core->head.log_last < core->position.log_number)
        count(core, SYNC_HEADS_LATE);
    core->head_taken = true;
    core->head_octets = bytes;
    core->head_time_s = core->head.time_s;
    if (err == ERR_CHAIN && !core->chain_broken && !index_begun(core)) {
        count(core, SYNC_CHAIN_BREAKS);
        core->chain_broken = true;
        if (++core->resyncs > 1)
            return back_off(core, core->resyncs, now);
    }
    return next(core, now);
}

/* The next pack or blob that the entry names, or the entry itself when all are here. */
static struct sync_action next_of_entry(struct sync_core *core)
{
    if (sync_want_of_entry(&core->entry, core->config.issuers, &core->entry_cursor, &core->want))
        return fetch_wanted(core, true);
    return act(core, SYNC_APPLY_LOG);
}

static struct sync_action take_log(struct sync_core *core, struct span bytes,
                                   const struct sync_time *now)
{
    enum err err = sync_check_log(&core->config.key, &core->position, &core->head, bytes,
                                  &core->entry, &core->entry_hash);
    if (err == ERR_CHAIN)
        return chain_broken(core, now);
    if (err == ERR_HASH)
        core->log_missing++; /* what the head names is not there */
    if (err != ERR_OK)
        return refuse(core, err, now);
    core->entry_cursor = 0;
    core->entry_octets = bytes;
    return next_of_entry(core);
}

static struct sync_action take_lane(struct sync_core *core, const struct sync_event *event,
                                    const struct sync_time *now)
{
    CHECK(core->doing == SYNC_WAIT);
    struct sync_action wait = wait_until(core, core->wait_until_ns);
    if (now->monotonic_ns < wait.lane_ns)
        return wait;
    switch (sync_lane_judge(core, event, now)) {
    case SYNC_LANE_TAKE:
        core->entry_cursor = 0;
        return next_of_entry(core);
    case SYNC_LANE_ASK:
        return fetch_head(core, now);
    case SYNC_LANE_PASS:
        break;
    }
    return wait_until(core, core->wait_until_ns);
}

static struct sync_action take_index(struct sync_core *core, struct span bytes,
                                     const struct sync_time *now)
{
    close_index(core);
    enum err err =
        sync_check_index(&core->config.key, &core->head, &core->wanted_index, bytes, &core->index);
    if (err != ERR_OK)
        return refuse(core, err, now);
    core->index_hash = core->wanted_index;
    core->index_octets = bytes;
    if (core->index.log_number < core->position.log_number && !core->chain_broken) {
        /* The publisher went back while another index was being applied. */
        count(core, SYNC_CHAIN_BREAKS);
        core->chain_broken = true;
    }
    return next(core, now);
}

static struct sync_action take_pack(struct sync_core *core, struct span bytes,
                                    const struct sync_time *now)
{
    enum err err = sync_check_pack(&core->want.range, core->want.kind, bytes);
    if (err != ERR_OK)
        return refuse(core, err, now);
    core->file_passed = true;
    if (!index_needed(core))
        return next_of_entry(core);
    if (core->want.kind == PACK_RANGE)
        return act(core, SYNC_APPLY_RANGE);
    return next_of_index(core, now);
}

/* The blobs of an entry go into the store one by one before it, so that its own transaction, which
 * may name many, need not hold them all. */
static struct sync_action take_blob(struct sync_core *core, struct span bytes,
                                    const struct sync_time *now)
{
    enum err err = sync_check_blob(&core->want.path, bytes);
    if (err != ERR_OK)
        return refuse(core, err, now);
    count(core, SYNC_BLOBS_FETCHED);
    counter_add(&core->counters[SYNC_BLOB_BYTES_FETCHED], bytes.size);
    core->file_passed = true;
    core->blob = bytes;
    return act(core, index_needed(core) ? SYNC_APPLY_PATH : SYNC_PUT_BLOB);
}

static struct sync_action have_blob(struct sync_core *core)
{
    CHECK(core->doing == SYNC_FETCH_BLOB);
    core->blob = SPAN_EMPTY;
    return index_needed(core) ? act(core, SYNC_APPLY_PATH) : next_of_entry(core);
}

static struct sync_action fetched(struct sync_core *core, struct span bytes,
                                  const struct sync_time *now)
{
    counter_add(&core->counters[SYNC_BYTES_FETCHED], bytes.size);
    switch ((int)core->doing) {
    case SYNC_FETCH_HEAD:
        return take_head(core, bytes, now);
    case SYNC_FETCH_LOG:
        return take_log(core, bytes, now);
    case SYNC_FETCH_INDEX:
        return take_index(core, bytes, now);
    case SYNC_FETCH_BLOB:
        return take_blob(core, bytes, now);
    default:
        CHECK(core->doing == SYNC_FETCH_PACK);
        return take_pack(core, bytes, now);
    }
}

static struct sync_action applied(struct sync_core *core, const struct position *position,
                                  const struct sync_time *now)
{
    core->position = *position;
    core->failures = core->lane.has_entry ? core->failures : 0;
    switch ((int)core->doing) {
    case SYNC_APPLY_LOG:
        count(core, SYNC_LOG_APPLIED);
        core->resyncs = 0;
        core->log_missing = 0;
        if (sync_lane_applied(core)) {
            sync_gauges_show(core);
            return wait_until(core, core->wait_until_ns);
        }
        core->lively_until_ns = now->monotonic_ns + SYNC_LIVELY_NS;
        break;
    case SYNC_BEGIN_INDEX:
        count(core, SYNC_RESYNCS);
        core->refill = false;
        break;
    case SYNC_PUT_BLOB:
        return next_of_entry(core);
    case SYNC_APPLY_RANGE:
        count(core, SYNC_PACKS_APPLIED);
        break;
    case SYNC_FINISH_INDEX:
        count(core, SYNC_RESYNCS_DONE);
        core->chain_broken = false;
        core->log_missing = 0;
        core->lane = (struct sync_lane){0};
        core->head_taken = false; /* it was measured against another position */
        close_index(core);
        break;
    default:
        break;
    }
    return next(core, now);
}

static bool is_fetch(enum sync_action_type type)
{
    return type == SYNC_FETCH_HEAD || type == SYNC_FETCH_LOG || type == SYNC_FETCH_INDEX ||
           type == SYNC_FETCH_PACK || type == SYNC_FETCH_BLOB;
}

static void not_found(struct sync_core *core)
{
    if (index_needed(core))
        core->index_missing = true;
    else if (!core->lane.has_entry)
        core->log_missing++;
}

static struct sync_action failed(struct sync_core *core, enum err err, const struct sync_time *now)
{
    if (is_fetch(core->doing)) {
        bool head = core->doing == SYNC_FETCH_HEAD;
        count(core, head ? SYNC_POLL_FAILURES : SYNC_FETCH_FAILURES);
        if (err == ERR_DISK_FULL)
            count(core, SYNC_DISK_FULL);
        if (err == ERR_NOT_FOUND && !head)
            not_found(core);
        return try_again(core, false, now);
    }
    switch ((int)err) {
    case ERR_DISK_FULL:
        count(core, SYNC_DISK_FULL);
        return try_again(core, true, now);
    case ERR_IO:
    case ERR_STORE:
    case ERR_BROKEN:
    case ERR_MEMORY:
        count(core, SYNC_STORE_ERRORS);
        return try_again(core, true, now);
    default:
        count(core, SYNC_CONTENT_REFUSED);
        return try_again(core, true, now);
    }
}

void sync_core_start(struct sync_core *core, const struct sync_core_config *config,
                     const struct position *position, uint64_t *counters)
{
    CHECK(config->origin_count > 0);
    *core = (struct sync_core){.config = *config,
                               .counters = counters,
                               .position = *position,
                               .doing = SYNC_WAIT,
                               .random = config->seed,
                               .origins = {.count = config->origin_count},
                               .head_time_s = position->head_time_s,
                               .lane.entry_time_s = position->head_time_s,
                               .refill = config->issuers_changed};
    core->head.time_s = position->head_time_s;
    core->head.valid_until_s = position->head_valid_until_s;
    sync_gauges_show(core);
}

/* All is well: whom to ask next. */
static void choose_origin(struct sync_core *core, const struct sync_time *now)
{
    uint64_t old_s = core->config.head_age_max_s / 2;
    bool old = old_s > 0 && core->head.time_s + old_s <= now->wall_s;
    if (sync_origins_rest(&core->origins, old, now->monotonic_ns))
        count(core, SYNC_HEADS_OLD);
}

bool sync_core_in_step(const struct sync_core *core)
{
    return core->head_taken && !index_needed(core) &&
           core->position.log_number >= core->head.log_last;
}

struct sync_action sync_core_step(struct sync_core *core, const struct sync_event *event,
                                  const struct sync_time *now)
{
    core->file_passed = false;
    switch (event->type) {
    case SYNC_FETCHED:
        return fetched(core, event->bytes, now);
    case SYNC_HAVE:
        return have_blob(core);
    case SYNC_FAILED:
        return failed(core, event->err, now);
    case SYNC_APPLIED:
        return applied(core, event->position, now);
    case SYNC_LANE:
        return take_lane(core, event, now);
    case SYNC_TICK:
        break;
    }
    if (now->monotonic_ns < core->wait_until_ns)
        return wait_until(core, core->wait_until_ns);
    if (sync_core_in_step(core))
        choose_origin(core, now);
    return fetch_head(core, now);
}

bool sync_core_file_passed(const struct sync_core *core)
{
    return core->file_passed;
}

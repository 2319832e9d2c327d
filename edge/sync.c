/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "edge/lane.h"
#include "edge/relay_fill.h"
#include "edge/sync_apply.h"
#include "edge/sync_aside.h"
#include "edge/sync_check.h"
#include "edge/sync_files.h"
#include "lib/os/background.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"

/* The same trouble again is told again only after this long. */
#define SYNC_LOG_AGAIN_NS UINT64_C(60000000000)

struct sync_process {
    const struct sync_config *config;
    uint64_t *counters;
    struct bell *committed;
    int signals;
    struct store *store;
    struct trust *trust;
    struct sync_files files;
    struct sync_applier applier;
    struct relay_filler filler;
    struct sync_core core;
    struct lane *lane; /* NULL: no Redis is configured */
    enum err told_err; /* the trouble that was logged last */
    enum sync_action_type told_action;
    uint64_t told_ns;
    uint32_t told_passed; /* of applier.passed */
    bool told_outliving;
    bool told_relaying; /* whether the relay's copy was on when last told of */
    enum err told_fill_err;
    uint64_t told_fill_ns;
    bool broken; /* LMDB has given the store up: only another process can go on */
    struct background *background;
};

static bool stop_asked(void *context)
{
    const struct sync_process *p = context;
    struct pollfd fd = {.fd = p->signals, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

static struct sync_time time_now(void)
{
    return (struct sync_time){.monotonic_ns = clock_monotonic_ns(), .wall_s = clock_wall_s()};
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the fast lane has, if anything. */
static bool lane_has(struct sync_process *p, const struct sync_action *wait, struct sync_event *ret)
{
    uint64_t now_ns = clock_monotonic_ns();
    return p->lane != NULL && now_ns < wait->until_ns &&
           lane_step(p->lane, now_ns, now_ns >= wait->lane_ns, p->core.position.log_number, ret);
}

static uint64_t wake_ns(const struct sync_process *p, const struct sync_action *wait,
                        uint64_t now_ns)
{
    bool open = now_ns >= wait->lane_ns;
    if (p->lane == NULL)
        return wait->until_ns;
    uint64_t lane_ns = lane_wake_ns(p->lane, open);
    return least(wait->until_ns, open ? lane_ns : least(lane_ns, wait->lane_ns));
}

/* Until there is an event. false: asked to stop. */
static bool sleep_until_event(struct sync_process *p, const struct sync_action *wait,
                              struct sync_event *ret)
{
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= wait->until_ns || lane_has(p, wait, ret))
            return true;
        uint64_t until_ns = wake_ns(p, wait, now_ns);
        uint64_t left = until_ns > now_ns ? until_ns - now_ns : 0;
        struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
                                   .tv_nsec = (long)(left % 1000000000u)};
        struct pollfd fds[] = {{.fd = p->signals, .events = POLLIN}, {.fd = -1}};
        if (p->lane != NULL)
            fds[1] = (struct pollfd){.fd = lane_fd(p->lane), .events = lane_events(p->lane)};
        int n = ppoll(fds, 2, &timeout, NULL);
        if (n > 0 && fds[0].revents != 0)
            return false;
        if (n < 0 && errno != EINTR)
            return true;
    }
}

static void tell_trouble(struct sync_process *p, const struct sync_action *action, enum err err,
                         const char *detail)
{
    uint64_t now = clock_monotonic_ns();
    if (err == p->told_err && action->type == p->told_action &&
        now - p->told_ns < SYNC_LOG_AGAIN_NS)
        return;
    p->told_err = err;
    p->told_action = action->type;
    p->told_ns = now;
    bool fetch = action->type >= SYNC_FETCH_HEAD && action->type <= SYNC_FETCH_BLOB;
    log_warning("could not %s%s%s: %s%s%s", sync_action_text(action->type), fetch ? " from " : "",
                fetch ? p->config->origins[action->origin] : "", err_text(err),
                detail[0] != '\0' ? ": " : "", detail);
}

static struct sync_action give(struct sync_process *p, const struct sync_event *event)
{
    struct sync_time now = time_now();
    return sync_core_step(&p->core, event, &now);
}

static struct sync_action fail(struct sync_process *p, const struct sync_action *action,
                               enum err err, const char *detail)
{
    tell_trouble(p, action, err, detail);
    p->broken |= err == ERR_BROKEN;
    return give(p, &(struct sync_event){.type = SYNC_FAILED, .err = err});
}

/* A blob that the store has is not fetched. */
static bool has_blob(struct sync_process *p, const struct sync_action *action)
{
    return action->type == SYNC_FETCH_BLOB &&
           sync_apply_has_blob(&p->applier, &action->hash, action->bytes_max) == ERR_OK;
}

static struct sync_action do_fetch(struct sync_process *p, const struct sync_action *action)
{
    if (has_blob(p, action))
        return give(p, &(struct sync_event){.type = SYNC_HAVE});
    struct span bytes;
    enum err err = sync_files_fetch(&p->files, action, &bytes);
    if (err != ERR_OK)
        return fail(p, action, err, fetcher_message(p->files.fetcher));
    uint32_t failures = p->core.failures;
    struct sync_action next = give(p, &(struct sync_event){.type = SYNC_FETCHED, .bytes = bytes});
    bool passed = p->core.failures <= failures;
    if (action->type == SYNC_FETCH_PACK || action->type == SYNC_FETCH_BLOB)
        passed = sync_core_file_passed(&p->core);
    if (!passed)
        tell_trouble(p, action, p->core.refused, "refused");
    sync_files_judged(&p->files, action, passed);
    return next;
}

static void tell_progress(struct sync_process *p, enum sync_action_type type,
                          const struct position *position)
{
    if (type == SYNC_FINISH_INDEX || type == SYNC_BEGIN_INDEX)
        log_info("%s an index: log entry %" PRIu64 ", %" PRIu64 " statements",
                 type == SYNC_BEGIN_INDEX ? "began with" : "finished", p->core.index.log_number,
                 position->statement_count);
    if (p->told_err != ERR_OK && type != SYNC_APPLY_RANGE && type != SYNC_BEGIN_INDEX &&
        type != SYNC_APPLY_PATH && type != SYNC_PUT_BLOB) {
        log_info("in step again at log entry %" PRIu64, position->log_number);
        p->told_err = ERR_OK;
    }
}

static void tell_passed_over(struct sync_process *p)
{
    for (; p->told_passed < p->applier.passed_count; p->told_passed++)
        log_warning("issuer %016" PRIx64 " is published, but no certificate of it is among "
                    "ca_certificates: it is passed over%s",
                    p->applier.passed[p->told_passed],
                    p->told_passed + 1 == SYNC_PASSED_MAX ? "; so may be others" : "");
}

static void tell_outliving(struct sync_process *p)
{
    if (p->told_outliving || counter_get(&p->counters[SYNC_OUTLIVING]) == 0)
        return;
    p->told_outliving = true;
    log_warning("statements are published whose nextUpdate is beyond the end of their responder's "
                "certificate: clients will refuse them from that end on");
}

/* For the acknowledgement in Redis. */
static void note_applied(struct sync_process *p, const struct position *position)
{
    if (p->lane != NULL && position->log_number != p->core.position.log_number)
        lane_note(p->lane, position->log_number, clock_wall_ms());
}

static struct sync_action do_apply(struct sync_process *p, const struct sync_action *action)
{
    struct position position;
    enum err err = sync_apply(&p->applier, &p->core, action->type, clock_wall_s(), &position);
    if (err != ERR_OK)
        return fail(p, action, err, "");
    if (action->type == SYNC_APPLY_LOG || action->type == SYNC_FINISH_INDEX)
        bell_ring(p->committed);
    note_applied(p, &position);
    tell_progress(p, action->type, &position);
    tell_passed_over(p);
    tell_outliving(p);
    if (action->type == SYNC_APPLY_LOG || action->type == SYNC_FINISH_INDEX ||
        action->type == SYNC_APPLY_HEAD)
        sync_files_sweep(&p->files);
    if (action->type == SYNC_PUT_BLOB || action->type == SYNC_APPLY_PATH)
        sync_files_blob_done(&p->files, &p->core.want.path.blob);
    return give(p, &(struct sync_event){.type = SYNC_APPLIED, .position = &position});
}

/* A failure does no harm: it is tried again. */
static void tidy(struct sync_process *p)
{
    enum err err = sync_apply_tidy(&p->applier, &p->core, clock_monotonic_ns());
    if (err != ERR_OK)
        log_warning("templates that are not needed could not be removed: %s", err_text(err));
    p->broken |= err == ERR_BROKEN;
}

static enum err fill_fetch(void *context, const struct sync_action *action, struct span *ret)
{
    return sync_files_fetch(context, action, ret);
}

static void fill_judged(void *context, const struct sync_action *action, bool passed)
{
    sync_files_judged(context, action, passed);
    if (action->type == SYNC_FETCH_BLOB)
        sync_files_blob_done(context, &action->hash);
}

static void tell_relaying(struct sync_process *p, enum err err)
{
    bool on = p->applier.relay.on;
    if (p->told_relaying && !on)
        log_warning("no room for the copy that other edges get: given up for an hour at least");
    else if (!p->told_relaying && on)
        log_info("a copy of what is published is kept for other edges");
    p->told_relaying = on;
    uint64_t now_ns = clock_monotonic_ns();
    bool again = err == p->told_fill_err && now_ns - p->told_fill_ns < SYNC_LOG_AGAIN_NS;
    if (err == ERR_OK || err == ERR_STOPPED || again)
        return;
    p->told_fill_err = err;
    p->told_fill_ns = now_ns;
    log_warning("the copy that other edges get could not be made whole: %s: tried again",
                err_text(err));
}

/* Octets have come from Redis, or may be sent. */
static bool lane_calls(const struct sync_process *p)
{
    struct pollfd fd = {.fd = -1};
    if (p->lane != NULL)
        fd = (struct pollfd){.fd = lane_fd(p->lane), .events = lane_events(p->lane)};
    return fd.fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* What others get from us, until there is something to do for ourselves. */
static void relay_rest(struct sync_process *p, uint64_t until_ns)
{
    struct sync_relay *relay = &p->applier.relay;
    enum err err = sync_relay_tidy(relay, p->store, clock_wall_s());
    bool more = err == ERR_OK && relay->on;
    while (more && !stop_asked(p) && !lane_calls(p) && clock_monotonic_ns() < until_ns) {
        struct sync_time now = time_now();
        err = relay_fill_step(&p->filler, &p->core, &now, &more);
    }
    tell_relaying(p, err);
    p->broken |= err == ERR_BROKEN;
}

/* false: asked to stop, or there is no way on. */
static bool wait_for(struct sync_process *p, struct sync_action *action)
{
    struct sync_event event = {.type = SYNC_TICK};
    background_renew(p->background);
    if (!lane_has(p, action, &event)) {
        store_reap_readers(p->store);
        tidy(p);
        relay_rest(p, action->until_ns);
        if (p->broken || !sleep_until_event(p, action, &event))
            return false;
    }
    *action = give(p, &event);
    return true;
}

/* A fetch (packs are hashed) or an apply. */
static struct sync_action act(struct sync_process *p, const struct sync_action *action, bool fetch)
{
    bool aside = sync_steps_aside(&p->core, action->type);
    if (aside)
        background_begin(p->background);
    struct sync_action next = fetch ? do_fetch(p, action) : do_apply(p, action);
    if (aside)
        background_end(p->background);
    return next;
}

static void loop(struct sync_process *p)
{
    struct sync_action action = give(p, &(struct sync_event){.type = SYNC_TICK});
    while (!p->broken && !stop_asked(p)) {
        switch (action.type) {
        case SYNC_WAIT:
            if (!wait_for(p, &action))
                return;
            break;
        case SYNC_FETCH_HEAD:
        case SYNC_FETCH_LOG:
        case SYNC_FETCH_INDEX:
        case SYNC_FETCH_PACK:
        case SYNC_FETCH_BLOB:
            action = act(p, &action, true);
            break;
        case SYNC_PUT_BLOB:
        case SYNC_APPLY_HEAD:
        case SYNC_APPLY_LOG:
        case SYNC_BEGIN_INDEX:
        case SYNC_APPLY_RANGE:
        case SYNC_APPLY_PATH:
        case SYNC_FINISH_INDEX:
            action = act(p, &action, false);
            break;
        case SYNC_ACTION_COUNT:
            return;
        }
    }
}

static enum err take_signals(struct sync_process *p)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return ERR_IO;
    p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return p->signals < 0 ? ERR_IO : ERR_OK;
}

static enum err start_store(struct sync_process *p, struct position *ret)
{
    char path[SYNC_PATH_MAX];
    TRY(path_join(path, sizeof path, p->config->data_dir, SYNC_STORE_DIR));
    struct store_config config = {.path = path, .map_bytes = p->config->map_bytes};
    TRY(store_open(&config, &p->store));
    return store_position_read(p->store, ret);
}

static enum err start_trust(struct sync_process *p)
{
    const struct sync_config *config = p->config;
    unsigned bad = 0;
    enum err err =
        trust_load(config->ca_certificates, config->ca_certificates_count, &p->trust, &bad);
    if (err != ERR_OK)
        log_error("CA certificate %s: %s", config->ca_certificates[bad], err_text(err));
    return err;
}

/* Whether the store was filled for the issuers that are trusted now. An empty one will be. */
static enum err check_issuers(struct sync_process *p, const struct position *position,
                              bool *ret_changed)
{
    struct store_txn *txn;
    struct sha256 now = issuer_set_hash(trust_issuers(p->trust));
    struct sha256 then;
    TRY(store_write(p->store, &txn));
    enum err err = store_get_issuers(txn, &then);
    bool changed = err == ERR_OK && !sha256_equal(&now, &then);
    bool empty = position->log_number == 0 && sync_hash_is_zero(&position->index_hash);
    if (changed && empty)
        err = store_put_issuers(txn, &now);
    if (err != ERR_OK || !changed || !empty) {
        store_abort(txn);
        *ret_changed = changed;
        return err;
    }
    *ret_changed = false;
    return store_commit(txn, NULL);
}

static enum err start_lane(struct sync_process *p, const char *network, uint64_t seed)
{
    const struct sync_redis_config *redis = &p->config->redis;
    counter_set(&p->counters[SYNC_LANE_CONNECTED], 0);
    if (redis->addresses_count == 0)
        return ERR_OK;
    TRY(lane_new(redis, network, seed, p->counters, &p->lane));
    lane_note(p->lane, p->core.position.log_number, 0);
    return ERR_OK;
}

static enum err start_core(struct sync_process *p, const struct position *position)
{
    const struct sync_config *config = p->config;
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return ERR_CRYPTO;
    p->applier.store = p->store;
    p->applier.trust = p->trust;
    p->applier.verify_log = config->verify_log;
    p->applier.verify_packs = config->verify_packs;
    p->applier.counters = p->counters;
    p->applier.packs = (struct sync_packs){.context = &p->files, .read = sync_files_read_pack};
    sync_relay_start(&p->applier.relay, config->relay);
    p->filler = (struct relay_filler){
        .store = p->store,
        .relay = &p->applier.relay,
        .counters = p->counters,
        .fetch = {.context = &p->files, .fetch = fill_fetch, .judged = fill_judged}};
    TRY(sync_applier_start(&p->applier, seed));
    /* A relay has what is published of all issuers: other edges may trust others. */
    struct sync_core_config core = {.origin_count = config->origins_count,
                                    .index_when_behind = config->index_when_behind,
                                    .poll_ns = (uint64_t)config->poll_ms * 1000000u,
                                    .seed = seed,
                                    .head_age_max_s = config->head_age_max_s,
                                    .issuers = config->relay ? NULL : trust_issuers(p->trust)};
    TRY(check_issuers(p, position, &core.issuers_changed));
    if (core.issuers_changed)
        log_info("other CA certificates than the store was filled for: the next index that is not "
                 "older than it is taken whole");
    TRY(verify_key_from_text(span_text(config->network_key), &core.key));
    sync_core_start(&p->core, &core, position, p->counters);
    return start_lane(p, core.key.network, seed);
}

static enum err start(struct sync_process *p)
{
    struct position position;
    TRY(take_signals(p));
    TRY(background_new(&p->background));
    TRY(start_trust(p));
    TRY(sync_files_start(&p->files, p->config, stop_asked, p));
    TRY(start_store(p, &position));
    TRY(start_core(p, &position));
    log_info("store at log entry %" PRIu64 ", %" PRIu64 " statements%s", position.log_number,
             position.statement_count, position.complete ? "" : ", not complete");
    return ERR_OK;
}

static void stop(struct sync_process *p)
{
    lane_free(p->lane);
    relay_fill_stop(&p->filler);
    sync_applier_stop(&p->applier);
    store_close(p->store);
    sync_files_stop(&p->files);
    trust_free(p->trust);
    background_free(p->background);
    if (p->signals >= 0)
        close(p->signals);
}

int sync_run(const struct edge_config *config, struct edge_shared *shared)
{
    struct sync_process p = {.config = &config->sync,
                             .counters = shared->sync,
                             .committed = &shared->committed,
                             .signals = -1};
    enum err err = start(&p);
    counter_set(&shared->sync_ready, err == ERR_OK);
    if (err == ERR_OK)
        loop(&p);
    else
        log_error("sync cannot start: %s", err_text(err));
    if (p.broken)
        log_error("the store: %s", err_text(ERR_BROKEN));
    stop(&p);
    if (p.broken)
        return SYNC_EXIT_BROKEN;
    return err == ERR_OK ? 0 : 1;
}

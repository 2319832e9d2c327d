/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/controller.h"

#include <stddef.h>

#include "lib/check.h"

#define SECOND_NS      UINT64_C(1000000000)
#define MILLISECOND_NS UINT64_C(1000000)
/* So many bad looks, more than good ones, break a stretch of health. */
#define BAD_LOOKS_MAX 2
/* A long queue that will be short within this time, as it goes, needs no more shedding. */
#define QUEUE_DRAIN_S 10

/* What a look says about load. */
enum load { LOAD_UNKNOWN, LOAD_LOW, LOAD_BAND, LOAD_HIGH };

/* What the troubles together call for. */
struct need {
    enum route_action route;
    enum controller_reason reason;
    bool for_load;
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t shed_max(const struct controller *c)
{
    return (uint32_t)c->config.shed_max_permille;
}

/* Whether something that began at `since_ns` (0: it did not) has lasted for so long. */
static bool lasted(const struct controller *c, uint64_t since_ns, uint64_t wanted_s)
{
    return since_ns != 0 && c->now_ns - since_ns >= wanted_s * SECOND_NS;
}

static void begin(const struct controller *c, uint64_t *since_ns)
{
    if (*since_ns == 0)
        *since_ns = c->now_ns;
}

/* --- evidence --- */

static bool any_trouble(const struct controller *c, uint32_t score)
{
    for (unsigned i = 0; i < CONTROLLER_TROUBLE_COUNT; i++) {
        if (c->score[i] >= score)
            return true;
    }
    return false;
}

static void count_trouble(struct controller *c, enum controller_trouble which, bool bad)
{
    uint32_t *score = &c->score[which];
    if (bad && *score < c->config.fail_polls)
        (*score)++;
    else if (!bad && *score > 0)
        (*score)--;
    if (*score >= c->config.fail_polls)
        c->believed[which] = true;
    else if (*score == 0)
        c->believed[which] = false;
}

static bool is_queue_high(const struct controller *c, const struct measurement *m)
{
    return m->queue_known && m->queue > c->config.queue_high;
}

/* A lost look that overload explains: see the head of controller.h. */
static bool excused(struct controller *c, const struct measurement *m)
{
    bool explained = c->hot || is_queue_high(c, m);
    if (m->answered || m->gone || !explained || !c->started) {
        c->hot_lost_ns = 0;
        return false;
    }
    begin(c, &c->hot_lost_ns);
    bool tried = c->level_is_operators || c->route != ROUTE_ANNOUNCE;
    return !(tried && lasted(c, c->hot_lost_ns, 2 * c->config.deprefer_after_s));
}

static void count_troubles(struct controller *c, const struct measurement *m, bool is_excused)
{
    const struct controller_config *k = &c->config;
    if (!is_excused)
        count_trouble(c, CONTROLLER_IS_DEAD, !m->answered);
    if (!m->answered) {
        c->lost_score += c->lost_score < k->fail_polls;
        return;
    }
    c->lost_score -= c->lost_score > 0;
    count_trouble(c, CONTROLLER_IS_NOT_READY, !m->ready);
    count_trouble(c, CONTROLLER_IS_UNHEALTHY, !m->healthy);
    count_trouble(c, CONTROLLER_IS_STALE, m->news_age_s > k->stale_deprefer_s);
    count_trouble(c, CONTROLLER_IS_STALE_LONG,
                  k->stale_withdraw_s > 0 && m->news_age_min_s > k->stale_withdraw_s);
}

/* What passes, of all new connections. */
static uint64_t passes_permille(const struct controller *c)
{
    return CONTROLLER_SHED_ALL_PERMILLE - c->level_permille;
}

/* Below the band, or where nothing need be shed at all: without the second a site that is well used
 * would go on shedding for ever after a flood. */
static bool is_load_low(const struct controller *c, uint64_t load_permille)
{
    const struct controller_config *k = &c->config;
    uint64_t unshed_max = (3 * k->load_high_permille + k->load_low_permille) / 4;
    return load_permille < k->load_low_permille ||
           load_permille * CONTROLLER_SHED_ALL_PERMILLE <= passes_permille(c) * unshed_max;
}

/* A long queue that gets shorter: what is shed is enough, it takes its time. The latency of a
 * request behind it says nothing more. */
static bool drains(const struct controller *c, const struct measurement *m)
{
    if (!is_queue_high(c, m) || m->queue >= c->queue)
        return false;
    unsigned __int128 left = m->queue - c->config.queue_high, gone = c->queue - m->queue;
    return left * (c->now_ns - c->queue_ns) <= gone * QUEUE_DRAIN_S * SECOND_NS;
}

static enum load load_of(const struct controller *c, const struct measurement *m, bool is_excused)
{
    const struct controller_config *k = &c->config;
    bool load_known = m->answered && m->load_known;
    if (is_excused || (load_known && m->load_permille > k->load_high_permille))
        return LOAD_HIGH;
    if (drains(c, m))
        return LOAD_BAND;
    if (is_queue_high(c, m) ||
        (m->latency_known && (m->latency_late || m->latency_ms > k->latency_high_ms)))
        return LOAD_HIGH;
    if (!m->answered || (!load_known && !m->queue_known && !m->latency_known))
        return LOAD_UNKNOWN;
    bool low = (!load_known || is_load_low(c, m->load_permille)) &&
               (!m->queue_known || m->queue <= k->queue_high / 2) &&
               (!m->latency_known || m->latency_ms <= k->latency_high_ms / 2);
    return low ? LOAD_LOW : LOAD_BAND;
}

static void count_load(struct controller *c, const struct measurement *m, enum load load)
{
    if (load == LOAD_HIGH && c->overload_score < CONTROLLER_OVERLOAD_LOOKS)
        c->overload_score++;
    else if ((load == LOAD_LOW || load == LOAD_BAND) && c->overload_score > 0)
        c->overload_score--;
    if (m->answered)
        c->hot = load == LOAD_HIGH || is_queue_high(c, m);
    if (m->queue_known) {
        c->queue = m->queue;
        c->queue_ns = c->now_ns;
    }
    if (load == LOAD_LOW)
        begin(c, &c->calm_ns);
    else if (load != LOAD_UNKNOWN)
        c->calm_ns = 0;
}

/* --- the level --- */

/* What passes may grow by what brings the load to the middle of the band, were all of it in
 * proportion to what passes. It is less in truth: connections that are there already are not shed.
 */
static uint32_t step_down(const struct controller *c, const struct measurement *m)
{
    const struct controller_config *k = &c->config;
    uint64_t most = CONTROLLER_SHRINK_STEPS * k->shed_step_permille;
    if (!m->load_known)
        return (uint32_t)k->shed_step_permille;
    uint64_t least = k->shed_step_permille / 5 + 1;
    uint64_t passes = passes_permille(c);
    uint64_t middle = (k->load_high_permille + k->load_low_permille) / 2;
    uint64_t load = m->load_permille > 0 ? m->load_permille : 1;
    uint64_t more = passes * middle / load;
    more = more > passes ? more - passes : 0;
    /* Of next to nothing that passes, the share says nothing. */
    if (more < least || passes == 0)
        more = least;
    return (uint32_t)(more < most ? more : most);
}

static void adapt_level(struct controller *c, const struct measurement *m, enum load load)
{
    if (load == LOAD_HIGH && c->overload_score == CONTROLLER_OVERLOAD_LOOKS) {
        c->level_permille =
            min_u32(c->level_permille + (uint32_t)c->config.shed_step_permille, shed_max(c));
    } else if (load == LOAD_LOW && c->level_permille > 0 &&
               lasted(c, c->calm_ns, c->config.hold_s)) {
        uint32_t down = step_down(c, m);
        c->level_permille = c->level_permille > down ? c->level_permille - down : 0;
        c->calm_ns = c->now_ns;
    }
}

static void step_level(struct controller *c, const struct measurement *m,
                       const struct controller_override *override, enum load load)
{
    c->level_is_operators = override->shed_set && c->now_ns < override->shed_until_ns;
    if (c->level_is_operators)
        c->level_permille = min_u32(override->shed_permille, shed_max(c));
    else
        adapt_level(c, m, load);
    if (c->level_is_operators || c->level_permille < shed_max(c) || c->overload_score == 0)
        c->at_most_ns = 0;
    else if (c->overload_score == CONTROLLER_OVERLOAD_LOOKS)
        begin(c, &c->at_most_ns);
}

/* --- the route --- */

static bool is_last_site(const struct controller_config *k)
{
    return k->sites < 1 + k->min_sites;
}

static struct need need_by_load(struct controller *c)
{
    const struct need none = {ROUTE_ANNOUNCE, CONTROLLER_HEALTHY, false};
    if (!lasted(c, c->at_most_ns, c->config.deprefer_after_s)) {
        c->deprefer_ns = 0;
        return none;
    }
    if (c->overload_score < CONTROLLER_OVERLOAD_LOOKS)
        return none; /* it may be over at this moment */
    if (c->route != ROUTE_ANNOUNCE)
        begin(c, &c->deprefer_ns);
    bool withdraw =
        c->config.withdraw_after_s > 0 && lasted(c, c->deprefer_ns, c->config.withdraw_after_s);
    return (struct need){withdraw ? ROUTE_WITHDRAW : ROUTE_DEPREFER, CONTROLLER_OVERLOADED, true};
}

static struct need need_of(struct controller *c)
{
    /* The worst first; of equal ones the first gives the reason. */
    static const struct {
        enum controller_trouble trouble;
        enum route_action route;
        enum controller_reason reason;
    } table[] = {
        {CONTROLLER_IS_DEAD, ROUTE_WITHDRAW, CONTROLLER_DEAD},
        {CONTROLLER_IS_NOT_READY, ROUTE_WITHDRAW, CONTROLLER_NOT_READY},
        {CONTROLLER_IS_STALE_LONG, ROUTE_WITHDRAW, CONTROLLER_STALE},
        {CONTROLLER_IS_STALE, ROUTE_DEPREFER, CONTROLLER_STALE},
        {CONTROLLER_IS_UNHEALTHY, ROUTE_DEPREFER, CONTROLLER_UNHEALTHY},
    };
    struct need need = need_by_load(c);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (c->believed[table[i].trouble] && table[i].route > need.route)
            need = (struct need){table[i].route, table[i].reason, false};
    }
    if (need.route == ROUTE_WITHDRAW && is_last_site(&c->config)) {
        need.route = ROUTE_DEPREFER;
        need.reason = CONTROLLER_LAST_SITE;
    }
    return need;
}

static void into_trouble(struct controller *c, const struct need *need)
{
    c->route = need->route;
    c->route_for_load = need->for_load;
    c->health_ns = 0;
    if (c->stepped_back_ns == 0)
        return; /* worse within one trouble */
    if (lasted(c, c->stepped_back_ns, c->config.flap_window_s))
        c->stretch_s = c->config.recover_s;
    else if (c->stretch_s * 2 <= c->config.recover_max_s)
        c->stretch_s *= 2;
    else
        c->stretch_s = c->config.recover_max_s;
    c->stepped_back_ns = 0;
}

/* Less than the present route is needed: back by one step after a stretch of health, on a look that
 * shows it. One bad look breaks no stretch. */
static void toward_normal(struct controller *c, const struct measurement *m)
{
    bool loaded = c->route_for_load && !c->level_is_operators &&
                  (c->level_permille > 0 || c->overload_score == CONTROLLER_OVERLOAD_LOOKS);
    if (loaded || c->lost_score >= BAD_LOOKS_MAX || any_trouble(c, BAD_LOOKS_MAX)) {
        c->health_ns = 0;
        return;
    }
    begin(c, &c->health_ns);
    if (!m->answered || !lasted(c, c->health_ns, c->stretch_s))
        return;
    c->route = c->route == ROUTE_WITHDRAW ? ROUTE_DEPREFER : ROUTE_ANNOUNCE;
    c->stepped_back_ns = c->now_ns;
    c->health_ns = c->now_ns;
}

/* The first looks: until they agree, or for three times as long as a trouble takes; then with care.
 */
static void starting(struct controller *c, const struct need *need)
{
    c->looks++;
    if (c->looks < c->config.fail_polls)
        return;
    bool agreed = need->route != ROUTE_ANNOUNCE || !any_trouble(c, 1);
    if (!agreed && c->looks < 3 * c->config.fail_polls)
        return;
    c->started = true;
    c->route = agreed ? need->route : ROUTE_DEPREFER;
    c->route_for_load = need->for_load;
}

static void step_route(struct controller *c, const struct measurement *m)
{
    struct need need = need_of(c);
    if (!c->started)
        starting(c, &need);
    else if (need.route > c->route)
        into_trouble(c, &need);
    else if (need.route < c->route)
        toward_normal(c, m);
    else
        c->health_ns = 0;
    /* It has become the last one by another configuration. */
    if (c->route == ROUTE_WITHDRAW && is_last_site(&c->config))
        c->route = ROUTE_DEPREFER;
    c->reason = !c->started              ? CONTROLLER_STARTING
                : need.route == c->route ? need.reason
                                         : CONTROLLER_RECOVERING;
}

/* --- all of it --- */

static void note_gap(struct controller *c)
{
    c->looks = 0;
    c->hot_lost_ns = 0;
    c->calm_ns = 0;
    c->at_most_ns = 0;
    c->deprefer_ns = 0;
    c->health_ns = 0;
}

static struct decision decide(struct controller *c, const struct controller_override *override)
{
    bool operators = override->route_set && c->now_ns < override->route_until_ns;
    struct decision d = {
        .shed_permille = c->level_is_operators
                             ? min_u32(override->shed_permille, CONTROLLER_SHED_ALL_PERMILLE)
                             : c->level_permille,
        .route_known = c->started || operators,
        .route = operators ? override->route : c->route,
        .reason = operators ? CONTROLLER_OPERATOR : c->reason,
    };
    d.changed = d.shed_permille != c->last.shed_permille || d.route != c->last.route ||
                d.route_known != c->last.route_known || d.reason != c->last.reason;
    c->last = d;
    return d;
}

struct decision controller_step(struct controller *c, const struct measurement *m,
                                const struct controller_override *override, uint64_t now_ns)
{
    CHECK(now_ns > 0 && now_ns >= c->now_ns);
    uint64_t gap_ns = CONTROLLER_GAP_POLLS * c->config.poll_ms * MILLISECOND_NS;
    if (c->now_ns != 0 && now_ns - c->now_ns > gap_ns)
        note_gap(c);
    c->now_ns = now_ns;
    bool is_excused = excused(c, m);
    enum load load = load_of(c, m, is_excused);
    count_troubles(c, m, is_excused);
    count_load(c, m, load);
    step_level(c, m, override, load);
    step_route(c, m);
    return decide(c, override);
}

const char *controller_config_check(const struct controller_config *config)
{
    if (config->load_low_permille >= config->load_high_permille)
        return "load_low_permille must be below load_high_permille";
    if (config->stale_withdraw_s != 0 && config->stale_withdraw_s < config->stale_deprefer_s)
        return "stale_withdraw_s must be 0 or at least stale_deprefer_s";
    if (config->recover_max_s < config->recover_s)
        return "recover_max_s must be at least recover_s";
    return NULL;
}

void controller_start(struct controller *c, const struct controller_config *config,
                      uint32_t shed_permille)
{
    *c = (struct controller){
        .route = ROUTE_ANNOUNCE, .reason = CONTROLLER_STARTING, .stretch_s = config->recover_s};
    c->config = *config;
    c->level_permille = min_u32(shed_permille, shed_max(c));
    c->last = (struct decision){
        .shed_permille = shed_permille, .route = c->route, .reason = CONTROLLER_STARTING};
}

void controller_configure(struct controller *c, const struct controller_config *config)
{
    c->config = *config;
    c->level_permille = min_u32(c->level_permille, shed_max(c));
    if (c->stretch_s < config->recover_s)
        c->stretch_s = config->recover_s;
    if (c->stretch_s > config->recover_max_s)
        c->stretch_s = config->recover_max_s;
    for (unsigned i = 0; i < CONTROLLER_TROUBLE_COUNT; i++)
        c->score[i] = min_u32(c->score[i], (uint32_t)config->fail_polls);
    c->lost_score = min_u32(c->lost_score, (uint32_t)config->fail_polls);
}

const char *route_action_label(enum route_action action)
{
    static const char *const labels[] = {"announce", "deprefer", "withdraw"};
    CHECK(action <= ROUTE_WITHDRAW);
    return labels[action];
}

const char *controller_reason_label(enum controller_reason reason)
{
    static const char *const labels[] = {
#define X(name, label, text) label,
        CONTROLLER_REASON_TABLE(X)
#undef X
    };
    CHECK(reason < CONTROLLER_REASON_COUNT);
    return labels[reason];
}

const char *controller_reason_text(enum controller_reason reason)
{
    static const char *const texts[] = {
#define X(name, label, text) text,
        CONTROLLER_REASON_TABLE(X)
#undef X
    };
    CHECK(reason < CONTROLLER_REASON_COUNT);
    return texts[reason];
}

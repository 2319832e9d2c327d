/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/lane.h"

#include <stdio.h>
#include <stdlib.h>

#include "edge/lane_reply.h"
#include "edge/sync_counters.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"
#include "lib/os/redis_link.h"

#define HEARTBEAT_NS (FAST_LANE_HEARTBEAT_S * UINT64_C(1000000000))
/* Of an answer, beside its entries: IDs, names of fields, lengths. */
#define REPLY_BYTES_OTHER 65536

struct lane {
    struct redis_link *link;
    const char *name;
    char log_key[FAST_LANE_KEY_BYTES];
    char edges_key[FAST_LANE_KEY_BYTES];
    uint64_t *counters;
    uint64_t session;      /* that the rest is about */
    unsigned acks_pending; /* sent before the question, and not answered */
    bool asked;            /* an XREAD is under way */
    uint64_t asked_after;
    uint64_t asked_ns;
    uint64_t ask_again_ns; /* not before */
    struct lane_reply reply;
    struct fast_lane_ack ack;
    bool ack_due;
    uint64_t ack_ns; /* when it was sent last */
    bool told_ack;   /* that it was refused */
    uint64_t connections;
};

enum err lane_new(const struct sync_redis_config *config, const char *network, uint64_t seed,
                  uint64_t *counters, struct lane **ret)
{
    struct lane *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ERR_MEMORY;
    struct redis_link_config link = {
        .addresses = (const char *const *)config->addresses,
        .address_count = config->addresses_count,
        .user = config->user,
        .password_file = config->password_file,
        .reply_bytes_max = LANE_ENTRIES_MAX * FAST_LANE_ENTRY_BYTES_MAX + REPLY_BYTES_OTHER,
        .seed = seed};
    enum err err = redis_link_new(&link, &l->link);
    if (err != ERR_OK) {
        free(l);
        return err;
    }
    l->name = config->name;
    l->counters = counters;
    fast_lane_log_key(network, l->log_key);
    fast_lane_edges_key(network, l->edges_key);
    *ret = l;
    return ERR_OK;
}

struct lane *lane_free(struct lane *l)
{
    if (l == NULL)
        return NULL;
    counter_set(&l->counters[SYNC_LANE_CONNECTED], 0);
    lane_reply_done(&l->reply);
    redis_link_free(l->link);
    free(l);
    return NULL;
}

void lane_note(struct lane *l, uint64_t number, uint64_t wall_ms)
{
    l->ack = (struct fast_lane_ack){.number = number, .wall_ms = wall_ms};
    l->ack_due = true;
}

static void refuse(struct lane *l, uint64_t now_ns, const char *why)
{
    counter_add(&l->counters[SYNC_LANE_REFUSED], 1);
    lane_reply_done(&l->reply);
    redis_link_fail(l->link, now_ns, why);
}

/* A new connection, or none: what was under way is lost. */
static void follow_session(struct lane *l)
{
    uint64_t session = redis_link_session(l->link);
    uint64_t connections = redis_link_counts(l->link).connections;
    counter_add(&l->counters[SYNC_LANE_CONNECTS], connections - l->connections);
    l->connections = connections;
    counter_set(&l->counters[SYNC_LANE_CONNECTED], session != 0);
    if (session == l->session)
        return;
    l->session = session;
    l->acks_pending = 0;
    l->asked = false;
    l->ack_due = true;
    lane_reply_done(&l->reply);
}

/* A hash that is something else: the operator's to see, and no reason to do without the stream. */
static void take_ack_answer(struct lane *l, redisReply *answer)
{
    bool refused = answer->type != REDIS_REPLY_INTEGER;
    l->acks_pending--;
    if (refused)
        counter_add(&l->counters[SYNC_LANE_REFUSED], 1);
    if (refused && !l->told_ack)
        log_warning("redis: %s: %.200s", l->edges_key,
                    answer->type == REDIS_REPLY_ERROR ? answer->str : "no answer to HSET");
    l->told_ack = refused;
    freeReplyObject(answer);
}

static void take_answers(struct lane *l, uint64_t now_ns)
{
    redisReply *answer;
    while (l->reply.reply == NULL && redis_link_reply(l->link, now_ns, &answer) == ERR_OK) {
        if (l->acks_pending > 0) {
            take_ack_answer(l, answer);
            continue;
        }
        l->asked = false;
        l->ask_again_ns = l->asked_ns + LANE_IDLE_NS;
        if (lane_reply_open(answer, span_text(l->log_key), &l->reply) == ERR_MALFORMED)
            refuse(l, now_ns, "the stream of log entries is none");
    }
}

/* The next entry of the last answer; one that is not wanted now is asked for again. */
static bool next_entry(struct lane *l, uint64_t now_ns, bool open, uint64_t after,
                       struct sync_event *ret)
{
    struct lane_entry entry;
    enum err err = open ? lane_reply_next(&l->reply, &entry) : ERR_NOT_FOUND;
    if (err == ERR_MALFORMED) {
        refuse(l, now_ns, "an entry of the stream that is none of ours");
        return false;
    }
    if (err != ERR_OK) {
        lane_reply_done(&l->reply);
        return false;
    }
    if (entry.number > after)
        l->ask_again_ns = 0;
    *ret = (struct sync_event){
        .type = SYNC_LANE, .bytes = entry.octets, .number = entry.number, .after = l->asked_after};
    return true;
}

static void send_ack(struct lane *l, uint64_t now_ns)
{
    char text[FAST_LANE_ACK_BYTES];
    l->ack.said_ms = clock_wall_ms();
    fast_lane_ack_write(&l->ack, text);
    struct span command[] = {span_text("HSET"), span_text(l->edges_key), span_text(l->name),
                             span_text(text)};
    if (redis_link_send(l->link, now_ns, 4, command, LANE_GRACE_MS) != ERR_OK)
        return;
    l->acks_pending++;
    l->ack_due = false;
    l->ack_ns = now_ns;
}

static void ask(struct lane *l, uint64_t now_ns, uint64_t after)
{
    char count[16], block[16], id[FAST_LANE_ID_BYTES];
    snprintf(count, sizeof count, "%d", LANE_ENTRIES_MAX);
    snprintf(block, sizeof block, "%d", LANE_BLOCK_MS);
    fast_lane_id_write(after, id);
    struct span command[] = {span_text("XREAD"),    span_text("COUNT"), span_text(count),
                             span_text("BLOCK"),    span_text(block),   span_text("STREAMS"),
                             span_text(l->log_key), span_text(id)};
    if (redis_link_send(l->link, now_ns, 8, command, LANE_BLOCK_MS + LANE_GRACE_MS) != ERR_OK)
        return;
    l->asked = true;
    l->asked_after = after;
    l->asked_ns = now_ns;
}

static uint64_t heartbeat_ns(const struct lane *l)
{
    return l->ack_due ? 0 : l->ack_ns + HEARTBEAT_NS;
}

bool lane_step(struct lane *l, uint64_t now_ns, bool open, uint64_t after, struct sync_event *ret)
{
    /* What came in time while we were busy elsewhere is not late. */
    take_answers(l, now_ns);
    redis_link_step(l->link, now_ns);
    follow_session(l);
    take_answers(l, now_ns);
    if (l->reply.reply != NULL && next_entry(l, now_ns, open, after, ret))
        return true;
    follow_session(l);
    if (l->session == 0 || l->asked)
        return false;
    if (now_ns >= heartbeat_ns(l) && l->acks_pending == 0)
        send_ack(l, now_ns);
    if (open && now_ns >= l->ask_again_ns)
        ask(l, now_ns, after);
    follow_session(l);
    return false;
}

int lane_fd(const struct lane *l)
{
    return redis_link_fd(l->link);
}

short lane_events(const struct lane *l)
{
    return redis_link_events(l->link);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t lane_wake_ns(const struct lane *l, bool open)
{
    uint64_t wake_ns = redis_link_wake_ns(l->link);
    if (l->session == 0 || l->asked)
        return wake_ns;
    if (l->acks_pending == 0)
        wake_ns = least(wake_ns, heartbeat_ns(l));
    return open ? least(wake_ns, l->ask_again_ns) : wake_ns;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/fast_lane.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "lib/os/log.h"
#include "lib/os/redis_link.h"
#include "presigner/lane_answer.h"
#include "presigner/lane_feed.h"
#include "presigner/lane_mail.h"
#include "presigner/lane_report_file.h"

#define NS_PER_MS UINT64_C(1000000)
/* All edges in one answer, or one entry. */
#define ANSWER_BYTES_MAX (4u << 20)
/* The poll ends after this at the latest. */
#define TURN_NS (1000 * NS_PER_MS)
/* An edge is looked for that is to be forgotten. */
#define FORGET_NS (10000 * NS_PER_MS)

/* ASKED_FORGET: that edges be forgotten, one or all. */
enum question { ASKED_LAST, ASKED_DELETE, ASKED_ADD, ASKED_EDGES, ASKED_FORGET };

struct fast_lane {
    const struct presigner_config *config;
    uint64_t *counters;
    struct redis_link *link;
    struct lane_mail mail;
    pthread_t thread;

    struct lane_feed feed;
    struct lane_edges edges;
    struct lane_report_file report;
    struct lane_letter letter;
    char log_key[FAST_LANE_KEY_BYTES];
    char edges_key[FAST_LANE_KEY_BYTES];
    char length_text[FAST_LANE_ID_BYTES];

    uint64_t session; /* of the connection that the questions were asked on */
    enum question questions[REDIS_LINK_COMMANDS_MAX]; /* without an answer; a ring */
    uint64_t numbers[REDIS_LINK_COMMANDS_MAX];        /* of the log entries to be added */
    size_t first, count;
    bool edges_asked;
    uint64_t edges_ns;    /* when they are to be read next */
    uint64_t forget_ns;   /* when one is to be looked for next */
    uint64_t deadline_ns; /* of a stop */

    struct buffer entry;
};

static void count(struct fast_lane *l, enum presigner_counter counter)
{
    counter_add(&l->counters[counter], 1);
}

/* --- Questions --- */

static enum err ask(struct fast_lane *l, uint64_t now_ns, enum question question, uint64_t number,
                    size_t argc, const struct span *argv)
{
    TRY(redis_link_send(l->link, now_ns, argc, argv, FAST_LANE_ANSWER_MS));
    CHECK(l->count < REDIS_LINK_COMMANDS_MAX);
    size_t at = (l->first + l->count++) % REDIS_LINK_COMMANDS_MAX;
    l->questions[at] = question;
    l->numbers[at] = number;
    return ERR_OK;
}

static enum err read_entry(struct fast_lane *l, uint64_t number)
{
    char path[PATH_BYTES_MAX];
    int size = snprintf(path, sizeof path, "%s/log/%" PRIu64, l->config->publish_dir, number);
    if (size < 0 || (size_t)size >= sizeof path)
        return ERR_LIMIT;
    return file_read(path, LOG_ENTRY_BYTES_MAX, &l->entry);
}

static enum err ask_add(struct fast_lane *l, uint64_t now_ns, uint64_t number)
{
    char id[FAST_LANE_ID_BYTES], size[FAST_LANE_ID_BYTES];
    if (read_entry(l, number) != ERR_OK) {
        count(l, COUNT_fast_lane_errors);
        lane_feed_lacks(&l->feed, now_ns);
        return ERR_BUSY;
    }
    fast_lane_id_write(number, id);
    struct span field = span_text(FAST_LANE_FIELD_ENTRY);
    struct span value = span_of(l->entry.data, l->entry.size);
    if (value.size > FAST_LANE_ENTRY_BYTES_MAX) {
        snprintf(size, sizeof size, "%zu", value.size);
        field = span_text(FAST_LANE_FIELD_SIZE);
        value = span_text(size);
    }
    const struct span argv[] = {span_text("XADD"),
                                span_text(l->log_key),
                                span_text("MAXLEN"),
                                span_text("~"),
                                span_text(l->length_text),
                                span_text(id),
                                field,
                                value};
    return ask(l, now_ns, ASKED_ADD, number, sizeof argv / sizeof argv[0], argv);
}

static enum err ask_last(struct fast_lane *l, uint64_t now_ns)
{
    const struct span argv[] = {span_text("XREVRANGE"), span_text(l->log_key), span_text("+"),
                                span_text("-"),         span_text("COUNT"),    span_text("1")};
    return ask(l, now_ns, ASKED_LAST, 0, sizeof argv / sizeof argv[0], argv);
}

static enum err ask_delete(struct fast_lane *l, uint64_t now_ns)
{
    const struct span argv[] = {span_text("DEL"), span_text(l->log_key)};
    return ask(l, now_ns, ASKED_DELETE, 0, sizeof argv / sizeof argv[0], argv);
}

/* ERR_BUSY, ERR_NOT_FOUND: not now. */
static enum err ask_wanted(struct fast_lane *l, uint64_t now_ns)
{
    uint64_t number = 0;
    enum lane_want want = lane_feed_next(&l->feed, now_ns, &number);
    switch (want) {
    case LANE_WANT_NOTHING:
        return ERR_BUSY;
    case LANE_WANT_LAST:
        TRY(ask_last(l, now_ns));
        break;
    case LANE_WANT_DELETE:
        log_warning("redis: the stream %s is of another time or publication; it begins anew",
                    l->log_key);
        TRY(ask_delete(l, now_ns));
        break;
    case LANE_WANT_ADD:
        TRY(ask_add(l, now_ns, number));
        break;
    }
    lane_feed_sent(&l->feed, want);
    return ERR_OK;
}

static void ask_edges(struct fast_lane *l, uint64_t now_ns)
{
    const struct span argv[] = {span_text("HGETALL"), span_text(l->edges_key)};
    if (l->edges_asked || now_ns < l->edges_ns)
        return;
    l->edges_asked = ask(l, now_ns, ASKED_EDGES, 0, sizeof argv / sizeof argv[0], argv) == ERR_OK;
}

static void ask_forget(struct fast_lane *l, uint64_t now_ns)
{
    if (now_ns < l->forget_ns)
        return;
    const struct lane_edge *edge =
        lane_edges_stale(&l->edges, l->config->redis.edge_forget_s, now_ns, clock_wall_ms());
    l->forget_ns = now_ns + FORGET_NS;
    if (edge == NULL)
        return;
    const struct span argv[] = {span_text("HDEL"), span_text(l->edges_key), span_text(edge->name)};
    if (ask(l, now_ns, ASKED_FORGET, 0, sizeof argv / sizeof argv[0], argv) == ERR_OK)
        log_info("edge %s has been silent for long and is forgotten", edge->name);
}

/* --- Answers --- */

/* An answer that cannot be: the server is no use to us. */
static void refuse(struct fast_lane *l, uint64_t now_ns, const redisReply *reply)
{
    count(l, COUNT_fast_lane_errors);
    bool says = reply->type == REDIS_REPLY_ERROR;
    redis_link_fail(l->link, now_ns, says ? reply->str : "an answer of another type");
}

static void hear_last(struct fast_lane *l, uint64_t now_ns, const redisReply *reply)
{
    struct lane_last last;
    switch (lane_answer_last(reply, &last)) {
    case LANE_ANSWER_EMPTY:
        lane_feed_is_empty(&l->feed);
        break;
    case LANE_ANSWER_FOREIGN:
        lane_feed_is_foreign(&l->feed);
        break;
    case LANE_ANSWER_ENTRY: {
        enum err err = read_entry(l, last.number);
        struct span entry = span_of(l->entry.data, l->entry.size);
        enum lane_match match = err != ERR_OK                   ? LANE_NO_FILE
                                : lane_last_is_of(&last, entry) ? LANE_SAME
                                                                : LANE_OTHER;
        lane_feed_is_at(&l->feed, last.number, match);
        break;
    }
    case LANE_ANSWER_WRONG:
        refuse(l, now_ns, reply);
        break;
    }
}

static void hear_add(struct fast_lane *l, uint64_t now_ns, uint64_t number, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STRING) {
        lane_feed_is_added(&l->feed, number);
        count(l, COUNT_fast_lane_entries_added);
    } else if (lane_answer_refuses_add(reply)) {
        count(l, COUNT_fast_lane_errors);
        lane_feed_is_refused(&l->feed, now_ns);
    } else {
        refuse(l, now_ns, reply);
    }
}

/* What somebody put where the edges report must not stop the log, too. */
static void clear_edges(struct fast_lane *l, uint64_t now_ns)
{
    const struct span argv[] = {span_text("DEL"), span_text(l->edges_key)};
    count(l, COUNT_fast_lane_errors);
    log_warning("redis: the key %s is of another type; it begins anew", l->edges_key);
    l->edges_ns = now_ns + TURN_NS;
    if (ask(l, now_ns, ASKED_FORGET, 0, sizeof argv / sizeof argv[0], argv) != ERR_OK)
        log_debug("redis: it is deleted later");
}

static void hear_edges(struct fast_lane *l, uint64_t now_ns, const redisReply *reply)
{
    uint64_t wall_ms = clock_wall_ms();
    struct span name, value;
    l->edges_asked = false;
    if (lane_answer_is_foreign(reply)) {
        clear_edges(l, now_ns);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY) {
        refuse(l, now_ns, reply);
        return;
    }
    lane_edges_begin(&l->edges);
    for (size_t i = 0; lane_answer_pair(reply, i, &name, &value); i++)
        lane_edges_see(&l->edges, name, value, now_ns, wall_ms);
    lane_edges_end(&l->edges, now_ns, wall_ms);
    l->edges_ns = now_ns + lane_edges_pause_ns(&l->edges, now_ns);
    lane_report_file_changed(&l->report);
}

static void hear(struct fast_lane *l, uint64_t now_ns, const redisReply *reply)
{
    CHECK(l->count > 0);
    enum question question = l->questions[l->first];
    uint64_t number = l->numbers[l->first];
    l->first = (l->first + 1) % REDIS_LINK_COMMANDS_MAX;
    l->count--;
    switch (question) {
    case ASKED_LAST:
        hear_last(l, now_ns, reply);
        break;
    case ASKED_DELETE:
        if (reply->type == REDIS_REPLY_INTEGER)
            lane_feed_is_deleted(&l->feed);
        else
            refuse(l, now_ns, reply);
        break;
    case ASKED_ADD:
        hear_add(l, now_ns, number, reply);
        break;
    case ASKED_EDGES:
        hear_edges(l, now_ns, reply);
        break;
    case ASKED_FORGET:
        if (reply->type != REDIS_REPLY_INTEGER)
            refuse(l, now_ns, reply);
        break;
    }
}

/* --- The thread --- */

static void take_mail(struct fast_lane *l, uint64_t now_ns)
{
    struct lane_letter *letter = &l->letter;
    lane_mail_take(&l->mail, letter);
    if (letter->stop && l->deadline_ns == 0)
        l->deadline_ns = now_ns + FAST_LANE_STOP_MS * NS_PER_MS;
    if (letter->log_first == 0)
        return;
    if (letter->log_last != l->edges.log_last) {
        lane_report_file_changed(&l->report);
        l->edges_ns = now_ns;
    }
    lane_feed_published(&l->feed, letter->log_first, letter->log_last);
    lane_edges_published(&l->edges, letter->log_last, now_ns);
    for (size_t i = 0; i < letter->track_count; i++)
        lane_edges_track(&l->edges, &letter->tracks[i]);
}

/* Whether this is still the connection of the questions; if not, there are none any more. */
static void mind_session(struct fast_lane *l)
{
    uint64_t session = redis_link_session(l->link);
    if (session == l->session)
        return;
    l->session = session;
    l->first = l->count = 0;
    l->edges_asked = false;
    lane_feed_connection(&l->feed, session != 0);
    lane_report_file_changed(&l->report);
}

static void hear_all(struct fast_lane *l, uint64_t now_ns)
{
    redisReply *reply = NULL;
    while (redis_link_reply(l->link, now_ns, &reply) == ERR_OK) {
        hear(l, now_ns, reply);
        freeReplyObject(reply);
    }
    mind_session(l);
}

static void converse(struct fast_lane *l, uint64_t now_ns)
{
    /* What came in time while this thread did not run is not late. */
    hear_all(l, now_ns);
    redis_link_step(l->link, now_ns);
    mind_session(l);
    hear_all(l, now_ns);
    while (ask_wanted(l, now_ns) == ERR_OK)
        continue;
    ask_edges(l, now_ns);
    ask_forget(l, now_ns);
    mind_session(l);
}

static void show(struct fast_lane *l, uint64_t now_ns)
{
    struct lane_summary sum = lane_edges_sum(&l->edges, now_ns);
    struct redis_link_counts counts = redis_link_counts(l->link);
    counter_set(&l->counters[COUNT_fast_lane_connected], l->session != 0);
    counter_set(&l->counters[COUNT_fast_lane_connections], counts.connections);
    counter_set(&l->counters[COUNT_fast_lane_failures], counts.failures);
    counter_set(&l->counters[COUNT_fast_lane_entries_skipped], l->feed.skipped);
    counter_set(&l->counters[COUNT_fast_lane_streams_deleted], l->feed.deleted);
    counter_set(&l->counters[COUNT_fast_lane_log_number], l->feed.newest);
    counter_set(&l->counters[COUNT_fast_lane_edges_live], sum.live);
    counter_set(&l->counters[COUNT_fast_lane_edges_silent], sum.silent);
    counter_set(&l->counters[COUNT_fast_lane_edges_current], sum.at_last);
    counter_set(&l->counters[COUNT_fast_lane_low_water], sum.low_water);
    counter_set(&l->counters[COUNT_fast_lane_edges_ignored], l->edges.ignored);
    lane_report_file_step(&l->report, &l->edges, l->session != 0, now_ns, clock_wall_ms());
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void wait(struct fast_lane *l, uint64_t now_ns)
{
    struct pollfd fds[2] = {{.fd = l->mail.wake_fd, .events = POLLIN},
                            {.fd = redis_link_fd(l->link), .events = redis_link_events(l->link)}};
    uint64_t wake_ns = now_ns + TURN_NS;
    wake_ns = least(wake_ns, redis_link_wake_ns(l->link));
    wake_ns = least(wake_ns, lane_report_file_wake_ns(&l->report));
    if (l->session != 0 && !l->edges_asked)
        wake_ns = least(wake_ns, l->edges_ns);
    if (l->session != 0 && l->feed.retry_ns > now_ns)
        wake_ns = least(wake_ns, l->feed.retry_ns);
    uint64_t ms = wake_ns > now_ns ? (wake_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    poll(fds, 2, (int)ms);
}

static bool is_over(const struct fast_lane *l, uint64_t now_ns)
{
    if (l->deadline_ns == 0)
        return false;
    bool hopeless = l->session == 0 && redis_link_counts(l->link).failures > 0;
    return hopeless || lane_feed_is_done(&l->feed) || now_ns >= l->deadline_ns ||
           l->feed.log_first == 0;
}

static void *thread_main(void *context)
{
    struct fast_lane *l = context;
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        take_mail(l, now_ns);
        converse(l, now_ns);
        show(l, now_ns);
        if (is_over(l, now_ns))
            break;
        wait(l, now_ns);
    }
    return NULL;
}

/* --- Start and end --- */

static enum err link_make(struct fast_lane *l)
{
    const struct redis_config *redis = &l->config->redis;
    struct redis_link_config config = {.addresses = (const char *const *)redis->addresses,
                                       .address_count = redis->address_count,
                                       .user = redis->user,
                                       .password_file = redis->password_file,
                                       .reply_bytes_max = ANSWER_BYTES_MAX};
    /* A jitter that all programs share would be none. */
    if (getrandom(&config.seed, sizeof config.seed, 0) != (ssize_t)sizeof config.seed)
        config.seed = clock_monotonic_ns();
    return redis_link_new(&config, &l->link);
}

static enum err make(struct fast_lane *l, struct lane_latencies *latencies)
{
    fast_lane_log_key(l->config->network, l->log_key);
    fast_lane_edges_key(l->config->network, l->edges_key);
    snprintf(l->length_text, sizeof l->length_text, "%" PRIu64, l->config->redis.stream_length);
    lane_feed_start(&l->feed, l->config->redis.stream_length);
    lane_edges_start(&l->edges, latencies);
    TRY(lane_mail_make(&l->mail));
    TRY(lane_report_file_make(&l->report, l->config->state_dir));
    return link_make(l);
}

static struct fast_lane *done(struct fast_lane *l)
{
    redis_link_free(l->link);
    lane_report_file_done(&l->report);
    lane_mail_done(&l->mail);
    buffer_done(&l->entry);
    free(l);
    return NULL;
}

enum err fast_lane_start(const struct presigner_config *config, uint64_t *counters,
                         struct lane_latencies *latencies, struct fast_lane **ret)
{
    struct fast_lane *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ERR_MEMORY;
    l->config = config;
    l->counters = counters;
    l->mail.wake_fd = -1;
    enum err err = make(l, latencies);
    if (err == ERR_OK && pthread_create(&l->thread, NULL, thread_main, l) != 0)
        err = ERR_MEMORY;
    if (err != ERR_OK) {
        done(l);
        return err;
    }
    *ret = l;
    return ERR_OK;
}

void fast_lane_published(void *lane, const struct publish_news *news)
{
    struct fast_lane *l = lane;
    lane_mail_put(&l->mail, news);
}

struct fast_lane *fast_lane_stop(struct fast_lane *l)
{
    if (l == NULL)
        return NULL;
    lane_mail_stop(&l->mail);
    pthread_join(l->thread, NULL);
    return done(l);
}

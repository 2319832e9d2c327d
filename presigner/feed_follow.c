/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feed_follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "lib/os/log.h"
#include "presigner/feed_apply.h"
#include "presigner/feed_crl.h"
#include "presigner/publish_db.h"

/* Octets of an issuer's refusal that are logged. */
#define REFUSAL_SHOWN_BYTES 160

/* --- What is seen of it --- */

static void show(struct feed_follow *f)
{
    const struct feed_state *s = &f->state;
    counter_set(&f->gauges[GAUGE_feed_seq], s->seq);
    counter_set(&f->gauges[GAUGE_feed_published_seq], feed_state_published(s));
    counter_set(&f->gauges[GAUGE_feed_said_seq], s->said);
    counter_set(&f->gauges[GAUGE_feed_failing], f->failing);
    counter_set(&f->gauges[GAUGE_feed_stopped], f->stopped);
    counter_set(&f->gauges[GAUGE_feed_crl_missing], f->crl_missing);
}

/* Each trouble once, however often it comes. */
static void complain(struct feed_follow *f, bool person, const char *what)
{
    if (strcmp(f->complaint, what) == 0)
        return;
    snprintf(f->complaint, sizeof f->complaint, "%s", what);
    log_write(person ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "issuer %s: feed: %s%s",
              f->issuer->name, what,
              person ? "; nothing more is taken until this is put right" : "");
}

static void ask_failed(struct feed_follow *f, uint64_t now_ns, bool person, const char *what)
{
    counter_add(&f->counters[COUNT_feed_failures], 1);
    f->failing = true;
    f->stopped = person;
    feed_state_failed(&f->state, now_ns, person);
    complain(f, person, what);
}

static void heard(struct feed_follow *f)
{
    if (f->complaint[0] != '\0')
        log_info("issuer %s: feed: goes on after event %" PRIu64, f->issuer->name, f->state.seq);
    f->complaint[0] = '\0';
    f->failing = f->stopped = false;
    counter_set(&f->gauges[GAUGE_feed_heard_seconds], clock_wall_s());
}

/* The beginning of an issuer's refusal, fit for a log. */
static void refusal_text(const struct feed_link *l, long status, char *out, size_t out_size)
{
    char shown[REFUSAL_SHOWN_BYTES + 1];
    size_t size = l->answer.size < REFUSAL_SHOWN_BYTES ? l->answer.size : REFUSAL_SHOWN_BYTES;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = l->answer.data[i];
        shown[i] = c >= ' ' && c < 0x7f ? (char)c : ' ';
    }
    shown[size] = '\0';
    snprintf(out, out_size, "HTTP status %ld %s", status, shown);
}

/* --- Questions --- */

static enum err ask(struct feed_follow *f)
{
    const struct feed_config *feed = &f->issuer->feed;
    /* An answer that says that there is nothing more comes at once, the first time. */
    uint64_t wait_s = f->state.agrees && f->current ? f->wait_s : 0;
    char hash[SHA256_TEXT_BYTES + 6] = "";
    if (f->state.seq > 0) {
        memcpy(hash, "&hash=", 6);
        sha256_to_text(&f->hash, hash + 6);
    }
    snprintf(f->ask.url, sizeof f->ask.url,
             "%s" FEED_EVENTS_PATH "?ca=%016" PRIx64 "&after=%" PRIu64 "&limit=%" PRIu64
             "&wait=%" PRIu64 "%s",
             feed->url, f->issuer_id, f->state.seq, feed->batch_count, wait_s, hash);
    return feed_link_get(&f->ask, feed, wait_s);
}

static void wake_publisher(const struct feed_follow *f)
{
    const uint64_t one = 1;
    (void)!write(f->wake_fd, &one, sizeof one);
}

static void note_conflicts(const struct feed_follow *f, const struct shard_conflicts *c)
{
    char serial[SERIAL_HEX_MAX];
    if (c->count == 0)
        return;
    counter_add(&f->counters[COUNT_feed_shard_conflicts], c->count);
    serial_to_hex(&c->serial, serial);
    log_warning("issuer %s: feed: %" PRIu64 " certificates are on another CRL than their event "
                "says, %s on %u/%u and not %u/%u: they stay there",
                f->issuer->name, c->count, serial, c->known >> 16, c->known & 0xffff,
                c->claimed >> 16, c->claimed & 0xffff);
}

static bool is_for_a_person(enum err err)
{
    return err == ERR_CHAIN || err == ERR_CONFLICT || err == ERR_MALFORMED ||
           err == ERR_TRUNCATED || err == ERR_CONFIG;
}

/* Its answer names the CRL of the last shard: looked for when that is another than before. */
static void look_for_crl(struct feed_follow *f)
{
    char url[CRL_SHARD_URL_MAX];
    bool ours = true;
    feed_link_crl(&f->ask, url);
    if (strcmp(url, f->crl_url) == 0)
        return;
    enum err err = feed_crl_is_ours(f->status, f->issuer_id, f->issuer->crl.url_base, url, &ours);
    if (err != ERR_OK)
        return; /* with the next answer */
    memcpy(f->crl_url, url, sizeof url);
    if (!ours)
        log_error("issuer %s: feed: its new certificates name CRLs up to %s, which are not "
                  "published here: `crl` in presigner.yaml differs from crl_url_base, crl_shards "
                  "or crl_shard_set in issuer.yaml",
                  f->issuer->name, url);
    else if (f->crl_missing)
        log_info("issuer %s: feed: its new certificates name CRLs that are published here",
                 f->issuer->name);
    f->crl_missing = !ours;
}

static void take(struct feed_follow *f, uint64_t now_ns)
{
    char why[FEED_WHY_BYTES];
    struct feed_result result;
    struct span body = span_of(f->ask.answer.data, f->ask.answer.size);
    if (body.size == 0) {
        f->current = true;
        feed_state_quiet(&f->state, now_ns);
        heard(f);
        return;
    }
    enum err err = feed_apply(f->status, f->issuer_id, f->state.seq, body, &result, why);
    if (err != ERR_OK) {
        ask_failed(f, now_ns, is_for_a_person(err), why);
        return;
    }
    counter_add(&f->counters[COUNT_feed_events], result.event_count);
    counter_add(&f->counters[COUNT_feed_changes], result.changed_count);
    note_conflicts(f, &result.conflicts);
    if (result.changed_count > 0)
        wake_publisher(f);
    f->hash = result.position.hash;
    feed_state_taken(&f->state, &result.position);
    feed_state_settled(&f->state, f->settled, f->log_last);
    heard(f);
}

static void answered(struct feed_follow *f, CURLcode code, uint64_t now_ns)
{
    char text[REFUSAL_SHOWN_BYTES + 32];
    long status = 0;
    enum err err = feed_link_end(&f->ask, code, &status);
    if (err == ERR_LIMIT)
        ask_failed(f, now_ns, true, "an answer is longer than it may be");
    else if (err != ERR_OK)
        ask_failed(f, now_ns, false, f->ask.message);
    else if (status == 200 && feed_link_is(&f->ask, FEED_MEDIA_TYPE)) {
        look_for_crl(f);
        take(f, now_ns);
    } else {
        refusal_text(&f->ask, status, text, sizeof text);
        ask_failed(f, now_ns, status == 409, text);
    }
}

/* --- What is said --- */

static enum err say(struct feed_follow *f)
{
    const struct feed_config *feed = &f->issuer->feed;
    TRY(feed_report_seq(f->issuer_id, &f->state.published, &f->say.body));
    snprintf(f->say.url, sizeof f->say.url, "%s" FEED_PUBLISHED_PATH, feed->url);
    return feed_link_post(&f->say, feed);
}

static enum err tell(struct feed_follow *f)
{
    const struct feed_config *feed = &f->issuer->feed;
    TRY(feed_report_signed(&f->report, &f->state.published, f->state.told, f->state.log_last,
                           &f->tell.body, &f->telling));
    snprintf(f->tell.url, sizeof f->tell.url, "%s" FEED_PUBLISHED_PATH, feed->url);
    return feed_link_post(&f->tell, feed);
}

static enum err remember_told(struct feed_follow *f)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_write(f->status, &txn));
    enum err err = feed_told_put(f->status, txn, f->issuer_id, f->telling);
    if (err == ERR_OK)
        return status_txn_commit(txn);
    status_txn_abort(txn);
    return err;
}

/* An issuer that is away is complained of once. */
static void not_said(struct feed_follow *f, const char *what)
{
    counter_add(&f->counters[COUNT_feed_failures], 1);
    if (!f->failing)
        complain(f, false, what);
}

/* Ends a POST; whether it was taken. */
static bool was_taken(struct feed_follow *f, struct feed_link *link, CURLcode code)
{
    char text[REFUSAL_SHOWN_BYTES + 32];
    long status = 0;
    enum err err = feed_link_end(link, code, &status);
    if (err == ERR_OK && status == 200)
        return true;
    if (err == ERR_OK)
        refusal_text(link, status, text, sizeof text);
    not_said(f, err == ERR_OK ? text : link->message);
    return false;
}

static void said(struct feed_follow *f, CURLcode code, uint64_t now_ns)
{
    if (was_taken(f, &f->say, code))
        feed_state_said(&f->state);
    else
        feed_state_say_failed(&f->state, now_ns);
}

static void told(struct feed_follow *f, CURLcode code, uint64_t now_ns)
{
    if (!was_taken(f, &f->tell, code)) {
        feed_state_tell_failed(&f->state, now_ns);
        return;
    }
    /* Told twice does no harm: entries are only what the log has. */
    if (remember_told(f) != ERR_OK)
        log_warning("issuer %s: feed: what it was told cannot be noted", f->issuer->name);
    feed_state_told(&f->state, now_ns, f->telling);
}

/* --- For the thread --- */

static void begin_ask(struct feed_follow *f, uint64_t now_ns)
{
    enum err err = ask(f);
    feed_state_asked(&f->state, now_ns);
    if (err != ERR_OK)
        ask_failed(f, now_ns, false, err_text(err));
}

static void begin_say(struct feed_follow *f, uint64_t now_ns)
{
    enum err err = say(f);
    feed_state_saying(&f->state);
    if (err == ERR_OK)
        return;
    feed_state_say_failed(&f->state, now_ns);
    not_said(f, err_text(err));
}

static void begin_tell(struct feed_follow *f, uint64_t now_ns)
{
    enum err err = tell(f);
    feed_state_telling(&f->state);
    if (err == ERR_OK)
        return;
    feed_state_tell_failed(&f->state, now_ns);
    not_said(f, err_text(err));
}

static void begin(struct feed_follow *f, enum feed_want want, uint64_t now_ns)
{
    counter_add(&f->counters[COUNT_feed_requests], 1);
    if (want == FEED_WANT_ASK)
        begin_ask(f, now_ns);
    else if (want == FEED_WANT_SAY)
        begin_say(f, now_ns);
    else
        begin_tell(f, now_ns);
}

void feed_follow_step(struct feed_follow *f, uint64_t now_ns)
{
    enum feed_want want;
    while ((want = feed_state_next(&f->state, now_ns)) != FEED_WANT_NOTHING)
        begin(f, want, now_ns);
    show(f);
}

void feed_follow_finished(struct feed_follow *f, struct feed_link *link, CURLcode code,
                          uint64_t now_ns)
{
    if (link == &f->ask)
        answered(f, code, now_ns);
    else if (link == &f->say)
        said(f, code, now_ns);
    else
        told(f, code, now_ns);
    show(f);
}

void feed_follow_settled(struct feed_follow *f, uint64_t sequence, uint64_t log_last)
{
    f->settled = sequence;
    f->log_last = log_last;
    feed_state_settled(&f->state, sequence, log_last);
}

bool feed_follow_is_done(const struct feed_follow *f)
{
    return f->failing || (!f->state.saying && f->state.said == feed_state_published(&f->state));
}

/* What was published before there was a feed is not told of. */
static enum err told_begin(struct feed_follow *f, MDB_txn *txn, uint64_t *ret_told)
{
    struct publish_state published;
    struct publish_db db = publish_db_of(f->status);
    TRY(publish_db_state_get(&db, txn, &published));
    TRY(feed_told_put(f->status, txn, f->issuer_id, published.log_last));
    *ret_told = published.log_last;
    return ERR_OK;
}

static enum err read_state(struct feed_follow *f, MDB_txn *txn, bool anew)
{
    struct feed_position position = {0};
    uint64_t told = 0;
    if (anew)
        TRY(feed_position_put(f->status, txn, f->issuer_id, &position));
    else
        TRY(feed_position_get(f->status, txn, f->issuer_id, &position));
    enum err err = feed_told_get(f->status, txn, f->issuer_id, &told);
    TRY(err == ERR_NOT_FOUND ? told_begin(f, txn, &told) : err);
    f->hash = position.hash;
    feed_state_start(&f->state, &position, told);
    return ERR_OK;
}

enum err feed_follow_open(struct feed_follow *f, CURLM *multi, const char *publish_dir, bool anew)
{
    MDB_txn *txn = NULL;
    f->report = (struct feed_report){
        .publish_dir = publish_dir, .issuer = f->issuer, .issuer_id = f->issuer_id};
    TRY(feed_link_make(&f->ask, multi, f));
    TRY(feed_link_make(&f->say, multi, f));
    TRY(feed_link_make(&f->tell, multi, f));
    TRY(status_txn_write(f->status, &txn));
    enum err err = read_state(f, txn, anew);
    if (err == ERR_OK)
        return status_txn_commit(txn);
    status_txn_abort(txn);
    return err;
}

void feed_follow_close(struct feed_follow *f)
{
    feed_link_done(&f->ask);
    feed_link_done(&f->say);
    feed_link_done(&f->tell);
    feed_report_done(&f->report);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/feed.h"

#include <stdio.h>

#include "issuer/feed_ca.h"
#include "issuer/feed_line.h"
#include "issuer/https_query.h"
#include "lib/os/log.h"

#define NS_PER_S UINT64_C(1000000000)

enum { CA, AFTER, LIMIT, WAIT, HASH, NAMES };
static const char *const names[] = {"ca", "after", "limit", "wait", "hash", NULL};
_Static_assert(sizeof names / sizeof names[0] == NAMES + 1, "a name each");

/* What was asked for, and the answer in the making. */
struct asking {
    struct issuer_worker *worker;
    const struct https_request *request;
    struct https_response *response;
    const struct authority *authority;
    uint64_t after, limit, wait_s;
    bool has_hash;
    struct sha256 hash;
    bool wrong_hash, seen; /* event `after` is another; it is there */
    uint64_t count;        /* of lines */
    struct problem problem;
};

static enum err read_query(struct asking *a)
{
    struct https_query q;
    struct problem *why = &a->problem;
    uint64_t wait_max_s = a->worker->issuer->config->poll_wait_max_s;
    TRY(https_query_read(a->request->query, names, &q, why));
    TRY(feed_ca(a->worker->issuer, q.values[CA], &a->authority, why));
    TRY(https_query_number(q.values[AFTER], "after", 0, FEED_NUMBER_MAX, 0, &a->after, why));
    TRY(https_query_number(q.values[LIMIT], "limit", 1, FEED_EVENTS_MAX, FEED_EVENTS_MAX, &a->limit,
                           why));
    TRY(https_query_number(q.values[WAIT], "wait", 0, FEED_NUMBER_MAX, 0, &a->wait_s, why));
    if (a->wait_s > wait_max_s)
        a->wait_s = wait_max_s;
    a->has_hash = q.values[HASH].data != NULL && a->after > 0;
    if (a->has_hash && sha256_from_text(q.values[HASH], &a->hash) != ERR_OK)
        return problem_set(why, PROBLEM_FIELD, "hash is not 64 lower-case hex digits");
    return ERR_OK;
}

/* --- Events --- */

static enum err add_line(void *context, const struct registry_event *row)
{
    struct asking *a = context;
    uint8_t line[FEED_LINE_BYTES_MAX + 1];
    size_t size = 0;
    TRY(feed_line_write(row, line, &size));
    if (row->seq == a->after) {
        struct sha256 hash = sha256_of(span_of(line, size));
        a->seen = true;
        a->wrong_hash = !sha256_equal(&hash, &a->hash);
        return ERR_OK;
    }
    line[size] = '\n';
    a->count++;
    return buffer_append(&a->response->body, span_of(line, size + 1));
}

static enum err position_refused(struct asking *a, const char *why)
{
    log_error("feed of %s: %s asks for what comes after event %llu: %s", a->authority->config->name,
              a->request->actor->name, (unsigned long long)a->after, why);
    return problem_set(&a->problem, PROBLEM_POSITION, "event %llu: %s",
                       (unsigned long long)a->after, why);
}

/* With a hash, the event that it is of is read, too. */
static enum err read_events(struct asking *a)
{
    struct registry *r = a->worker->registry;
    uint64_t last = 0;
    if (a->has_hash && a->limit == REGISTRY_PAGE_MAX)
        a->limit--;
    TRY(registry_ready(r));
    TRY(registry_events(r, a->authority->id, a->after - a->has_hash, a->limit + a->has_hash,
                        add_line, a));
    if (a->wrong_hash)
        return position_refused(a, "it was another one");
    if (a->seen || a->count > 0)
        return ERR_OK;
    TRY(registry_event_last(r, a->authority->id, &last));
    return a->after > last ? position_refused(a, "there is none such") : ERR_OK;
}

/* --- The answer --- */

static enum https_done refuse(struct asking *a, enum err err)
{
    a->response->body.size = 0;
    /* What has no problem of its own is the registry's. */
    if (a->problem.detail[0] == '\0') {
        log_error("feed of %s: events after %llu: %s", a->authority->config->name,
                  (unsigned long long)a->after, err_text(err));
        (void)!problem_set(&a->problem, err == ERR_CHAIN ? PROBLEM_INTERNAL : PROBLEM_REGISTRY,
                           "events cannot be read now");
    }
    issuer_count(a->worker->issuer->metrics, ISSUER_feed_rejected, 1);
    https_answer_problem(a->request, &a->problem, a->response);
    return HTTPS_ANSWERED;
}

/* Where the presigner is expected to publish; it compares. */
static void link_crl(const struct asking *a)
{
    const struct authority *authority = a->authority;
    const struct crl_set *set = &authority->crl_set;
    const char *base = authority->config->crl_url_base;
    uint32_t last = crl_shard_pack(set->number, (uint16_t)(set->count - 1));
    char url[CRL_SHARD_URL_MAX];
    /* Too long is refused when a certificate is to name it. */
    if (base != NULL && crl_shard_url(base, last, url) == ERR_OK)
        snprintf(a->response->link, sizeof a->response->link,
                 FEED_CRL_LINK_BEGIN "%s" FEED_CRL_LINK_END, url);
}

static bool may_park(struct asking *a)
{
    uint64_t now_ns = issuer_now_ns(a->worker->issuer);
    uint64_t since_ns = a->request->park_count > 0 ? a->request->parked_since_ns : now_ns;
    uint64_t until_ns = since_ns + a->wait_s * NS_PER_S;
    a->response->park_until_ns = until_ns;
    return !a->request->last_call && now_ns < until_ns;
}

enum https_done feed_events(void *server, void *worker, const struct https_request *request,
                            struct https_response *response)
{
    struct asking a = {.worker = worker, .request = request, .response = response};
    (void)server; /* the worker knows it */
    struct issuer_metrics *metrics = a.worker->issuer->metrics;
    if (request->park_count == 0)
        issuer_count(metrics, ISSUER_feed_requests, 1);
    enum err err = read_query(&a);
    if (err == ERR_OK)
        err = read_events(&a);
    if (err != ERR_OK)
        return refuse(&a, err);
    if (a.count == 0 && may_park(&a))
        return HTTPS_PARKED;
    issuer_count(metrics, ISSUER_feed_events_sent, a.count);
    response->content_type = FEED_MEDIA_TYPE;
    link_crl(&a);
    return HTTPS_ANSWERED;
}

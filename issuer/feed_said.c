/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/feed.h"

#include <stdlib.h>

#include <jansson.h>

#include "issuer/feed_ca.h"
#include "issuer/feed_line.h"
#include "issuer/journal.h"
#include "lib/os/log.h"

/* A leaf about something signed; a path is at most PATH_BYTES_MAX. */
#define LEAF_BYTES_MAX (PATH_BYTES_MAX + 1024)

/* What the presigner said. */
struct saying {
    struct issuer_worker *worker;
    const struct https_request *request;
    const struct authority *authority;
    json_t *root;
    json_t *signed_; /* an array of the root's, or NULL */
    uint64_t seq;
    bool has_hash, wrong_hash; /* of the line of event seq; it is another one's */
    struct sha256 hash;
    struct buffer leaves;
    struct span entries[FEED_SIGNED_MAX];
    size_t entry_sizes[FEED_SIGNED_MAX];
    size_t entry_count;
    struct problem problem;
};

static enum err bad(struct saying *s, const char *what)
{
    return problem_set(&s->problem, PROBLEM_FIELD, "%s", what);
}

static enum err read_body(struct saying *s)
{
    json_int_t seq = -1, log_number = 0;
    const char *ca = NULL, *hash = NULL;
    struct span body = s->request->body;
    s->root = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
    if (s->root == NULL)
        return problem_set(&s->problem, PROBLEM_JSON, "it is no JSON, or has a name twice");
    if (json_unpack(s->root, "{s:s, s:I, s?:s, s?:o, s?:I !}", "ca", &ca, "seq", &seq, "hash",
                    &hash, "signed", &s->signed_, "log_number", &log_number) != 0)
        return bad(s, "not an object of ca, seq and, perhaps, hash, signed and log_number");
    TRY(feed_ca(s->worker->issuer, span_text(ca), &s->authority, &s->problem));
    if (seq < 0 || log_number < 0)
        return bad(s, "a number is negative");
    if (s->signed_ != NULL &&
        (!json_is_array(s->signed_) || json_array_size(s->signed_) > FEED_SIGNED_MAX))
        return bad(s, "signed is no array, or too long");
    s->seq = (uint64_t)seq;
    s->has_hash = hash != NULL && seq > 0;
    if (s->has_hash && sha256_from_text(span_text(hash), &s->hash) != ERR_OK)
        return bad(s, "hash is not 64 lower-case hex digits");
    return ERR_OK;
}

static enum err compare_line(void *context, const struct registry_event *row)
{
    struct saying *s = context;
    uint8_t line[FEED_LINE_BYTES_MAX];
    size_t size = 0;
    TRY(feed_line_write(row, line, &size));
    struct sha256 hash = sha256_of(span_of(line, size));
    s->wrong_hash = !sha256_equal(&hash, &s->hash);
    return ERR_OK;
}

static enum err seq_refused(struct saying *s, const char *why)
{
    log_error("feed of %s: %s has published event %llu: %s", s->authority->config->name,
              s->request->actor->name, (unsigned long long)s->seq, why);
    return problem_set(&s->problem, PROBLEM_POSITION, "event %llu: %s", (unsigned long long)s->seq,
                       why);
}

/* Nobody can have published what does not exist, or is another event here: one side was restored
 * since the presigner asked. */
static enum err check_seq(struct saying *s)
{
    struct registry *r = s->worker->registry;
    uint64_t last = 0;
    TRY(registry_ready(r));
    TRY(registry_event_last(r, s->authority->id, &last));
    if (s->seq > last)
        return seq_refused(s, "there is none such");
    if (s->has_hash)
        TRY(registry_events(r, s->authority->id, s->seq - 1, 1, compare_line, s));
    return s->wrong_hash ? seq_refused(s, "it was another one") : ERR_OK;
}

/* --- Leaves of the audit log --- */

static enum err add_leaf(struct saying *s, const struct audit_event *event)
{
    size_t size = 0;
    TRY(buffer_reserve(&s->leaves, s->leaves.size + LEAF_BYTES_MAX));
    if (audit_event_write(event, (char *)s->leaves.data + s->leaves.size, LEAF_BYTES_MAX, &size) !=
        ERR_OK)
        return bad(s, "what was signed has a number or a path that is too large");
    s->leaves.size += size;
    s->entry_sizes[s->entry_count++] = size;
    return ERR_OK;
}

static enum err leaf_of(struct saying *s, const json_t *item)
{
    struct audit_event event;
    struct sha256 hash;
    json_int_t log_number = -1, statements = -1, crl_number = -1;
    const char *text = NULL, *path = NULL;
    if (json_unpack((json_t *)(uintptr_t)item, "{s:I, s:s, s?:I, s?:I, s?:s !}", "log_number",
                    &log_number, "sha256", &text, "statements", &statements, "crl_number",
                    &crl_number, "path", &path) != 0 ||
        log_number < 0 || sha256_from_text(span_text(text), &hash) != ERR_OK ||
        (statements >= 0) == (crl_number >= 0) || (crl_number >= 0) != (path != NULL))
        return bad(s, "what was signed is neither statements nor a CRL");
    audit_event_begin(&event, statements >= 0 ? AUDIT_OCSP_BATCH_SIGNED : AUDIT_CRL_PUBLISHED,
                      issuer_now_s(s->worker->issuer), span_text(s->request->actor->name),
                      span_text(s->request->request_id));
    audit_event_ca(&event, s->authority->id);
    audit_event_number(&event, AUDIT_FIELD_SEQ, s->seq);
    audit_event_number(&event, AUDIT_FIELD_LOG_NUMBER, (uint64_t)log_number);
    if (statements >= 0) {
        audit_event_number(&event, AUDIT_FIELD_STATEMENTS, (uint64_t)statements);
        audit_event_hash(&event, AUDIT_FIELD_STATEMENTS_SHA256, &hash);
    } else {
        audit_event_number(&event, AUDIT_FIELD_CRL_NUMBER, (uint64_t)crl_number);
        audit_event_hash(&event, AUDIT_FIELD_CRL_SHA256, &hash);
        audit_event_text(&event, AUDIT_FIELD_TARGET, span_text(path));
    }
    return add_leaf(s, &event);
}

static enum err make_leaves(struct saying *s)
{
    for (size_t i = 0; i < json_array_size(s->signed_); i++)
        TRY(leaf_of(s, json_array_get(s->signed_, i)));
    const uint8_t *at = s->leaves.data;
    for (size_t i = 0; i < s->entry_count; at += s->entry_sizes[i++])
        s->entries[i] = span_of(at, s->entry_sizes[i]);
    return ERR_OK;
}

/* --- What is done --- */

static enum err store(struct registry *r, void *context)
{
    const struct saying *s = context;
    return registry_published_set(r, s->authority->id, s->seq, issuer_now_s(s->worker->issuer));
}

static enum err witness(struct saying *s)
{
    uint64_t leaf = 0;
    if (s->entry_count == 0)
        return ERR_OK;
    if (journal_append_all(s->worker->issuer->journal, s->entries, s->entry_count, &leaf) != ERR_OK)
        return problem_set(&s->problem, PROBLEM_AUDIT, "the audit log takes nothing now");
    return ERR_OK;
}

static enum err take(struct saying *s)
{
    TRY(read_body(s));
    TRY(make_leaves(s));
    TRY(check_seq(s));
    authority_published_note(s->authority, s->seq);
    issuer_ring(s->worker->issuer);
    if (s->signed_ == NULL)
        return ERR_OK;
    TRY(witness(s));
    return registry_transaction(s->worker->registry, store, s);
}

enum https_done feed_published(void *server, void *worker, const struct https_request *request,
                               struct https_response *response)
{
    struct saying *s = calloc(1, sizeof *s);
    struct problem problem = {0};
    enum err err = ERR_MEMORY;
    struct issuer_worker *w = worker;
    (void)server; /* the worker knows it */
    issuer_count(w->issuer->metrics, ISSUER_feed_requests, 1);
    if (s != NULL) {
        s->worker = w;
        s->request = request;
        err = take(s);
        problem = s->problem;
        json_decref(s->root);
        buffer_done(&s->leaves);
        free(s);
    }
    if (err != ERR_OK) {
        issuer_count(w->issuer->metrics, ISSUER_feed_rejected, 1);
        if (problem.detail[0] == '\0') {
            log_error("feed: what is published cannot be noted: %s", err_text(err));
            (void)!problem_set(&problem, PROBLEM_REGISTRY, "it cannot be noted now");
        }
        https_answer_problem(request, &problem, response);
        return HTTPS_ANSWERED;
    }
    (void)!https_answer_body(response, "application/json", span_text("{}"));
    return HTTPS_ANSWERED;
}

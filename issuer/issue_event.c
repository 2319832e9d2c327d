/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle's stages `announce` and `witness`: what the audit log says of it. */
#include <inttypes.h>
#include <stdio.h>

#include "issuer/issue_cycle.h"

#define SHARD_TEXT_BYTES 16

/* What an event points to until it is written. */
struct event_texts {
    char shard[SHARD_TEXT_BYTES];
    char problem[sizeof((struct problem *)NULL)->rule + 64];
    struct span names[LEAF_NAMES_MAX];
    struct span lints[LEAF_ALLOW_MAX];
};

static void begin(const struct cycle *c, enum audit_event_type type, struct audit_event *event)
{
    audit_event_begin(event, type, c->now_s, span_text(c->request->actor),
                      span_text(c->request->request_id));
    audit_event_text(event, AUDIT_FIELD_CUSTOMER, c->customer);
    audit_event_text(event, AUDIT_FIELD_ORDER, span_text(c->order_id));
}

static void put_serial(const struct cycle *c, struct audit_event *event)
{
    audit_event_ca(event, c->authority->id);
    audit_event_serial(event, &c->leaf.serial);
}

static void put_shard(const struct cycle *c, struct event_texts *texts, struct audit_event *event)
{
    if (c->leaf.shard == CRL_SHARD_NONE)
        return;
    snprintf(texts->shard, sizeof texts->shard, "%u/%u", c->leaf.shard >> 16,
             c->leaf.shard & 0xffff);
    audit_event_text(event, AUDIT_FIELD_SHARD, span_text(texts->shard));
}

static void put_names(const struct cycle *c, struct event_texts *texts, struct audit_event *event)
{
    for (size_t i = 0; i < c->leaf.names.count; i++)
        texts->names[i] = span_text(c->leaf.names.at[i].text);
    audit_event_list(event, AUDIT_FIELD_NAMES, texts->names, c->leaf.names.count);
}

/* The rules that are broken and allowed. */
static void put_lints(const struct cycle *c, struct event_texts *texts, struct audit_event *event)
{
    size_t count = 0;
    for (size_t i = 0; i < leaf_lint_count() && count < LEAF_ALLOW_MAX; i++)
        if (leaf_lint_has(&c->allowed, i))
            texts->lints[count++] = span_text(leaf_lint_rule(i)->id);
    if (count > 0)
        audit_event_list(event, AUDIT_FIELD_LINTS, texts->lints, count);
}

static enum err audit_problem(struct cycle *c, enum err err)
{
    return problem_set(c->why, PROBLEM_AUDIT, "the audit log takes no entries: %s", err_text(err));
}

/* Three leaves with one wait for the disk. */
enum err cycle_announce(struct cycle *c)
{
    struct event_texts texts;
    struct audit_event events[3];
    begin(c, AUDIT_CERT_RESERVED, &events[0]);
    put_serial(c, &events[0]);
    audit_event_text(&events[0], AUDIT_FIELD_PROFILE, span_text(c->profile->name));
    put_shard(c, &texts, &events[0]);

    begin(c, AUDIT_CERT_LINTED, &events[1]);
    put_serial(c, &events[1]);
    put_lints(c, &texts, &events[1]);
    audit_event_hash(&events[1], AUDIT_FIELD_TBS_SHA256, &c->tbs_sha256);

    begin(c, AUDIT_CERT_SIGNING, &events[2]);
    put_serial(c, &events[2]);
    put_names(c, &texts, &events[2]);
    audit_event_text(&events[2], AUDIT_FIELD_PROFILE, span_text(c->profile->name));
    audit_event_number(&events[2], AUDIT_FIELD_NOT_BEFORE, c->leaf.not_before_s);
    audit_event_number(&events[2], AUDIT_FIELD_NOT_AFTER, c->leaf.not_after_s);
    audit_event_hash(&events[2], AUDIT_FIELD_CSR_SHA256, &c->csr.sha256);
    audit_event_hash(&events[2], AUDIT_FIELD_SPKI_SHA256, &c->csr.spki_sha256);
    audit_event_hash(&events[2], AUDIT_FIELD_TBS_SHA256, &c->tbs_sha256);
    enum err err = witness_say_all(c->worker, events, 3, &c->announced);
    return err == ERR_OK ? ERR_OK : audit_problem(c, err);
}

enum err cycle_witness(struct cycle *c)
{
    struct audit_event event;
    begin(c, AUDIT_CERT_ISSUED, &event);
    put_serial(c, &event);
    audit_event_hash(&event, AUDIT_FIELD_CERTIFICATE, &c->id);
    audit_event_text(&event, AUDIT_FIELD_PROFILE, span_text(c->profile->name));
    audit_event_text(&event, AUDIT_FIELD_KIND, span_text("final"));
    audit_event_hash(&event, AUDIT_FIELD_TBS_SHA256, &c->tbs_sha256);
    enum err err = witness_say(c->worker, &event, &c->witnessed);
    return err == ERR_OK ? ERR_OK : audit_problem(c, err);
}

void cycle_say_refused(struct cycle *c)
{
    struct event_texts texts;
    struct audit_event event;
    begin(c, AUDIT_CERT_REFUSED, &event);
    snprintf(texts.problem, sizeof texts.problem, "%s%s%s", problem_word(c->why->type),
             c->why->rule[0] != '\0' ? ":" : "", c->why->rule);
    audit_event_text(&event, AUDIT_FIELD_PROBLEM, span_text(texts.problem));
    audit_event_text(&event, AUDIT_FIELD_DETAIL, span_text(c->why->detail));
    if (c->authority != NULL)
        audit_event_ca(&event, c->authority->id);
    if (c->csr.der != NULL)
        audit_event_hash(&event, AUDIT_FIELD_CSR_SHA256, &c->csr.sha256);
    /* Refused it is in any case: an audit log that is away cannot make it worse. */
    (void)!witness_say(c->worker, &event, &c->announced);
}

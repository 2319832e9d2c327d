/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/revoke.h"

#include <inttypes.h>

#include "issuer/issuer_counters.h"
#include "issuer/registry_certificate.h"
#include "issuer/registry_key.h"
#include "issuer/registry_revocation.h"
#include "issuer/witness.h"
#include "lib/os/log.h"

/* More than this is a matter of its own; each of the first is named. */
#define OTHERS_MAX       1000
#define OTHERS_NAMED_MAX 20

/* One revocation at work. */
struct work {
    struct issuer_worker *worker;
    const struct revoke_request *request;
    struct problem *why;
    uint64_t now_s;

    /* The certificate, as it was found. */
    const struct authority *authority;
    struct serial serial;
    struct sha256 id, spki_sha256;
    uint64_t not_before_s, not_after_s;
    bool is_revoked;
    uint8_t known_reason;
    uint64_t known_at_s;

    /* What will be. */
    uint8_t reason; /* REASON_ABSENT for unspecified */
    uint64_t revoked_at_s;
    uint64_t seq;
    struct witness said;
};

static enum err registry_problem(struct work *w, const char *what, enum err err)
{
    log_error("registry: %s: %s", what, err_text(err));
    issuer_count(w->worker->issuer->metrics, ISSUER_database_errors, 1);
    return problem_set(w->why, PROBLEM_REGISTRY, "the registry cannot be used now");
}

/* Certificates with the same key that are still good. */
struct others {
    const struct work *work;
    char key[SHA256_TEXT_BYTES];
    size_t count;
};

/* --- Which certificate --- */

static enum err look_up(struct work *w, struct registry_certificate *ret)
{
    struct registry *r = w->worker->registry;
    const struct revoke_request *request = w->request;
    TRY(registry_ready(r));
    if (request->id != NULL)
        return registry_certificate_by_id(r, request->id, ret);
    return registry_certificate_by_serial(r, request->authority->id, request->serial,
                                          REGISTRY_FINAL, ret);
}

static enum err find(struct work *w)
{
    struct registry_certificate row;
    enum err err = look_up(w, &row);
    /* What is another customer's is not there for this one. */
    if (err == ERR_OK && w->request->customer != NULL &&
        !span_equal(row.customer, span_text(w->request->customer)))
        err = ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND)
        return problem_set(w->why, PROBLEM_NOT_FOUND, "there is no such certificate");
    if (err != ERR_OK)
        return registry_problem(w, "certificates cannot be read", err);
    w->authority = authority_by_id(w->worker->issuer->authorities, row.issuer_id);
    if (w->authority == NULL)
        return problem_set(w->why, PROBLEM_CA, "the CA of this certificate is no longer here");
    w->serial = row.serial;
    w->id = row.id;
    w->spki_sha256 = row.spki_sha256;
    w->not_before_s = row.not_before_s;
    w->not_after_s = row.not_after_s;
    w->is_revoked = row.revoked;
    w->known_reason = row.reason;
    w->known_at_s = row.revoked_at_s;
    return ERR_OK;
}

/* --- Whether and why --- */

struct reason_row {
    enum reason reason;
    bool is_for_customers;
};

static const struct reason_row reasons[] = {
#define X(name, is_for_customers) {REASON_##name, is_for_customers},
    REVOKE_REASON_TABLE(X)
#undef X
};

static enum err check_reason(struct work *w)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].reason != w->request->reason)
            continue;
        if (w->request->customer != NULL && !reasons[i].is_for_customers)
            break;
        w->reason = reasons[i].reason == REASON_UNSPECIFIED ? (uint8_t)REASON_ABSENT
                                                            : (uint8_t)reasons[i].reason;
        return ERR_OK;
    }
    return problem_set(w->why, PROBLEM_REASON, "the reason is not one that may be used here");
}

static enum err check_time(struct work *w)
{
    uint64_t at_s = w->request->compromised_at_s;
    w->revoked_at_s = w->now_s;
    if (at_s == 0)
        return ERR_OK;
    if (w->reason != REASON_KEY_COMPROMISE || w->request->customer != NULL)
        return problem_set(w->why, PROBLEM_FIELD,
                           "an earlier time goes with keyCompromise and an operator");
    if (at_s < w->not_before_s || at_s > w->now_s)
        return problem_set(w->why, PROBLEM_FIELD,
                           "the time of the compromise is between notBefore and now");
    w->revoked_at_s = at_s;
    return ERR_OK;
}

/* Of one that is revoked: the same again is no news, another reason only if the lattice has a way
 * there. */
static enum err check_state(struct work *w, bool *ret_is_news)
{
    *ret_is_news = true;
    if (w->request->evidence.size > REVOKE_EVIDENCE_MAX)
        return problem_set(w->why, PROBLEM_FIELD, "evidence: at most %d octets",
                           REVOKE_EVIDENCE_MAX);
    if (w->now_s > w->not_after_s)
        return problem_set(w->why, PROBLEM_EXPIRED, "the certificate has expired");
    if (!w->is_revoked)
        return ERR_OK;
    if (w->reason == REASON_KEY_COMPROMISE && w->known_reason != REASON_KEY_COMPROMISE) {
        if (w->revoked_at_s > w->known_at_s)
            w->revoked_at_s = w->known_at_s;
        return ERR_OK;
    }
    *ret_is_news = false;
    if (w->reason != w->known_reason)
        return problem_set(w->why, PROBLEM_REVOKED, "it is revoked already, for another reason");
    if (w->request->compromised_at_s != 0 && w->revoked_at_s < w->known_at_s)
        return problem_set(w->why, PROBLEM_REVOKED,
                           "it is revoked for keyCompromise already, and that time stays");
    return ERR_OK;
}

/* --- The leaf, and the transaction --- */

static void begin(const struct work *w, enum audit_event_type type, struct audit_event *event)
{
    audit_event_begin(event, type, w->now_s, span_text(w->request->actor),
                      span_text(w->request->request_id));
    audit_event_ca(event, w->authority->id);
    audit_event_serial(event, &w->serial);
}

/* In the log and the metrics no reason is called by its name. */
static uint8_t reason_said(const struct work *w)
{
    return w->reason == REASON_ABSENT ? (uint8_t)REASON_UNSPECIFIED : w->reason;
}

static enum err say(struct work *w)
{
    struct audit_event events[2];
    size_t count = 1;
    begin(w, w->is_revoked ? AUDIT_REVOCATION_UPDATED : AUDIT_CERT_REVOKED, &events[0]);
    audit_event_hash(&events[0], AUDIT_FIELD_CERTIFICATE, &w->id);
    audit_event_text(&events[0], AUDIT_FIELD_REASON, span_text(reason_text(reason_said(w))));
    audit_event_number(&events[0], AUDIT_FIELD_REVOKED_AT, w->revoked_at_s);
    if (w->request->evidence.size > 0)
        audit_event_text(&events[0], AUDIT_FIELD_EVIDENCE, w->request->evidence);
    if (w->reason == REASON_KEY_COMPROMISE) {
        begin(w, AUDIT_KEY_BLOCKED, &events[1]);
        audit_event_hash(&events[1], AUDIT_FIELD_SPKI_SHA256, &w->spki_sha256);
        count = 2;
    }
    enum err err = witness_say_all(w->worker, events, count, &w->said);
    if (err == ERR_OK)
        return ERR_OK;
    return problem_set(w->why, PROBLEM_AUDIT, "the audit log takes no entries: %s", err_text(err));
}

static enum err write_rows(struct registry *r, void *context)
{
    struct work *w = context;
    bool is_new = false;
    const struct registry_revocation revocation = {
        .issuer_id = w->authority->id,
        .serial = w->serial,
        .reason = w->reason,
        .revoked_at_s = w->revoked_at_s,
        .at_s = w->now_s,
        .actor = span_text(w->request->actor),
        .evidence = w->request->evidence,
    };
    if (w->reason == REASON_KEY_COMPROMISE)
        TRY(registry_key_block(r, &w->spki_sha256, span_text("keyCompromise"), w->now_s, &is_new));
    TRY(witness_ship(r, &w->said));
    return registry_revoke(r, &revocation, &w->seq);
}

static enum err take_last(void *context, const struct registry_revocation *row)
{
    struct work *w = context;
    w->reason = row->reason;
    w->revoked_at_s = row->revoked_at_s;
    w->seq = row->seq;
    return ERR_OK;
}

/* What holds now is the last row. */
static enum err read_back(struct work *w)
{
    enum err err = registry_ready(w->worker->registry);
    if (err == ERR_OK)
        err = registry_revocations(w->worker->registry, w->authority->id, &w->serial, take_last, w);
    return err == ERR_OK ? ERR_OK : registry_problem(w, "revocations cannot be read", err);
}

/* A commit whose outcome is not known is done again: what is there already is ERR_EXISTS, as it is
 * when another request was faster. */
static enum err write_all(struct work *w)
{
    struct registry *r = w->worker->registry;
    enum err err = registry_transaction(r, write_rows, w);
    if (err == ERR_IO && registry_ready(r) == ERR_OK)
        err = registry_transaction(r, write_rows, w);
    if (err == ERR_EXISTS)
        return read_back(w);
    return err == ERR_OK ? ERR_OK : registry_problem(w, "a revocation cannot be stored", err);
}

/* Others with a compromised key have to be revoked as well (BR 4.9.1.1): whose they are, and
 * whether the key really is known, is for a person to see. */
static enum err say_one(void *context, const struct registry_certificate *row)
{
    char serial[SERIAL_HEX_MAX];
    struct others *others = context;
    if (row->revoked || row->not_after_s < others->work->now_s ||
        ++others->count > OTHERS_NAMED_MAX)
        return ERR_OK;
    serial_to_hex(&row->serial, serial);
    log_warning("compromised key %s: serial %s of CA %016" PRIx64 " has it and is not revoked",
                others->key, serial, row->issuer_id);
    return ERR_OK;
}

static void say_others(struct work *w)
{
    struct others others = {.work = w};
    if (w->reason != REASON_KEY_COMPROMISE)
        return;
    sha256_to_text(&w->spki_sha256, others.key);
    enum err err = registry_certificates_of_key(w->worker->registry, &w->spki_sha256, OTHERS_MAX,
                                                say_one, &others);
    if (err != ERR_OK)
        log_warning("compromised key %s: whether others have it cannot be read: %s", others.key,
                    err_text(err));
    else if (others.count > 0)
        log_warning("compromised key %s: %zu other certificates with it are not revoked",
                    others.key, others.count);
}

static enum err do_all(struct work *w, bool *ret_is_news)
{
    TRY(find(w));
    TRY(check_reason(w));
    TRY(check_time(w));
    TRY(check_state(w, ret_is_news));
    if (!*ret_is_news)
        return read_back(w);
    TRY(say(w));
    TRY(write_all(w));
    issuer_count_revoked(w->worker->issuer->metrics, w->reason == REASON_ABSENT ? 0 : w->reason);
    issuer_ring(w->worker->issuer);
    say_others(w);
    return ERR_OK;
}

enum err revoke_certificate(struct issuer_worker *worker, const struct revoke_request *request,
                            struct revoke_result *ret, struct problem *why)
{
    struct work w = {
        .worker = worker, .request = request, .why = why, .now_s = issuer_now_s(worker->issuer)};
    bool is_news = false;
    enum err err = do_all(&w, &is_news);
    witness_done(&w.said);
    if (err != ERR_OK) {
        issuer_count_refused(worker->issuer->metrics, why->type);
        return err;
    }
    *ret = (struct revoke_result){
        .authority = w.authority,
        .serial = w.serial,
        .reason = w.reason,
        .revoked_at_s = w.revoked_at_s,
        .seq = w.seq,
        .published = authority_published(w.authority) >= w.seq,
        .repeated = !is_news,
    };
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/issue.h"

#include <stdio.h>
#include <stdlib.h>

#include "issuer/issue_cycle.h"
#include "issuer/issuer_counters.h"
#include "issuer/keeper.h"
#include "issuer/recover.h"
#include "issuer/registry.h"
#include "lib/os/log.h"

/* The cycle, stage by stage. */
static const struct stage {
    enum issue_stage stage;
    enum err (*run)(struct cycle *c);
} stages[] = {
    {ISSUE_STAGE_CLAIM, cycle_claim},       {ISSUE_STAGE_CHECK, cycle_check},
    {ISSUE_STAGE_VALIDATE, cycle_validate}, {ISSUE_STAGE_PLAN, cycle_plan},
    {ISSUE_STAGE_LINT, cycle_lint},         {ISSUE_STAGE_RESERVE, cycle_reserve},
    {ISSUE_STAGE_ANNOUNCE, cycle_announce}, {ISSUE_STAGE_SIGN, cycle_sign},
    {ISSUE_STAGE_VERIFY, cycle_verify},     {ISSUE_STAGE_WITNESS, cycle_witness},
    {ISSUE_STAGE_RECORD, cycle_record},     {ISSUE_STAGE_COMMIT, cycle_commit},
};

static enum err run_stages(struct cycle *c)
{
    struct issuer *issuer = c->worker->issuer;
    uint64_t clock_ns = issuer_now_ns(issuer);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        if (issuer->probe.stage != NULL)
            issuer->probe.stage(issuer->probe.context, stages[i].stage);
        enum err err = stages[i].run(c);
        issuer_time_since(issuer->metrics, stages[i].stage, &clock_ns, issuer_now_ns(issuer));
        if (err != ERR_OK || c->is_repeated)
            return err;
    }
    return ERR_OK;
}

/* A serial that will not be issued gets its end now; when that fails, too, by the keeper. */
static void give_up_serial(struct cycle *c)
{
    struct issuer *issuer = c->worker->issuer;
    bool may_be_signed = c->reach == CYCLE_SIGNING;
    registry_rollback(c->worker->registry);
    enum err err = recover_serial(c->worker, c->authority->id, &c->leaf.serial, may_be_signed);
    if (err == ERR_OK)
        return;
    log_warning("a serial of %s has no end yet: %s; tried again until it has",
                c->authority->config->name, err_text(err));
    keeper_add(issuer->keeper, c->authority->id, &c->leaf.serial, may_be_signed);
}

static void failed(struct cycle *c, enum err err)
{
    log_write(problem_status(c->why->type) >= 500 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
              "order %s of %s: %s: %s", c->order_id, c->request->customer,
              problem_word(c->why->type),
              c->why->detail[0] != '\0' ? c->why->detail : err_text(err));
    issuer_count_refused(c->worker->issuer->metrics, c->why->type);
    if (c->reach == CYCLE_NOTHING)
        cycle_say_refused(c);
    else
        give_up_serial(c);
}

static enum err take_result(const struct cycle *c, struct issue_result *ret)
{
    struct issue_result result = {
        .id = c->id,
        .serial = c->leaf.serial,
        .authority = c->authority,
        .not_before_s = c->leaf.not_before_s,
        .not_after_s = c->leaf.not_after_s,
        .shard = c->leaf.shard,
        .seq = c->seq,
        .published = issue_is_published(c->authority, c->seq),
        .repeated = c->is_repeated,
    };
    snprintf(result.profile, sizeof result.profile, "%s", c->profile->name);
    TRY(buffer_append(&result.der, span_of(c->der, c->der_size)));
    *ret = result;
    return ERR_OK;
}

static void cycle_done(struct cycle *c)
{
    csr_done(&c->csr);
    witness_done(&c->announced);
    witness_done(&c->witnessed);
    free(c);
}

enum err issue_certificate(struct issuer_worker *worker, const struct issue_request *request,
                           struct issue_result *ret, struct problem *why)
{
    struct issuer *issuer = worker->issuer;
    struct cycle *c = calloc(1, sizeof *c);
    if (c == NULL)
        return problem_set(why, PROBLEM_INTERNAL, "out of memory");
    c->worker = worker;
    c->request = request;
    c->why = why;
    c->customer = span_text(request->customer);
    c->now_s = issuer_now_s(issuer);
    enum err err = run_stages(c);
    if (err != ERR_OK) {
        failed(c, err);
    } else {
        issuer_count(issuer->metrics,
                     c->is_repeated ? ISSUER_orders_repeated : ISSUER_certificates_issued, 1);
        issuer_ring(issuer);
        if (take_result(c, ret) != ERR_OK)
            err = problem_set(why, PROBLEM_INTERNAL,
                              "out of memory; the certificate is issued: "
                              "ask again with the same order_id");
    }
    cycle_done(c);
    return err;
}

void issue_result_done(struct issue_result *result)
{
    buffer_done(&result->der);
}

bool issue_is_published(const struct authority *authority, uint64_t seq)
{
    return authority_published(authority) >= seq;
}

void issue_wait_done(struct issuer_worker *worker, bool is_published, uint64_t waited_ns)
{
    struct issuer_metrics *metrics = worker->issuer->metrics;
    issuer_time(metrics, ISSUE_STAGE_PUBLISH, waited_ns);
    if (!is_published)
        issuer_count(metrics, ISSUER_certificates_unpublished, 1);
}

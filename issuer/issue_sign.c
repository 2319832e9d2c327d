/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle's stages around the signature: `plan` and `lint` before it, `sign` and `verify`. They
 * work on the same octets. */
#include <openssl/rand.h>

#include "issuer/issue_cycle.h"
#include "issuer/linter_hook.h"
#include "issuer/issuer_counters.h"

static enum err take_random(struct cycle *c, struct leaf_order *order)
{
    uint8_t octets[CERT_SERIAL_BYTES];
    uint8_t jitter[2];
    if (RAND_bytes(octets, sizeof octets) != 1 || RAND_bytes(jitter, sizeof jitter) != 1)
        return problem_set(c->why, PROBLEM_INTERNAL, "no random octets");
    cert_serial_shape(octets, &order->serial);
    order->random = (uint16_t)(jitter[0] << 8 | jitter[1]);
    return ERR_OK;
}

enum err cycle_plan(struct cycle *c)
{
    struct leaf_order order = {
        .profile = c->profile,
        .csr = &c->csr,
        .names = &c->names,
        .subject = c->profile->kind == LEAF_DV ? NULL : &c->subject,
        .suffixes = c->worker->issuer->suffixes,
        .ca = &c->authority->ca,
        .now_s = c->now_s,
        .backdate_s = (uint32_t)c->worker->issuer->config->backdate_s,
    };
    TRY(take_random(c, &order));
    order.shard =
        c->profile->crl_url ? crl_shard_of(&c->authority->crl_set, &order.serial) : CRL_SHARD_NONE;
    TRY(leaf_plan(&order, &c->leaf, c->why));
    if (leaf_tbs_encode(&c->leaf, c->tbs, sizeof c->tbs, &c->tbs_size) != ERR_OK)
        return leaf_refuse(c->why, LEAF_WHY_SIZE, NULL);
    c->tbs_sha256 = sha256_of(cycle_tbs(c));
    return ERR_OK;
}

static enum err lint(struct cycle *c)
{
    const struct leaf_lint_facts facts = {
        .ca = &c->authority->ca,
        .kind = c->profile->kind,
        .short_lived = c->profile->short_lived,
        .issued_s = c->now_s,
        .crl_url = c->leaf.crl_url,
        .suffixes = c->worker->issuer->suffixes,
    };
    return leaf_lint_check(span_of(c->der, c->der_size), &facts, c->profile, &c->allowed, c->why);
}

static enum err ask_linter(struct cycle *c)
{
    struct issuer_metrics *metrics = c->worker->issuer->metrics;
    if (c->worker->linter == NULL)
        return ERR_OK;
    enum err err = linter_hook_ask(c->worker->linter, span_of(c->der, c->der_size), c->why);
    if (err != ERR_OK)
        issuer_count(
            metrics,
            c->why->type == PROBLEM_LINTER ? ISSUER_linter_failures : ISSUER_linter_refusals, 1);
    return err;
}

enum err cycle_lint(struct cycle *c)
{
    if (leaf_draft(&c->leaf, cycle_tbs(c), c->der, sizeof c->der, &c->der_size) != ERR_OK)
        return leaf_refuse(c->why, LEAF_WHY_SIZE, NULL);
    TRY(lint(c));
    return ask_linter(c);
}

enum err cycle_sign(struct cycle *c)
{
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t size = 0;
    struct signer_worker *signer =
        c->worker->signers[authority_index(c->worker->issuer->authorities, c->authority)];
    c->reach = CYCLE_SIGNING;
    enum err err = signer_worker_sign(signer, cycle_tbs(c), signature, &size);
    if (err == ERR_OK)
        err = cert_signed_encode(cycle_tbs(c), c->authority->ca.alg, span_of(signature, size),
                                 c->der, sizeof c->der, &c->der_size);
    if (err != ERR_OK)
        return problem_set(c->why, PROBLEM_SIGNER, "the CA's key did not sign: %s", err_text(err));
    return ERR_OK;
}

enum err cycle_verify(struct cycle *c)
{
    TRY(leaf_signed_check(span_of(c->der, c->der_size), cycle_tbs(c), &c->authority->ca, c->why));
    TRY(lint(c));
    c->id = sha256_of(span_of(c->der, c->der_size));
    return ERR_OK;
}

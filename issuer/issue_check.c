/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle's stages `check` and `validate`: whether this key may have these names. */
#include "issuer/approval.h"
#include "issuer/dcv.h"
#include "issuer/issue_cycle.h"
#include "issuer/registry_key.h"

static enum err check_blocked(struct cycle *c)
{
    bool is_blocked = false;
    enum err err = registry_key_blocked(c->worker->registry, &c->csr.spki_sha256, &is_blocked);
    if (err != ERR_OK)
        return cycle_registry_problem(c, "blocked keys cannot be read", err);
    return is_blocked ? leaf_refuse(c->why, LEAF_WHY_KEY_BLOCKED, NULL) : ERR_OK;
}

enum err cycle_check(struct cycle *c)
{
    TRY(csr_read(c->request->csr, &c->csr, c->why));
    TRY(csr_key_check(&c->csr, c->profile->key_algs, c->worker->issuer->key_lists, c->why));
    return check_blocked(c);
}

static enum err take_names(struct cycle *c)
{
    struct leaf_names ordered = {0};
    for (size_t i = 0; i < c->request->name_count; i++) {
        struct leaf_name name;
        TRY(leaf_name_read(c->request->names[i], &name, c->why));
        TRY(leaf_names_add(&ordered, &name, c->why));
    }
    return csr_names(&c->csr, &ordered, &c->names, c->why);
}

/* What may be issued to nobody is not looked up: the reason would be the wrong one. */
static enum err check_names(struct cycle *c)
{
    TRY(leaf_profile_names_check(c->profile, &c->names, c->worker->issuer->suffixes, c->why));
    return dcv_check(c->worker, c->customer, c->request->dcv_method, &c->names, c->now_s, c->why);
}

enum err cycle_validate(struct cycle *c)
{
    TRY(take_names(c));
    TRY(check_names(c));
    if (c->profile->kind == LEAF_DV)
        return ERR_OK;
    TRY(approval_find(c->worker, c->customer, c->request->order_id, c->now_s, &c->subject, c->why));
    return leaf_subject_check(&c->subject, c->profile->kind, c->why);
}

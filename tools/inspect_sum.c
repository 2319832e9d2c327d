/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect_sum.h"

#include <stdlib.h>

#include "tools/inspect_fact.h"

void inspect_sum_add(struct inspect_sum *sum, const struct statement *s)
{
    const struct facts *f = &s->facts;
    bool first = sum->count == 0;
    sum->count++;
    if (f->status == CERT_REVOKED)
        sum->revoked++;
    else
        sum->good++;
    sum->signature_bytes += s->signature.size;
    if (first || f->this_update_s < sum->this_update_min_s)
        sum->this_update_min_s = f->this_update_s;
    if (first || f->this_update_s > sum->this_update_max_s)
        sum->this_update_max_s = f->this_update_s;
    if (first || f->next_update_s < sum->next_update_min_s)
        sum->next_update_min_s = f->next_update_s;
    if (first || f->next_update_s > sum->next_update_max_s)
        sum->next_update_max_s = f->next_update_s;
}

void inspect_sum_show(const struct inspect_sum *sum, json_t *object)
{
    fact_number(object, "good", sum->good);
    fact_number(object, "revoked", sum->revoked);
    fact_time(object, "oldest_this_update", sum->this_update_min_s);
    fact_time(object, "newest_this_update", sum->this_update_max_s);
    fact_time(object, "earliest_next_update", sum->next_update_min_s);
    fact_time(object, "latest_next_update", sum->next_update_max_s);
}

enum err inspect_templates_add(struct inspect_templates *all, const struct ocsp_template *t,
                               bool signatures)
{
    const struct sig_alg_info *alg = sig_alg_info(t->sig_alg);
    if (all->count == INSPECT_TEMPLATES_MAX || alg == NULL)
        return ERR_LIMIT;
    if (all->rows == NULL)
        all->rows = calloc(INSPECT_TEMPLATES_MAX, sizeof *all->rows);
    if (all->rows == NULL)
        return ERR_MEMORY;
    struct inspect_template_row row = {
        .issuer_id = t->issuer_id, .template_no = t->template_no, .signature_bytes = alg->size};
    if (signatures)
        TRY(template_verifier_new(t, &row.verifier));
    all->rows[all->count++] = row;
    return ERR_OK;
}

void inspect_templates_done(struct inspect_templates *all)
{
    for (size_t i = 0; i < all->count; i++)
        template_verifier_free(all->rows[i].verifier);
    free(all->rows);
    *all = (struct inspect_templates){0};
}

static const struct inspect_template_row *find(struct inspect_templates *all, uint64_t issuer_id,
                                               uint16_t template_no)
{
    for (size_t i = 0; i < all->count; i++) {
        size_t at = (all->latest + i) % all->count;
        if (all->rows[at].issuer_id == issuer_id && all->rows[at].template_no == template_no) {
            all->latest = at;
            return &all->rows[at];
        }
    }
    return NULL;
}

enum err inspect_templates_check(struct inspect_templates *all, uint64_t issuer_id,
                                 const struct statement *s)
{
    const struct inspect_template_row *row = find(all, issuer_id, s->facts.template_no);
    if (row == NULL)
        return ERR_NOT_FOUND;
    if (row->signature_bytes != s->signature.size)
        return ERR_SIGNATURE;
    return row->verifier != NULL ? template_verify(row->verifier, s) : ERR_OK;
}

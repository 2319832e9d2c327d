/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/snapshot_forms.h"

#include <stdlib.h>

#include "edge/outlive.h"

static bool is_before(const struct ocsp_template *a, const struct ocsp_template *b)
{
    if (a->issuer_id != b->issuer_id)
        return a->issuer_id < b->issuer_id;
    return a->template_no < b->template_no;
}

/* The walk through the templates of a snapshot and, beside it, the previous one: both in order. */
struct forms_maker {
    struct snapshot *s;
    const struct snapshot *previous;
    uint32_t walk; /* place in the previous one */
    uint32_t count;
};

/* The forms of the same template in the previous snapshot, or NULL. */
static const struct snapshot_forms *forms_before(struct forms_maker *m,
                                                 const struct ocsp_template *t)
{
    const struct snapshot *previous = m->previous;
    if (previous == NULL || previous->forms == NULL)
        return NULL;
    while (m->walk < previous->template_count && is_before(previous->templates[m->walk], t))
        m->walk++;
    if (m->walk == previous->template_count ||
        memcmp(previous->templates[m->walk], t, sizeof *t) != 0)
        return NULL;
    return &previous->forms[m->walk];
}

/* No forms is no error: the encoder answers. */
static enum err forms_get(const struct ocsp_template *t, uint8_t serial_size,
                          const struct snapshot_forms *before, struct ocsp_forms **ret)
{
    if (before != NULL && before->by_serial_size[serial_size] != NULL) {
        *ret = ocsp_forms_share(before->by_serial_size[serial_size]);
        return ERR_OK;
    }
    enum err err = ocsp_forms_new(t, serial_size, ret);
    return err == ERR_MEMORY ? err : ERR_OK;
}

static enum err template_forms(struct forms_maker *m, const struct snapshot_issuer *issuer,
                               uint32_t place)
{
    const struct ocsp_template *t = m->s->templates[place];
    const struct snapshot_forms *before = forms_before(m, t);
    m->s->forms[place].signer_end_s =
        before != NULL ? before->signer_end_s : outlive_signer_end_s(t);
    for (uint32_t g = 0; g < issuer->group_count && m->count < SNAPSHOT_FORMS_MAX; g++) {
        uint8_t size = m->s->index.groups[issuer->group_first + g].serial_size;
        TRY(forms_get(t, size, before, &m->s->forms[place].by_serial_size[size]));
        m->count++;
    }
    return ERR_OK;
}

enum err snapshot_forms_make(struct snapshot *s, const struct snapshot *previous)
{
    struct forms_maker m = {.s = s, .previous = previous};
    s->forms = calloc(s->template_count + 1, sizeof *s->forms);
    if (s->forms == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < s->issuer_count; i++) {
        const struct snapshot_issuer *issuer = &s->issuers[i];
        for (uint32_t t = 0; t < issuer->template_count; t++)
            TRY(template_forms(&m, issuer, issuer->template_first + t));
    }
    return ERR_OK;
}

void snapshot_forms_free(struct snapshot *s)
{
    for (uint32_t i = 0; s->forms != NULL && i < s->template_count; i++)
        for (unsigned size = 0; size <= SERIAL_BYTES_MAX; size++)
            ocsp_forms_free(s->forms[i].by_serial_size[size]);
    free(s->forms);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ocsp_form.h"

#include "lib/check.h"

#include <stdlib.h>

enum { SHAPE_GOOD, SHAPE_REVOKED, SHAPE_REASON };

struct ocsp_forms *ocsp_forms_share(struct ocsp_forms *forms)
{
    forms->share_count++;
    return forms;
}

struct ocsp_forms *ocsp_forms_free(struct ocsp_forms *forms)
{
    if (forms == NULL)
        return NULL;
    CHECK(forms->share_count > 0);
    if (--forms->share_count > 0)
        return NULL;
    for (unsigned shape = 0; shape < OCSP_FORM_SHAPES; shape++)
        for (unsigned signs = 0; signs < OCSP_FORM_SIGNS; signs++)
            free(forms->forms[shape][signs]);
    free(forms);
    return NULL;
}

static inline bool is_negative(uint8_t first)
{
    return (first & 0x80) != 0;
}

const struct ocsp_form *ocsp_form_find(const struct ocsp_forms *forms,
                                       const struct statement *statement)
{
    const struct facts *facts = &statement->facts;
    struct span signature = statement->signature;
    if (signature.size != forms->signature_size || statement->serial.size != forms->serial_size)
        return NULL;
    unsigned signs = 0;
    if (forms->ecdsa) {
        uint8_t r = signature.data[0], s = signature.data[signature.size / 2];
        if (r == 0 || s == 0)
            return NULL;
        signs = is_negative(r) | (unsigned)is_negative(s) << 1;
    }
    if (facts->reason == REASON_ABSENT) {
        if (facts->status > CERT_REVOKED)
            return NULL;
        return forms->forms[facts->status == CERT_GOOD ? SHAPE_GOOD : SHAPE_REVOKED][signs];
    }
    if (facts->status != CERT_REVOKED || !reason_valid(facts->reason))
        return NULL;
    return forms->forms[SHAPE_REASON][signs];
}

/* Sizes in use are 16 octets and more: two moves that overlap. */
static inline void put_serial(uint8_t *to, const struct serial *serial)
{
    size_t size = serial->size;
    if (size >= 16) {
        memcpy(to, serial->octets, 16);
        memcpy(to + size - 16, serial->octets + size - 16, 16);
        return;
    }
    for (size_t i = 0; i < size; i++)
        to[i] = serial->octets[i];
}

static void put_revoked(const struct ocsp_form *form, const struct facts *facts,
                        const struct generalized_time *revoked_at, uint8_t *out)
{
    generalized_time_put(revoked_at, out + form->revoked_at[0]);
    generalized_time_put(revoked_at, out + form->revoked_at[1]);
    if (facts->reason == REASON_ABSENT)
        return;
    out[form->reason[0]] = facts->reason;
    out[form->reason[1]] = facts->reason;
}

static void put_signature(const struct ocsp_forms *forms, const struct ocsp_form *form,
                          const uint8_t *signature, uint8_t *out)
{
    uint8_t *first = out + form->signature[0];
    if (!forms->ecdsa) {
        memcpy(first, signature, forms->signature_size);
        return;
    }
    uint8_t *second = out + form->signature[1];
    if (forms->signature_size == 64) { /* P-256, inline */
        memcpy(first, signature, 32);
        memcpy(second, signature + 32, 32);
        return;
    }
    size_t half = forms->signature_size / 2u;
    memcpy(first, signature, half);
    memcpy(second, signature + half, half);
}

void ocsp_form_fill(const struct ocsp_forms *forms, const struct ocsp_form *form,
                    const struct ocsp_template *t, const struct statement *statement,
                    const struct ocsp_form_times *times, uint8_t *out)
{
    memcpy(out, form->octets, form->size);
    put_serial(out + form->serial[0], &statement->serial);
    put_serial(out + form->serial[1], &statement->serial);
    generalized_time_put(&times->this_update, out + form->this_update[0]);
    generalized_time_put(&times->this_update, out + form->this_update[1]);
    generalized_time_put(&times->this_update, out + form->this_update[2]);
    generalized_time_put(&times->next_update, out + form->next_update[0]);
    generalized_time_put(&times->next_update, out + form->next_update[1]);
    if (statement->facts.status == CERT_REVOKED)
        put_revoked(form, &statement->facts, &times->revoked_at, out);
    put_signature(forms, form, statement->signature.data, out);
    if (forms->responder_cert_size > 0)
        memcpy(out + form->size, t->responder_cert, forms->responder_cert_size);
}

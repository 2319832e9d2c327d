/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ocsp_form.h"

#include <stdlib.h>

/* Two times that differ in every digit: 19880908070605Z and 20771221131514Z. */
#define TIME_A_S     589705565u
#define TIME_B_S     3407318114u
#define TIME_DIGITS  (GENERALIZED_TIME_BYTES - 1)
#define OCTET        0x11
#define OCTET_CHANGE 0x33 /* neither zero nor another sign */

enum field {
    SERIAL,
    THIS_UPDATE,
    NEXT_UPDATE,
    REVOKED_AT,
    REASON,
    SIGNATURE_FIRST,
    SIGNATURE_LAST
};

struct sample {
    struct serial serial;
    struct facts facts;
    uint8_t signature[SIGNATURE_BYTES_MAX];
};

struct response {
    uint8_t octets[OCSP_RESPONSE_BYTES_MAX];
    size_t size;
};

/* What the blanks of one form are found with. */
struct probe {
    const struct ocsp_template *t;
    const struct ocsp_forms *forms;
    struct sample sample;
    struct response response; /* of the sample */
};

/* ECDSA: the first half, r; the other is s. */
static size_t signature_first_size(const struct ocsp_forms *forms)
{
    return forms->ecdsa ? forms->signature_size / 2u : forms->signature_size;
}

static struct sample sample_make(const struct ocsp_forms *forms, unsigned shape, unsigned signs)
{
    struct sample s = {.serial.size = forms->serial_size,
                       .facts = {.status = shape == 0 ? CERT_GOOD : CERT_REVOKED,
                                 .reason = shape == 2 ? REASON_KEY_COMPROMISE : REASON_ABSENT,
                                 .revoked_at_s = TIME_A_S,
                                 .this_update_s = TIME_A_S,
                                 .next_update_s = TIME_A_S}};
    memset(s.serial.octets, OCTET, sizeof s.serial.octets);
    memset(s.signature, OCTET, sizeof s.signature);
    if (signs & 1)
        s.signature[0] |= 0x80;
    if (signs & 2)
        s.signature[signature_first_size(forms)] |= 0x80;
    return s;
}

static void octets_change(uint8_t *octets, size_t size)
{
    for (size_t i = 0; i < size; i++)
        octets[i] ^= OCTET_CHANGE;
}

static void sample_change(const struct ocsp_forms *forms, enum field field, struct sample *s)
{
    size_t first_size = signature_first_size(forms);
    switch (field) {
    case SERIAL:
        octets_change(s->serial.octets, s->serial.size);
        break;
    case THIS_UPDATE:
        s->facts.this_update_s = TIME_B_S;
        break;
    case NEXT_UPDATE:
        s->facts.next_update_s = TIME_B_S;
        break;
    case REVOKED_AT:
        s->facts.revoked_at_s = TIME_B_S;
        break;
    case REASON:
        s->facts.reason = REASON_CA_COMPROMISE;
        break;
    case SIGNATURE_FIRST:
        octets_change(s->signature, first_size);
        break;
    case SIGNATURE_LAST:
        octets_change(s->signature + first_size, forms->signature_size - first_size);
        break;
    }
}

static enum err encode(const struct probe *p, const struct sample *s, struct response *ret)
{
    return ocsp_response_encode(p->t, &s->serial, &s->facts, s->facts.this_update_s,
                                span_of(s->signature, p->forms->signature_size), ret->octets,
                                sizeof ret->octets, &ret->size);
}

/* Runs of exactly `size` octets that differ, at least one and at most `room`. */
static enum err blanks_find(const struct response *a, const struct response *b, size_t size,
                            unsigned room, uint16_t *places)
{
    if (a->size != b->size)
        return ERR_MALFORMED;
    unsigned count = 0;
    size_t run = 0;
    for (size_t i = 0; i < a->size; i++) {
        if (a->octets[i] != b->octets[i]) {
            run++;
            continue;
        }
        if (run > 0 && (run != size || count == room))
            return ERR_MALFORMED;
        if (run > 0)
            places[count++] = (uint16_t)(i - run);
        run = 0;
    }
    /* A signature may be what the response ends with. */
    if (run > 0 && run == size && count < room)
        places[count++] = (uint16_t)(a->size - run);
    else if (run > 0 || count == 0)
        return ERR_MALFORMED;
    for (; count < room; count++)
        places[count] = places[count - 1];
    return ERR_OK;
}

static enum err probe_field(const struct probe *p, enum field field, size_t size, unsigned room,
                            uint16_t *places)
{
    struct sample changed = p->sample;
    struct response response;
    sample_change(p->forms, field, &changed);
    TRY(encode(p, &changed, &response));
    return blanks_find(&p->response, &response, size, room, places);
}

static enum err form_probe(const struct probe *p, struct ocsp_form *form)
{
    const struct ocsp_forms *forms = p->forms;
    size_t first_size = signature_first_size(forms);
    TRY(probe_field(p, SERIAL, forms->serial_size, 2, form->serial));
    TRY(probe_field(p, THIS_UPDATE, TIME_DIGITS, 3, form->this_update));
    TRY(probe_field(p, NEXT_UPDATE, TIME_DIGITS, 2, form->next_update));
    if (p->sample.facts.status == CERT_REVOKED)
        TRY(probe_field(p, REVOKED_AT, TIME_DIGITS, 2, form->revoked_at));
    if (p->sample.facts.reason != REASON_ABSENT)
        TRY(probe_field(p, REASON, 1, 2, form->reason));
    TRY(probe_field(p, SIGNATURE_FIRST, first_size, 1, &form->signature[0]));
    if (forms->ecdsa)
        TRY(probe_field(p, SIGNATURE_LAST, first_size, 1, &form->signature[1]));
    return ERR_OK;
}

static enum err form_new(const struct ocsp_template *t, const struct ocsp_forms *forms,
                         unsigned shape, unsigned signs, struct ocsp_form **ret)
{
    struct probe p = {.t = t, .forms = forms, .sample = sample_make(forms, shape, signs)};
    TRY(encode(&p, &p.sample, &p.response));
    size_t size = p.response.size - t->responder_cert_size;
    if (!span_equal(span_of(p.response.octets + size, t->responder_cert_size),
                    span_of(t->responder_cert, t->responder_cert_size)))
        return ERR_MALFORMED;
    struct ocsp_form *form = calloc(1, sizeof *form + size);
    if (form == NULL)
        return ERR_MEMORY;
    *ret = form; /* the forms free it, also after an error */
    form->size = (uint16_t)size;
    memcpy(form->octets, p.response.octets, size);
    return form_probe(&p, form);
}

static enum err forms_fill(const struct ocsp_template *t, struct ocsp_forms *forms)
{
    for (unsigned shape = 0; shape < OCSP_FORM_SHAPES; shape++)
        for (unsigned signs = 0; signs < (forms->ecdsa ? OCSP_FORM_SIGNS : 1u); signs++)
            TRY(form_new(t, forms, shape, signs, &forms->forms[shape][signs]));
    return ERR_OK;
}

enum err ocsp_forms_new(const struct ocsp_template *t, uint8_t serial_size, struct ocsp_forms **ret)
{
    const struct sig_alg_info *info = sig_alg_info(t->sig_alg);
    if (info == NULL || serial_size < 1 || serial_size > SERIAL_BYTES_MAX)
        return ERR_MALFORMED;
    struct ocsp_forms *forms = calloc(1, sizeof *forms);
    if (forms == NULL)
        return ERR_MEMORY;
    forms->share_count = 1;
    forms->serial_size = serial_size;
    forms->ecdsa = info->ecdsa;
    forms->signature_size = info->size;
    forms->responder_cert_size = t->responder_cert_size;
    enum err err = forms_fill(t, forms);
    if (err != ERR_OK) {
        ocsp_forms_free(forms);
        return err;
    }
    *ret = forms;
    return ERR_OK;
}

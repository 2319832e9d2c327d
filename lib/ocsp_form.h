/* SPDX-License-Identifier: Apache-2.0 */
/* Forms: successful OCSPResponses with blanks, one for each shape that statements of one template
 * and one serial size can have. To answer is to copy a form and fill in the blanks.
 *
 * A form is made by the ordinary encoder (lib/ocsp_response.h), which is run twice for each field
 * with values that differ in every octet: where the two responses differ is the field's blank. So
 * forms know nothing of the structure, and what they give is what the encoder gives. Statements
 * without a form (a number of an ECDSA signature that begins with a zero octet, facts that cannot
 * be said) are the encoder's. producedAt is thisUpdate. */
#pragma once

#include "lib/day_text.h"
#include "lib/ocsp_response.h"

/* good, revoked, revoked with a reason */
#define OCSP_FORM_SHAPES 3
/* Whether r, s of an ECDSA signature need a zero octet in front to stay positive; others: one. */
#define OCSP_FORM_SIGNS 4
/* All but the responder certificate, which is taken from the template. */
#define OCSP_FORM_BYTES_MAX (OCSP_RESPONSE_BYTES_MAX - RESPONDER_CERT_BYTES_MAX)

/* Places of the blanks. A field that is there less often has its last place repeated. */
struct ocsp_form {
    uint16_t size; /* of the octets */
    uint16_t serial[2];
    uint16_t this_update[3];
    uint16_t next_update[2];
    uint16_t revoked_at[2];
    uint16_t reason[2];
    uint16_t signature[2]; /* r, s; others: the whole, and 0 */
    uint8_t octets[];
};

struct ocsp_forms {
    uint32_t share_count; /* plain: those who share forms do it in one thread */
    uint8_t serial_size;
    bool ecdsa;
    uint16_t signature_size;      /* stored form */
    uint16_t responder_cert_size; /* which ends the response */
    struct ocsp_form *forms[OCSP_FORM_SHAPES][OCSP_FORM_SIGNS];
};

/** The statement's times; revoked_at when it is revoked. */
struct ocsp_form_times {
    struct generalized_time this_update;
    struct generalized_time next_update;
    struct generalized_time revoked_at;
};

/** ERR_MEMORY; ERR_MALFORMED when the encoder has no such responses (template, serial size). */
MUST_CHECK enum err ocsp_forms_new(const struct ocsp_template *t, uint8_t serial_size,
                                   struct ocsp_forms **ret);
/** One more holder. */
struct ocsp_forms *ocsp_forms_share(struct ocsp_forms *forms);
/** One holder less; the last one frees. Takes NULL; returns NULL. */
struct ocsp_forms *ocsp_forms_free(struct ocsp_forms *forms);

/** The form for a statement; NULL: there is none. */
const struct ocsp_form *ocsp_form_find(const struct ocsp_forms *forms,
                                       const struct statement *statement);
/** Writes the response of `statement`, whose form this is: form->size octets and the responder
 *  certificate of the template that the forms were made for. */
void ocsp_form_fill(const struct ocsp_forms *forms, const struct ocsp_form *form,
                    const struct ocsp_template *t, const struct statement *statement,
                    const struct ocsp_form_times *times, uint8_t *out);

/* SPDX-License-Identifier: Apache-2.0 */
/* Facts from any octets -> response -> OpenSSL reads it and writes the same octets, and so does the
 * statement's form when it has one.
 *
 *   CertID set 1 | algorithm 1 | producedAt 4 | facts 16 | serial size 1, octets | signature */
#include <openssl/ocsp.h>

#include "lib/check.h"
#include "lib/ocsp_form.h"
#include "lib/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_with_openssl(const uint8_t *der, size_t size)
{
    const unsigned char *at = der;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)size);
    CHECK(response != NULL && at == der + size);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    CHECK(basic != NULL);
    unsigned char *again = NULL, *basic_again = NULL;
    CHECK(i2d_OCSP_RESPONSE(response, &again) == (int)size && memcmp(again, der, size) == 0);
    int basic_size = i2d_OCSP_BASICRESP(basic, &basic_again);
    CHECK(basic_size > 0 && (size_t)basic_size < size);
    CHECK(memcmp(der + size - (size_t)basic_size, basic_again, (size_t)basic_size) == 0);
    OPENSSL_free(again);
    OPENSSL_free(basic_again);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
}

/* The signature's octets are whatever is left, filled up with ones. */
static struct span make_signature(uint8_t sig_alg, struct span left,
                                  uint8_t ret[static SIGNATURE_BYTES_MAX])
{
    const struct sig_alg_info *info = sig_alg_info(sig_alg);
    size_t size = info == NULL ? 0 : info->size;
    memset(ret, 1, SIGNATURE_BYTES_MAX);
    memcpy(ret, left.data, left.size < size ? left.size : size);
    return span_of(ret, size);
}

/* Made once each: the template is the same but for these. */
static const struct ocsp_forms *forms_get(const struct ocsp_template *t, uint8_t serial_size)
{
    static struct ocsp_forms *made[CERTID_BOTH + 1][SIG_ED25519 + 1][SERIAL_BYTES_MAX + 1];
    struct ocsp_forms **forms = &made[t->certid_set][t->sig_alg][serial_size];
    if (*forms == NULL)
        CHECK(ocsp_forms_new(t, serial_size, forms) == ERR_OK);
    return *forms;
}

static void check_form(const struct ocsp_template *t, const struct statement *s, struct span der)
{
    static const struct day_table table;
    const struct ocsp_forms *forms = forms_get(t, s->serial.size);
    const struct ocsp_form *form = ocsp_form_find(forms, s);
    if (form == NULL)
        return;
    struct ocsp_form_times times = {
        .this_update = day_table_generalized(&table, s->facts.this_update_s),
        .next_update = day_table_generalized(&table, s->facts.next_update_s),
        .revoked_at = day_table_generalized(&table, s->facts.revoked_at_s)};
    uint8_t out[OCSP_RESPONSE_BYTES_MAX];
    CHECK(form->size == der.size);
    ocsp_form_fill(forms, form, t, s, &times, out);
    CHECK(memcmp(out, der.data, der.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ocsp_template t;
    struct wire_reader r = wire_reader_of(span_of(data, size));
    t.certid_set = wire_get_u8(&r);
    t.sig_alg = wire_get_u8(&r);
    uint32_t produced_at_s = wire_get_u32(&r);
    struct span facts_wire = wire_get(&r, FACTS_BYTES);
    struct span content = wire_get(&r, wire_get_u8(&r));
    struct facts facts;
    struct serial serial;
    if (r.err != ERR_OK || facts_read(facts_wire.data, &facts) != ERR_OK ||
        serial_from_content(content, &serial) != ERR_OK)
        return 0;
    uint8_t octets[SIGNATURE_BYTES_MAX], out[OCSP_RESPONSE_BYTES_MAX], tbs[OCSP_TBS_BYTES_MAX];
    struct span signature = make_signature(t.sig_alg, r.rest, octets);
    size_t out_size = 0, tbs_size = 0;
    if (ocsp_response_encode(&t, &serial, &facts, produced_at_s, signature, out, sizeof out,
                             &out_size) != ERR_OK)
        return 0;
    CHECK(ocsp_tbs_encode(&t, &serial, &facts, produced_at_s, tbs, sizeof tbs, &tbs_size) ==
          ERR_OK);
    CHECK(memmem(out, out_size, tbs, tbs_size) != NULL);
    check_with_openssl(out, out_size);
    struct statement s = {.serial = serial, .facts = facts, .signature = signature};
    CHECK(ocsp_response_encode(&t, &serial, &facts, facts.this_update_s, signature, out, sizeof out,
                               &out_size) == ERR_OK);
    check_form(&t, &s, span_of(out, out_size));
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as a template; what is read is written as the same octets. A first octet of 'C' makes
 * the rest a certificate, from which a template is filled. */
#include "lib/check.h"
#include "lib/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct ocsp_template *t, struct span want)
{
    static uint8_t out[TEMPLATE_BYTES_MAX];
    size_t size = 0;
    CHECK(template_write(t, out, sizeof out, &size) == ERR_OK);
    CHECK(want.data == NULL || span_equal(span_of(out, size), want));
    struct ocsp_template again;
    CHECK(template_read(span_of(out, size), &again) == ERR_OK);
}

static void try_certificate(struct span der)
{
    static struct ocsp_template t;
    t = (struct ocsp_template){.template_no = 1, .certid_set = CERTID_BOTH};
    if (template_from_certificates(der, der, &t) == ERR_OK)
        check_round_trip(&t, SPAN_EMPTY);
    if (template_from_certificates(der, SPAN_EMPTY, &t) != ERR_OK)
        return;
    struct template_verifier *v = NULL;
    if (template_verifier_new(&t, &v) == ERR_OK)
        template_verifier_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ocsp_template t;
    if (size > 0 && data[0] == 'C') {
        try_certificate(span_of(data + 1, size - 1));
        return 0;
    }
    if (template_read(span_of(data, size), &t) != ERR_OK)
        return 0;
    CHECK(size <= TEMPLATE_BYTES_MAX && sig_alg_info(t.sig_alg) != NULL);
    check_round_trip(&t, span_of(data, size));
    struct template_verifier *v = NULL;
    if (template_verifier_new(&t, &v) == ERR_OK)
        template_verifier_free(v);
    return 0;
}

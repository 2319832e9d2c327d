/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/outlive.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <time.h>

#include "lib/block.h"

uint64_t outlive_signer_end_s(const struct ocsp_template *t)
{
    struct tm tm;
    const unsigned char *at = t->responder_cert;
    if (t->responder_cert_size == 0)
        return UINT64_MAX;
    X509 *cert = d2i_X509(NULL, &at, t->responder_cert_size);
    bool known = cert != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1;
    time_t end = known ? timegm(&tm) : 0;
    X509_free(cert);
    ERR_clear_error();
    return end < 0 ? 0 : (uint64_t)end;
}

struct signer_end {
    uint16_t template_no;
    uint64_t end_s;
};

/* The ends of the pack's signers; false: none of them has any. */
static bool ends_read(const struct pack_reader *pack, struct signer_end *ends, size_t *ret_count)
{
    size_t cursor = 0;
    struct span wire;
    bool any = false;
    *ret_count = 0;
    while (*ret_count < PACK_TEMPLATES_MAX && pack_next_template(pack, &cursor, &wire)) {
        struct ocsp_template t;
        if (template_read(wire, &t) != ERR_OK)
            continue; /* pack_open() has seen to it that this is not reached */
        struct signer_end end = {t.template_no, outlive_signer_end_s(&t)};
        any |= end.end_s != UINT64_MAX;
        ends[(*ret_count)++] = end;
    }
    return any;
}

static bool outlives(const struct facts *facts, const struct signer_end *ends, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ends[i].template_no == facts->template_no)
            return facts->next_update_s > ends[i].end_s;
    return false;
}

uint64_t outlive_count(const struct pack_reader *pack)
{
    struct signer_end ends[PACK_TEMPLATES_MAX];
    size_t count, cursor = 0;
    struct span wire;
    uint64_t found = 0;
    if (!ends_read(pack, ends, &count))
        return 0;
    while (pack_next_block(pack, &cursor, &wire)) {
        struct block block = block_load(wire.data);
        for (uint32_t i = 0; i < block.count; i++) {
            struct statement s;
            block_statement(&block, i, &s);
            found += outlives(&s.facts, ends, count);
        }
    }
    return found;
}

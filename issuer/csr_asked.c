/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/csr_asked.h"

#include <openssl/objects.h>

#include "lib/textline.h"

#define DER_SET                0x31
#define GENERAL_NAME_DNS       (DER_CONTEXT | 2)
#define GENERAL_NAME_IP        (DER_CONTEXT | 7)
#define TLS_FEATURE_STATUS     5 /* status_request, RFC 7633 4.2.3 */
#define KEY_USAGE_CERT_SIGN    0x04
#define OBJECT_TEXT_BYTES      80
#define OBJECT_SHORT_BYTES_MAX 127

#define OID(name, ...) static const uint8_t name[] = {__VA_ARGS__}
OID(oid_common_name, 0x55, 4, 3);
OID(oid_extension_request, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14);
OID(oid_key_usage, 0x55, 0x1d, 15);
OID(oid_alternative_name, 0x55, 0x1d, 17);
OID(oid_basic_constraints, 0x55, 0x1d, 19);
OID(oid_extended_usage, 0x55, 0x1d, 37);
OID(oid_tls_feature, 0x2b, 6, 1, 5, 5, 7, 1, 24);
OID(oid_server_auth, 0x2b, 6, 1, 5, 5, 7, 3, 1);
OID(oid_client_auth, 0x2b, 6, 1, 5, 5, 7, 3, 2);
#define IS(span, oid) span_equal(span, span_of(oid, sizeof oid))

static enum err common_name_read(struct csr *csr, struct span value, struct problem *why)
{
    struct problem ignored;
    if (csr->has_common_name)
        return leaf_refuse(why, LEAF_WHY_CSR_COMMON_NAME_TWICE, NULL);
    csr->has_common_name = true;
    if (leaf_name_read(value, &csr->common_name, &ignored) != ERR_OK)
        csr->common_name.size = 0;
    return ERR_OK;
}

enum err csr_subject_read(struct csr *csr, struct problem *why)
{
    struct der_reader r;
    der_reader_init(&r, csr->subject);
    der_enter(&r, DER_SEQUENCE);
    while (!der_at_end(&r)) {
        der_enter(&r, DER_SET);
        do {
            uint8_t tag = 0;
            der_enter(&r, DER_SEQUENCE);
            struct span oid = der_take(&r, DER_OID);
            struct span value = der_take_any(&r, &tag);
            der_leave(&r);
            if (r.err == ERR_OK && IS(oid, oid_common_name))
                TRY(common_name_read(csr, value, why));
        } while (!der_at_end(&r));
        der_leave(&r);
    }
    der_leave(&r);
    return der_end(&r) == ERR_OK ? ERR_OK : leaf_refuse(why, LEAF_WHY_CSR_SUBJECT, NULL);
}

static enum err names_read(struct span value, struct csr *csr, struct problem *why)
{
    struct der_reader r;
    der_reader_init(&r, value);
    der_enter(&r, DER_SEQUENCE);
    while (r.err == ERR_OK) {
        struct leaf_name name;
        uint8_t tag = 0;
        struct span content = der_take_any(&r, &tag);
        if (r.err != ERR_OK)
            break;
        if (tag == GENERAL_NAME_DNS)
            TRY(leaf_name_dns(content, &name, why));
        else if (tag == GENERAL_NAME_IP)
            TRY(leaf_name_ip(content, &name, why));
        else
            return leaf_refuse(why, LEAF_WHY_NAME_TYPE, NULL);
        TRY(leaf_names_add(&csr->names, &name, why));
        if (der_at_end(&r))
            break;
    }
    der_leave(&r);
    return der_end(&r) == ERR_OK ? ERR_OK : leaf_refuse(why, LEAF_WHY_CSR_EXTENSION, NULL);
}

static enum err basic_constraints_read(struct span value, struct csr *csr, struct problem *why)
{
    struct der_reader r;
    bool is_ca = false;
    (void)csr;
    der_reader_init(&r, value);
    der_enter(&r, DER_SEQUENCE);
    if (der_next_is(&r, DER_BOOLEAN)) {
        struct span flag = der_take(&r, DER_BOOLEAN);
        is_ca = flag.size != 1 || flag.data[0] != 0;
    }
    if (der_next_is(&r, DER_INTEGER))
        (void)der_take_integer(&r);
    der_leave(&r);
    if (der_end(&r) != ERR_OK)
        return leaf_refuse(why, LEAF_WHY_CSR_EXTENSION, NULL);
    return is_ca ? leaf_refuse(why, LEAF_WHY_CSR_WANTS_CA, NULL) : ERR_OK;
}

static enum err key_usage_read(struct span value, struct csr *csr, struct problem *why)
{
    struct der_reader r;
    (void)csr;
    der_reader_init(&r, value);
    struct span bits = der_take(&r, DER_BIT_STRING);
    if (der_end(&r) != ERR_OK || bits.size == 0)
        return leaf_refuse(why, LEAF_WHY_CSR_EXTENSION, NULL);
    return bits.size > 1 && (bits.data[1] & KEY_USAGE_CERT_SIGN) != 0
               ? leaf_refuse(why, LEAF_WHY_CSR_WANTS_CA, NULL)
               : ERR_OK;
}

static enum err extended_usage_read(struct span value, struct csr *csr, struct problem *why)
{
    struct der_reader r;
    bool server = false;
    der_reader_init(&r, value);
    der_enter(&r, DER_SEQUENCE);
    while (!der_at_end(&r)) {
        struct span oid = der_take(&r, DER_OID);
        server |= IS(oid, oid_server_auth);
        csr->asks_client_auth |= IS(oid, oid_client_auth);
    }
    der_leave(&r);
    if (der_end(&r) != ERR_OK)
        return leaf_refuse(why, LEAF_WHY_CSR_EXTENSION, NULL);
    return server ? ERR_OK : leaf_refuse(why, LEAF_WHY_CSR_WANTS_USAGE, NULL);
}

static enum err tls_feature_read(struct span value, struct csr *csr, struct problem *why)
{
    struct der_reader r;
    der_reader_init(&r, value);
    der_enter(&r, DER_SEQUENCE);
    struct span feature = der_take_integer(&r);
    bool more = r.err == ERR_OK && !der_at_end(&r);
    if (more || (r.err == ERR_OK && (feature.size != 1 || feature.data[0] != TLS_FEATURE_STATUS)))
        return leaf_refuse(why, LEAF_WHY_CSR_TLS_FEATURE, NULL);
    der_leave(&r);
    if (der_end(&r) != ERR_OK)
        return leaf_refuse(why, LEAF_WHY_CSR_EXTENSION, NULL);
    csr->must_staple = true;
    return ERR_OK;
}

static void asked_add(struct csr *csr, struct span oid)
{
    char text[OBJECT_TEXT_BYTES] = "?";
    size_t used = strlen(csr->asked);
    struct line_writer w = {.out = csr->asked + used, .out_size = sizeof csr->asked - used};
    /* A short element has its tag and length right in front of it. */
    const unsigned char *at = oid.data - 2;
    ASN1_OBJECT *object =
        oid.size > OBJECT_SHORT_BYTES_MAX ? NULL : d2i_ASN1_OBJECT(NULL, &at, (long)oid.size + 2);
    if (object != NULL)
        OBJ_obj2txt(text, sizeof text, object, 0);
    ASN1_OBJECT_free(object);
    text_put_format(&w, "%s%s", used == 0 ? "" : ", ", text);
    if (w.err != ERR_OK)
        csr->asked[used] = '\0';
}

struct extension_reader {
    struct span oid;
    enum err (*read)(struct span value, struct csr *csr, struct problem *why);
};

static const struct extension_reader readers[] = {
#define ROW(oid, read)          \
    {                           \
        {oid, sizeof oid}, read \
    }
    ROW(oid_key_usage, key_usage_read),
    ROW(oid_alternative_name, names_read),
    ROW(oid_basic_constraints, basic_constraints_read),
    ROW(oid_extended_usage, extended_usage_read),
    ROW(oid_tls_feature, tls_feature_read),
};

static enum err extension_read(struct span oid, struct span value, struct csr *csr,
                               struct problem *why)
{
    asked_add(csr, oid);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        if (span_equal(oid, readers[i].oid))
            return readers[i].read(value, csr, why);
    return ERR_OK;
}

static bool is_among(const struct span *spans, size_t count, struct span one)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal(spans[i], one))
            return true;
    return false;
}

/* SET { Extensions } */
static enum err extensions_read(struct span set, struct csr *csr, struct problem *why)
{
    struct span seen[CSR_EXTENSIONS_MAX];
    size_t count = 0;
    struct der_reader r;
    der_reader_init(&r, set);
    der_enter(&r, DER_SEQUENCE);
    do {
        der_enter(&r, DER_SEQUENCE);
        struct span oid = der_take(&r, DER_OID);
        if (der_next_is(&r, DER_BOOLEAN) && der_take(&r, DER_BOOLEAN).size != 1)
            der_fail(&r, ERR_MALFORMED);
        struct span value = der_take(&r, DER_OCTET_STRING);
        der_leave(&r);
        if (r.err != ERR_OK || count == CSR_EXTENSIONS_MAX)
            return leaf_refuse(why, LEAF_WHY_CSR_EXTENSION, NULL);
        if (is_among(seen, count, oid))
            return leaf_refuse(why, LEAF_WHY_CSR_EXTENSION_TWICE, NULL);
        seen[count++] = oid;
        TRY(extension_read(oid, value, csr, why));
    } while (!der_at_end(&r));
    der_leave(&r);
    return der_end(&r) == ERR_OK ? ERR_OK : leaf_refuse(why, LEAF_WHY_CSR_EXTENSION, NULL);
}

enum err csr_asked_read(const struct csr_asked *asked, struct csr *csr, struct problem *why)
{
    struct span seen[CSR_ATTRIBUTES_MAX];
    size_t count = 0;
    struct der_reader r;
    der_reader_init(&r, asked->attributes);
    while (!der_at_end(&r)) {
        der_enter(&r, DER_SEQUENCE);
        struct span oid = der_take(&r, DER_OID);
        struct span values = der_take(&r, DER_SET);
        der_leave(&r);
        if (r.err != ERR_OK || count == CSR_ATTRIBUTES_MAX)
            return leaf_refuse(why, LEAF_WHY_CSR_ATTRIBUTE, NULL);
        if (is_among(seen, count, oid))
            return leaf_refuse(why, LEAF_WHY_CSR_ATTRIBUTE_TWICE, NULL);
        seen[count++] = oid;
        if (IS(oid, oid_extension_request))
            TRY(extensions_read(values, csr, why));
    }
    return r.err == ERR_OK ? ERR_OK : leaf_refuse(why, LEAF_WHY_CSR_ATTRIBUTE, NULL);
}

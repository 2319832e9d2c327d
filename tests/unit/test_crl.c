/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs written by crl_write.h, judged by OpenSSL and read back by crl_read.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/x509v3.h>

#include "lib/crl_read.h"
#include "lib/random.h"
#include "ocsp_fixture.h"

#define LONG_COUNT 1000000u

static const char url[] = "http://crl.example/7/3.crl";
static const uint8_t key_id[20] = {0xa1, 0xb2, 0xc3};
static const uint8_t reasons[] = {REASON_ABSENT,      REASON_KEY_COMPROMISE,
                                  REASON_SUPERSEDED,  REASON_AFFILIATION_CHANGED,
                                  REASON_UNSPECIFIED, REASON_CESSATION_OF_OPERATION};

struct made {
    uint8_t *der;
    size_t size;
    struct fixture_signer signer;
    uint8_t name[256];
    struct crl_fields fields;
};

static struct span issuer_name(uint8_t *out)
{
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"CRL CA", -1, -1,
                               0);
    unsigned char *at = out;
    int size = i2d_X509_NAME(name, &at);
    X509_NAME_free(name);
    assert_true(size > 0);
    return span_of(out, (size_t)size);
}

static void entries_make(struct crl_entry *entries, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = (uint64_t)(i + 1) << 16 | (random_next(&seed) & 0xffff);
        struct crl_entry *e = &entries[i];
        *e = (struct crl_entry){.serial = {.size = 9},
                                .reason = reasons[i % sizeof reasons],
                                .revoked_at_s = (uint32_t)(1700000000 + i)};
        e->serial.octets[0] = 0x41;
        for (unsigned j = 0; j < 8; j++)
            e->serial.octets[1 + j] = (uint8_t)(number >> (56 - 8 * j));
    }
}

static void make(struct made *m, enum sig_alg alg, const struct crl_entry *entries, size_t count)
{
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t tbs_size = 0;
    size_t room = crl_bytes_max(count);
    uint8_t *tbs = malloc(room);
    m->der = malloc(room);
    assert_non_null(tbs);
    assert_non_null(m->der);
    fixture_signer_make(alg, false, &m->signer);
    m->fields.issuer = issuer_name(m->name);
    m->fields.key_id = span_of(key_id, sizeof key_id);
    m->fields.alg = alg;
    assert_int_equal(crl_tbs_encode(&m->fields, entries, count, tbs, room, &tbs_size), ERR_OK);
    struct span signed_ = fixture_sign_octets(&m->signer, span_of(tbs, tbs_size), signature);
    assert_int_equal(crl_encode(span_of(tbs, tbs_size), alg, signed_, m->der, room, &m->size),
                     ERR_OK);
    free(tbs);
}

static void made_free(struct made *m)
{
    free(m->der);
    fixture_signer_free(&m->signer);
}

static struct crl_fields usual(void)
{
    return (struct crl_fields){.this_update_s = 1764000000,
                               .next_update_s = 1764700000,
                               .number = 0x80000001,
                               .url = span_of(url, sizeof url - 1),
                               .scope = CRL_USER_CERTS};
}

/* One entry as OpenSSL has it. */
static void judge_entry(X509_REVOKED *revoked, const struct crl_entry *entry)
{
    const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(revoked);
    unsigned char *der = NULL;
    int size = i2d_ASN1_INTEGER(serial, &der);
    assert_int_equal(size, entry->serial.size + 2);
    assert_memory_equal(der + 2, entry->serial.octets, entry->serial.size);
    OPENSSL_free(der);
    struct tm tm;
    assert_int_equal(ASN1_TIME_to_tm(X509_REVOKED_get0_revocationDate(revoked), &tm), 1);
    assert_int_equal(timegm(&tm), entry->revoked_at_s);
    int critical = 0;
    ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, &critical, NULL);
    bool told = entry->reason != REASON_ABSENT && entry->reason != REASON_UNSPECIFIED;
    assert_int_equal(reason != NULL, told);
    if (told)
        assert_int_equal(ASN1_ENUMERATED_get(reason), entry->reason);
    ASN1_ENUMERATED_free(reason);
}

static void judge_idp(X509_CRL *crl, const struct crl_fields *fields)
{
    int critical = -1;
    ISSUING_DIST_POINT *idp =
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
    bool there = fields->url.size > 0 || fields->scope != CRL_ALL_CERTS;
    assert_int_equal(idp != NULL, there);
    if (!there)
        return;
    assert_int_equal(critical, 1);
    assert_int_equal(idp->onlyuser > 0, fields->scope == CRL_USER_CERTS);
    assert_int_equal(idp->onlyCA > 0, fields->scope == CRL_CA_CERTS);
    assert_int_equal(idp->distpoint != NULL, fields->url.size > 0);
    if (fields->url.size > 0) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(idp->distpoint->name.fullname, 0);
        int type = 0;
        ASN1_IA5STRING *text = GENERAL_NAME_get0_value(name, &type);
        assert_int_equal(type, GEN_URI);
        assert_int_equal(ASN1_STRING_length(text), fields->url.size);
        assert_memory_equal(ASN1_STRING_get0_data(text), fields->url.data, fields->url.size);
    }
    ISSUING_DIST_POINT_free(idp);
}

static void judge_number(X509_CRL *crl, int nid, uint64_t expected)
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, nid, NULL, NULL);
    assert_int_equal(number != NULL, expected != 0);
    uint64_t value = 0;
    if (number != NULL)
        assert_int_equal(ASN1_INTEGER_get_uint64(&value, number), 1);
    assert_int_equal(value, expected);
    ASN1_INTEGER_free(number);
}

static void judge(const struct made *m, const struct crl_entry *entries, size_t count)
{
    const unsigned char *at = m->der;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)m->size);
    assert_non_null(crl);
    assert_ptr_equal(at, m->der + m->size);
    assert_int_equal(X509_CRL_verify(crl, m->signer.key), 1);
    assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
    judge_number(crl, NID_crl_number, m->fields.number);
    judge_number(crl, NID_delta_crl, m->fields.base_number);
    judge_idp(crl, &m->fields);
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(crl);
    assert_int_equal(count == 0, list == NULL);
    assert_int_equal(list == NULL ? 0 : sk_X509_REVOKED_num(list), count);
    for (int i = 0; list != NULL && i < (int)count && i < 2000; i++)
        judge_entry(sk_X509_REVOKED_value(list, i), &entries[i]);
    X509_CRL_free(crl);
}

static void read_back(const struct made *m, const struct crl_entry *entries, size_t count)
{
    struct crl crl;
    assert_int_equal(crl_open(span_of(m->der, m->size), &crl), ERR_OK);
    assert_int_equal(crl.flags, 0);
    assert_true(span_equal(crl.issuer, m->fields.issuer));
    assert_true(span_equal(crl.key_id, m->fields.key_id));
    assert_true(span_equal(crl.url, m->fields.url));
    assert_int_equal(crl.scope, m->fields.scope);
    assert_int_equal(crl.this_update_s, m->fields.this_update_s);
    assert_int_equal(crl.next_update_s, m->fields.next_update_s);
    uint64_t number = 0;
    assert_int_equal(crl_number(crl.number, &number), ERR_OK);
    assert_int_equal(number, m->fields.number);
    assert_int_equal(crl_number(crl.base_number, &number),
                     m->fields.base_number == 0 ? ERR_NOT_FOUND : ERR_OK);
    struct crl_cursor cursor;
    struct crl_entry entry;
    crl_cursor_start(&cursor, &crl);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(crl_cursor_next(&cursor, &entry), ERR_OK);
        assert_int_equal(serial_compare(&entry.serial, &entries[i].serial), 0);
        assert_int_equal(entry.revoked_at_s, entries[i].revoked_at_s);
        uint8_t reason = entries[i].reason;
        assert_int_equal(entry.reason, reason == REASON_UNSPECIFIED ? REASON_ABSENT : reason);
    }
    assert_int_equal(crl_cursor_next(&cursor, &entry), ERR_NOT_FOUND);
    assert_int_equal(cursor.flags, 0);
}

static void check(struct crl_fields fields, enum sig_alg alg, size_t count)
{
    struct crl_entry *entries = calloc(count + 1, sizeof *entries);
    struct made m = {.fields = fields};
    entries_make(entries, count, 7 + count);
    make(&m, alg, entries, count);
    judge(&m, entries, count);
    read_back(&m, entries, count);
    made_free(&m);
    free(entries);
}

static void every_algorithm(void **state)
{
    (void)state;
    static const enum sig_alg algorithms[] = {
#define X(name, number, size, text) SIG_##name,
        SIG_ALG_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        check(usual(), algorithms[i], 5);
}

static void every_shape(void **state)
{
    (void)state;
    struct crl_fields fields = usual();
    for (size_t count = 0; count < 300; count += 1 + count / 3)
        check(fields, SIG_ECDSA_P256_SHA256, count);
    fields.url = SPAN_EMPTY;
    check(fields, SIG_ECDSA_P256_SHA256, 3);
    fields.scope = CRL_ALL_CERTS;
    check(fields, SIG_ECDSA_P256_SHA256, 3);
    fields.scope = CRL_CA_CERTS;
    check(fields, SIG_ECDSA_P256_SHA256, 3);
    fields.base_number = 0x7fffffff;
    check(fields, SIG_ECDSA_P256_SHA256, 3);
    fields.next_update_s = 2524608000; /* 2050: GeneralizedTime */
    check(fields, SIG_ECDSA_P256_SHA256, 3);
    fields.number = UINT64_MAX;
    check(fields, SIG_ECDSA_P256_SHA256, 3);
}

static void a_million_entries(void **state)
{
    (void)state;
    check(usual(), SIG_ECDSA_P256_SHA256, LONG_COUNT);
}

static void what_cannot_be_said(void **state)
{
    (void)state;
    uint8_t name[256];
    uint8_t out[8192];
    size_t size = 0;
    struct crl_entry entry = {.serial = {.size = 1, .octets = {1}}, .reason = REASON_ABSENT};
    struct crl_fields good = usual();
    good.issuer = issuer_name(name);
    good.key_id = span_of(key_id, sizeof key_id);
    good.alg = SIG_ED25519;
    struct crl_fields f = good;
#define REFUSED(change, error)                                                          \
    do {                                                                                \
        f = good;                                                                       \
        change;                                                                         \
        assert_int_equal(crl_tbs_encode(&f, &entry, 1, out, sizeof out, &size), error); \
    } while (0)
    REFUSED((void)0, ERR_OK);
    REFUSED(f.issuer = SPAN_EMPTY, ERR_MALFORMED);
    REFUSED(f.key_id = SPAN_EMPTY, ERR_MALFORMED);
    REFUSED(f.next_update_s = f.this_update_s, ERR_MALFORMED);
    REFUSED(f.next_update_s = 253402300800, ERR_MALFORMED);
    REFUSED(f.number = 0, ERR_MALFORMED);
    REFUSED(f.base_number = f.number, ERR_MALFORMED);
    REFUSED(f.alg = (enum sig_alg)99, ERR_MALFORMED);
    REFUSED(f.url = span_of(out, CRL_URL_BYTES_MAX + 1), ERR_LIMIT);
    entry.reason = 7;
    REFUSED((void)0, ERR_MALFORMED);
    entry.reason = REASON_ABSENT;
    entry.serial.size = 0;
    REFUSED((void)0, ERR_MALFORMED);
#undef REFUSED
    entry.serial.size = 1;
    assert_int_equal(crl_tbs_encode(&good, &entry, 1, out, 100, &size), ERR_NO_SPACE);
}

/* Any octet changed: the reader says so, or what it reads does not verify. */
static void no_flipped_bit_passes(void **state)
{
    (void)state;
    struct crl_entry entries[4];
    struct made m = {.fields = usual()};
    entries_make(entries, 4, 1);
    make(&m, SIG_ED25519, entries, 4);
    unsigned read = 0;
    for (size_t i = 0; i < m.size * 8; i++) {
        struct crl crl;
        m.der[i / 8] ^= (uint8_t)(1 << i % 8);
        if (crl_open(span_of(m.der, m.size), &crl) == ERR_OK) {
            struct crl_cursor cursor;
            struct crl_entry entry;
            crl_cursor_start(&cursor, &crl);
            while (crl_cursor_next(&cursor, &entry) == ERR_OK)
                continue;
            EVP_MD_CTX *md = EVP_MD_CTX_new();
            assert_int_equal(EVP_DigestVerifyInit(md, NULL, NULL, NULL, m.signer.key), 1);
            bool verifies = EVP_DigestVerify(md, crl.signature.data, crl.signature.size,
                                             crl.tbs.data, crl.tbs.size) == 1;
            EVP_MD_CTX_free(md);
            /* Only the outer AlgorithmIdentifier is not signed: it must equal the inner one. */
            assert_true(!verifies || (crl.flags & CRL_FLAG_ALGORITHMS) != 0);
            read++;
        }
        m.der[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_true(read > 100);
    for (size_t size = 0; size < m.size; size++) {
        struct crl crl;
        assert_int_not_equal(crl_open(span_of(m.der, size), &crl), ERR_OK);
    }
    made_free(&m);
}

static void numbers_compare(void **state)
{
    (void)state;
    static const uint8_t small[] = {0x7f};
    static const uint8_t padded[] = {0x00, 0xff};
    static const uint8_t wide[21] = {0x00, 0x80};
    uint64_t value = 0;
    assert_true(crl_number_compare(span_of(small, 1), span_of(padded, 2)) < 0);
    assert_true(crl_number_compare(span_of(padded, 2), span_of(padded + 1, 1)) == 0);
    assert_true(crl_number_compare(span_of(wide, 21), span_of(padded, 2)) > 0);
    assert_int_equal(crl_number(span_of(padded, 2), &value), ERR_OK);
    assert_int_equal(value, 0xff);
    assert_int_equal(crl_number(span_of(wide, 21), &value), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm),       cmocka_unit_test(every_shape),
        cmocka_unit_test(a_million_entries),     cmocka_unit_test(what_cannot_be_said),
        cmocka_unit_test(no_flipped_bit_passes), cmocka_unit_test(numbers_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

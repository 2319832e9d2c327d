/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of the linter is broken once, by a certificate that keeps all rules before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "issuer/ca_lint.h"
#include "issuer/ca_make.h"
#include "issuer/ca_name.h"

#define NOW_S 1800000000

static EVP_PKEY *keys[CA_KIND_COUNT];
static X509 *good[CA_KIND_COUNT];

static X509 *issuer_of(enum ca_kind kind)
{
    return kind == CA_ROOT ? NULL : good[kind - 1];
}

static X509 *make(enum ca_kind kind, const char *subject, const uint8_t *root_name,
                  size_t root_size)
{
    static uint8_t any_policy[] = {0x06, 4, 0x55, 0x1d, 0x20, 0};
    struct ca_options o = {.kind = kind, .now_s = NOW_S};
    struct ca_refusal why = {0};
    struct ca_profile p;
    struct ca_name name;
    char reason[CA_NAME_WHY_BYTES];
    uint8_t der[CA_NAME_DER_MAX], tbs[CA_TBS_BYTES_MAX], *spki = NULL;
    size_t size = 0, tbs_size = 0;
    X509 *made = NULL;
    keys[kind] = EVP_EC_gen("P-256");
    assert_int_equal(ca_profile_begin(&o, &p, &why), ERR_OK);
    assert_int_equal(ca_name_read(subject, &name, reason), ERR_OK);
    assert_int_equal(ca_name_encode(&name, der, sizeof der, &size), ERR_OK);
    int spki_size = i2d_PUBKEY(keys[kind], &spki);
    p.subject = span_of(der, size);
    p.issuer = kind == CA_ROOT ? p.subject : span_of(root_name, root_size);
    p.public_key = span_of(spki, (size_t)spki_size);
    p.alg = SIG_ECDSA_P256_SHA256;
    if (kind != CA_ROOT) {
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer_of(kind));
        p.issuer_key_id = span_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id));
    }
    if (kind == CA_INTERMEDIATE) {
        p.path_length = 0;
        p.policies[p.policy_count++] = span_of(any_policy, sizeof any_policy);
        p.crl_url = p.ca_issuers_url = "http://a/b";
    }
    if (ca_draft(&p, issuer_of(kind), tbs, &tbs_size, &made, &why) != ERR_OK)
        fail_msg("%s", why.text);
    OPENSSL_free(spki);
    return made;
}

static int setup(void **state)
{
    (void)state;
    static const char *const names[] = {"C=GB,O=X,CN=R", "C=GB,O=X,CN=I", "C=GB,O=X,CN=O"};
    for (unsigned kind = 0; kind < CA_KIND_COUNT; kind++) {
        const unsigned char *der = NULL;
        size_t size = 0;
        if (kind > 0)
            X509_NAME_get0_der(X509_get_subject_name(good[kind - 1]), &der, &size);
        good[kind] = make((enum ca_kind)kind, names[kind], der, size);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < CA_KIND_COUNT; kind++) {
        X509_free(good[kind]);
        EVP_PKEY_free(keys[kind]);
    }
    return 0;
}

static void drop(X509 *x, int nid)
{
    X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, nid, -1)));
}

static void set(X509 *x, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    int at = X509_get_ext_by_NID(x, nid, -1);
    if (at >= 0)
        X509_EXTENSION_free(X509_delete_ext(x, at));
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (e == NULL)
        fail_msg("%s does not make an extension", value);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* Turns the criticality of an extension over. */
static void turn(X509 *x, int nid)
{
    X509_EXTENSION *e = X509_get_ext(x, X509_get_ext_by_NID(x, nid, -1));
    X509_EXTENSION_set_critical(e, !X509_EXTENSION_get_critical(e));
}

static void serial(X509 *x, int octets, uint8_t first)
{
    uint8_t number[32] = {0};
    memset(number + 1, 7, sizeof number - 1);
    number[0] = first;
    ASN1_STRING_set(X509_get_serialNumber(x), number, octets);
}

static void name(X509 *x, int nid)
{
    X509_NAME *n = X509_NAME_dup(X509_get_subject_name(x));
    X509_NAME_ENTRY_free(X509_NAME_delete_entry(n, X509_NAME_get_index_by_NID(n, nid, -1)));
    X509_set_subject_name(x, n);
    if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(good[CA_ROOT])) == 0 &&
        X509_NAME_cmp(X509_get_subject_name(good[CA_ROOT]), n) == 0)
        X509_set_issuer_name(x, n);
    X509_NAME_free(n);
}

static void times(X509 *x, int64_t from_s, int64_t until_s)
{
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s);
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until_s);
}

static void generalized(X509 *x)
{
    ASN1_TIME *time = X509_getm_notBefore(x);
    ASN1_TIME_to_generalizedtime(time, &time);
}

static void weak_key(X509 *x)
{
    EVP_PKEY *key = EVP_EC_gen("P-521");
    X509_set_pubkey(x, key);
    EVP_PKEY_free(key);
}

static void algorithm(X509 *x)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_sign(x, key, EVP_sha1());
    EVP_PKEY_free(key);
}

static void twice(X509 *x)
{
    X509_add_ext(x, X509_get_ext(x, X509_get_ext_by_NID(x, NID_key_usage, -1)), -1);
}

static void borrow(X509 *x, int nid)
{
    X509 *from = good[CA_INTERMEDIATE];
    X509_add_ext(x, X509_get_ext(from, X509_get_ext_by_NID(from, nid, -1)), -1);
}

static void no_name(X509 *x)
{
    X509_NAME *n = X509_NAME_new();
    X509_set_subject_name(x, n);
    X509_NAME_free(n);
}

#define I CA_INTERMEDIATE
#define R CA_ROOT
#define O CA_RESPONDER
#define BREAK_TABLE(X)                                                                          \
    X(version, I, X509_set_version(x, X509_VERSION_2))                                          \
    X(serial_positive, I, ASN1_INTEGER_set(X509_get_serialNumber(x), 0))                        \
    X(serial_length, I, serial(x, 20, 0x80))                                                    \
    X(serial_random, I, serial(x, 8, 1))                                                        \
    X(signature_algorithm, I, algorithm(x))                                                     \
    X(issuer_bytes, I, X509_set_issuer_name(x, X509_get_subject_name(good[O])))                 \
    X(subject_present, I, no_name(x))                                                           \
    X(subject_country, I, name(x, NID_countryName))                                             \
    X(subject_organization, I, name(x, NID_organizationName))                                   \
    X(subject_common_name, I, name(x, NID_commonName))                                          \
    X(subject_other, I, X509_set_subject_name(x, X509_get_subject_name(good[R])))               \
    X(times_in_order, I, times(x, NOW_S, NOW_S - 1))                                            \
    X(times_encoded, I, generalized(x))                                                         \
    X(validity_length, I, times(x, NOW_S, NOW_S + 86400))                                       \
    X(within_issuer, I, times(x, NOW_S - 86400, NOW_S - 1))                                     \
    X(key_policy, I, weak_key(x))                                                               \
    X(no_duplicate_extension, I, twice(x))                                                      \
    X(no_other_extension, I, set(x, NID_subject_alt_name, "DNS:a"))                             \
    X(basic_critical, I, turn(x, NID_basic_constraints))                                        \
    X(basic_ca, I, set(x, NID_basic_constraints, "critical,CA:FALSE"))                          \
    X(basic_not_ca, O, set(x, NID_basic_constraints, "critical,CA:TRUE"))                       \
    X(root_no_path_length, R, set(x, NID_basic_constraints, "critical,CA:TRUE,pathlen:1"))      \
    X(key_usage_critical, I, turn(x, NID_key_usage))                                            \
    X(key_usage_cert_sign, I, set(x, NID_key_usage, "critical,cRLSign"))                        \
    X(key_usage_crl_sign, I, set(x, NID_key_usage, "critical,keyCertSign"))                     \
    X(key_usage_ca_only, I, set(x, NID_key_usage, "critical,keyCertSign,cRLSign,keyAgreement")) \
    X(key_usage_responder, O, set(x, NID_key_usage, "critical,keyAgreement"))                   \
    X(subject_key_id, O, drop(x, NID_subject_key_identifier))                                   \
    X(subject_key_id_plain, I, turn(x, NID_subject_key_identifier))                             \
    X(authority_key_id, I, drop(x, NID_authority_key_identifier))                               \
    X(authority_key_id_plain, I, turn(x, NID_authority_key_identifier))                         \
    X(root_no_extended_usage, R, set(x, NID_ext_key_usage, "serverAuth"))                       \
    X(root_no_policies, R, borrow(x, NID_certificate_policies))                                 \
    X(extended_usage_server, I, set(x, NID_ext_key_usage, "clientAuth"))                        \
    X(extended_usage_only, I, set(x, NID_ext_key_usage, "serverAuth,OCSPSigning"))              \
    X(extended_usage_ocsp, O, set(x, NID_ext_key_usage, "OCSPSigning,serverAuth"))              \
    X(nocheck, O, drop(x, NID_id_pkix_OCSP_noCheck))                                            \
    X(policies, I, drop(x, NID_certificate_policies))                                           \
    X(crl_point, I, drop(x, NID_crl_distribution_points))                                       \
    X(authority_access_plain, I, turn(x, NID_info_access))                                      \
    X(authority_access_issuer, I, set(x, NID_info_access, "OCSP;URI:http://a"))                 \
    X(no_pointers_root, R, set(x, NID_info_access, "OCSP;URI:http://a"))

#define X(id, kind, how)            \
    static void break_##id(X509 *x) \
    {                               \
        (void)(how);                \
    }
BREAK_TABLE(X)
#undef X

struct broken {
    const char *id;
    enum ca_kind kind;
    void (*how)(X509 *x);
};

static const struct broken table[] = {
#define X(id, kind, how) {#id, kind, break_##id},
    BREAK_TABLE(X)
#undef X
};
#define TABLE_COUNT (sizeof table / sizeof table[0])

/* As it would be read from a file: what OpenSSL remembers of the original is gone. */
static X509 *again(X509 *x)
{
    unsigned char *der = NULL;
    i2d_re_X509_tbs(x, NULL);
    int size = i2d_X509(x, &der);
    assert_true(size > 0);
    const unsigned char *at = der;
    X509 *read = d2i_X509(NULL, &at, size);
    OPENSSL_free(der);
    assert_non_null(read);
    return read;
}

static void every_rule_is_broken_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        X509 *copy = X509_dup(good[table[i].kind]);
        table[i].how(copy);
        X509 *x = again(copy);
        const struct ca_lint_rule *rule = ca_lint(x, issuer_of(table[i].kind), table[i].kind);
        if (rule == NULL || strcmp(rule->id, table[i].id) != 0)
            fail_msg("%s: found %s", table[i].id, rule == NULL ? "nothing" : rule->id);
        X509_free(x);
        X509_free(copy);
    }
}

static void no_rule_is_forgotten(void **state)
{
    (void)state;
    for (size_t i = 0; i < ca_lint_count(); i++) {
        size_t at = 0;
        while (at < TABLE_COUNT && strcmp(table[at].id, ca_lint_rule(i)->id) != 0)
            at++;
        /* An issuer with a path length is needed for this one, below. */
        if (at == TABLE_COUNT && strcmp(ca_lint_rule(i)->id, "path_length_fits") != 0)
            fail_msg("%s: never broken", ca_lint_rule(i)->id);
    }
}

static void path_lengths(void **state)
{
    (void)state;
    X509 *copy = X509_dup(good[CA_ROOT]);
    set(copy, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    X509 *root = again(copy);
    const struct ca_lint_rule *rule = ca_lint(good[CA_INTERMEDIATE], root, CA_INTERMEDIATE);
    assert_non_null(rule);
    assert_string_equal(rule->id, "path_length_fits");
    X509_free(root);
    X509_free(copy);
}

static void good_ones_are_good(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < CA_KIND_COUNT; kind++)
        assert_null(ca_lint(good[kind], issuer_of((enum ca_kind)kind), (enum ca_kind)kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_good),
        cmocka_unit_test(every_rule_is_broken_once),
        cmocka_unit_test(no_rule_is_forgotten),
        cmocka_unit_test(path_lengths),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

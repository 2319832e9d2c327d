/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/os/file.h"
#include "presigner/config.h"
#include "tests/unit/scratch.h"

#define HEAD                  \
    "network: demo.example\n" \
    "state_dir: state\n"      \
    "publish_dir: /srv/pub\n" \
    "publish_key: publish-key.pem\n"
#define KEY    "    key: {file: ca-key.pem}\n"
#define ISSUER "issuers:\n  - name: demo\n    ca_certificate: ca.pem\n"

static char dir[SCRATCH_BYTES];
static char path[SCRATCH_BYTES + 32];

static int setup(void **state)
{
    (void)state;
    scratch_make(dir);
    snprintf(path, sizeof path, "%s/presigner.yaml", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(dir);
    return 0;
}

static enum err load(const char *text, struct presigner_config **ret, char *message)
{
    assert_int_equal(file_publish_lazy(path, span_text(text), 0600), ERR_OK);
    message[0] = '\0';
    return presigner_config_load(path, ret, message);
}

static struct presigner_config *load_good(const char *text)
{
    char message[CONFIG_MESSAGE_BYTES];
    struct presigner_config *config = NULL;
    if (load(text, &config, message) != ERR_OK)
        fail_msg("%s", message);
    return config;
}

static void assert_in_dir(const char *text, const char *name)
{
    char expected[SCRATCH_BYTES + 64];
    snprintf(expected, sizeof expected, "%s/%s", dir, name);
    assert_string_equal(text, expected);
}

static void test_defaults(void **state)
{
    (void)state;
    struct presigner_config *c = load_good(HEAD ISSUER KEY);
    assert_string_equal(c->network, "demo.example");
    assert_in_dir(c->state_dir, "state");
    assert_string_equal(c->publish_dir, "/srv/pub");
    assert_in_dir(c->publish_key, "publish-key.pem");
    assert_false(c->has_admin);
    assert_int_equal(c->verify, SIGN_VERIFY_SAMPLE);
    assert_int_equal(c->map_size_bytes, 64ull << 30);
    assert_int_equal(c->sign_threads, 0);
    assert_int_equal(c->head_validity_s, 21600);
    assert_int_equal(c->issuer_count, 1);
    const struct issuer_config *issuer = presigner_config_issuer(c, NULL);
    assert_ptr_equal(issuer, presigner_config_issuer(c, "demo"));
    assert_null(presigner_config_issuer(c, "other"));
    assert_int_equal(issuer->validity_s, 7 * 86400);
    assert_int_equal(issuer->refresh_s, 302400);
    assert_int_equal(issuer->backdate_s, 300);
    assert_int_equal(issuer->certid, CERTID_BOTH);
    assert_null(issuer->responder_certificate);
    assert_in_dir(issuer->ca_certificate, "ca.pem");
    assert_int_equal(issuer->signer.backend, SIGNER_PEM);
    assert_in_dir(issuer->signer.key_file, "ca-key.pem");
    assert_true(issuer->has_ca_key);
    presigner_config_free(c);
}

static void test_everything_given(void **state)
{
    (void)state;
    struct presigner_config *c = load_good(
        HEAD "admin: '[::1]:9081'\nverify: all\nmap_size_bytes: 8589934592\nsign_threads: 3\n"
             "grace_after_expiry_s: 0\nallow_any_validity: true\n"
             "issuers:\n"
             "  - name: a\n    ca_certificate: a.pem\n    certid: sha256\n    backdate_s: 0\n"
             "    validity_s: 60\n    refresh_s: 30\n"
             "    responder_certificate: r.pem\n"
             "    responder_key: {module: /usr/lib/p11.so, token: t, id: '0a', pin_file: pin}\n"
             "  - name: b\n    ca_certificate: b.pem\n    certid: sha1\n"
             "    key: {file: b.key, passphrase_env: PASS}\n");
    assert_true(c->has_admin);
    assert_int_equal(c->admin.sa.any.sa_family, AF_INET6);
    assert_int_equal(c->verify, SIGN_VERIFY_ALL);
    assert_int_equal(c->map_size_bytes, 8589934592);
    assert_int_equal(c->sign_threads, 3);
    assert_int_equal(c->grace_after_expiry_s, 0);
    assert_null(presigner_config_issuer(c, NULL)); /* which of the two? */
    const struct issuer_config *a = presigner_config_issuer(c, "a");
    assert_int_equal(a->certid, CERTID_SHA256);
    assert_int_equal(a->backdate_s, 0);
    assert_int_equal(a->validity_s, 60);
    assert_false(a->has_ca_key);
    assert_in_dir(a->responder_certificate, "r.pem");
    assert_int_equal(a->signer.backend, SIGNER_PKCS11);
    assert_string_equal(a->signer.module, "/usr/lib/p11.so");
    assert_string_equal(a->signer.token_label, "t");
    assert_string_equal(a->signer.key_id, "0a");
    assert_null(a->signer.key_label);
    assert_in_dir(a->signer.pin_file, "pin");
    const struct issuer_config *b = presigner_config_issuer(c, "b");
    assert_int_equal(b->certid, CERTID_SHA1);
    assert_string_equal(b->signer.passphrase_environment, "PASS");
    presigner_config_free(c);
}

static void test_redis(void **state)
{
    (void)state;
    struct presigner_config *c = load_good(HEAD ISSUER KEY);
    assert_null(c->redis.addresses);
    presigner_config_free(c);
    c = load_good(HEAD "redis: {addresses: [/run/s, '[::1]:6379'], user: u, password_file: pw, "
                       "edge_forget_s: 3600}\n" ISSUER KEY);
    assert_int_equal(c->redis.address_count, 2);
    assert_string_equal(c->redis.addresses[0], "/run/s");
    assert_string_equal(c->redis.addresses[1], "[::1]:6379");
    assert_string_equal(c->redis.user, "u");
    assert_in_dir(c->redis.password_file, "pw");
    assert_int_equal(c->redis.stream_length, 10000);
    assert_int_equal(c->redis.edge_forget_s, 3600);
    presigner_config_free(c);
}

#define OTHER "  - name: other\n    ca_certificate: b.pem\n"
#define CRL(base, ca_path) \
    "    crl: {scope: user, url_base: 'http://c.test" base "', ca_path: '" ca_path "'}\n"

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message; /* is in it */
    } rows[] = {
        {"", "empty"},
        {HEAD, "\"issuers\" is missing"},
        {HEAD "issuers: []\n", "at least 1"},
        {HEAD "colour: red\n" ISSUER KEY, ":5: unknown key \"colour\""},
        {HEAD ISSUER KEY "    colour: red\n", "unknown key \"colour\""},
        {HEAD "sign_threads: many\n" ISSUER KEY, ":5: sign_threads: \"many\" is not a decimal"},
        {HEAD "sign_threads: 257\n" ISSUER KEY, "257 is out of range 0..256"},
        {HEAD "head_validity_s: 0\n" ISSUER KEY, "out of range"},
        {HEAD "redis: {}\n" ISSUER KEY, "\"addresses\" is missing"},
        {HEAD "redis: {addresses: []}\n" ISSUER KEY, "at least 1"},
        {HEAD "redis: {addresses: [/s], port: 1}\n" ISSUER KEY, "unknown key \"port\""},
        {HEAD "redis: {addresses: ['redis.example:1']}\n" ISSUER KEY, "\"redis.example:1\" is not"},
        {HEAD "redis: {addresses: [redis.sock]}\n" ISSUER KEY, "\"redis.sock\" is not like"},
        {HEAD "redis: {addresses: [/s], user: u}\n" ISSUER KEY, "user goes with password_file"},
        {HEAD "redis: {addresses: [/s], stream_length: 0}\n" ISSUER KEY, "out of range"},
        {HEAD "redis: {addresses: [/s], edge_forget_s: 59}\n" ISSUER KEY, "out of range"},
        {HEAD "redis: {addresses: [/1, /2, /3, /4, /5, /6, /7, /8, /9]}\n" ISSUER KEY, "at most 8"},
        {HEAD "withdrawn_paths: [7/]\n" ISSUER KEY, "withdrawn_paths: \"7/\" is not like"},
        {HEAD "head_validity_s: 600\n" ISSUER KEY, "head_refresh_s must be below"},
        {HEAD "verify: some\n" ISSUER KEY, "none of: all, sample, none"},
        {HEAD "admin: localhost\n" ISSUER KEY, "admin: \"localhost\" is not like"},
        {HEAD ISSUER, "issuer demo: needs a key"},
        {HEAD ISSUER "    key: {}\n", "either file (PEM) or module"},
        {HEAD ISSUER "    key: {file: a, module: b}\n", "either file (PEM) or module"},
        {HEAD ISSUER "    key: {file: a, token: b}\n", "go with module"},
        {HEAD ISSUER "    key: {module: a}\n", "by label or id"},
        {HEAD ISSUER "    key: {module: a, id: '01', passphrase_env: B}\n", "pin_file"},
        {HEAD ISSUER "    key: {file: a, passphrase_env: B, passphrase_file: c}\n", "exclude"},
        {HEAD ISSUER KEY "    responder_certificate: r.pem\n", "go together"},
        {HEAD ISSUER KEY "    responder_key: {file: r.key}\n", "go together"},
        {HEAD ISSUER KEY "    validity_s: 3600\n    refresh_s: 60\n", "allow_any_validity"},
        {HEAD ISSUER KEY "    validity_s: 864001\n", "allow_any_validity"},
        {HEAD ISSUER KEY "    validity_s: 302400\n", "refresh_s and backdate_s together"},
        {HEAD ISSUER KEY "    refresh_s: 300\n", "backdate_s must be below refresh_s"},
        {HEAD ISSUER KEY "    backdate_s: 3601\n", "3601 is out of range 0..3600"},
        {HEAD ISSUER KEY "    certid: md5\n", "none of: both, sha1, sha256"},
        {HEAD ISSUER KEY CRL("/7", "/7/1/0.crl"), "ca_path: must not end in .crl"},
        {HEAD ISSUER KEY CRL("/7", "/ca.crt") OTHER KEY CRL("/8", "/ca.crt"), "/ca.crt is that of"},
        {HEAD ISSUER KEY CRL("/7", "/8/ca.crt") OTHER KEY
         "    crl: {scope: all, url_base: 'http://c.test/8'}\n",
         "/8/ca.crt is that of issuer demo"},
        {HEAD ISSUER KEY CRL("/7", "/a") OTHER KEY CRL("/7", "/b"), "the path of issuer demo's"},
        {HEAD ISSUER KEY "  - name: demo\n    ca_certificate: b.pem\n" KEY, "two issuers"},
        {"network: -x\nstate_dir: a\npublish_dir: b\npublish_key: c\n" ISSUER KEY, "network: "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char message[CONFIG_MESSAGE_BYTES];
        struct presigner_config *config = NULL;
        assert_int_equal(load(rows[i].text, &config, message), ERR_CONFIG);
        assert_null(config);
        if (strstr(message, rows[i].message) == NULL)
            fail_msg("row %zu: \"%s\" is not in \"%s\"", i, rows[i].message, message);
        assert_ptr_equal(strstr(message, path), message);
    }
}

static void test_no_file(void **state)
{
    (void)state;
    char message[CONFIG_MESSAGE_BYTES] = "";
    struct presigner_config *config = NULL;
    assert_int_equal(presigner_config_load("/nonexistent/p.yaml", &config, message), ERR_NOT_FOUND);
    assert_string_not_equal(message, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_everything_given),
        cmocka_unit_test(test_redis),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

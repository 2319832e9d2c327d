/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "issuer/config.h"
#include "issuer/leaf_profile.h"
#include "lib/os/file.h"
#include "tests/unit/scratch.h"

#define STATE     "state_dir: state\n"
#define REGISTRY  "registry: {sqlite: registry.db}\n"
#define AUDIT     "audit: {folder: audit, key: audit-key.pem}\n"
#define PUBLIC    "public: {listen: \"127.0.0.1:1\", certificate: tls.pem, key: tls-key.pem}\n"
#define INTERNAL_ "internal: {listen: \"127.0.0.1:2\", certificate: tls.pem, key: tls-key.pem"
#define INTERNAL  INTERNAL_ ", client_ca: clients.pem}\n"
#define PROFILES  "profiles:\n  - {name: dv, kind: dv}\n"
#define CA_       "authorities:\n  - name: i1\n    certificate: i1.pem\n    profiles: [dv]\n"
#define KEY       "    key: {file: i1-key.pem}\n"
#define URLS      "    ocsp_url: http://o.test/\n    crl_url_base: http://c.test/i1\n"
#define CA        CA_ KEY URLS
#define BASE      STATE REGISTRY AUDIT PUBLIC INTERNAL
#define FINGER    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char dir[SCRATCH_BYTES];
static char path[SCRATCH_BYTES + 32];

static int setup(void **state)
{
    (void)state;
    scratch_make(dir);
    snprintf(path, sizeof path, "%s/issuer.yaml", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(dir);
    return 0;
}

static enum err load(const char *text, struct issuing_config **ret,
                     char message[static CONFIG_MESSAGE_BYTES])
{
    assert_int_equal(file_publish_lazy(path, span_text(text), 0600), ERR_OK);
    message[0] = '\0';
    return issuing_config_load(path, ret, message);
}

static struct issuing_config *load_good(const char *text)
{
    char message[CONFIG_MESSAGE_BYTES];
    struct issuing_config *config = NULL;
    if (load(text, &config, message) != ERR_OK)
        fail_msg("%s", message);
    return config;
}

static void defaults(void **state)
{
    (void)state;
    char expected[SCRATCH_BYTES + 64];
    struct issuing_config *c = load_good(BASE PROFILES CA);
    snprintf(expected, sizeof expected, "%s/registry.db", dir);
    assert_string_equal(c->registry.sqlite, expected);
    assert_null(c->registry.postgresql);
    assert_null(c->linter.socket);
    assert_false(c->has_admin);
    assert_int_equal(c->publish_wait_ms, 2000);
    assert_int_equal(c->audit.retention_years, 7);
    assert_int_equal(c->authority_count, 1);
    snprintf(expected, sizeof expected, "%s/i1-key.pem", dir);
    assert_string_equal(c->authorities[0].key.key_file, expected);
    assert_int_equal(c->authorities[0].crl_shards, 1);
    const struct leaf_profile *p = issuing_config_profile(c, span_text("dv"));
    assert_non_null(p);
    assert_int_equal(p->validity_s, 90 * 86400);
    assert_true(p->wildcards && p->ocsp_url && p->crl_url);
    assert_false(p->addresses || p->client_auth || p->must_staple);
    assert_int_equal(p->key_algs, 1u << KEY_RSA | 1u << KEY_P256 | 1u << KEY_P384);
    assert_null(issuing_config_profile(c, span_text("d")));
    issuing_config_free(c);
}

static void profiles_have_defaults_of_their_kind(void **state)
{
    (void)state;
    struct issuing_config *c =
        load_good(BASE "profiles:\n"
                       "  - {name: dv, kind: dv, keys: [ed25519], client_auth: true, "
                       "allow: [{lint: key_algorithm, reason: inside of our own network}]}\n"
                       "  - {name: ev, kind: ev}\n"
                       "  - {name: week, kind: dv, short_lived: true, validity_days: 6}\n" CA);
    const struct leaf_profile *dv = issuing_config_profile(c, span_text("dv"));
    const struct leaf_profile *week = issuing_config_profile(c, span_text("week"));
    assert_int_equal(dv->key_algs, 1u << KEY_ED25519);
    assert_true(dv->client_auth);
    assert_int_equal(dv->allow_count, 1);
    assert_false(issuing_config_profile(c, span_text("ev"))->wildcards);
    assert_false(week->ocsp_url || week->crl_url);
    issuing_config_free(c);
}

static void clients_are_known_by_one_thing(void **state)
{
    (void)state;
    struct sha256 hash, other = {0};
    const char *name = NULL;
    struct issuing_config *c = load_good(
        BASE PROFILES CA "clients:\n"
                         "  - {name: p, common_name: p1, roles: [feed]}\n"
                         "  - {name: q, fingerprint: " FINGER ", roles: [operator, admin]}\n");
    assert_int_equal(sha256_from_text(span_text(FINGER), &hash), ERR_OK);
    assert_int_equal(issuing_config_client(c, &other, "p1", &name), ROLE_FEED);
    assert_string_equal(name, "p");
    /* Its fingerprint says more than its name. */
    assert_int_equal(issuing_config_client(c, &hash, "p1", &name), ROLE_OPERATOR | ROLE_ADMIN);
    assert_string_equal(name, "q");
    assert_int_equal(issuing_config_client(c, &other, "p", NULL), 0);
    assert_int_equal(issuing_config_client(c, &other, "", NULL), 0);
    issuing_config_free(c);
}

static const struct {
    const char *text, *message;
} bad[] = {
    {STATE AUDIT PUBLIC INTERNAL PROFILES CA, "registry"},
    {STATE "registry: {}\n" AUDIT PUBLIC INTERNAL PROFILES CA, "either sqlite"},
    {STATE "registry: {sqlite: a, postgresql: b}\n" AUDIT PUBLIC INTERNAL PROFILES CA,
     "either sqlite"},
    {STATE REGISTRY AUDIT PUBLIC INTERNAL_ "}\n" PROFILES CA, "client_ca"},
    {STATE REGISTRY AUDIT INTERNAL "public: {listen: x, certificate: a, key: b}\n" PROFILES CA,
     "not an address"},
    {STATE REGISTRY AUDIT INTERNAL
     "public: {listen: \"127.0.0.1:1\", certificate: a, key: b, client_ca: c}\n" PROFILES CA,
     "API keys"},
    {BASE "profiles:\n  - {name: dv, kind: xv}\n" CA, "kind"},
    {BASE "profiles:\n  - {name: dv, kind: dv, keys: [dsa]}\n" CA, "dsa"},
    {BASE "profiles:\n  - {name: dv, kind: dv, keys: [ed25519]}\n" CA, "key_algorithm"},
    {BASE "profiles:\n  - {name: dv, kind: dv, policies: [x]}\n" CA, "dotted"},
    {BASE "profiles:\n  - {name: ev, kind: ev, wildcards: true}\n" CA, "ev"},
    {BASE "profiles:\n  - {name: dv, kind: dv, validity_days: 399}\n" CA, "validity_days"},
    {BASE "profiles:\n  - {name: dv, kind: dv, allow: [{lint: none, reason: because it is}]}\n" CA,
     "no such rule"},
    {BASE "profiles:\n  - {name: dv, kind: dv}\n  - {name: dv, kind: ov}\n" CA, "two profiles"},
    {BASE PROFILES "authorities:\n  - {name: i1, certificate: a, profiles: [ov], key: {file: b}}\n",
     "no such profile"},
    {BASE PROFILES CA_ KEY "    crl_url_base: http://c.test/\n", "ocsp_url"},
    {BASE PROFILES CA_ KEY "    ocsp_url: http://o.test/\n", "crl_url_base"},
    {BASE PROFILES CA_ KEY "    ocsp_url: https://o.test/\n    crl_url_base: http://c.test/\n",
     "certificate can carry"},
    {BASE PROFILES CA_ "    key: {}\n" URLS, "either file"},
    {BASE PROFILES CA_ "    key: {file: a, module: b}\n" URLS, "either file"},
    {BASE PROFILES CA_ "    key: {file: a, label: b}\n" URLS, "go with module"},
    {BASE PROFILES CA_ "    key: {module: a}\n" URLS, "label or id"},
    {BASE PROFILES CA_ "    key: {module: a, label: b, passphrase_file: c}\n" URLS, "pin_file"},
    {BASE PROFILES CA "  - {name: i1, certificate: a, profiles: [dv], key: {file: b}, "
                      "ocsp_url: http://o.test/, crl_url_base: http://c.test/}\n",
     "two authorities"},
    {BASE PROFILES CA "clients:\n  - {name: a, roles: [feed]}\n", "either common_name"},
    {BASE PROFILES CA "clients:\n  - {name: a, common_name: b, roles: [customer]}\n", "API key"},
    {BASE PROFILES CA "clients:\n  - {name: a, common_name: b, roles: [king]}\n", "king"},
    {BASE PROFILES CA "clients:\n  - {name: a, fingerprint: 12, roles: [feed]}\n", "64"},
    {BASE PROFILES CA "clients:\n  - {name: a, common_name: b, roles: [feed]}\n"
                      "  - {name: c, common_name: b, roles: [admin]}\n",
     "same certificate"},
    {BASE PROFILES CA "linter: {socket: a, severity: awful}\n", "awful"},
    {BASE PROFILES CA "workers: 65\n", "workers"},
    {BASE PROFILES CA "admin: here\n", "admin"},
    {BASE PROFILES CA "colour: red\n", "colour"},
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    char message[CONFIG_MESSAGE_BYTES];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct issuing_config *config = NULL;
        if (load(bad[i].text, &config, message) != ERR_CONFIG)
            fail_msg("row %zu (%s) was taken", i, bad[i].message);
        if (strstr(message, bad[i].message) == NULL)
            fail_msg("row %zu: \"%s\" has no \"%s\"", i, message, bad[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(profiles_have_defaults_of_their_kind),
        cmocka_unit_test(clients_are_known_by_one_thing),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

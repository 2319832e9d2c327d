/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/ocsp_response.h"
#include "lib/os/pkcs11_module.h"
#include "lib/os/signer.h"
#include "sign_fixture.h"

static char directory[FIXTURE_PATH_BYTES];

static const enum sig_alg algorithms[] = {
#define X(name, number, size, text) SIG_##name,
    SIG_ALG_TABLE(X)
#undef X
};
#define ALGORITHM_COUNT (sizeof algorithms / sizeof algorithms[0])

static int setup(void **state)
{
    (void)state;
    fixture_directory(directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(directory);
    return 0;
}

/* Signs a few different statements through two workers and verifies each. */
static void sign_some(struct signer *signer, const struct ocsp_template *t)
{
    struct template_verifier *verifier = NULL;
    assert_int_equal(template_verifier_new(t, &verifier), ERR_OK);
    for (unsigned round = 0; round < 2; round++) {
        struct signer_worker *worker = NULL;
        assert_int_equal(signer_worker_new(signer, &worker), ERR_OK);
        for (uint32_t i = 1; i <= 5; i++) {
            struct statement s = {
                .serial = {.size = 2, .octets = {0x11, (uint8_t)i}},
                .facts = {.template_no = 1,
                          .status = i % 2 == 0 ? CERT_REVOKED : CERT_GOOD,
                          .reason = i % 2 == 0 ? REASON_KEY_COMPROMISE : REASON_ABSENT,
                          .revoked_at_s = i % 2 == 0 ? 1700000000 : 0,
                          .this_update_s = 1800000000 + i,
                          .next_update_s = 1800000100 + i}};
            uint8_t tbs[OCSP_TBS_BYTES_MAX];
            uint8_t signature[SIGNATURE_BYTES_MAX];
            size_t tbs_size = 0;
            size_t size = 0;
            assert_int_equal(ocsp_tbs_encode(t, &s.serial, &s.facts, s.facts.this_update_s, tbs,
                                             sizeof tbs, &tbs_size),
                             ERR_OK);
            assert_int_equal(signer_worker_sign(worker, span_of(tbs, tbs_size), signature, &size),
                             ERR_OK);
            assert_int_equal(size, sig_alg_info(t->sig_alg)->size);
            s.signature = span_of(signature, size);
            assert_int_equal(template_verify(verifier, &s), ERR_OK);
            signature[size / 2] ^= 1;
            assert_int_equal(template_verify(verifier, &s), ERR_SIGNATURE);
        }
        signer_worker_free(worker);
    }
    template_verifier_free(verifier);
}

static void every_algorithm_from_pem(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        char path[FIXTURE_PATH_BYTES];
        EVP_PKEY *key = fixture_key(algorithms[i]);
        struct ocsp_template t;
        fixture_template(key, "ca", &t);
        fixture_pem(key, fixture_path(directory, "key.pem", path), NULL);
        struct signer_options options = {.backend = SIGNER_PEM, .key_file = path};
        struct signer *signer = NULL;
        assert_int_equal(signer_open(&options, &t, &signer), ERR_OK);
        sign_some(signer, &t);
        signer_free(signer);
        EVP_PKEY_free(key);
    }
}

static void encrypted_pem(void **state)
{
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    char secret[FIXTURE_PATH_BYTES];
    EVP_PKEY *key = fixture_key(SIG_ECDSA_P256_SHA256);
    struct ocsp_template t;
    fixture_template(key, "ca", &t);
    fixture_pem(key, fixture_path(directory, "encrypted.pem", path), "correct horse");
    fixture_path(directory, "passphrase", secret);
    const struct {
        const char *file_text;
        const char *environment;
        enum err err;
    } cases[] = {
        {"correct horse\n", NULL, ERR_OK},
        {"correct horse\r\nmore\n", NULL, ERR_OK},
        {"wrong\n", NULL, ERR_KEY},
        {"\n", NULL, ERR_CONFIG},
        {NULL, "correct horse", ERR_OK},
        {NULL, "wrong", ERR_KEY},
        {NULL, NULL, ERR_KEY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct signer_options options = {.key_file = path,
                                         .passphrase_environment = "STATIM_TEST_PASSPHRASE"};
        unsetenv("STATIM_TEST_PASSPHRASE");
        if (cases[i].environment != NULL)
            setenv("STATIM_TEST_PASSPHRASE", cases[i].environment, 1);
        if (cases[i].file_text != NULL) {
            fixture_text(secret, cases[i].file_text);
            options.passphrase_file = secret;
        }
        struct signer *signer = NULL;
        assert_int_equal(signer_open(&options, &t, &signer), cases[i].err);
        if (signer != NULL)
            sign_some(signer, &t);
        signer_free(signer);
    }
    EVP_PKEY_free(key);
}

static void a_key_of_another_certificate(void **state)
{
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    static const enum sig_alg others[] = {SIG_ECDSA_P256_SHA256, SIG_ECDSA_P384_SHA384, SIG_ED25519,
                                          SIG_RSA2048_SHA256};
    EVP_PKEY *key = fixture_key(SIG_ECDSA_P256_SHA256);
    struct ocsp_template t;
    fixture_template(key, "ca", &t);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        EVP_PKEY *other = fixture_key(others[i]);
        fixture_pem(other, fixture_path(directory, "other.pem", path), NULL);
        struct signer_options options = {.key_file = path};
        struct signer *signer = NULL;
        assert_int_equal(signer_open(&options, &t, &signer), ERR_KEY);
        assert_null(signer);
        EVP_PKEY_free(other);
    }
    EVP_PKEY_free(key);
}

static void bad_key_files(void **state)
{
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    EVP_PKEY *key = fixture_key(SIG_ECDSA_P256_SHA256);
    struct ocsp_template t;
    fixture_template(key, "ca", &t);
    EVP_PKEY_free(key);
    struct signer *signer = NULL;
    struct signer_options options = {.key_file = fixture_path(directory, "absent.pem", path)};
    assert_int_equal(signer_open(&options, &t, &signer), ERR_NOT_FOUND);
    fixture_text(path, "this is no key\n");
    assert_int_equal(signer_open(&options, &t, &signer), ERR_KEY);
    options.key_file = NULL;
    assert_int_equal(signer_open(&options, &t, &signer), ERR_CONFIG);
}

/* --- PKCS#11, on SoftHSM --- */

static const char *const softhsm_paths[] = {
    "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so"};

static const char *softhsm_module(void)
{
    if (system("command -v softhsm2-util >/dev/null 2>&1") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof softhsm_paths / sizeof softhsm_paths[0]; i++)
        if (access(softhsm_paths[i], R_OK) == 0)
            return softhsm_paths[i];
    return NULL;
}

__attribute__((format(printf, 1, 2))) static void command(const char *format, ...)
{
    char text[4 * FIXTURE_PATH_BYTES];
    va_list args;
    va_start(args, format);
    CHECK(vsnprintf(text, sizeof text, format, args) < (int)sizeof text);
    va_end(args);
    assert_int_equal(system(text), 0);
}

static const char *const token_ids[ALGORITHM_COUNT] = {"a1", "a2", "a3", "a4", "a5", "a6"};

/* SoftHSM reads its configuration when the module is initialised, from the environment. */
static void token_make(EVP_PKEY *keys[ALGORITHM_COUNT])
{
    char conf[FIXTURE_PATH_BYTES];
    char text[2 * FIXTURE_PATH_BYTES];
    char path[FIXTURE_PATH_BYTES];
    command("mkdir %s/tokens", directory);
    snprintf(text, sizeof text, "directories.tokendir = %s/tokens\nlog.level = ERROR\n", directory);
    fixture_text(fixture_path(directory, "softhsm2.conf", conf), text);
    setenv("SOFTHSM2_CONF", conf, 1);
    command("softhsm2-util --init-token --free --label statim --pin 1234 --so-pin 5678 >/dev/null");
    fixture_path(directory, "import.pem", path);
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        keys[i] = fixture_key(algorithms[i]);
        fixture_pem(keys[i], path, NULL);
        command("softhsm2-util --import %s --token statim --label key-%s --id %s --pin 1234 "
                ">/dev/null",
                path, token_ids[i], token_ids[i]);
    }
}

static void token_options_are_checked(const struct signer_options *good,
                                      const struct ocsp_template *t, const char *wrong_pin_file)
{
    struct signer *signer = NULL;
    struct signer_options options = *good;
    options.pin_file = wrong_pin_file;
    assert_int_equal(signer_open(&options, t, &signer), ERR_KEY);
    options = *good;
    options.key_label = "no such key";
    assert_int_equal(signer_open(&options, t, &signer), ERR_KEY);
    options = *good;
    options.token_label = "no such token";
    assert_int_equal(signer_open(&options, t, &signer), ERR_NOT_FOUND);
    options = *good;
    options.module = "/no/such/module.so";
    assert_int_equal(signer_open(&options, t, &signer), ERR_CONFIG);
    options = *good;
    options.key_label = NULL;
    options.key_id = NULL;
    assert_int_equal(signer_open(&options, t, &signer), ERR_CONFIG);
    options = *good;
    options.key_id = "xyz";
    assert_int_equal(signer_open(&options, t, &signer), ERR_CONFIG);
}

/* All sessions are gone, and the login with them, as when a network HSM was restarted. */
static void a_lost_session_is_opened_again(struct signer *signer, const char *module_path)
{
    struct pkcs11_module *module = NULL;
    struct signer_worker *worker = NULL;
    CK_SLOT_ID slot = 0;
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(pkcs11_module_get(module_path, &module), ERR_OK);
    CK_FUNCTION_LIST *p11 = pkcs11_module_functions(module);
    assert_int_equal(pkcs11_slot_find(p11, "statim", &slot), ERR_OK);
    assert_int_equal(signer_worker_new(signer, &worker), ERR_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(p11->C_CloseAllSessions(slot), CKR_OK);
        assert_int_equal(signer_worker_sign(worker, span_text("tbs"), signature, &size), ERR_OK);
    }
    signer_worker_free(worker);
    pkcs11_module_put(module);
}

static void every_algorithm_from_a_token(void **state)
{
    (void)state;
    const char *module = softhsm_module();
    if (module == NULL) {
        print_message("skipped: softhsm2 is not installed\n");
        skip();
    }
    EVP_PKEY *keys[ALGORITHM_COUNT];
    char pin[FIXTURE_PATH_BYTES];
    char wrong_pin[FIXTURE_PATH_BYTES];
    token_make(keys);
    fixture_text(fixture_path(directory, "pin", pin), "1234\n");
    fixture_text(fixture_path(directory, "wrong-pin", wrong_pin), "4321\n");
    struct signer_options options = {
        .backend = SIGNER_PKCS11, .module = module, .token_label = "statim", .pin_file = pin};
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        struct ocsp_template t;
        char label[16];
        snprintf(label, sizeof label, "key-%s", token_ids[i]);
        fixture_template(keys[i], "ca", &t);
        struct signer *signer = NULL;
        options.key_label = i % 2 == 0 ? label : NULL;
        options.key_id = i % 2 == 0 && i != 0 ? NULL : token_ids[i];
        assert_int_equal(signer_open(&options, &t, &signer), ERR_OK);
        sign_some(signer, &t);
        a_lost_session_is_opened_again(signer, module);
        signer_free(signer);
        if (i == 0)
            token_options_are_checked(&options, &t, wrong_pin);
        EVP_PKEY_free(keys[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_algorithm_from_pem, setup, teardown),
        cmocka_unit_test_setup_teardown(encrypted_pem, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_of_another_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_key_files, setup, teardown),
        cmocka_unit_test_setup_teardown(every_algorithm_from_a_token, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

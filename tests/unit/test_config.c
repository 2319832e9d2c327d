/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/config.h"
#include "lib/span.h"

enum mode { MODE_FAST, MODE_SAFE };

struct listen {
    uint16_t port;
    char *name;
};

struct settings {
    struct listen *listen;
    unsigned listen_count;
    char *origin;
    char *note;
    unsigned workers;
    uint64_t bytes;
    enum mode mode;
    bool quiet;
};

static const cyaml_strval_t mode_names[] = {{"fast", MODE_FAST}, {"safe", MODE_SAFE}};

static const cyaml_schema_field_t listen_fields[] = {
    CONFIG_FIELD_UINT("port", CYAML_FLAG_DEFAULT, struct listen, port, 1, 65535),
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct listen, name, 1, 10),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t listen_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct listen, listen_fields),
};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_SEQUENCE("listen", CYAML_FLAG_POINTER, struct settings, listen, &listen_schema, 1,
                         3),
    CYAML_FIELD_STRING_PTR("origin", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings,
                           origin, 0, 100),
    CYAML_FIELD_STRING_PTR("note", CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL,
                           struct settings, note, 0, 100),
    CONFIG_FIELD_UINT("workers", CYAML_FLAG_OPTIONAL, struct settings, workers, 2, 64),
    CONFIG_FIELD_UINT("bytes", CYAML_FLAG_OPTIONAL, struct settings, bytes, 1, CYAML_UNLIMITED),
    CYAML_FIELD_ENUM("mode", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct settings, mode,
                     mode_names, 2),
    CYAML_FIELD_BOOL("quiet", CYAML_FLAG_OPTIONAL, struct settings, quiet),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct settings, fields),
};

static char path[] = "/tmp/statim-test-config-XXXXXX";

static void write_file(const void *text, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

#define LISTEN "listen:\n  - port: 80\n    name: web\n"

static void loads(void **state)
{
    (void)state;
    static const char text[] = "# comment\n"
                               "listen:\n"
                               "  - {port: 80, name: web}\n"
                               "  - port: 65535\n"
                               "    name: \"last\"\n"
                               "origin: https://example.test/pub\n"
                               "note: null\n"
                               "workers: 64\n"
                               "bytes: 18446744073709551615\n"
                               "mode: safe\n"
                               "quiet: yes\n";
    char message[CONFIG_MESSAGE_BYTES];
    struct settings *settings = NULL;
    write_file(text, sizeof text - 1);
    enum err err = config_load(path, &schema, (cyaml_data_t **)&settings, message);
    assert_string_equal(message, "");
    assert_int_equal(err, ERR_OK);
    assert_int_equal(settings->listen_count, 2);
    assert_int_equal(settings->listen[1].port, 65535);
    assert_string_equal(settings->listen[1].name, "last");
    assert_string_equal(settings->origin, "https://example.test/pub");
    assert_null(settings->note);
    assert_int_equal(settings->workers, 64);
    assert_true(settings->bytes == UINT64_MAX);
    assert_int_equal(settings->mode, MODE_SAFE);
    assert_true(settings->quiet);
    config_free(&schema, settings);
}

static const struct {
    const char *text;
    const char *message; /* after the path */
} refused[] = {
    {"", ":1: the file is empty"},
    {"# nothing\n\n", ":1: the file is empty"},
    {LISTEN "worker: 3\n", ":4: unknown key \"worker\""},
    {"listen:\n  - port: 80\n    name: web\n    tls: yes\n", ":4: listen[1]: unknown key \"tls\""},
    {"workers: 3\n", ":1: the key \"listen\" is missing"},
    {"listen:\n  - port: 80\n    name: a\n  - port: 81\n",
     ":4: listen[2]: the key \"name\" is missing"},
    {LISTEN "workers: 3\nmode: safe\nworkers: 4\n", ":6: the key \"workers\" is given twice"},
    {LISTEN "workers: 1\n", ":4: workers: 1 is out of range 2..64"},
    {LISTEN "workers: 65\n", ":4: workers: 65 is out of range 2..64"},
    {LISTEN "workers: -1\n", ":4: workers: \"-1\" is not a decimal number"},
    {LISTEN "workers: 08\n", ":4: workers: \"08\" is not a decimal number"},
    {LISTEN "workers: 0x10\n", ":4: workers: \"0x10\" is not a decimal number"},
    {LISTEN "workers: 4 4\n", ":4: workers: \"4 4\" is not a decimal number"},
    {LISTEN "workers:\n", ":4: workers: \"\" is not a decimal number"},
    {LISTEN "workers: [4]\n", ":4: workers: expected a single value"},
    {LISTEN "bytes: 0\n", ":4: bytes: 0 is out of range 1..18446744073709551615"},
    {LISTEN "bytes: 18446744073709551616\n",
     ":4: bytes: \"18446744073709551616\" is not a decimal number"},
    {"listen:\n  - name: web\n    port: 65536\n",
     ":3: listen[1].port: 65536 is out of range 1..65535"},
    {LISTEN "quiet: maybe\n", ":4: quiet: \"maybe\" is not true, false, yes or no"},
    {LISTEN "quiet: off\n", ":4: quiet: \"off\" is not true, false, yes or no"},
    {LISTEN "mode: quick\n", ":4: mode: \"quick\" is none of: fast, safe"},
    {LISTEN "origin:\n  a: b\n", ":5: origin: expected a single value"},
    {"listen: []\n", ":1: listen: a list of 0, at least 1"},
    {"listen: web\n", ":1: listen: expected a list"},
    {"listen:\n  - 3\n", ":2: listen[1]: expected keys with values"},
    {"listen:\n  - port: 80\n    name: elevenchars\n",
     ":3: listen[1].name: longer than 10 characters"},
    {"listen:\n  - port: 80\n    name: \"\"\n", ":3: listen[1].name: shorter than 1 characters"},
    {"- a\n", ":1: expected keys with values"},
    {LISTEN "---\nworkers: 3\n", ":5: a second document"},
    {LISTEN "  - bad\n -x: [\n", ":5: "},
    {"\t- a: b\n", ":1: found character that cannot start any token"},
    {"listen:\n  - port: 80\n    name: &a web\norigin: *a\n", ":4: YAML alias unsupported"},
    {"listen: &a\n  - *a\n", ":1: listen[1]: expected keys with values"},
    {"listen: &a\n  - port: *a\n    name: b\n", ":1: listen[1].port: expected a single value"},
    {"&a\nlisten: *a\n", ":"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char message[CONFIG_MESSAGE_BYTES], expected[CONFIG_MESSAGE_BYTES];
        cyaml_data_t *data = NULL;
        write_file(refused[i].text, strlen(refused[i].text));
        assert_int_equal(config_load(path, &schema, &data, message), ERR_CONFIG);
        assert_null(data);
        snprintf(expected, sizeof expected, "%s%s", path, refused[i].message);
        if (strncmp(message, expected, strlen(expected)) != 0)
            fail_msg("row %zu\n got: %s\nwant: %s", i, message, expected);
        assert_null(strchr(message, '\n'));
    }
}

/* Every cut of a good file is either loaded or refused with a message; nothing leaks. */
static void survives_cuts_and_junk(void **state)
{
    (void)state;
    static const char text[] = LISTEN "workers: 3\nmode: safe\nquiet: no\norigin: 'x'\n";
    char message[CONFIG_MESSAGE_BYTES];
    for (size_t size = 0; size < sizeof text - 1; size++) {
        for (int flip = 0; flip < 3; flip++) {
            char changed[sizeof text];
            static const char masks[] = {0, 0x08, (char)0x80};
            cyaml_data_t *data = NULL;
            memcpy(changed, text, sizeof text);
            changed[size / 2] ^= masks[flip];
            write_file(changed, size);
            if (config_load(path, &schema, &data, message) == ERR_OK)
                config_free(&schema, data);
            else
                assert_true(strlen(message) > 0);
        }
    }
}

static void names_missing_files(void **state)
{
    (void)state;
    char message[CONFIG_MESSAGE_BYTES];
    cyaml_data_t *data = NULL;
    assert_int_equal(config_load("/nonexistent/x.yaml", &schema, &data, message), ERR_NOT_FOUND);
    assert_string_equal(message, "/nonexistent/x.yaml: not found");
    assert_int_equal(config_load("/", &schema, &data, message), ERR_IO);
    assert_string_equal(message, "/: Is a directory");
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads),
        cmocka_unit_test(refuses),
        cmocka_unit_test(survives_cuts_and_junk),
        cmocka_unit_test(names_missing_files),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* edge.yaml: defaults, every kind of refusal, paths and the key file relative to the file. */
#include "edge/config.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY     "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define KEY_ROW "publish_key: " KEY "\n"
#define REST    "data_dir: data\norigins: [/srv/pub]\nlisten: ['127.0.0.1:0']\n"
#define MINIMAL KEY_ROW REST

static char folder[] = "/tmp/statim-test-edge-config-XXXXXX";
static char path[sizeof folder + 16];
static char message[CONFIG_MESSAGE_BYTES];

static void write_file(const char *name, const char *text)
{
    char where[sizeof path];
    (void)snprintf(where, sizeof where, "%s/%s", folder, name);
    FILE *file = fopen(where, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static struct edge_config *load(const char *text)
{
    struct edge_config *config = NULL;
    write_file("edge.yaml", text);
    message[0] = '\0';
    if (edge_config_load(path, &config, message) != ERR_OK)
        fail_msg("%s", message);
    return config;
}

static void defaults(void **state)
{
    (void)state;
    struct edge_config *c = load(MINIMAL);
    assert_string_equal(c->sync.network_key, KEY);
    assert_int_equal(c->listen_count, 1);
    assert_false(c->has_admin);
    assert_null(c->user);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->sync.verify_log, SYNC_VERIFY_ALL);
    assert_int_equal(c->sync.verify_packs, SYNC_VERIFY_SAMPLE);
    assert_int_equal(c->sync.map_bytes, SYNC_MAP_BYTES_DEFAULT);
    assert_int_equal(c->sync.poll_ms, SYNC_POLL_MS_DEFAULT);
#define X(name, fallback, min, max, text) assert_int_equal(c->name, fallback);
    EDGE_NUMBER_TABLE(X)
#undef X
    edge_config_free(c);
}

static void everything_given(void **state)
{
    (void)state;
    struct edge_config *c = load("publish_key: " KEY "\n"
                                 "data_dir: /var/lib/edge\n"
                                 "origins:\n  - https://a.example/pub\n  - file:///b\n  - c/d\n"
                                 "listen:\n  - 192.0.2.1:80\n  - '[2001:db8::1]:8080'\n"
                                 "admin: '[::1]:9080'\n"
                                 "user: nobody\n"
                                 "path_prefix: /ocsp/\n"
                                 "verify_log: sample\n"
                                 "verify_packs: none\n"
                                 "ca_certificates: [ca.pem, /etc/ca.pem]\n"
                                 "log_level: debug\n"
                                 "workers: 3\n"
                                 "poll_ms: 250\n"
                                 "idle_timeout_s: 7\n");
    char expected[128];
    assert_string_equal(c->sync.data_dir, "/var/lib/edge");
    assert_int_equal(c->sync.origins_count, 3);
    assert_string_equal(c->sync.origins[0], "https://a.example/pub");
    assert_string_equal(c->sync.origins[1], "file:///b");
    (void)snprintf(expected, sizeof expected, "%s/c/d", folder);
    assert_string_equal(c->sync.origins[2], expected);
    assert_int_equal(c->listen_count, 2);
    assert_int_equal(c->listen[0].sa.any.sa_family, AF_INET);
    assert_int_equal(ntohs(c->listen[0].sa.v4.sin_port), 80);
    assert_int_equal(c->listen[1].sa.any.sa_family, AF_INET6);
    assert_int_equal(ntohs(c->listen[1].sa.v6.sin6_port), 8080);
    assert_true(c->has_admin);
    assert_int_equal(ntohs(c->admin.sa.v6.sin6_port), 9080);
    assert_string_equal(c->user, "nobody");
    assert_int_equal(c->sync.verify_log, SYNC_VERIFY_SAMPLE);
    assert_int_equal(c->sync.verify_packs, SYNC_VERIFY_NONE);
    assert_int_equal(c->sync.ca_certificates_count, 2);
    (void)snprintf(expected, sizeof expected, "%s/ca.pem", folder);
    assert_string_equal(c->sync.ca_certificates[0], expected);
    assert_string_equal(c->sync.ca_certificates[1], "/etc/ca.pem");
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->workers, 3);
    assert_int_equal(c->sync.poll_ms, 250);
    assert_int_equal(c->idle_timeout_s, 7);
    edge_config_free(c);
}

/* A value of its own for each row of the table, as far as its range allows. */
static uint64_t own_value(const char *name, uint64_t min, uint64_t max, unsigned *row)
{
    uint64_t value = min + 64 + *row;
    *row += 1;
    if (strcmp(name, "receive_buffers") == 0)
        return 4096;
    return value > max ? max - 1 : value;
}

static void numbers_in_place(void **state)
{
    (void)state;
    char text[4096] = MINIMAL;
    unsigned row = 0;
#define X(name, fallback, min, max, what)                                     \
    {                                                                         \
        size_t size = strlen(text);                                           \
        (void)snprintf(text + size, sizeof text - size, "%s: %llu\n", #name,  \
                       (unsigned long long)own_value(#name, min, max, &row)); \
    }
    EDGE_NUMBER_TABLE(X)
#undef X
    struct edge_config *c = load(text);
    row = 0;
#define X(name, fallback, min, max, what) \
    assert_int_equal(c->name, own_value(#name, min, max, &row));
    EDGE_NUMBER_TABLE(X)
#undef X
    assert_int_equal(c->sync.map_bytes, c->map_bytes);
    assert_int_equal(c->sync.index_when_behind, c->index_when_behind);
    assert_int_equal(c->sync.connect_timeout_s, c->connect_timeout_s);
    assert_int_equal(c->sync.stall_timeout_s, c->stall_timeout_s);
    edge_config_free(c);
}

static void relative_to_the_file(void **state)
{
    (void)state;
    char expected[sizeof path];
    struct edge_config *c = load(MINIMAL);
    (void)snprintf(expected, sizeof expected, "%s/data", folder);
    assert_string_equal(c->sync.data_dir, expected);
    assert_string_equal(c->sync.origins[0], "/srv/pub");
    edge_config_free(c);
}

static void key_in_a_file(void **state)
{
    (void)state;
    write_file("key", KEY "\r\nanother line\n");
    struct edge_config *c = load("publish_key: key\n" REST);
    assert_string_equal(c->sync.network_key, KEY);
    edge_config_free(c);
}

static void the_fast_lane(void **state)
{
    (void)state;
    char expected[sizeof path];
    struct edge_config *c = load(MINIMAL);
    assert_int_equal(c->sync.redis.addresses_count, 0);
    assert_int_equal(fast_lane_name_check(span_text(c->sync.redis.name)), ERR_OK);
    edge_config_free(c);
    c = load(MINIMAL "name: lon-2\n"
                     "redis:\n"
                     "  addresses: ['127.0.0.1:6379', '[::1]:6379', /run/redis.sock]\n"
                     "  user: edges\n"
                     "  password_file: secret\n");
    assert_int_equal(c->sync.redis.addresses_count, 3);
    assert_string_equal(c->sync.redis.addresses[2], "/run/redis.sock");
    assert_string_equal(c->sync.redis.user, "edges");
    assert_string_equal(c->sync.redis.name, "lon-2");
    (void)snprintf(expected, sizeof expected, "%s/secret", folder);
    assert_string_equal(c->sync.redis.password_file, expected);
    edge_config_free(c);
}

/* Every row is refused, and the message holds the file's name and the word. */
static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *word;
    } rows[] = {
        {"data_dir: d\norigins: [a]\nlisten: ['127.0.0.1:0']\n", "publish_key"},
        {KEY_ROW "origins: [a]\nlisten: ['127.0.0.1:0']\n", "data_dir"},
        {KEY_ROW "data_dir: d\nlisten: ['127.0.0.1:0']\n", "origins"},
        {KEY_ROW "data_dir: d\norigins: [a]\n", "listen"},
        {KEY_ROW "data_dir: d\norigins: []\nlisten: ['127.0.0.1:0']\n", "edge.yaml:3"},
        {KEY_ROW "data_dir: d\norigins: [a]\nlisten: []\n", "edge.yaml:4"},
        {KEY_ROW "data_dir: d\norigins: [a]\nlisten: [localhost:80]\n", "localhost:80"},
        {KEY_ROW "data_dir: d\norigins: [a]\nlisten: ['127.0.0.1']\n", "listen"},
        {KEY_ROW "data_dir: d\norigins: [a]\nlisten: ['127.0.0.1:65536']\n", "listen"},
        {"publish_key: missing\n" REST, "publish_key"},
        {"publish_key: PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n" REST,
         "publish_key"},
        {"publish_key: bad\n" REST, "publish_key"},
        {KEY_ROW "data_dir: d\norigins: [a]\nlisten: ['127.0.0.1:80', '127.0.0.1:80']\n",
         "edge.yaml: listen: 127.0.0.1:80: given twice"},
        {KEY_ROW "data_dir: d\norigins: [ftp://a/b]\nlisten: ['127.0.0.1:0']\n",
         "edge.yaml: origins: ftp://a/b: neither"},
        {MINIMAL "ca_certificates: []\n", "edge.yaml:5"},
        {MINIMAL "data_dir: twice\n", "edge.yaml:5"},
        {MINIMAL "admin: localhost:80\n", "edge.yaml: admin: localhost:80: not an address"},
        {MINIMAL "admin: 9080\n", "admin"},
        {MINIMAL "path_prefix: ocsp\n", "edge.yaml: path_prefix: ocsp: must"},
        {MINIMAL "path_prefix: /ocsp\n", "path_prefix"},
        {MINIMAL "no_such_key: 1\n", "edge.yaml:5"},
        {MINIMAL "workers: 1\nworkers: 2\n", "edge.yaml:6"},
        {MINIMAL "workers: 257\n", "edge.yaml:5"},
        {MINIMAL "workers: many\n", "edge.yaml:5"},
        {MINIMAL "workers: -1\n", "edge.yaml:5"},
        {MINIMAL "\n\nconnections_max: 0\n", "edge.yaml:7"},
        {MINIMAL "source_v4_prefix_bits: 33\n", "edge.yaml:5"},
        {MINIMAL "source_v6_prefix_bits: 65\n", "edge.yaml:5"},
        {MINIMAL "receive_buffers: 1000\n",
         "edge.yaml: receive_buffers: 1000: must be a power of two"},
        {MINIMAL "poll_ms: 9\n", "edge.yaml:5"},
        {MINIMAL "verify_log: some\n", "edge.yaml:5"},
        {MINIMAL "verify_packs: ALL\n", "edge.yaml:5"},
        {MINIMAL "log_level: loud\n", "edge.yaml:5"},
        {MINIMAL "listen: x\n", "edge.yaml:5"},
        {MINIMAL "name: not fit\n", "edge.yaml: name: not fit: letters"},
        {MINIMAL "redis:\n  user: x\n", "addresses"},
        {MINIMAL "redis:\n  addresses: []\n", "edge.yaml:6"},
        {MINIMAL "redis:\n  addresses: ['localhost:1']\n",
         "redis: addresses: \"localhost:1\" is not"},
        {MINIMAL "redis:\n  addresses: [/s]\n  user: x\n", "redis: user goes with password_file"},
        {"- a list\n", "edge.yaml:1"},
        {"", "edge.yaml"},
    };
    write_file("bad", "not a key\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct edge_config *config = NULL;
        write_file("edge.yaml", rows[i].text);
        message[0] = '\0';
        enum err err = edge_config_load(path, &config, message);
        if (err != ERR_CONFIG || strstr(message, rows[i].word) == NULL ||
            strstr(message, "edge.yaml") == NULL || config != NULL)
            fail_msg("row %zu: %s: \"%s\" without \"%s\"", i, err_text(err), message, rows[i].word);
    }
}

/* Least and largest value of every number are taken, their neighbours beyond are not. */
static enum err try_number(const char *name, unsigned long long value)
{
    char text[1024];
    struct edge_config *config = NULL;
    (void)snprintf(text, sizeof text, MINIMAL "%s: %llu\n", name, value);
    write_file("edge.yaml", text);
    enum err err = edge_config_load(path, &config, message);
    edge_config_free(config);
    return err;
}

static void try_range(const char *name, uint64_t min, uint64_t max, bool power_of_two)
{
    assert_int_equal(try_number(name, min), ERR_OK);
    if (min > 0)
        assert_int_equal(try_number(name, min - 1), ERR_CONFIG);
    if (max == (uint64_t)CYAML_UNLIMITED)
        return;
    assert_int_equal(try_number(name, max), ERR_OK);
    assert_int_equal(try_number(name, max + 1), ERR_CONFIG);
    if (power_of_two)
        assert_int_equal(try_number(name, min + 1), ERR_CONFIG);
}

static void ranges(void **state)
{
    (void)state;
#define X(name, fallback, min, max, text) \
    try_range(#name, min, max, strcmp(#name, "receive_buffers") == 0);
    EDGE_NUMBER_TABLE(X)
#undef X
}

static void missing_file(void **state)
{
    (void)state;
    struct edge_config *config = NULL;
    assert_int_equal(edge_config_load("/nonexistent/edge.yaml", &config, message), ERR_NOT_FOUND);
    assert_non_null(strstr(message, "/nonexistent/edge.yaml"));
    assert_null(edge_config_free(NULL));
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/edge.yaml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"edge.yaml", "key", "bad"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char where[sizeof path];
        (void)snprintf(where, sizeof where, "%s/%s", folder, names[i]);
        unlink(where);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),         cmocka_unit_test(everything_given),
        cmocka_unit_test(numbers_in_place), cmocka_unit_test(relative_to_the_file),
        cmocka_unit_test(key_in_a_file),    cmocka_unit_test(the_fast_lane),
        cmocka_unit_test(refusals),         cmocka_unit_test(ranges),
        cmocka_unit_test(missing_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

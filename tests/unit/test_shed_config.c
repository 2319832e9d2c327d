/* SPDX-License-Identifier: Apache-2.0 */
/* shed.yaml: defaults, everything given, every kind of refusal, lists in files. */
#include "bpf/control.h"
#include "bpf/shed_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"

/* Short enough for a socket alone, but not below a folder. */
#define LONG_NAME                                       \
    "0123456789012345678901234567890123456789012345678" \
    "0123456789012345678901234567890123456789012345678"
#define MINIMAL "interfaces: [eth0]\nservices: ['192.0.2.1:80']\n"

static char folder[SCRATCH_BYTES];
static char path[SCRATCH_BYTES + 16];
static char message[CONFIG_MESSAGE_BYTES];

static void write_file(const char *name, const char *text)
{
    char where[sizeof path];
    (void)snprintf(where, sizeof where, "%s/%s", folder, name);
    FILE *file = fopen(where, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct shed_config *load(const char *text)
{
    struct shed_config *config = NULL;
    write_file("shed.yaml", text);
    message[0] = '\0';
    if (shed_config_load(path, &config, message) != ERR_OK)
        fail_msg("%s", message);
    return config;
}

static void defaults(void **state)
{
    (void)state;
    struct shed_config *c = load(MINIMAL);
    assert_int_equal(c->interface_count, 1);
    assert_string_equal(c->interfaces[0], "eth0");
    assert_string_equal(c->pin_folder, SHED_PIN_FOLDER);
    assert_string_equal(c->control_socket, CONTROL_SOCKET_DEFAULT);
    assert_int_equal(c->service_count, 1);
    assert_int_equal(c->services[0].version, 4);
    assert_int_equal(c->services[0].port, 80);
    assert_memory_equal(c->services[0].address, "\xC0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_false(c->generic);
    assert_false(c->has_admin);
    assert_int_equal(c->edge_count, 0);
    assert_int_equal(c->through, SHED_ROUTE_NONE);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(c->lists[i].count, 0);
#define X(name, fallback, min, max, text) assert_int_equal(c->name, fallback);
    SHED_NUMBER_TABLE(X)
#undef X
#define X(name, fallback, min, max, text) assert_int_equal(c->controller.name, fallback);
    CONTROLLER_NUMBER_TABLE(X)
#undef X
    assert_null(controller_config_check(&c->controller));
    assert_int_equal(c->filter.syn.interval_ns, 5000000);
    assert_int_equal(c->filter.syn.burst_ns, 399 * 5000000ull);
    assert_int_equal(c->filter.budget.interval_ns, 0);
    assert_int_equal(c->filter.cookies.interval_ns, 0);
    assert_int_equal(c->filter.refusals.interval_ns, 0);
    assert_int_equal(c->filter.shed_period_ns, 300000000000ull);
    assert_int_equal(c->filter.v4_prefix_bits, 24);
    assert_int_equal(c->filter.v6_prefix_bits, 56);
    assert_int_equal(c->filter.observe, 0);
    assert_int_equal(c->filter.pass_fragments, 0);
    shed_config_free(c);
}

static void everything_given(void **state)
{
    (void)state;
    struct shed_config *c = load("interfaces: [eth0, eth1.7]\n"
                                 "pin_folder: pins\n"
                                 "generic: true\n"
                                 "services: ['192.0.2.1:80', '[2001:db8::1]:8080']\n"
                                 "allow: [198.51.100.7, '2001:db8:1::/48']\n"
                                 "deny: [203.0.113.0/24]\n"
                                 "observe: true\n"
                                 "pass_fragments: yes\n"
                                 "edges: ['127.0.0.1:9080', '[::1]:9080']\n"
                                 "probes: ['192.0.2.1:80']\n"
                                 "controller: {poll_ms: 250, sites: 3, min_sites: 2}\n"
                                 "route: {through: bird, socket: bird.ctl, v4_normal: any4, "
                                 "v4_low: any4_low, v6_normal: any6, v6_low: any6_low}\n"
                                 "control_socket: /run/x/control\n"
                                 "admin: 127.0.0.1:9081\n"
                                 "log_level: debug\n"
                                 "syn_per_s: 50\nsyn_burst: 1\n"
                                 "budget_per_s: 10000000\nbudget_burst: 3\ncookies_per_s: 7\n");
    char expected[128];
    assert_int_equal(c->interface_count, 2);
    (void)snprintf(expected, sizeof expected, "%s/pins", folder);
    assert_string_equal(c->pin_folder, expected);
    assert_true(c->generic);
    assert_int_equal(c->service_count, 2);
    assert_int_equal(c->services[1].version, 6);
    assert_int_equal(c->services[1].port, 8080);
    assert_int_equal(c->lists[FILTER_ALLOW_V4].count, 1);
    assert_int_equal(c->lists[FILTER_ALLOW_V4].prefixes[0].bits, 32);
    assert_int_equal(c->lists[FILTER_ALLOW_V6].count, 1);
    assert_int_equal(c->lists[FILTER_ALLOW_V6].prefixes[0].bits, 48);
    assert_int_equal(c->lists[FILTER_DENY_V4].count, 1);
    assert_int_equal(c->lists[FILTER_DENY_V6].count, 0);
    assert_int_equal(c->filter.observe, 1);
    assert_int_equal(c->filter.pass_fragments, 1);
    assert_int_equal(c->edge_count, 2);
    assert_int_equal(c->probe_count, 1);
    assert_int_equal(c->controller.poll_ms, 250);
    assert_int_equal(c->controller.sites, 3);
    assert_int_equal(c->through, SHED_ROUTE_BIRD);
    (void)snprintf(expected, sizeof expected, "%s/bird.ctl", folder);
    assert_string_equal(c->route->socket, expected);
    assert_string_equal(c->route->v6_low, "any6_low");
    assert_string_equal(c->control_socket, "/run/x/control");
    assert_true(c->has_admin);
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->filter.syn.interval_ns, 20000000);
    assert_int_equal(c->filter.syn.burst_ns, FILTER_TICK_NS);
    assert_int_equal(c->filter.budget.interval_ns, 100);
    assert_int_equal(c->filter.budget.burst_ns, FILTER_TICK_NS);
    assert_true(c->filter.cookies.interval_ns > 0);
    shed_config_free(c);
}

static void through_exabgp(void **state)
{
    (void)state;
    struct shed_config *c = load(MINIMAL "edges: ['[::1]:1']\n"
                                         "route: {through: exabgp, prefixes: [192.0.2.53, "
                                         "'2001:db8::/32'], next_hop: 198.51.100.2, "
                                         "low_attributes: 'med 1000 community [65535:0]'}\n");
    assert_int_equal(c->through, SHED_ROUTE_EXABGP);
    assert_int_equal(c->route_prefix_count, 2);
    assert_int_equal(c->route_prefixes[0].bits, 32);
    assert_int_equal(c->route_prefixes[1].version, 6);
    assert_string_equal(c->route->next_hop, "198.51.100.2");
    assert_null(c->route->normal_attributes);
    assert_string_equal(c->route->low_attributes, "med 1000 community [65535:0]");
    shed_config_free(c);
}

/* What follows the minimal configuration (or replaces it), and what the message says. */
static const struct {
    const char *text, *says;
} bad[] = {
    {"", "the file is empty"},
    {"services: ['192.0.2.1:80']\n", "\"interfaces\" is missing"},
    {"interfaces: [eth0]\n", "\"services\" is missing"},
    {"interfaces: []\nservices: ['192.0.2.1:80']\n", "interfaces: a list of 0"},
    {"interfaces: [eth0]\nservices: []\n", "services: a list of 0"},
    {"interfaces: [a/b]\nservices: ['192.0.2.1:80']\n", "a/b: not a name of an interface"},
    {"interfaces: [..]\nservices: ['192.0.2.1:80']\n", "..: not a name of an interface"},
    {"interfaces: [sixteen_letters_]\nservices: ['192.0.2.1:80']\n", "longer than 15"},
    {"interfaces: [eth0, eth0]\nservices: ['192.0.2.1:80']\n", "eth0: given twice"},
    {"interfaces: [eth0]\nservices: [192.0.2.1]\n", "192.0.2.1: not an address and port"},
    {"interfaces: [eth0]\nservices: ['example.org:80']\n", "example.org:80: not an address"},
    {"interfaces: [eth0]\nservices: ['192.0.2.1:0']\n", "one address and one port"},
    {"interfaces: [eth0]\nservices: ['0.0.0.0:80']\n", "one address and one port"},
    {"interfaces: [eth0]\nservices: ['[::]:80']\n", "one address and one port"},
    {"interfaces: [eth0]\nservices: ['192.0.2.1:80', '192.0.2.1:80']\n", "given twice"},
    {"interfaces: [eth0]\nservices: ['[::ffff:192.0.2.1]:80']\n", "write it as an IPv4 address"},
    {MINIMAL "control_socket: ./" LONG_NAME "\n",
     "longer than 107, as long as a socket's path may"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: bird, v4_normal: a, socket: ./" LONG_NAME "}\n",
     "route: socket: "},
    {MINIMAL "frobnicate: 1\n", ":3: unknown key \"frobnicate\""},
    {MINIMAL "generic: maybe\n", "generic: \"maybe\" is not true"},
    {MINIMAL "allow: [192.0.2.0/33]\n", "allow: 192.0.2.0/33: not a prefix"},
    {MINIMAL "allow: [192.0.2.1/24]\n", "allow: 192.0.2.1/24: bits are set behind the prefix"},
    {MINIMAL "deny: [nonsense]\n", "deny: nonsense: not a prefix"},
    {MINIMAL "deny_files: [missing.txt]\n", "missing.txt: not found"},
    {MINIMAL "deny_files: [bad.txt]\n", "bad.txt: 4: 2001:db8::1/32: bits are set behind"},
    {MINIMAL "allow_files: [worse.txt]\n", "worse.txt: 1: 192.0.2.0/24 192.0.2.0/24: not a pre"},
    {MINIMAL "deny_files: [many.txt]\n", "deny: 10001 prefixes of one IP version, at most 10000"},
    {MINIMAL "edges: [localhost]\n", "edges: localhost: not an address and port"},
    {MINIMAL "edges: ['[::1]:1', '[::1]:1']\n", "edges: [::1]:1: given twice"},
    {MINIMAL "probes: ['192.0.2.1:80']\n", "probes: needs edges"},
    {MINIMAL "admin: here\n", "admin: here: not an address and port"},
    {MINIMAL "log_level: loud\n", "log_level: \"loud\" is none of"},
    {MINIMAL "buckets: 1025\n", "buckets: 1025: must be a power of two"},
    {MINIMAL "buckets: 512\n", "buckets: 512 is out of range"},
    {MINIMAL "syn_per_s: 10000001\n", "syn_per_s: 10000001 is out of range"},
    {MINIMAL "syn_burst: 0\n", "syn_burst: 0 is out of range"},
    {MINIMAL "v4_prefix_bits: 33\n", "v4_prefix_bits: 33 is out of range"},
    {MINIMAL "v6_prefix_bits: 65\n", "v6_prefix_bits: 65 is out of range"},
    {MINIMAL "cookies_per_s: 10\n", "cookies_per_s: needs budget_per_s"},
    {MINIMAL "controller: {poll_ms: 1}\n", "controller.poll_ms: 1 is out of range"},
    {MINIMAL "controller: {speed: 1}\n", "controller: unknown key \"speed\""},
    {MINIMAL "controller: {load_low_permille: 900}\n", "controller: load_low_permille must be"},
    {MINIMAL "controller: {recover_s: 700}\n", "controller: recover_max_s must be"},
    {MINIMAL "route: {}\n", "route: the key \"through\" is missing"},
    {MINIMAL "route: {through: ospf}\n", "route.through: \"ospf\" is none of"},
    {MINIMAL "route: {through: bird, v4_normal: a}\n", "route: needs edges"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: bird}\n", "needs v4_normal or v6_normal"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: bird, v4_normal: 'a b'}\n",
     "v4_normal: a b: not a name"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: bird, v4_normal: a, v4_low: a}\n",
     "v4_normal and v4_low are the same"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: bird, v4_normal: a, v6_low: b}\n",
     "a low protocol goes with a normal one"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: exabgp}\n", "exabgp needs prefixes"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: exabgp, prefixes: [192.0.2.1/24]}\n",
     "prefixes: 192.0.2.1/24: bits are set behind the prefix"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: exabgp, prefixes: ['::1', '::1/128']}\n",
     "prefixes: ::1/128: given twice"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: exabgp, prefixes: ['::1'], next_hop: 'a;b'}\n",
     "next_hop: only letters, digits"},
    {MINIMAL "edges: ['[::1]:1']\nroute: {through: exabgp, prefixes: ['::1'], "
             "low_attributes: \"med 1\\nx\"}\n",
     "low_attributes: only letters, digits"},
    {MINIMAL "---\nobserve: true\n", "a second document"},
};

static void refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct shed_config *config = NULL;
        write_file("shed.yaml", bad[i].text);
        message[0] = '\0';
        enum err err = shed_config_load(path, &config, message);
        if (err != ERR_CONFIG || config != NULL || strstr(message, bad[i].says) == NULL ||
            strchr(message, '\n') != NULL)
            fail_msg("%s\nis: %s: %s\nnot: %s", bad[i].text, err_name(err), message, bad[i].says);
    }
}

static void lists_in_files(void **state)
{
    (void)state;
    write_file("one.txt", "# feed\n\n  203.0.113.0/24  # somebody\r\n2001:db8:2::/48\n");
    write_file("two.txt", "203.0.113.0/24\n198.51.100.0/24"); /* no line end, and one twice */
    struct shed_config *c = load(MINIMAL "deny: [203.0.113.0/24]\ndeny_files: [one.txt, two.txt]\n"
                                         "allow_files: [one.txt]\n");
    assert_int_equal(c->lists[FILTER_DENY_V4].count, 2);
    assert_int_equal(c->lists[FILTER_DENY_V6].count, 1);
    assert_int_equal(c->lists[FILTER_ALLOW_V4].count, 1);
    assert_int_equal(c->lists[FILTER_ALLOW_V6].count, 1);
    char text[PREFIX_TEXT_BYTES];
    prefix_text(&c->lists[FILTER_DENY_V6].prefixes[0], text);
    assert_string_equal(text, "2001:db8:2::/48");
    shed_config_free(c);
}

static void missing_file(void **state)
{
    (void)state;
    struct shed_config *config = NULL;
    assert_int_equal(shed_config_load("/nonexistent/shed.yaml", &config, message), ERR_NOT_FOUND);
    assert_null(config);
}

static int set_up(void **state)
{
    (void)state;
    scratch_make(folder);
    (void)snprintf(path, sizeof path, "%s/shed.yaml", folder);
    write_file("bad.txt", "192.0.2.0/24\n\n# remark\n2001:db8::1/32\n");
    write_file("worse.txt", "192.0.2.0/24 192.0.2.0/24\n");
    char where[sizeof path];
    (void)snprintf(where, sizeof where, "%s/many.txt", folder);
    FILE *file = fopen(where, "w");
    for (unsigned i = 0; i <= SHED_RULES_MAX; i++)
        fprintf(file, "10.%u.%u.0/24\n", i >> 8, i & 255);
    return fclose(file);
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),       cmocka_unit_test(everything_given),
        cmocka_unit_test(through_exabgp), cmocka_unit_test(refusals),
        cmocka_unit_test(lists_in_files), cmocka_unit_test(missing_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

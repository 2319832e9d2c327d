/* SPDX-License-Identifier: Apache-2.0 */
/* Names of leaves: their one form, what is no name, and lists of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "issuer/leaf_name_ip.h"
#include "lib/os/file.h"
#include "tests/unit/scratch.h"

#define ROWS(rows) (sizeof(rows) / sizeof(rows)[0])

static void names_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *form; /* or the reason, with a ! before it */
    } rows[] = {
        {"example.com", "example.com"},
        {"EXAMPLE.Com", "example.com"},
        {"*.Example.com", "*.example.com"},
        {"3com.com", "3com.com"},
        {"a-b--c.com", "a-b--c.com"},
        {"1.2.3.4", "1.2.3.4"},
        {"2001:db8::1", "2001:db8::1"},
        {"xn--mnchen-3ya.de", "xn--mnchen-3ya.de"},
        {"XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"},
        {"2001:DB8::1", "!name-ip-text"},
        {"2001:db8:0::1", "!name-ip-text"},
        {"2001:db8::1%eth0", "!name-ip-text"},
        {"[::1]", "!name-ip-text"},
        {"01.2.3.4", "!name-top-numeric"},
        {"1.2.3", "!name-top-numeric"},
        {"", "!name-empty"},
        {"*.", "!name-empty"},
        {".", "!name-empty"},
        {"com", "!name-one-label"},
        {"a.b.", "!name-trailing-dot"},
        {"a_b.com", "!name-underscore"},
        {"a b.com", "!name-octet"},
        {"a@b.com", "!name-octet"},
        {"-a.com", "!name-hyphen"},
        {"a.com-", "!name-hyphen"},
        {"**.com", "!name-wildcard"},
        {"a.*.com", "!name-wildcard"},
        {"*a.com", "!name-wildcard"},
        {"ab--c.com", "!name-reserved-label"},
        {"xn--zz.com", "!name-idn"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct leaf_name name;
        struct problem why = {0};
        enum err err = leaf_name_read(span_text(rows[i].text), &name, &why);
        const char *got = err == ERR_OK ? name.text : why.rule;
        const char *wanted = rows[i].form + (rows[i].form[0] == '!');
        if ((err != ERR_OK) != (rows[i].form[0] == '!') || strcmp(got, wanted) != 0)
            fail_msg("%s: %s, not %s", rows[i].text, got, wanted);
        if (err == ERR_OK)
            assert_int_equal(name.size, strlen(name.text));
    }
}

static void lengths_are_to_the_octet(void **state)
{
    (void)state;
    char text[300];
    struct leaf_name name;
    struct problem why;
    for (size_t label = 62; label <= 64; label++) {
        memset(text, 'a', label);
        memcpy(text + label, ".com", 5);
        assert_int_equal(leaf_name_dns(span_text(text), &name, &why) == ERR_OK,
                         label <= LEAF_LABEL_MAX);
    }
    for (size_t size = 252; size <= 254; size++) {
        for (size_t i = 0; i < size; i++)
            text[i] = i % 50 == 49 ? '.' : 'a';
        memcpy(text + size - 4, ".com", 5);
        text[size - 5] = 'a';
        assert_int_equal(leaf_name_dns(span_text(text), &name, &why) == ERR_OK,
                         size <= LEAF_NAME_BYTES_MAX);
    }
    struct span with_nul = span_of("a\0b.example.com", 15);
    assert_int_equal(leaf_name_dns(with_nul, &name, &why), ERR_MALFORMED);
    assert_string_equal(why.rule, "name-octet");
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool reserved;
    } rows[] = {
        {"1.1.1.1", false},         {"9.255.255.255", false},
        {"11.0.0.0", false},        {"10.0.0.0", true},
        {"10.255.255.255", true},   {"100.63.255.255", false},
        {"100.64.0.0", true},       {"100.127.255.255", true},
        {"100.128.0.0", false},     {"172.15.255.255", false},
        {"172.16.0.0", true},       {"172.31.255.255", true},
        {"172.32.0.0", false},      {"192.88.99.1", true},
        {"198.17.255.255", false},  {"198.19.255.255", true},
        {"223.255.255.255", false}, {"224.0.0.1", true},
        {"255.255.255.255", true},  {"0.1.2.3", true},
        {"2001:4860::1", false},    {"2a00::1", false},
        {"2001:1ff:ffff::", true},  {"2001:200::", false},
        {"2001:db8::", true},       {"2002::1", true},
        {"2003::1", false},         {"2620:4f:8000::1", true},
        {"2620:4f:8001::1", false}, {"3ffe::1", false},
        {"3fff::1", true},          {"3fff:1000::", false},
        {"4000::", true},           {"::1", true},
        {"::ffff:1.1.1.1", true},   {"fc00::1", true},
        {"fe80::1", true},          {"ff02::1", true},
        {"1fff::1", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct leaf_name name, again;
        struct problem why = {0};
        if (leaf_name_ip_text(span_text(rows[i].text), &name, &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].text, why.detail);
        struct span octets = span_of(name.address, name.address_size);
        if (leaf_name_ip_reserved(octets) != rows[i].reserved)
            fail_msg("%s is%s reserved", rows[i].text, rows[i].reserved ? "" : " not");
        assert_int_equal(leaf_name_ip(octets, &again, &why), ERR_OK);
        assert_string_equal(again.text, rows[i].text);
    }
}

static void policy(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *rule; /* NULL: good */
    } rows[] = {
        {"www.example.com", NULL},
        {"*.example.co.uk", NULL},
        {"co.uk", "name-public-suffix"},
        {"*.co.uk", "name-wildcard-suffix"},
        {"*.com", "name-wildcard-suffix"},
        {"a.city.kobe.jp", NULL}, /* an exception of the list */
        {"*.any.kobe.jp", "name-wildcard-suffix"},
        {"me.github.io", NULL}, /* of the private part, which is nobody's registry */
        {"*.github.io", NULL},
        {"a.test", "name-reserved"},
        {"a.localhost", "name-reserved"},
        {"a.onion", "name-reserved"},
        {"a.ip6.arpa", "name-reserved"},
        {"a.xn--p1ai", NULL},
        {"8.8.8.8", NULL},
        {"127.0.0.1", "name-ip-reserved"},
    };
    struct leaf_suffixes *suffixes = NULL;
    assert_int_equal(leaf_suffixes_open(NULL, &suffixes), ERR_OK);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct leaf_name name;
        struct problem why = {0};
        assert_int_equal(leaf_name_read(span_text(rows[i].name), &name, &why), ERR_OK);
        enum err err = leaf_name_policy(&name, suffixes, &why);
        if ((err == ERR_OK) != (rows[i].rule == NULL) ||
            (err != ERR_OK && strcmp(why.rule, rows[i].rule) != 0))
            fail_msg("%s: %s", rows[i].name, err == ERR_OK ? "good" : why.rule);
    }
    leaf_suffixes_close(suffixes);
}

/* Who runs a CA of his own has a list of his own. */
static void suffixes_of_a_file(void **state)
{
    (void)state;
    char folder[SCRATCH_BYTES], path[SCRATCH_BYTES + 8];
    struct leaf_suffixes *suffixes = NULL;
    struct leaf_name name;
    struct problem why;
    scratch_make(folder);
    snprintf(path, sizeof path, "%s/list", folder);
    assert_int_equal(leaf_suffixes_open(path, &suffixes), ERR_NOT_FOUND);
    assert_int_equal(file_publish(path,
                                  span_text("// ===BEGIN ICANN DOMAINS===\ncorp\n"
                                            "// ===END ICANN DOMAINS===\n"),
                                  0600),
                     ERR_OK);
    assert_int_equal(leaf_suffixes_open(path, &suffixes), ERR_OK);
    assert_int_equal(leaf_name_dns(span_text("a.corp"), &name, &why), ERR_OK);
    assert_int_equal(leaf_name_policy(&name, suffixes, &why), ERR_OK);
    assert_int_equal(leaf_name_dns(span_text("a.com"), &name, &why), ERR_OK);
    assert_int_equal(leaf_name_policy(&name, suffixes, &why), ERR_MALFORMED);
    leaf_suffixes_close(suffixes);
    scratch_remove(folder);
}

static void lists_are_sorted_and_distinct(void **state)
{
    (void)state;
    static struct leaf_names a, b;
    static const char *const order[] = {"*.a.com", "a.com", "b.com", "1.1.1.1", "2001:4860::1"};
    struct leaf_name name;
    struct problem why;
    for (size_t i = ROWS(order); i-- > 0;)
        for (int times = 0; times < 2; times++) {
            assert_int_equal(leaf_name_read(span_text(order[i]), &name, &why), ERR_OK);
            assert_int_equal(leaf_names_add(&a, &name, &why), ERR_OK);
        }
    assert_int_equal(a.count, ROWS(order));
    for (size_t i = 0; i < ROWS(order); i++) {
        assert_string_equal(a.at[i].text, order[i]);
        assert_true(leaf_names_have(&a, &a.at[i]));
        assert_false(leaf_names_equal(&a, &b));
        assert_int_equal(leaf_names_add(&b, &a.at[i], &why), ERR_OK);
    }
    assert_true(leaf_names_equal(&a, &b));
    assert_string_equal(leaf_name_base(&a.at[0]), "a.com");
    assert_string_equal(leaf_name_base(&a.at[1]), "a.com");
    a.count = b.count = 0;
    for (unsigned i = 0; i <= LEAF_NAMES_MAX; i++) {
        char text[32];
        snprintf(text, sizeof text, "n%u.com", i);
        assert_int_equal(leaf_name_dns(span_text(text), &name, &why), ERR_OK);
        assert_int_equal(leaf_names_add(&a, &name, &why) == ERR_OK, i < LEAF_NAMES_MAX);
    }
    assert_string_equal(why.rule, "names-too-many");
    assert_int_equal(a.count, LEAF_NAMES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_one_form), cmocka_unit_test(lengths_are_to_the_octet),
        cmocka_unit_test(addresses),           cmocka_unit_test(policy),
        cmocka_unit_test(suffixes_of_a_file),  cmocka_unit_test(lists_are_sorted_and_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

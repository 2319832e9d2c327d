/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of statim-bench: every option, every error, every form of URL. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/option_table.h"
#include "bench/load/url.h"

#define WORDS_MAX 16
#define OCSP      "http://h/ --issuer ca.pem --serials s.txt "
#define PLAIN     "http://h/ --path /x.crl "

static char line_text[2048];
static char *line_words[WORDS_MAX + 1];

/* Splits at blanks; "\"\"" is an empty word. */
static int split(const char *line)
{
    int count = 0;
    char *rest = NULL;
    assert_true(strlen(line) < sizeof line_text);
    memcpy(line_text, line, strlen(line) + 1);
    line_words[count++] = (char *)(uintptr_t) "statim-bench";
    for (char *word = strtok_r(line_text, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        assert_true(count < WORDS_MAX);
        line_words[count++] = strcmp(word, "\"\"") == 0 ? word + 2 : word;
    }
    line_words[count] = NULL;
    return count;
}

static enum options_found read_line(const char *line, struct load_options *ret,
                                    char why[static OPTIONS_WHY_BYTES])
{
    int argc = split(line);
    why[0] = '\0';
    return load_options_read(argc, line_words, ret, why);
}

static struct load_options *good(const char *line)
{
    static struct load_options o;
    char why[OPTIONS_WHY_BYTES];
    memset(&o, 0xa5, sizeof o);
    if (read_line(line, &o, why) != OPTIONS_RUN)
        fail_msg("'%s': %s", line, why);
    return &o;
}

static void defaults(void **state)
{
    (void)state;
    const struct load_options *o = good(OCSP);
    assert_string_equal(o->url, "http://h/");
    assert_string_equal(o->host, "h");
    assert_string_equal(o->port, "80");
    assert_string_equal(o->issuer_file, "ca.pem");
    assert_string_equal(o->serials_file, "s.txt");
    assert_true(o->path_count == 0 && o->method == LOAD_GET && o->hash == CERTID_HASH_SHA1);
    assert_true(o->zipf == 0 && o->seed == 1 && o->verify == LOAD_VERIFY_DER);
    assert_true(o->signature_sample == 100 && o->mode == LOAD_STEADY && o->rate_per_s == 0);
    assert_true(!o->poisson && o->connections == 64 && o->threads == 1 && o->close_share == 0);
    assert_true(o->duration_s == 10 && o->warmup_s == 1 && o->timeout_s == 10);
    assert_true(o->lag_max_s == 0.001 && o->p99_max_s == 0 && o->p99_times == 10);
    assert_true(o->json_file == NULL && o->html_file == NULL && !o->quiet);
    assert_true(o->address_size == 0);
}

static void every_option(void **state)
{
    (void)state;
    const struct load_options *o =
        good(OCSP "--method post --hash=sha256 --zipf 1.5 --seed 9007199254 --verify signature");
    assert_true(o->method == LOAD_POST && o->hash == CERTID_HASH_SHA256 && o->zipf == 1.5);
    assert_true(o->seed == 9007199254u && o->verify == LOAD_VERIFY_SIGNATURE);
    o = good(OCSP "--verify signature --signature-sample 7 --method mix");
    assert_true(o->signature_sample == 7 && o->method == LOAD_MIX);
    o = good(OCSP "--verify none --rate 0.5 --poisson --connections 1000000 --quiet");
    assert_true(o->verify == LOAD_VERIFY_NONE && o->rate_per_s == 0.5 && o->poisson && o->quiet);
    assert_true(o->connections == 1000000 && o->mode == LOAD_STEADY);
    o = good(OCSP "--rate 1000 --close --threads 256 --lag-max 2.5");
    assert_true(o->close_share == 1 && o->threads == 256 && o->connections == 256);
    assert_true(o->lag_max_s == 0.0025);
    o = good(OCSP "--close-share .25 --duration 0.1 --warmup 0 --timeout 0.001");
    assert_true(o->close_share == 0.25 && o->duration_s == 0.1 && o->warmup_s == 0);
    assert_true(o->timeout_s == 0.001 && o->connections == 64);
    o = good(OCSP "--json a.json --html b.html");
    assert_string_equal(o->json_file, "a.json");
    assert_string_equal(o->html_file, "b.html");
    o = good("--path /a --path /b?c=%20d http://h:1/p");
    assert_true(o->path_count == 2 && o->issuer_file == NULL);
    assert_string_equal(o->paths[1], "/b?c=%20d");
}

static void modes(void **state)
{
    (void)state;
    const struct load_options *o = good(OCSP "--step 100:2000");
    assert_true(o->mode == LOAD_STEP && o->rate_per_s == 100 && o->rate_to_per_s == 2000);
    assert_true(o->step_count == 10 && o->connections == 256);
    o = good(OCSP "--step 100:2000:100 --p99-max 20");
    assert_true(o->step_count == 100 && o->p99_max_s == 0.02);
    o = good(PLAIN "--ramp 0.5:100000000 --p99-times 3 --poisson");
    assert_true(o->mode == LOAD_RAMP && o->step_count == 20 && o->p99_times == 3);
    o = good(PLAIN "--ramp=1:2:2");
    assert_true(o->step_count == 2);
}

static void help_and_version(void **state)
{
    (void)state;
    struct load_options o;
    char why[OPTIONS_WHY_BYTES];
    assert_int_equal(read_line("--help", &o, why), OPTIONS_HELP);
    assert_int_equal(read_line("--nonsense --help", &o, why), OPTIONS_HELP);
    assert_int_equal(read_line("--version", &o, why), OPTIONS_VERSION);
}

static const struct {
    const char *line;
    const char *why; /* a part of it */
} bad[] = {
    {"", "there is no URL"},
    {"http://h/", "--issuer is missing"},
    {"http://h/ --issuer f", "--serials is missing"},
    {"http://h/ --serials f", "--issuer is missing"},
    {"--issuer f --serials f", "there is no URL"},
    {OCSP "http://other/", "second URL"},
    {OCSP "--nonsense", "no option --nonsense"},
    {OCSP "--rat 5", "no option --rat"},
    {OCSP "-r 5", "no option -r"},
    {OCSP "--", "no option --"},
    {OCSP "--rate", "--rate needs an argument: R"},
    {OCSP "--close=1", "--close takes no argument"},
    {OCSP "--rate 1 --rate 2", "--rate is given twice"},
    {OCSP "--issuer x", "--issuer is given twice"},
    {OCSP "--json \"\"", "--json: the argument is empty"},
    {OCSP "--method put", "--method: 'put' is none of get|post|mix"},
    {OCSP "--method ge", "none of"},
    {OCSP "--method \"\"", "none of"},
    {OCSP "--hash md5", "none of sha1|sha256"},
    {OCSP "--verify all", "none of none|der|signature"},
    {OCSP "--rate 0", "--rate: '0' is not a number from 0.1 to 100000000"},
    {OCSP "--rate 100000001", "is not a number"},
    {OCSP "--rate -1", "is not a number"},
    {OCSP "--rate 1e3", "is not a number"},
    {OCSP "--rate 0x10", "is not a number"},
    {OCSP "--rate inf", "is not a number"},
    {OCSP "--rate nan", "is not a number"},
    {OCSP "--rate 1.2.3", "is not a number"},
    {OCSP "--rate .", "is not a number"},
    {OCSP "--rate \"\"", "is not a number"},
    {OCSP "--rate 1111111111111111111111111", "is not a number"},
    {OCSP "--connections 0", "whole number from 1 to 1000000"},
    {OCSP "--connections 1000001", "whole number"},
    {OCSP "--connections 1.0", "whole number"},
    {OCSP "--threads 257", "whole number from 1 to 256"},
    {OCSP "--seed -1", "whole number"},
    {OCSP "--zipf 10.1", "is not a number from 0 to 10"},
    {OCSP "--close-share 1.01", "is not a number from 0 to 1"},
    {OCSP "--duration 0.05", "is not a number from 0.1 to 86400"},
    {OCSP "--duration 86401", "is not a number"},
    {OCSP "--warmup 3601", "is not a number"},
    {OCSP "--timeout 0", "is not a number"},
    {OCSP "--timeout 601", "is not a number"},
    {OCSP "--rate 5 --lag-max 0", "is not a number"},
    {OCSP "--signature-sample 0", "whole number"},
    {OCSP "--signature-sample 5", "needs --verify signature"},
    {OCSP "--step 5", "FROM:TO"},
    {OCSP "--step 5:4", "FROM:TO"},
    {OCSP "--step 5:5", "FROM:TO"},
    {OCSP "--step :5", "FROM:TO"},
    {OCSP "--step 5:", "FROM:TO"},
    {OCSP "--step 5:6:", "FROM:TO"},
    {OCSP "--step 5:6:1", "FROM:TO"},
    {OCSP "--step 5:6:101", "FROM:TO"},
    {OCSP "--step 5:6:2:3", "FROM:TO"},
    {OCSP "--ramp 0:6", "FROM:TO"},
    {OCSP "--ramp 1:100000001", "FROM:TO"},
    {OCSP "--step 1:2 --ramp 1:2", "--step and --ramp do not go together"},
    {OCSP "--rate 1 --ramp 1:2", "--rate and --ramp do not go together"},
    {OCSP "--rate 1 --step 1:2", "--rate and --step do not go together"},
    {OCSP "--close --close-share 0.5", "do not go together"},
    {OCSP "--step 1:2 --p99-max 1 --p99-times 2", "do not go together"},
    {OCSP "--poisson", "--poisson needs --rate, --step or --ramp"},
    {OCSP "--lag-max 1", "--lag-max needs"},
    {OCSP "--rate 1 --p99-max 1", "--p99-max needs --step or --ramp"},
    {OCSP "--p99-times 2", "--p99-times needs --step or --ramp"},
    {OCSP "--path /x", "--path and --issuer do not go together"},
    {PLAIN "--serials s", "--path and --serials do not go together"},
    {PLAIN "--method get", "--path and --method"},
    {PLAIN "--hash sha1", "--path and --hash"},
    {PLAIN "--verify none", "--path and --verify"},
    {PLAIN "--signature-sample 3", "--path and --signature-sample"},
    {"http://h/ --path x", "not a path"},
    {"http://h/ --path \"\"", "not a path"},
    {"http://h/ --path /a#b", "not a path"},
    {"http://h/ --path /\x7f", "not a path"},
    {"http://h/ --path /\r\nX:y", "not a path"},
    {"h --path /x", "'h' is not a URL: it does not begin with http://"},
};

static void errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct load_options o, untouched;
        char why[OPTIONS_WHY_BYTES];
        memset(&o, 0x5a, sizeof o);
        memcpy(&untouched, &o, sizeof o);
        if (read_line(bad[i].line, &o, why) != OPTIONS_BAD || strstr(why, bad[i].why) == NULL)
            fail_msg("'%s': '%s' instead of '%s'", bad[i].line, why, bad[i].why);
        assert_memory_equal(&o, &untouched, sizeof o);
    }
}

static void too_many_paths(void **state)
{
    (void)state;
    static char *words[2 + LOAD_PATHS_MAX + 1];
    static char url[] = "http://h/", path[] = "--path=/x", name[] = "statim-bench";
    struct load_options o;
    char why[OPTIONS_WHY_BYTES];
    words[0] = name;
    words[1] = url;
    for (size_t i = 0; i <= LOAD_PATHS_MAX; i++)
        words[2 + i] = path;
    assert_int_equal(load_options_read(2 + LOAD_PATHS_MAX, words, &o, why), OPTIONS_RUN);
    assert_int_equal(o.path_count, LOAD_PATHS_MAX);
    assert_int_equal(load_options_read(3 + LOAD_PATHS_MAX, words, &o, why), OPTIONS_BAD);
}

static const struct {
    const char *url;
    const char *host, *port, *prefix; /* host NULL: bad */
} urls[] = {
    {"http://h", "h", "80", "/"},
    {"http://h/", "h", "80", "/"},
    {"http://ocsp.example.org:8080/a/b", "ocsp.example.org", "8080", "/a/b/"},
    {"http://127.0.0.1:1/a/", "127.0.0.1", "1", "/a/"},
    {"http://[::1]:65535", "[::1]", "65535", "/"},
    {"http://[2001:db8::1]/x", "[2001:db8::1]", "80", "/x/"},
    {"http://[::ffff:1.2.3.4]/", "[::ffff:1.2.3.4]", "80", "/"},
    {"http://h//a//", "h", "80", "//a//"},
    {"http://h/%2F+=@:", "h", "80", "/%2F+=@:/"},
    {"http://a_b-c.d/", "a_b-c.d", "80", "/"},
    {"", NULL, NULL, "begin with http://"},
    {"h", NULL, NULL, "begin with http://"},
    {"HTTP//h", NULL, NULL, "begin with http://"},
    {"ftp://h/", NULL, NULL, "begin with http://"},
    {"https://h/", NULL, NULL, "https is not spoken"},
    {"http://", NULL, NULL, "no host"},
    {"http:///x", NULL, NULL, "no host"},
    {"http://:80/", NULL, NULL, "no host"},
    {"http://h:/", NULL, NULL, "the port"},
    {"http://h:0/", NULL, NULL, "the port"},
    {"http://h:080/", NULL, NULL, "the port"},
    {"http://h:65536/", NULL, NULL, "the port"},
    {"http://h:99999/", NULL, NULL, "the port"},
    {"http://h:123456/", NULL, NULL, "the port"},
    {"http://h:+80/", NULL, NULL, "the port"},
    {"http://h:8a/", NULL, NULL, "the port"},
    {"http://h:80:80/", NULL, NULL, "the port"},
    {"http://::1/", NULL, NULL, "no host"},
    {"http://1::2/", NULL, NULL, "the port"},
    {"http://u@h/", NULL, NULL, "user name"},
    {"http://u:p@h:80/", NULL, NULL, "user name"},
    {"http://[::1]x/", NULL, NULL, "not a port"},
    {"http://[::1", NULL, NULL, "not an IPv6"},
    {"http://[]/", NULL, NULL, "not an IPv6"},
    {"http://[1.2.3.4]/", NULL, NULL, "not an IPv6"},
    {"http://[fe80::1%25lo]/", NULL, NULL, "not an IPv6"},
    {"http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/", NULL, NULL, "not an IPv6"},
    {"http://h\r\n/", NULL, NULL, "no name has"},
    {"http://h\xc3\xa4/", NULL, NULL, "no name has"},
    {"http://h/?q", NULL, NULL, "a query"},
    {"http://h?q", NULL, NULL, "a query"},
    {"http://h/#f", NULL, NULL, "a query"},
    {"http://h/a b", NULL, NULL, "no URL has"},
    {"http://h/\r\nX: y", NULL, NULL, "no URL has"},
    {"http://h/<b>", NULL, NULL, "no URL has"},
    {"http://h/%", NULL, NULL, "two hexadecimal"},
    {"http://h/%1", NULL, NULL, "two hexadecimal"},
    {"http://h/%1g", NULL, NULL, "two hexadecimal"},
};

static void urls_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct load_options o = {0};
        const char *why = load_url_read(urls[i].url, &o);
        if (urls[i].host == NULL) {
            if (why == NULL || strstr(why, urls[i].prefix) == NULL)
                fail_msg("'%s': '%s'", urls[i].url, why == NULL ? "read" : why);
            assert_true(o.host[0] == '\0' && o.port[0] == '\0' && o.prefix[0] == '\0');
            continue;
        }
        if (why != NULL)
            fail_msg("'%s': %s", urls[i].url, why);
        assert_string_equal(o.host, urls[i].host);
        assert_string_equal(o.port, urls[i].port);
        assert_string_equal(o.prefix, urls[i].prefix);
    }
}

static const char *sized_url(size_t host_size, size_t path_size)
{
    static char url[4096];
    memcpy(url, "http://", 7);
    memset(url + 7, 'h', host_size);
    url[7 + host_size] = '/';
    memset(url + 8 + host_size, 'p', path_size);
    url[8 + host_size + path_size] = '\0';
    return url;
}

static void url_limits(void **state)
{
    (void)state;
    struct load_options o;
    assert_null(load_url_read(sized_url(LOAD_HOST_MAX, 0), &o));
    assert_non_null(load_url_read(sized_url(LOAD_HOST_MAX + 1, 0), &o));
    assert_null(load_url_read(sized_url(1, LOAD_PREFIX_MAX - 2), &o));
    assert_int_equal(strlen(o.prefix), LOAD_PREFIX_MAX);
    assert_non_null(load_url_read(sized_url(1, LOAD_PREFIX_MAX - 1), &o));
}

static void choices_have_their_words(void **state)
{
    (void)state;
    assert_string_equal(load_method_text(good(OCSP "--method mix")->method), "mix");
    assert_string_equal(load_hash_text(good(OCSP "--hash sha256")->hash), "sha256");
    assert_string_equal(load_verify_text(good(OCSP "--verify none")->verify), "none");
    assert_string_equal(load_mode_text(good(OCSP "--ramp 1:2")->mode), "ramp");
}

static void help_names_every_option(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    load_options_help(out);
    assert_int_equal(fclose(out), 0);
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        char line[64];
        snprintf(line, sizeof line, "\n  --%s ", option_name((enum option_id)id));
        assert_non_null(strstr(text, line));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_option),
        cmocka_unit_test(modes),
        cmocka_unit_test(help_and_version),
        cmocka_unit_test(errors),
        cmocka_unit_test(too_many_paths),
        cmocka_unit_test(urls_read),
        cmocka_unit_test(url_limits),
        cmocka_unit_test(choices_have_their_words),
        cmocka_unit_test(help_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

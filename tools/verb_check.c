/* SPDX-License-Identifier: Apache-2.0 */
/* statim check: a conformance check of any OCSP responder, one line a rule, exit 1 on any failure.
 */
#include <getopt.h>
#include <stdlib.h>

#include "lib/os/clock.h"
#include "tools/check.h"
#include "tools/verb.h"

struct rule {
    const char *name;
    const char *section;
    const char *text;
    bool (*keeps)(struct check *c, char why[static CHECK_WHY_BYTES]);
};

static const struct rule rules[] = {
#define X(name, section, text) {#name, section, text, rule_##name},
    CHECK_RULE_TABLE(X)
#undef X
};

#define RULE_COUNT (sizeof rules / sizeof rules[0])

struct check_options {
    const char *url;
    const char *issuer;
    const char *good;
    const char *revoked;
};

static bool parse_options(int argc, char **argv, struct check_options *o)
{
    static const struct option table[] = {{"issuer", required_argument, NULL, 'i'},
                                          {"good", required_argument, NULL, 'g'},
                                          {"revoked", required_argument, NULL, 'r'},
                                          {0}};
    int option = 0;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 'i')
            o->issuer = optarg;
        else if (option == 'g')
            o->good = optarg;
        else if (option == 'r')
            o->revoked = optarg;
        else
            return false;
    }
    if (optind + 1 != argc || o->issuer == NULL || o->good == NULL || o->revoked == NULL)
        return false;
    o->url = argv[optind];
    return true;
}

static void ask_baseline(struct check *c)
{
    struct serial random;
    check_random_serial(&random);
    (void)!check_ask(c, &c->good, CERTID_HASH_SHA256, ASK_GET, NULL, &c->get_good);
    (void)!check_ask(c, &c->good, CERTID_HASH_SHA1, ASK_GET, NULL, &c->get_good_old);
    (void)!check_ask(c, &c->revoked, CERTID_HASH_SHA1, ASK_GET, NULL, &c->get_revoked);
    (void)!check_ask(c, &random, CERTID_HASH_SHA1, ASK_GET, NULL, &c->get_random);
    bool newer = c->get_good.is_ocsp && c->get_good.ocsp.matched;
    c->signed_good = newer ? &c->get_good : &c->get_good_old;
}

/* Some responders hang for good on an odd request: the rules after that are broken without asking.
 */
#define SILENT_RULES_MAX 3

/* The count of rules that are broken. */
static unsigned judge(struct check *c)
{
    unsigned broken = 0;
    unsigned silent = 0; /* rules in a row that waited in vain */
    for (size_t i = 0; i < RULE_COUNT; i++) {
        char why[CHECK_WHY_BYTES] = "the responder does not answer any more";
        uint64_t begin_ns = clock_monotonic_ns();
        bool kept = silent < SILENT_RULES_MAX && rules[i].keeps(c, why);
        uint64_t took_s = (clock_monotonic_ns() - begin_ns) / 1000000000u;
        if (silent < SILENT_RULES_MAX)
            silent = !kept && took_s >= HTTP_CLIENT_TIMEOUT_S - 1 ? silent + 1 : 0;
        printf("%-4s  %-22s %-12s %s%s%s\n", kept ? "pass" : "FAIL", rules[i].name,
               rules[i].section, rules[i].text, kept ? "" : ": ", kept ? "" : why);
        broken += kept ? 0 : 1;
    }
    printf("%zu passed, %u failed\n", RULE_COUNT - broken, broken);
    return broken;
}

static enum err prepare(const struct check_options *o, struct check *c)
{
    enum err err = serial_from_hex(span_text(o->good), &c->good);
    if (err == ERR_OK)
        err = serial_from_hex(span_text(o->revoked), &c->revoked);
    if (err != ERR_OK) {
        fprintf(stderr, "statim check: a serial: %s\n", err_text(err));
        return err;
    }
    err = ocsp_issuer_load(o->issuer, &c->issuer);
    if (err != ERR_OK)
        fprintf(stderr, "statim check: %s: %s\n", o->issuer, err_text(err));
    return err;
}

int verb_check(int argc, char **argv)
{
    struct check_options o = {0};
    if (!parse_options(argc, argv, &o))
        return VERB_USAGE;
    struct check c = {.url = o.url, .now_s = clock_wall_s()};
    if (prepare(&o, &c) != ERR_OK)
        return 1;
    ask_baseline(&c);
    unsigned broken = judge(&c);
    ocsp_answer_done(&c.get_good);
    ocsp_answer_done(&c.get_good_old);
    ocsp_answer_done(&c.get_revoked);
    ocsp_answer_done(&c.get_random);
    ocsp_issuer_done(&c.issuer);
    return broken == 0 ? 0 : 1;
}

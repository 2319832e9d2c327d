/* SPDX-License-Identifier: Apache-2.0 */
/* statim ca: an offline ceremony, step by step. The steps are in issuer/. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "issuer/ca_ceremony.h"
#include "lib/os/clock.h"
#include "tools/verb.h"

struct cli {
    struct ca_options o;
    const char *head;
};

static bool take_policy(struct ca_options *o, const char *text)
{
    if (o->policy_count == CA_POLICIES_MAX)
        return false;
    o->policies[o->policy_count++] = text;
    return true;
}

/* Options with a value: where each goes. */
static const char **place(struct cli *c, int option)
{
    struct ca_options *o = &c->o;
    switch (option) {
    case 's':
        return &o->subject;
    case 'd':
        return &o->days;
    case 'k':
        return &o->key.where;
    case 't':
        return &o->key.type;
    case 'p':
        return &o->key.passphrase_file;
    case 'n':
        return &o->key.pin_file;
    case 'o':
        return &o->out;
    case 'i':
        return &o->issuer;
    case 'l':
        return &o->path_length;
    case 'O':
        return &o->ocsp_url;
    case 'A':
        return &o->ca_issuers_url;
    case 'C':
        return &o->crl_url;
    case 'b':
        return &o->blocked_keys;
    case 'w':
        return &o->operator_name;
    case 'r':
        return &o->revoke;
    case 'R':
        return &o->reason;
    case 'h':
        return &c->head;
    default:
        return NULL;
    }
}

static bool take(struct cli *c, int option)
{
    const char **where = place(c, option);
    if (where != NULL)
        *where = optarg;
    else if (option == 'P')
        return take_policy(&c->o, optarg);
    else if (option == 'c')
        c->o.client_auth = true;
    else if (option == 'S')
        c->o.signs_ocsp = true;
    else if (option == 'y')
        c->o.yes = true;
    else
        return false;
    return true;
}

static bool parse_options(int argc, char **argv, struct cli *c)
{
    static const struct option table[] = {{"subject", required_argument, NULL, 's'},
                                          {"days", required_argument, NULL, 'd'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"key-type", required_argument, NULL, 't'},
                                          {"passphrase-file", required_argument, NULL, 'p'},
                                          {"pin-file", required_argument, NULL, 'n'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"issuer", required_argument, NULL, 'i'},
                                          {"path-length", required_argument, NULL, 'l'},
                                          {"policy", required_argument, NULL, 'P'},
                                          {"ocsp-url", required_argument, NULL, 'O'},
                                          {"ca-issuers-url", required_argument, NULL, 'A'},
                                          {"crl-url", required_argument, NULL, 'C'},
                                          {"client-auth", no_argument, NULL, 'c'},
                                          {"sign-ocsp", no_argument, NULL, 'S'},
                                          {"blocked-keys", required_argument, NULL, 'b'},
                                          {"operator", required_argument, NULL, 'w'},
                                          {"revoke", required_argument, NULL, 'r'},
                                          {"reason", required_argument, NULL, 'R'},
                                          {"head", required_argument, NULL, 'h'},
                                          {"yes", no_argument, NULL, 'y'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
        if (!take(c, option))
            return false;
    return true;
}

/* The words that are no options: what to do, and with which folder and file. */
static enum err run(struct cli *c, char **words, int count, bool *ret_usage, struct ca_refusal *why)
{
    struct ca_options *o = &c->o;
    const char *what = count > 0 ? words[0] : "", *step = count > 1 ? words[1] : "";
    bool is_kind = strcmp(what, "intermediate") == 0 || strcmp(what, "responder") == 0;
    o->kind = strcmp(what, "responder") == 0 ? CA_RESPONDER : CA_INTERMEDIATE;
    o->folder = count > (is_kind ? 2 : 1) ? words[is_kind ? 2 : 1] : NULL;
    o->input = count > 3 ? words[3] : NULL;
    if (strcmp(what, "root") == 0 && count == 2) {
        o->kind = CA_ROOT;
        return ca_root(o, why);
    }
    if (strcmp(what, "crl") == 0 && count == 2)
        return ca_crl(o, why);
    if (strcmp(what, "transcript-check") == 0 && count == 2)
        return ca_transcript_check(o->folder, c->head, why);
    if (is_kind && strcmp(step, "csr") == 0 && count == 3)
        return ca_csr(o, why);
    if (is_kind && strcmp(step, "sign") == 0 && count == 4)
        return ca_sign(o, why);
    if (is_kind && strcmp(step, "install") == 0 && count == 4)
        return ca_install(o, why);
    *ret_usage = true;
    return ERR_CONFIG;
}

int verb_ca(int argc, char **argv)
{
    struct cli c = {.o = {.now_s = clock_wall_s()}};
    struct ca_refusal why = {0};
    bool usage = false;
    if (!parse_options(argc, argv, &c))
        return VERB_USAGE;
    enum err err = run(&c, argv + optind, argc - optind, &usage, &why);
    if (usage)
        return VERB_USAGE;
    if (err != ERR_OK)
        fprintf(stderr, "statim ca: %s\n", why.text[0] != '\0' ? why.text : err_text(err));
    return err == ERR_OK ? 0 : 1;
}

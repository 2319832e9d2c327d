/* SPDX-License-Identifier: Apache-2.0 */
/* statim crl-check: anybody's CRLs against the rules. Exit 0: no errors (there may be warnings), 1:
 * errors, 2: what they should be held against cannot be read. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/os/clock.h"
#include "tools/crl_check_report.h"
#include "tools/crl_check_source.h"
#include "tools/verb.h"

struct cli {
    const char *issuer;
    const char *shards;
    const char *previous;
    bool of_cas;
    bool json;
    char **names;
    size_t name_count;
};

struct run {
    struct crl_check check;
    struct crl_check_issuer issuer;
    struct crl_shards shards;
    struct buffer previous;
    struct crl_check_sums sums;
    json_t *crls; /* NULL: text */
};

static bool parse_options(int argc, char **argv, struct cli *c)
{
    static const struct option table[] = {
        {"issuer", required_argument, NULL, 'i'},   {"shards", required_argument, NULL, 's'},
        {"previous", required_argument, NULL, 'p'}, {"ca", no_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},           {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 'i')
            c->issuer = optarg;
        else if (option == 's')
            c->shards = optarg;
        else if (option == 'p')
            c->previous = optarg;
        else if (option == 'c')
            c->of_cas = true;
        else if (option == 'j')
            c->json = true;
        else
            return false;
    }
    c->names = argv + optind;
    c->name_count = (size_t)(argc - optind);
    return (c->name_count > 0 || c->shards != NULL) && (c->previous == NULL || c->name_count == 1);
}

static bool complain(const char *what, const char *why)
{
    fprintf(stderr, "statim crl-check: %s: %s\n", what, why);
    return false;
}

static const char *words(enum err err)
{
    return err == ERR_IO ? strerror(errno) : err_text(err);
}

static bool load_previous(const char *path, struct run *r)
{
    struct crl crl;
    struct crl_judged ignored = {0};
    enum err err = crl_source_get(path, &r->previous, &ignored);
    r->check.previous = span_of(r->previous.data, r->previous.size);
    if (err == ERR_OK)
        err = crl_open(r->check.previous, &crl);
    return err == ERR_OK || complain(path, words(err));
}

static bool prepare(const struct cli *c, struct run *r)
{
    char why[256];
    enum err err;
    if (c->issuer != NULL) {
        if ((err = crl_check_issuer_load(c->issuer, &r->issuer)) != ERR_OK)
            return complain(c->issuer, words(err));
        r->check.issuer = &r->issuer;
    }
    if (c->shards != NULL) {
        if (crl_shards_load(c->shards, &r->shards, why) != ERR_OK)
            return complain(c->shards, why);
        r->check.shards = &r->shards;
    }
    return c->previous == NULL || load_previous(c->previous, r);
}

static enum err judge(struct run *r, const char *name, struct crl_judged *judged)
{
    struct buffer octets = {0};
    TRY(crl_source_get(name, &octets, judged));
    enum err err = ERR_OK;
    if (!judged->found[CRL_FOUND_DOWNLOAD])
        err = crl_check_judge(&r->check, crl_source_is_url(name) ? name : NULL,
                              span_of(octets.data, octets.size), judged);
    if (err == ERR_OK) {
        crl_report_count(judged, &r->sums);
        if (r->crls == NULL)
            crl_report_text(name, judged);
        else if (json_array_append_new(r->crls, crl_report_json(name, judged)) != 0)
            err = ERR_MEMORY;
    }
    buffer_done(&octets);
    return err;
}

static bool judge_one(struct run *r, const char *name)
{
    struct crl_judged *judged = calloc(1, sizeof *judged);
    enum err err = judged != NULL ? judge(r, name, judged) : ERR_MEMORY;
    free(judged);
    return err == ERR_OK || complain(name, words(err));
}

/* Without names: all that is disclosed. */
static bool judge_all(const struct cli *c, struct run *r)
{
    bool all = true;
    for (size_t i = 0; i < c->name_count; i++)
        all = judge_one(r, c->names[i]) && all;
    for (size_t i = 0; c->name_count == 0 && i < json_array_size(r->shards.list); i++)
        all = judge_one(r, json_string_value(json_array_get(r->shards.list, i))) && all;
    return all;
}

static bool end_report(struct run *r)
{
    if (r->crls == NULL) {
        crl_report_text_end(&r->sums);
        return true;
    }
    json_t *root = crl_report_json_end(json_incref(r->crls), &r->sums);
    bool done = root != NULL && json_dumpf(root, stdout, JSON_INDENT(1)) == 0 && putchar('\n') > 0;
    json_decref(root);
    return done;
}

int verb_crl_check(int argc, char **argv)
{
    struct cli c = {0};
    if (!parse_options(argc, argv, &c))
        return VERB_USAGE;
    struct run r = {.check = {.now_s = clock_wall_s(), .of_cas = c.of_cas},
                    .crls = c.json ? json_array() : NULL};
    int status = VERB_UNABLE;
    if (prepare(&c, &r)) {
        r.sums.unread = !judge_all(&c, &r);
        if (end_report(&r) && !r.sums.unread)
            status = r.sums.errors > 0 ? 1 : 0;
    }
    json_decref(r.crls);
    crl_check_issuer_done(&r.issuer);
    crl_shards_done(&r.shards);
    buffer_done(&r.previous);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* statim-dataset: a whole publication without a presigner, for measurements. Formats, sizes and
 * times are real; signatures are random octets of full size, so an edge must not verify them
 * (verify_packs: none, as in the edge.yaml that is made).
 *
 *   statim-dataset DIR --certs N [options]    makes DIR
 *   statim-dataset DIR --turn                 every range anew, with newer times, as log entries
 *
 *     --issuers K            certificates are shared out evenly           (1)
 *     --serials SHAPE        random, sequential or skewed                 (random)
 *     --seed S               serials and statuses follow from it          (1)
 *     --revoked-share F      0 to 1                                       (0.01)
 *     --alg ALG              p256 or rsa2048                              (p256)
 *     --certids WHICH        sha1, sha256 or both in each response        (both)
 *     --serials-count M      lines of serials.txt, at most all            (all)
 *     --listen, --admin      addresses of the edge                        (127.0.0.1:8080, :9080)
 *     --workers N            of the edge
 *
 * DIR has pub/, edge.yaml, publish-key.pem, publish-key.pub, and ca.pem, serials.txt, revoked.txt
 * (ca-2.pem, serials-2.txt ... for further issuers). revoked.txt has those of serials.txt that are
 * revoked. An edge over it: statim-edge DIR/edge.yaml. */
#include "bench/dataset/generate.h"
#include "bench/dataset/lists.h"
#include "bench/dataset/site.h"
#include "lib/os/address.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
    struct site_options site;
    uint64_t certs;
    uint64_t serials_count;
    uint64_t seed;
    double revoked_share;
    enum serial_shape shape;
    bool turn;
};

static enum err complain(const char *what, enum err err)
{
    if (err != ERR_OK)
        fprintf(stderr, "statim-dataset: %s: %s\n", what, err_text(err));
    return err;
}

static bool number_read(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || text[0] == '-' || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

static bool share_read(const char *text, double *ret)
{
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || end == text || !(value >= 0 && value <= 1))
        return false;
    *ret = value;
    return true;
}

static bool address_read(const char *text, const char **ret)
{
    struct address address;
    *ret = text;
    return address_from_text(span_text(text), &address) == ERR_OK;
}

static bool alg_read(const char *text, const char **ret)
{
    *ret = text;
    return strcmp(text, "p256") == 0 || strcmp(text, "rsa2048") == 0;
}

static bool certids_read(const char *text, enum certid_set *ret)
{
    static const struct {
        const char *text;
        enum certid_set set;
    } table[] = {{"sha1", CERTID_SHA1}, {"sha256", CERTID_SHA256}, {"both", CERTID_BOTH}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(text, table[i].text) == 0) {
            *ret = table[i].set;
            return true;
        }
    }
    return false;
}

static bool option_take(int option, const char *text, struct options *o)
{
    uint64_t number = 0;
    bool good = true;
    switch (option) {
    case 'c':
        return number_read(text, 1, PLAN_COUNT_MAX, &o->certs);
    case 'i':
        good = number_read(text, 1, SITE_ISSUERS_MAX, &number);
        o->site.issuer_count = (uint32_t)number;
        return good;
    case 's':
        return serial_shape_from_text(text, &o->shape) == ERR_OK;
    case 'x':
        return number_read(text, 0, UINT64_MAX, &o->seed);
    case 'r':
        return share_read(text, &o->revoked_share);
    case 'k':
        return alg_read(text, &o->site.key_type);
    case 'd':
        return certids_read(text, &o->site.certid_set);
    case 'm':
        return number_read(text, 1, PLAN_COUNT_MAX, &o->serials_count);
    case 'l':
        return address_read(text, &o->site.listen);
    case 'a':
        return address_read(text, &o->site.admin);
    case 'w':
        good = number_read(text, 1, UINT16_MAX, &number);
        o->site.workers = (unsigned)number;
        return good;
    case 't':
        o->turn = true;
        return true;
    default:
        return false;
    }
}

static bool options_read(int argc, char **argv, struct options *o)
{
    static const struct option table[] = {{"certs", required_argument, NULL, 'c'},
                                          {"issuers", required_argument, NULL, 'i'},
                                          {"serials", required_argument, NULL, 's'},
                                          {"seed", required_argument, NULL, 'x'},
                                          {"revoked-share", required_argument, NULL, 'r'},
                                          {"alg", required_argument, NULL, 'k'},
                                          {"certids", required_argument, NULL, 'd'},
                                          {"serials-count", required_argument, NULL, 'm'},
                                          {"listen", required_argument, NULL, 'l'},
                                          {"admin", required_argument, NULL, 'a'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"turn", no_argument, NULL, 't'},
                                          {0}};
    int option;
    *o = (struct options){.site = {.key_type = "p256",
                                   .listen = "127.0.0.1:8080",
                                   .admin = "127.0.0.1:9080",
                                   .certid_set = CERTID_BOTH,
                                   .issuer_count = 1},
                          .serials_count = PLAN_COUNT_MAX,
                          .seed = 1,
                          .revoked_share = 0.01};
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
        if (!option_take(option, optarg, o))
            return false;
    if (optind + 1 != argc)
        return false;
    o->site.folder = argv[optind];
    return o->turn || o->certs >= o->site.issuer_count;
}

static enum err issuer_lists(const struct options *o, uint32_t number,
                             const struct serial_plan *plan)
{
    char name[SITE_NAME_BYTES];
    char serials[PATH_BYTES_MAX];
    char revoked[PATH_BYTES_MAX];
    site_file_name("serials", number, ".txt", name);
    TRY(path_join(serials, sizeof serials, o->site.folder, name));
    site_file_name("revoked", number, ".txt", name);
    TRY(path_join(revoked, sizeof revoked, o->site.folder, name));
    return complain(serials,
                    lists_write(plan, o->revoked_share, o->serials_count, serials, revoked));
}

static enum err issuer_write(const struct options *o, const struct site_issuer *issuer,
                             struct publication *p)
{
    struct serial_plan plan;
    uint64_t count = o->certs / o->site.issuer_count;
    if (issuer->number < o->certs % o->site.issuer_count)
        count++;
    TRY(serial_plan_make(o->shape, count, o->seed + issuer->number, &plan));
    struct generate_issuer g = {
        .template_ = &issuer->template_, .plan = &plan, .revoked_share = o->revoked_share};
    enum err err = complain("pub", generate_packs(p, &g));
    if (err == ERR_OK)
        err = issuer_lists(o, issuer->number, &plan);
    serial_plan_done(&plan);
    return err;
}

static enum err publication_write(const struct options *o, const struct site_issuer *issuers,
                                  struct publication *p)
{
    for (uint32_t i = 0; i < o->site.issuer_count; i++)
        TRY(publication_template(p, &issuers[i].template_));
    TRY(publication_log_templates(p));
    for (uint32_t i = 0; i < o->site.issuer_count; i++)
        TRY(issuer_write(o, &issuers[i], p));
    return publication_finish(p);
}

static enum err make(const struct options *o)
{
    char folder[PATH_BYTES_MAX];
    struct publication p;
    struct publish_key *key = NULL;
    struct site_issuer *issuers = calloc(o->site.issuer_count, sizeof *issuers);
    if (issuers == NULL)
        return ERR_MEMORY;
    enum err err = path_join(folder, sizeof folder, o->site.folder, "pub");
    if (err == ERR_OK)
        err = complain(folder, publication_new(folder, NULL, &p));
    if (err == ERR_OK) {
        err = site_make(&o->site, issuers, &key);
        p.key = key;
        if (err == ERR_OK)
            err = publication_write(o, issuers, &p);
        publication_done(&p);
    }
    publish_key_free(key);
    free(issuers);
    if (err == ERR_OK)
        printf("%s: %" PRIu64 " certificates; next: statim-edge %s/edge.yaml\n", o->site.folder,
               o->certs, o->site.folder);
    return err;
}

static enum err turn(const struct options *o)
{
    char folder[PATH_BYTES_MAX];
    struct publish_key *key;
    uint64_t count;
    TRY(path_join(folder, sizeof folder, o->site.folder, "pub"));
    TRY(site_key(o->site.folder, &key));
    enum err err = complain(folder, generate_turn(folder, key, &count));
    publish_key_free(key);
    if (err == ERR_OK)
        printf("%s: %" PRIu64 " certificates signed anew\n", o->site.folder, count);
    return err;
}

int main(int argc, char **argv)
{
    struct options o;
    if (!options_read(argc, argv, &o)) {
        fprintf(stderr, "usage: statim-dataset DIR --certs N [--issuers K] "
                        "[--serials random|sequential|skewed] [--seed S]\n"
                        "       [--revoked-share F] [--alg p256|rsa2048] "
                        "[--certids sha1|sha256|both]\n"
                        "       [--serials-count M] [--listen ADDRESS] [--admin ADDRESS] "
                        "[--workers N]\n"
                        "       statim-dataset DIR --turn\n");
        return 2;
    }
    return (o.turn ? turn(&o) : make(&o)) == ERR_OK ? 0 : 1;
}

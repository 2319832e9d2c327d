/* SPDX-License-Identifier: Apache-2.0 */
/* statim ccadb: the URLs of each issuer's CRLs, as the fields of its record in the CCADB want them
 * (CCADB Policy 6.2): of all shard sets there ever were, for certificates name them, each octet for
 * octet as in the CRLs' distribution points. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "presigner/crl_record.h"
#include "presigner/revoked_index.h"
#include "tools/directory.h"
#include "tools/verb.h"

struct cli {
    const char *issuer;
    const char *directory;
    bool array;
};

/* What is said of one issuer. */
struct disclosure {
    json_t *shards;
    json_t *full;
    size_t published_count;
    size_t missing_count; /* URLs that nothing was published under yet */
};

static bool parse_options(int argc, char **argv, struct cli *c)
{
    static const struct option table[] = {
        {"issuer", required_argument, NULL, 'i'}, {"array", no_argument, NULL, 'a'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 'i')
            c->issuer = optarg;
        else if (option == 'a')
            c->array = true;
        else
            return false;
    }
    if (optind + 1 != argc)
        return false;
    c->directory = argv[optind];
    return true;
}

static enum err add_url(const struct directory *d, MDB_txn *txn, uint32_t shard, json_t *list,
                        struct disclosure *ret)
{
    char url[CRL_SHARD_URL_MAX];
    struct crl_record record;
    struct publish_db publish = publish_db_of(d->db);
    TRY(crl_shard_url(d->issuer->crl.url_base, shard, url));
    enum err err = crl_record_get(&publish, txn, d->issuer_id, shard, &record);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    ret->published_count += err == ERR_OK;
    ret->missing_count += err == ERR_NOT_FOUND;
    return json_array_append_new(list, json_string(url)) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err add_set(const struct directory *d, MDB_txn *txn, const struct crl_set *set,
                        struct disclosure *ret)
{
    /* One CRL for all full sets. */
    if (set->full)
        return json_array_size(ret->full) > 0 ? ERR_OK
                                              : add_url(d, txn, CRL_SHARD_FULL, ret->full, ret);
    for (uint32_t place = 0; place < set->count; place++)
        TRY(add_url(d, txn, crl_shard_pack(set->number, (uint16_t)place), ret->shards, ret));
    return ERR_OK;
}

/* The sets there are, with the one that is configured and not in use yet. */
static enum err collect(const struct directory *d, MDB_txn *txn, struct disclosure *ret)
{
    struct crl_sets sets;
    if (d->issuer->crl.url_base == NULL)
        return ERR_OK;
    TRY(crl_sets_get(d->db, txn, d->issuer_id, &sets));
    struct crl_set configured = crl_config_set(&d->issuer->crl);
    TRY(crl_sets_use(&sets, &configured));
    for (size_t i = 0; i < sets.count; i++)
        TRY(add_set(d, txn, &sets.sets[i], ret));
    return ERR_OK;
}

/* Nothing can be fetched: the placeholder says that the field was thought of. An array of no
 * elements is taken for an empty field. */
static enum err use_placeholder(struct disclosure *ret)
{
    (void)json_array_clear(ret->shards);
    (void)json_array_clear(ret->full);
    ret->missing_count = 0;
    return json_array_append_new(ret->shards, json_string("")) == 0 ? ERR_OK : ERR_MEMORY;
}

static enum err disclose(const struct directory *d, struct disclosure *ret)
{
    MDB_txn *txn;
    TRY(status_txn_read(d->db, &txn));
    enum err err = collect(d, txn, ret);
    status_txn_abort(txn);
    if (err == ERR_OK && ret->published_count == 0)
        err = use_placeholder(ret);
    return err;
}

static bool add_issuer(const struct directory *d, const struct cli *c, json_t *root,
                       bool *ret_missing)
{
    struct disclosure found = {.shards = json_array(), .full = json_array()};
    enum err err = found.shards && found.full ? disclose(d, &found) : ERR_MEMORY;
    if (err == ERR_CONFLICT)
        directory_complain(d, "issuer %s: crl: its shard_set has another count of shards",
                           d->issuer->name);
    else if (err != ERR_OK)
        directory_complain(d, "issuer %s: %s", d->issuer->name, err_text(err));
    if (err == ERR_OK && found.missing_count > 0)
        directory_complain(d,
                           "issuer %s: nothing is published yet under %zu of these URLs: disclose "
                           "them once it is",
                           d->issuer->name, found.missing_count);
    *ret_missing = *ret_missing || found.missing_count > 0;
    char id[17];
    (void)snprintf(id, sizeof id, "%016" PRIx64, d->issuer_id);
    json_t *row =
        c->array ? json_incref(found.shards)
                 : json_pack("{s:s, s:O, s:O}", "issuer id", id, "JSON Array of Partitioned CRLs",
                             found.shards, "JSON Array of all Full CRL URLs", found.full);
    bool put = json_object_set_new(root, d->issuer->name, row) == 0;
    json_decref(found.shards);
    json_decref(found.full);
    return err == ERR_OK && put;
}

static bool add_all(struct directory *d, const struct cli *c, json_t *root, bool *ret_missing)
{
    size_t count = 0;
    for (size_t i = 0; i < d->config->issuer_count; i++) {
        const struct issuer_config *issuer = &d->config->issuers[i];
        if (c->issuer != NULL && strcmp(c->issuer, issuer->name) != 0)
            continue;
        count++;
        if (!directory_use(d, issuer) || !add_issuer(d, c, root, ret_missing))
            return false;
    }
    if (count == 1 || (count > 0 && !c->array))
        return true;
    if (count == 0)
        directory_complain(d, "no issuer '%s' in %s", c->issuer, d->config_path);
    else
        directory_complain(d, "there are several issuers: say whose array by --issuer NAME");
    return false;
}

int verb_ccadb(int argc, char **argv)
{
    struct cli c = {0};
    struct directory d;
    bool missing = false;
    if (!parse_options(argc, argv, &c))
        return VERB_USAGE;
    if (!directory_open_all("ccadb", c.directory, &d))
        return 1;
    json_t *root = json_object();
    bool done = root != NULL && add_all(&d, &c, root, &missing);
    if (done) {
        json_t *shown = c.array ? json_object_iter_value(json_object_iter(root)) : root;
        size_t flags = JSON_ENCODE_ANY | (c.array ? JSON_COMPACT : JSON_INDENT(1));
        done = json_dumpf(shown, stdout, flags) == 0 && putchar('\n') != EOF;
    }
    json_decref(root);
    directory_close(&d);
    return done && !missing ? 0 : 1;
}

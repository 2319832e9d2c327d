/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/withdraw_paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/os/log.h"
#include "presigner/publish_entry.h"

/* Withdrawals in one log entry. */
#define BATCH_COUNT 64

static const char crl_type[] = "application/pkix-crl";
static const char delta_end[] = "-delta.crl";

struct names {
    char text[BATCH_COUNT][PATH_BYTES_MAX + 1];
    size_t count;
};

struct abandoned {
    uint64_t count;
    char first[PATH_BYTES_MAX + 1];
    uint64_t expires_s; /* the earliest */
};

/* --- Whose is a path? --- */

/* Whether "<base><rest>" is the URL of one of the issuer's CRLs. */
static bool is_crl_of(struct crl_issuer *ci, const char *rest)
{
    char url[2 * CRL_SHARD_URL_MAX];
    uint32_t shard = 0;
    int size = snprintf(url, sizeof url, "%s%s", ci->config->url_base, rest);
    if (size < 0 || (size_t)size >= sizeof url)
        return false;
    if (strcmp(rest, "/full.crl") == 0)
        shard = CRL_SHARD_FULL;
    else if (crl_shard_from_text(&ci->sets, ci->config->url_base, span_text(url), &shard) != ERR_OK)
        return false;
    /* Something is there, so when the issuer never published it is another's. */
    const struct crl_slot *slot = crl_issuer_slot(ci, shard);
    return slot != NULL && slot->schedule.published;
}

static bool is_of_issuer(struct crl_issuer *ci, const char *path)
{
    char rest[PATH_BYTES_MAX + 1];
    const char *base = crl_url_path(ci->config->url_base);
    size_t base_size = strlen(base);
    if (strncmp(path, base, base_size) != 0)
        return false;
    snprintf(rest, sizeof rest, "%s", path + base_size);
    size_t size = strlen(rest), end = sizeof delta_end - 1;
    if (ci->config->delta && size > end && strcmp(rest + size - end, delta_end) == 0)
        snprintf(rest + size - end, end, ".crl");
    return is_crl_of(ci, rest);
}

static const struct crl_issuer *maker_of(struct publisher *p, const char *path)
{
    for (size_t i = 0; i < p->crls->count; i++)
        if (is_of_issuer(&p->crls->issuers[i], path))
            return &p->crls->issuers[i];
    return NULL;
}

/* --- Withdrawing --- */

static bool is_named(const struct publisher *p, const char *path)
{
    for (size_t i = 0; i < p->config->withdrawn_count; i++) {
        const char *word = p->config->withdrawn[i];
        size_t size = strlen(word);
        bool prefix = size > 0 && word[size - 1] == '/';
        if (prefix ? strncmp(path, word, size) == 0 : strcmp(path, word) == 0)
            return true;
    }
    return false;
}

static enum err take_name(struct publisher *p, const struct blob_path *path, struct names *names)
{
    char text[PATH_BYTES_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)path->path.size, (const char *)path->path.data);
    if (names->count == BATCH_COUNT || !is_named(p, text))
        return ERR_OK;
    const struct crl_issuer *maker = maker_of(p, text);
    if (maker != NULL) {
        log_error("withdrawn_paths: %s: is a CRL of issuer %s, which is configured", text,
                  maker->issuer->config->name);
        return ERR_CONFIG;
    }
    memcpy(names->text[names->count++], text, sizeof text);
    return ERR_OK;
}

static void take_abandoned(struct publisher *p, const struct blob_path *path, struct abandoned *a)
{
    char text[PATH_BYTES_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)path->path.size, (const char *)path->path.data);
    bool is_crl = span_equal(path->media_type, span_text(crl_type));
    if (!is_crl || maker_of(p, text) != NULL)
        return;
    if (a->count++ == 0)
        memcpy(a->first, text, sizeof text);
    if (a->expires_s == 0 || path->expires_s < a->expires_s)
        a->expires_s = path->expires_s;
}

/* Looks at every path, for one thing or the other. */
static enum err walk(struct publisher *p, MDB_txn *txn, struct names *names, struct abandoned *a)
{
    struct publish_cursor c;
    TRY(publish_cursor_open(txn, p->db.path, SPAN_EMPTY, &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        struct blob_path path;
        err = publish_cursor_next(&c, &key, &value);
        if (err == ERR_OK)
            err = blob_path_read(value, &path);
        if (err == ERR_OK && names != NULL)
            err = take_name(p, &path, names);
        else if (err == ERR_OK)
            take_abandoned(p, &path, a);
    }
    publish_cursor_close(&c);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err look(struct publisher *p, struct names *names, struct abandoned *a)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    enum err err = walk(p, txn, names, a);
    status_txn_abort(txn);
    return err;
}

static enum err withdraw(struct publisher *p, const struct names *names)
{
    struct publish_entry e;
    MDB_txn *txn = NULL;
    enum err err = ERR_OK;
    TRY(publish_entry_start(p, &e));
    for (size_t i = 0; i < names->count; i++) {
        struct blob_path gone = {.path = span_text(names->text[i])};
        publish_entry_path(&e, &gone);
    }
    TRY(publish_entry_seal(p, &e, &txn));
    for (size_t i = 0; err == ERR_OK && i < names->count; i++)
        err = path_record_delete(&p->db, txn, span_text(names->text[i]));
    if (err == ERR_OK)
        return publish_entry_commit(p, &e, txn);
    publish_entry_drop(p, &e, txn);
    return err;
}

static enum err withdraw_all(struct publisher *p, struct names *names)
{
    do {
        names->count = 0;
        TRY(look(p, names, NULL));
        if (names->count == 0)
            return ERR_OK;
        TRY(withdraw(p, names));
        log_info("%zu paths are withdrawn, %s the first of them: log entry %" PRIu64, names->count,
                 names->text[0], p->state.log_last);
    } while (names->count == BATCH_COUNT);
    return ERR_OK;
}

static enum err warn_of_abandoned(struct publisher *p)
{
    struct abandoned a = {.count = 0};
    TRY(look(p, NULL, &a));
    publish_gauge(p, COUNT_crls_abandoned, a.count);
    p->crls->abandoned_next_s = a.expires_s;
    if (a.count > 0)
        log_warning("%" PRIu64 " CRLs are published that no configured issuer makes, %s the first "
                    "of them: clients that ask for them get nothing once they are past their "
                    "nextUpdate, from %" PRIu64 " on; configure crl again, or withdrawn_paths",
                    a.count, a.first, a.expires_s);
    return ERR_OK;
}

enum err publish_withdraw_paths(struct publisher *p)
{
    struct names *names = malloc(sizeof *names);
    if (names == NULL)
        return ERR_MEMORY;
    enum err err = withdraw_all(p, names);
    free(names);
    TRY(err);
    return warn_of_abandoned(p);
}

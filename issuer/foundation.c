/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/foundation.h"

#include <inttypes.h>

#include "issuer/continuity.h"
#include "issuer/journal.h"
#include "issuer/key_policy.h"
#include "issuer/leaf_names.h"
#include "issuer/recover.h"
#include "issuer/registry_authority.h"
#include "issuer/registry_event.h"
#include "issuer/registry_owner.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"

#define LIST_BYTES_MAX (64u << 20)

static uint64_t wall_s(void *context)
{
    (void)context;
    return clock_wall_s();
}

static uint64_t monotonic_ns(void *context)
{
    (void)context;
    return clock_monotonic_ns();
}

/* --- Files --- */

static enum err list_read(const char *path, struct buffer *list)
{
    if (path == NULL)
        return ERR_OK;
    enum err err = file_read(path, LIST_BYTES_MAX, list);
    if (err != ERR_OK)
        log_error("%s: the list of keys cannot be read: %s", path, err_text(err));
    return err;
}

static enum err read_key_lists(const struct issuing_config *config, struct key_lists **ret)
{
    struct buffer blocked = {0}, debian = {0};
    enum err err = list_read(config->blocked_keys, &blocked);
    if (err == ERR_OK)
        err = list_read(config->debian_keys, &debian);
    if (err == ERR_OK) {
        err = key_lists_load(span_of(blocked.data, blocked.size), span_of(debian.data, debian.size),
                             ret);
        if (err != ERR_OK)
            log_error("blocked_keys or debian_keys: not such a list: %s", err_text(err));
    }
    buffer_done(&blocked);
    buffer_done(&debian);
    return err;
}

enum err foundation_read(const struct issuing_config *config, struct foundation *ret)
{
    struct foundation *f = ret;
    *f = (struct foundation){
        .issuer = {.config = config, .clock = {wall_s, monotonic_ns, NULL}},
    };
    TRY(authority_set_load(config, clock_wall_s(), &f->authorities));
    TRY(read_key_lists(config, &f->key_lists));
    enum err err = leaf_suffixes_open(config->public_suffix, &f->suffixes);
    if (err != ERR_OK) {
        log_error("%s: the list of public suffixes cannot be read: %s",
                  config->public_suffix != NULL ? config->public_suffix : "the system's",
                  err_text(err));
        return err;
    }
    f->issuer.authorities = f->authorities;
    f->issuer.key_lists = f->key_lists;
    f->issuer.suffixes = f->suffixes;
    f->issuer.metrics = &f->metrics;
    return ERR_OK;
}

/* --- Audit log and registry --- */

static enum err open_journal(struct foundation *f)
{
    const struct audit_config *audit = &f->issuer.config->audit;
    const struct journal_options options = {
        .folder = audit->folder,
        .key = audit->key,
        .gather_ns = audit->gather_us * 1000,
        .checkpoint_ns = audit->checkpoint_ms * 1000000,
        .retention_years = (unsigned)audit->retention_years,
    };
    return journal_open(&options, &f->issuer.journal);
}

struct introduction {
    const struct authority *authority;
};

static enum err introduce(struct registry *r, void *context)
{
    const struct introduction *i = context;
    const struct registry_authority row = {
        .issuer_id = i->authority->id,
        .name = span_text(i->authority->config->name),
        .subject = i->authority->ca.subject,
        .certificate = span_of(i->authority->der.data, i->authority->der.size),
    };
    TRY(registry_authority_add(r, &row));
    return registry_crl_set_use(r, i->authority->id, i->authority->crl_set.number,
                                i->authority->crl_set.count);
}

static enum err introduce_all(struct foundation *f, struct registry *r)
{
    for (size_t i = 0; i < f->authorities->count; i++) {
        const struct authority *authority = &f->authorities->authorities[i];
        struct introduction introduction = {authority};
        uint64_t seq = 0;
        enum err err = registry_transaction(r, introduce, &introduction);
        if (err == ERR_CONFLICT)
            log_error("authority %s: the registry knows another CA of this name, or its "
                      "crl_shard_set with another crl_shards: begin another set",
                      authority->config->name);
        TRY(err);
        TRY(registry_published(r, authority->id, &seq));
        authority_published_note(authority, seq);
    }
    return ERR_OK;
}

/* The database refuses to delete what is younger, as the audit log's tools do. */
static enum err promise_retention(struct registry *r, void *context)
{
    const struct audit_config *audit = context;
    uint64_t promised_s = 0, wanted_s = audit->retention_years * 366 * 86400;
    TRY(registry_retention(r, &promised_s));
    return wanted_s > promised_s ? registry_retention_set(r, wanted_s) : ERR_OK;
}

static enum err open_registry(struct foundation *f, struct issuer_worker *worker)
{
    uint64_t count = 0;
    TRY(registry_migrate(worker->registry));
    struct audit_config audit = f->issuer.config->audit;
    TRY(registry_transaction(worker->registry, promise_retention, &audit));
    TRY(introduce_all(f, worker->registry));
    log_info("registry: %s", registry_version(worker->registry));
    TRY(continuity_check(worker));
    TRY(recover_all(worker, &count));
    if (count > 0)
        log_warning("%" PRIu64 " serials were left unfinished and have their end now", count);
    return ERR_OK;
}

enum err foundation_open(struct foundation *f)
{
    struct issuer_worker worker;
    const struct registry_options options = issuer_registry_options(f->issuer.config);
    TRY(open_journal(f));
    TRY(registry_owner_take(&options, &f->issuer.owner));
    TRY(issuer_worker_open(&f->issuer, &worker));
    enum err err = open_registry(f, &worker);
    issuer_worker_close(&worker);
    if (err != ERR_OK)
        log_error("the registry cannot be used: %s", err_text(err));
    return err;
}

void foundation_close(struct foundation *f)
{
    f->issuer.owner = registry_owner_drop(f->issuer.owner);
    f->issuer.journal = journal_close(f->issuer.journal);
    f->suffixes = leaf_suffixes_close(f->suffixes);
    f->key_lists = key_lists_free(f->key_lists);
    f->authorities = authority_set_free(f->authorities);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish.h"

#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "lib/os/log.h"
#include "presigner/publish_changes.h"
#include "presigner/publish_check.h"
#include "presigner/publish_clock.h"
#include "presigner/publish_crl.h"
#include "presigner/publish_files.h"
#include "presigner/publish_filter.h"
#include "presigner/publish_gc.h"
#include "presigner/publish_head.h"
#include "presigner/publish_index.h"
#include "presigner/publish_ranges.h"
#include "presigner/publish_settled.h"
#include "presigner/template_set.h"
#include "presigner/withdraw.h"
#include "presigner/withdraw_paths.h"

#define KEY_BYTES_FILE_MAX 65536
/* After a time of much work, an index soon: edges that start do not follow all of it. */
#define IDLE_INDEX_LOG 64

struct publish_issuer *publish_issuer_find(struct publisher *p, uint64_t issuer_id)
{
    for (size_t i = 0; i < p->issuer_count; i++)
        if (p->issuers[i].template_.issuer_id == issuer_id)
            return &p->issuers[i];
    return NULL;
}

uint64_t publisher_issuer_id(const struct publisher *p, const struct issuer_config *issuer)
{
    for (size_t i = 0; i < p->issuer_count; i++)
        if (p->issuers[i].config == issuer)
            return p->issuers[i].template_.issuer_id;
    return 0;
}

static enum err key_open(struct publisher *p)
{
    struct buffer pem = {0};
    const char *path = p->config->publish_key;
    enum err err = file_read(path, KEY_BYTES_FILE_MAX, &pem);
    if (err == ERR_OK)
        err = publish_key_from_pem(span_text(p->config->network), span_of(pem.data, pem.size),
                                   &p->key);
    if (err != ERR_OK)
        log_error("%s: the publication key cannot be used: %s", path, err_text(err));
    if (pem.data != NULL)
        OPENSSL_cleanse(pem.data, pem.size);
    buffer_done(&pem);
    return err;
}

static unsigned thread_count(const struct presigner_config *config)
{
    if (config->sign_threads > 0)
        return (unsigned)config->sign_threads;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1                  ? 1
           : processors > SIGN_THREADS_MAX ? SIGN_THREADS_MAX
                                           : (unsigned)processors;
}

static enum err state_load(struct publisher *p)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    enum err err = publish_db_state_get(&p->db, txn, &p->state);
    status_txn_abort(txn);
    return err;
}

static enum err buffers_make(struct publisher *p)
{
    p->items = calloc(2 * SIGN_CHUNK_MAX, sizeof *p->items);
    p->signatures = malloc((size_t)3 * SIGN_CHUNK_MAX * SIGNATURE_BYTES_MAX);
    return p->items == NULL || p->signatures == NULL ? ERR_MEMORY : ERR_OK;
}

static enum err open_all(struct publisher *p)
{
    bool worked = false;
    publish_gauge(p, COUNT_lease_generation, lease_generation(p->lease));
    TRY(buffers_make(p));
    TRY(key_open(p));
    TRY(sign_pool_new(thread_count(p->config), p->config->verify, &p->pool));
    TRY(publish_files_make(p));
    TRY(state_load(p));
    TRY(publish_clock_load(p));
    TRY(publish_head_load(p));
    TRY(publish_check_files(p));
    TRY(template_set_open(p));
    publish_settled_open(p);
    TRY(publish_withdraw(p));
    TRY(publish_crl_open(p));
    TRY(publish_withdraw_paths(p));
    TRY(publish_filter_open(p));
    TRY(publish_index_step(p, &worked));
    return publish_head_refresh(p);
}

enum err publisher_open(const struct publisher_setup *setup, struct publisher **ret)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_MEMORY;
    p->config = setup->config;
    p->status = setup->status;
    p->lease = setup->lease;
    p->clock_s = setup->clock_s;
    p->counters = setup->counters;
    p->watch = setup->watch;
    p->settled = setup->settled;
    p->settled_context = setup->settled_context;
    p->db = publish_db_of(p->status);
    p->sign_rate = SIGN_RATE_FIRST;
    enum err err = open_all(p);
    if (err != ERR_OK) {
        publisher_close(p);
        return err;
    }
    *ret = p;
    return ERR_OK;
}

enum err publisher_check(const struct presigner_config *config)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_MEMORY;
    p->config = config;
    enum err err = key_open(p);
    if (err == ERR_OK)
        err = sign_pool_new(1, config->verify, &p->pool);
    if (err == ERR_OK)
        err = template_set_check(p);
    publisher_close(p);
    return err;
}

struct publisher *publisher_close(struct publisher *p)
{
    if (p == NULL)
        return NULL;
    publish_filter_close(p);
    publish_crl_close(p);
    template_set_close(p);
    sign_pool_free(p->pool);
    publish_key_free(p->key);
    buffer_done(&p->entry);
    buffer_done(&p->pack);
    free(p->items);
    free(p->signatures);
    free(p);
    return NULL;
}

static enum err changes_step(struct publisher *p, bool *worked, bool *waiting)
{
    TRY(publish_revocations(p, worked, waiting));
    if (*worked || *waiting)
        return ERR_OK;
    return publish_additions(p, worked, waiting);
}

static enum err idle_step(struct publisher *p, bool *worked)
{
    bool first = p->first_head_waits;
    p->first_head_waits = false;
    if (!first && p->state.log_last - p->state.index.log_number < IDLE_INDEX_LOG)
        return ERR_OK;
    enum err err = publish_index_make(p, worked);
    return err == ERR_BUSY ? ERR_OK : err;
}

static enum err step(struct publisher *p, enum publish_outcome *ret)
{
    bool worked = false;
    bool waiting = false, crl_waits = false;
    TRY(publish_clock_step(p));
    TRY(changes_step(p, &worked, &waiting));
    bool changed = worked;
    TRY(publish_crl_step(p, &worked, &crl_waits));
    if (!changed)
        TRY(publish_range_step(p, &worked));
    TRY(publish_index_step(p, &worked));
    if (!worked && !waiting)
        TRY(idle_step(p, &worked));
    TRY(publish_filter_step(p, &worked, &waiting));
    TRY(publish_head_refresh(p));
    TRY(publish_collect_step(p));
    waiting = waiting || crl_waits;
    *ret = worked ? PUBLISH_WORKED : waiting ? PUBLISH_WAITING : PUBLISH_IDLE;
    return ERR_OK;
}

/* Old files may be what fills the disk. */
static void disk_full(struct publisher *p)
{
    publish_count(p, COUNT_disk_full, 1);
    enum err err = publish_collect_step(p);
    if (err != ERR_OK)
        log_warning("old files cannot be removed: %s", err_text(err));
}

enum err publisher_step(struct publisher *p, enum publish_outcome *ret)
{
    if (publish_stopped(p))
        return ERR_STOPPED;
    enum err err = step(p, ret);
    if (err == ERR_DISK_FULL || err == ERR_LIMIT)
        disk_full(p);
    if (err != ERR_OK && err != ERR_STOPPED)
        publish_count(p, COUNT_step_failures, 1);
    return err;
}

void publisher_stop(struct publisher *p)
{
    __atomic_store_n(&p->stop, 1, __ATOMIC_RELAXED);
}

enum err publisher_index(struct publisher *p)
{
    bool worked = false;
    TRY(publish_index_make(p, &worked));
    return publish_head_refresh(p);
}

enum err publisher_collect(struct publisher *p)
{
    return publish_collect(p);
}

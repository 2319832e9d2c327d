/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_gc.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/os/log.h"
#include "presigner/publish_files.h"
#include "presigner/publish_head.h"
#include "presigner/publish_refs.h"
#include "presigner/publish_txn.h"

#define NAME_BYTES     80
#define LOG_TRIM_COUNT 10000 /* entries that go in one transaction */
#define REMOVE_COUNT   256   /* files likewise */

/* --- Log entries --- */

static uint64_t log_needed_after(const struct publish_state *s)
{
    const struct index_record *older =
        sha256_is_zero(&s->index_before.hash) ? &s->index : &s->index_before;
    return older->log_number;
}

static bool log_expired(const struct publisher *p, const struct publish_state *s, uint64_t time_s,
                        uint64_t now_s)
{
    return time_s + p->config->log_keep_s <= now_s ||
           s->log_last - s->log_first + 1 > p->config->log_keep_entries;
}

static enum err log_trim_txn(struct publisher *p, MDB_txn *txn, struct publish_state *next)
{
    uint64_t needed_after = log_needed_after(next);
    uint64_t now_s = p->clock_s();
    for (uint32_t i = 0; i < LOG_TRIM_COUNT && next->log_first <= needed_after; i++) {
        struct log_record record;
        TRY(publish_db_log_get(&p->db, txn, next->log_first, &record));
        if (!log_expired(p, next, record.time_s, now_s))
            break;
        TRY(publish_db_log_delete(&p->db, txn, next->log_first));
        next->log_first++;
    }
    return publish_db_state_put(&p->db, txn, next);
}

static enum err log_trim(struct publisher *p)
{
    struct publish_state next = p->state;
    MDB_txn *txn = NULL;
    TRY(publish_txn_write(p, &txn));
    enum err err = log_trim_txn(p, txn, &next);
    if (err != ERR_OK || next.log_first == p->state.log_first) {
        status_txn_abort(txn);
        return err;
    }
    TRY(status_txn_commit(txn));
    p->state = next;
    /* The head must not promise what is about to go. */
    return publish_head_refresh(p);
}

/* --- Files --- */

enum folder { FOLDER_LOG, FOLDER_INDEX, FOLDER_PACK, FOLDER_BLOB, FOLDER_COUNT };
static const char *const folder_names[FOLDER_COUNT] = {"log", "index", "pack", "blob"};

/* Names of unreferenced files whose time is over. */
struct doomed {
    enum folder folder;
    char name[NAME_BYTES];
};

struct sweep {
    struct publisher *p;
    MDB_txn *txn;
    const struct publish_refs *refs;
    uint64_t now_s;
    struct doomed *doomed;
    size_t count;
    size_t capacity;
};

static bool log_name_referenced(const struct publish_state *s, const char *name)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(name, &end, 10);
    return errno == 0 && *end == '\0' && number >= s->log_first && number <= s->log_last;
}

static bool referenced(const struct sweep *sweep, enum folder folder, const char *name)
{
    const struct publish_state *s = &sweep->p->state;
    struct sha256 hash;
    if (folder == FOLDER_LOG)
        return log_name_referenced(s, name);
    if (sha256_from_text(span_text(name), &hash) != ERR_OK)
        return true; /* not ours: left alone */
    if (folder == FOLDER_INDEX)
        return sha256_equal(&hash, &s->index.hash) || sha256_equal(&hash, &s->index_before.hash);
    return publish_refs_has(sweep->refs, &hash);
}

/* A temporary file (file.h) whose process is gone, or that a failed step of this one left. */
static bool leftover(const char *name)
{
    const char *mark = strstr(name, ".tmp-");
    if (mark == NULL)
        return false;
    long pid = strtol(mark + 5, NULL, 10);
    return pid <= 0 || pid == getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
}

static void remove_file(struct publisher *p, const char *folder, const char *name)
{
    char path[PUBLISH_PATH_BYTES];
    if (publish_path(p, folder, name, path) != ERR_OK)
        return;
    if (unlink(path) == 0)
        publish_count(p, COUNT_files_removed, 1);
    else if (errno != ENOENT)
        log_warning("%s: cannot be removed: %m", path);
}

static enum err doom(struct sweep *sweep, enum folder folder, const char *name)
{
    if (sweep->count == sweep->capacity) {
        size_t capacity = sweep->capacity == 0 ? 256 : sweep->capacity * 2;
        struct doomed *grown = realloc(sweep->doomed, capacity * sizeof *grown);
        if (grown == NULL)
            return ERR_MEMORY;
        sweep->doomed = grown;
        sweep->capacity = capacity;
    }
    struct doomed *d = &sweep->doomed[sweep->count++];
    d->folder = folder;
    memcpy(d->name, name, strlen(name) + 1);
    return ERR_OK;
}

static enum err judge(struct sweep *sweep, enum folder folder, const char *name)
{
    uint8_t key[1 + NAME_BYTES];
    uint64_t since_s = 0;
    size_t size = strlen(name);
    if (name[0] == '.' || size >= NAME_BYTES)
        return ERR_OK;
    if (leftover(name)) {
        remove_file(sweep->p, folder_names[folder], name);
        return ERR_OK;
    }
    key[0] = (uint8_t)folder;
    memcpy(key + 1, name, size);
    struct span k = span_of(key, size + 1);
    const struct publish_db *db = &sweep->p->db;
    if (referenced(sweep, folder, name))
        return publish_db_garbage_delete(db, sweep->txn, k);
    enum err err = publish_db_garbage_get(db, sweep->txn, k, &since_s);
    if (err == ERR_NOT_FOUND)
        return publish_db_garbage_put(db, sweep->txn, k, sweep->now_s);
    TRY(err);
    if (sweep->now_s < since_s + GARBAGE_GRACE_S)
        return ERR_OK;
    TRY(publish_db_garbage_delete(db, sweep->txn, k));
    return doom(sweep, folder, name);
}

static enum err judge_folder(struct sweep *sweep, enum folder folder)
{
    char path[PUBLISH_PATH_BYTES];
    TRY(publish_path(sweep->p, folder_names[folder], "", path));
    DIR *dir = opendir(path);
    if (dir == NULL)
        return ERR_IO;
    enum err err = ERR_OK;
    const struct dirent *entry;
    while (err == ERR_OK && (entry = readdir(dir)) != NULL)
        err = judge(sweep, folder, entry->d_name);
    closedir(dir);
    return err;
}

/* Within write transactions, short ones: nobody may have taken over in the meantime and given a
 * name of these a meaning again. */
static enum err remove_doomed(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->count;) {
        MDB_txn *txn = NULL;
        TRY(publish_txn_write(sweep->p, &txn));
        for (size_t end = i + REMOVE_COUNT; i < end && i < sweep->count; i++)
            remove_file(sweep->p, folder_names[sweep->doomed[i].folder], sweep->doomed[i].name);
        status_txn_abort(txn);
    }
    return ERR_OK;
}

/* The marks are committed before the files go: a crash in between leaves files without a mark,
 * which get a new one. */
static enum err sweep_files(struct sweep *sweep)
{
    enum err err = ERR_OK;
    TRY(publish_txn_write(sweep->p, &sweep->txn));
    for (enum folder folder = 0; err == ERR_OK && folder < FOLDER_COUNT; folder++)
        err = judge_folder(sweep, folder);
    if (err != ERR_OK) {
        status_txn_abort(sweep->txn);
        return err;
    }
    TRY(status_txn_commit(sweep->txn));
    return remove_doomed(sweep);
}

static void sweep_top(struct publisher *p)
{
    DIR *dir = opendir(p->config->publish_dir);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (leftover(entry->d_name))
            remove_file(p, ".", entry->d_name);
    if (dir != NULL)
        closedir(dir);
}

enum err publish_collect(struct publisher *p)
{
    struct publish_refs refs = {0};
    TRY(log_trim(p));
    TRY(publish_refs_collect(p, &refs));
    struct sweep sweep = {.p = p, .refs = &refs, .now_s = p->clock_s()};
    enum err err = sweep_files(&sweep);
    free(sweep.doomed);
    publish_refs_done(&refs);
    TRY(err);
    sweep_top(p);
    p->collect_time_s = sweep.now_s;
    return ERR_OK;
}

enum err publish_collect_step(struct publisher *p)
{
    uint64_t now_s = p->clock_s();
    if (now_s >= p->collect_time_s && now_s < p->collect_time_s + COLLECT_INTERVAL_S)
        return ERR_OK;
    return publish_collect(p);
}

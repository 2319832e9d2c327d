/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "issuer/audit_tiles.h"
#include "lib/check.h"
#include "lib/os/lock.h"

#define FOLDER_MODE 0755
#define FILE_MODE   0644

struct audit_log {
    char folder[AUDIT_PATH_MAX];
    const struct publish_key *key;
    int lock;
    struct audit_edge edge;
    struct audit_edge next; /* while appending */
};

static enum err put_state(const char *folder, const struct audit_tree *tree)
{
    char path[AUDIT_PATH_MAX];
    char text[AUDIT_STATE_BYTES_MAX];
    size_t size;
    TRY(path_join(path, sizeof path, folder, AUDIT_STATE_FILE));
    TRY(audit_state_write(tree, text, sizeof text, &size));
    return file_publish(path, span_of(text, size), FILE_MODE);
}

static enum err put_checkpoint(const char *folder, const struct publish_key *key,
                               const struct audit_tree *tree)
{
    char path[AUDIT_PATH_MAX];
    char text[AUDIT_CHECKPOINT_BYTES_MAX];
    size_t size;
    TRY(path_join(path, sizeof path, folder, AUDIT_CHECKPOINT_FILE));
    TRY(audit_checkpoint_write(key, tree, text, sizeof text, &size));
    return file_publish(path, span_of(text, size), FILE_MODE);
}

enum err audit_log_create(const char *folder, const struct publish_key *key)
{
    char path[AUDIT_PATH_MAX];
    int lock = -1;
    TRY(path_join(path, sizeof path, folder, AUDIT_CHECKPOINT_FILE));
    TRY(lock_take(folder, FOLDER_MODE, "writer of the audit log", &lock));
    enum err err = access(path, F_OK) == 0 ? ERR_EXISTS : ERR_OK;
    const struct audit_tree empty = {.root = sha256_of(SPAN_EMPTY)};
    if (err == ERR_OK)
        err = put_state(folder, &empty);
    if (err == ERR_OK) /* last: with it the log is there */
        err = put_checkpoint(folder, key, &empty);
    lock_drop(lock);
    return err;
}

static enum err read_state(const char *folder, struct audit_tree *ret)
{
    char path[AUDIT_PATH_MAX];
    struct buffer text = {0};
    TRY(path_join(path, sizeof path, folder, AUDIT_STATE_FILE));
    enum err err = file_read(path, AUDIT_STATE_BYTES_MAX, &text);
    if (err == ERR_OK)
        err = audit_state_read(span_of(text.data, text.size), ret);
    buffer_done(&text);
    return err;
}

/* The state has to follow from the checkpoint. Of one that is ahead only as much can be told as the
 * tiles say: that is the verifier's affair (issuer/audit_verify.h). */
static enum err check_state(const struct audit_log *log, struct audit_tree *ret)
{
    struct audit_tree signed_;
    struct buffer note = {0};
    TRY(read_state(log->folder, ret));
    enum err err =
        audit_checkpoint_read(log->folder, publish_key_public(log->key), &note, &signed_);
    buffer_done(&note);
    TRY(err);
    bool same = ret->size == signed_.size && sha256_equal(&ret->root, &signed_.root);
    return ret->size > signed_.size || same ? ERR_OK : ERR_CHAIN;
}

static enum err start(struct audit_log *log)
{
    struct audit_tree tree;
    TRY(check_state(log, &tree));
    TRY(audit_edge_load(log->folder, &tree, &log->edge));
    /* What a crash just behind the state has left. */
    audit_parts_remove(log->folder, tree.size > TILE_WIDTH ? tree.size - TILE_WIDTH : 0, tree.size);
    return ERR_OK;
}

enum err audit_log_open(const char *folder, const struct publish_key *key, struct audit_log **ret)
{
    struct stat about;
    if (stat(folder, &about) != 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    struct audit_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return ERR_MEMORY;
    log->key = key;
    log->lock = -1;
    enum err err = path_join(log->folder, sizeof log->folder, folder, "");
    if (err == ERR_OK)
        err = lock_take(folder, FOLDER_MODE, "writer of the audit log", &log->lock);
    if (err == ERR_OK)
        err = start(log);
    if (err != ERR_OK) {
        audit_log_close(log);
        return err;
    }
    *ret = log;
    return ERR_OK;
}

enum err audit_entries_check(const struct span *entries, size_t count)
{
    if (count == 0 || count > AUDIT_BATCH_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < count; i++)
        if (entries[i].size == 0 || entries[i].size > AUDIT_ENTRY_BYTES_MAX)
            return ERR_LIMIT;
    return ERR_OK;
}

/* As many as the bundle has room for, and the tiles that they change. */
static enum err append_some(struct audit_log *log, const struct span *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(audit_edge_add(&log->next, entries[i]));
    return audit_edge_write(log->folder, &log->next);
}

static enum err append_all(struct audit_log *log, const struct span *entries, size_t count)
{
    while (count > 0) {
        size_t room = TILE_WIDTH - (size_t)(log->next.tree.size % TILE_WIDTH);
        size_t now = count < room ? count : room;
        TRY(append_some(log, entries, now));
        entries += now;
        count -= now;
    }
    const struct audit_tree tree = {.size = log->next.tree.size,
                                    .root = merkle_edge_root(&log->next.tree)};
    return put_state(log->folder, &tree);
}

enum err audit_log_append(struct audit_log *log, const struct span *entries, size_t count,
                          uint64_t *ret_first)
{
    TRY(audit_entries_check(entries, count));
    uint64_t first = log->edge.tree.size;
    TRY(audit_edge_copy(&log->edge, &log->next));
    TRY(append_all(log, entries, count));
    struct audit_edge old = log->edge;
    log->edge = log->next;
    log->next = old;
    audit_parts_remove(log->folder, first, log->edge.tree.size);
    *ret_first = first;
    return ERR_OK;
}

enum err audit_log_checkpoint(struct audit_log *log)
{
    const struct audit_tree tree = {.size = log->edge.tree.size,
                                    .root = merkle_edge_root(&log->edge.tree)};
    return put_checkpoint(log->folder, log->key, &tree);
}

uint64_t audit_log_size(const struct audit_log *log)
{
    return log->edge.tree.size;
}

struct audit_log *audit_log_close(struct audit_log *log)
{
    if (log == NULL)
        return NULL;
    audit_edge_done(&log->edge);
    audit_edge_done(&log->next);
    lock_drop(log->lock);
    free(log);
    return NULL;
}

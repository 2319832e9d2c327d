/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_files.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "edge/sync_check.h"
#include "lib/check.h"
#include "lib/os/file_large.h"

#define NAME_BYTES 128

enum err sync_files_start(struct sync_files *f, const struct sync_config *config,
                          bool (*stop)(void *context), void *context)
{
    *f = (struct sync_files){.littered = true};
    TRY(path_join(f->incoming, sizeof f->incoming, config->data_dir, SYNC_INCOMING_DIR));
    TRY(directory_make(f->incoming, 0750));
    return fetcher_new(config, stop, context, &f->fetcher);
}

static void drop_blob(struct sync_files *f)
{
    file_unmap(f->blob_mapped);
    f->blob_mapped = SPAN_EMPTY;
    buffer_done(&f->blob);
}

void sync_files_stop(struct sync_files *f)
{
    fetcher_free(f->fetcher);
    buffer_done(&f->head);
    buffer_done(&f->log);
    buffer_done(&f->index);
    buffer_done(&f->pack);
    drop_blob(f);
    *f = (struct sync_files){0};
}

static enum err incoming_path(const struct sync_files *f, const struct sha256 *hash,
                              const char *suffix, char out[static SYNC_PATH_MAX])
{
    char text[SHA256_TEXT_BYTES];
    char name[NAME_BYTES];
    sha256_to_text(hash, text);
    snprintf(name, sizeof name, "%s.%s", text, suffix);
    return path_join(out, SYNC_PATH_MAX, f->incoming, name);
}

/* Parts of each origin by themselves: what one has spoilt must not spoil what the next one sends.
 */
static enum err part_path(const struct sync_files *f, const struct sync_action *action,
                          char out[static SYNC_PATH_MAX])
{
    char suffix[32];
    snprintf(suffix, sizeof suffix, "%" PRIu32 ".part", action->origin);
    return incoming_path(f, &action->hash, suffix, out);
}

/* From incoming when it is there whole, else from the origin. */
static enum err fetch_named(struct sync_files *f, const struct sync_action *action,
                            const char *folder, struct buffer *buffer)
{
    char kept[SYNC_PATH_MAX];
    char part[SYNC_PATH_MAX];
    TRY(incoming_path(f, &action->hash, folder, kept));
    TRY(part_path(f, action, part));
    f->from_incoming = file_read(kept, action->bytes_max, buffer) == ERR_OK;
    if (f->from_incoming)
        return ERR_OK;
    char text[SHA256_TEXT_BYTES];
    char path[NAME_BYTES];
    sha256_to_text(&action->hash, text);
    snprintf(path, sizeof path, "%s/%s", folder, text);
    f->littered |= action->bytes_max > FETCH_PART_BYTES;
    return fetcher_get(f->fetcher, action->origin, path, action->bytes_max, part, buffer);
}

static enum err fetch_small_blob(struct sync_files *f, const struct sync_action *action,
                                 const char *path, struct span *ret)
{
    TRY(fetcher_get(f->fetcher, action->origin, path, action->bytes_max, NULL, &f->blob));
    *ret = span_of(f->blob.data, f->blob.size);
    return ERR_OK;
}

/* From incoming when it is there whole, else collected there. */
static enum err fetch_large_blob(struct sync_files *f, const struct sync_action *action,
                                 const char *path, struct span *ret)
{
    char kept[SYNC_PATH_MAX];
    char part[SYNC_PATH_MAX];
    TRY(incoming_path(f, &action->hash, "blob", kept));
    TRY(part_path(f, action, part));
    f->littered = true;
    f->from_incoming = file_map(kept, action->bytes_max, &f->blob_mapped) == ERR_OK;
    if (!f->from_incoming) {
        TRY(fetcher_get_file(f->fetcher, action->origin, path, action->bytes_max, part));
        if (rename(part, kept) != 0)
            return ERR_IO;
        TRY(file_map(kept, action->bytes_max, &f->blob_mapped));
    }
    *ret = f->blob_mapped;
    return ERR_OK;
}

static enum err fetch_blob(struct sync_files *f, const struct sync_action *action, struct span *ret)
{
    char text[SHA256_TEXT_BYTES];
    char path[NAME_BYTES];
    sha256_to_text(&action->hash, text);
    snprintf(path, sizeof path, "blob/%s", text);
    drop_blob(f);
    return action->bytes_max > FETCH_PART_BYTES ? fetch_large_blob(f, action, path, ret)
                                                : fetch_small_blob(f, action, path, ret);
}

/* The pack in memory gives way to the next one. */
static enum err spill_pack(struct sync_files *f)
{
    if (f->pack_keep) {
        char kept[SYNC_PATH_MAX];
        TRY(incoming_path(f, &f->pack_hash, "pack", kept));
        f->littered = true;
        TRY(file_publish_lazy(kept, span_of(f->pack.data, f->pack.size), 0640));
    }
    f->pack_keep = false;
    f->pack_hash = (struct sha256){0};
    return ERR_OK;
}

static enum err fetch_log(struct sync_files *f, const struct sync_action *action)
{
    char path[NAME_BYTES];
    snprintf(path, sizeof path, "log/%" PRIu64, action->number);
    return fetcher_get(f->fetcher, action->origin, path, action->bytes_max, NULL, &f->log);
}

enum err sync_files_fetch(struct sync_files *f, const struct sync_action *action, struct span *ret)
{
    struct buffer *buffer = &f->head;
    f->from_incoming = false;
    switch ((int)action->type) {
    case SYNC_FETCH_HEAD:
        TRY(fetcher_get(f->fetcher, action->origin, "head", action->bytes_max, NULL, buffer));
        break;
    case SYNC_FETCH_LOG:
        buffer = &f->log;
        TRY(fetch_log(f, action));
        break;
    case SYNC_FETCH_INDEX:
        buffer = &f->index;
        TRY(fetch_named(f, action, "index", buffer));
        break;
    case SYNC_FETCH_BLOB:
        return fetch_blob(f, action, ret);
    default:
        CHECK(action->type == SYNC_FETCH_PACK);
        buffer = &f->pack;
        TRY(spill_pack(f));
        TRY(fetch_named(f, action, "pack", buffer));
        break;
    }
    *ret = span_of(buffer->data, buffer->size);
    return ERR_OK;
}

void sync_files_blob_done(struct sync_files *f, const struct sha256 *hash)
{
    char kept[SYNC_PATH_MAX];
    if (f->blob_mapped.size > 0 && incoming_path(f, hash, "blob", kept) == ERR_OK)
        unlink(kept);
    drop_blob(f);
}

void sync_files_judged(struct sync_files *f, const struct sync_action *action, bool passed)
{
    char kept[SYNC_PATH_MAX];
    bool index = action->type == SYNC_FETCH_INDEX;
    if (action->type == SYNC_FETCH_BLOB) {
        if (!passed)
            sync_files_blob_done(f, &action->hash);
        return;
    }
    if (!index && action->type != SYNC_FETCH_PACK)
        return;
    if (!index && passed) {
        f->pack_hash = action->hash;
        f->pack_keep = action->keep && !f->from_incoming;
        return;
    }
    if (incoming_path(f, &action->hash, index ? "index" : "pack", kept) != ERR_OK)
        return;
    if (!passed) {
        if (f->from_incoming)
            unlink(kept);
    } else if (!f->from_incoming) {
        /* Only saves the way to the origin after a restart: a failure does no harm. */
        f->littered = true;
        enum err err = file_publish_lazy(kept, span_of(f->index.data, f->index.size), 0640);
        (void)err;
    }
}

void sync_files_sweep(struct sync_files *f)
{
    f->pack_keep = false;
    f->pack_hash = (struct sha256){0};
    if (!f->littered)
        return;
    DIR *directory = opendir(f->incoming);
    if (directory == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        char path[SYNC_PATH_MAX];
        if (entry->d_name[0] != '.' &&
            path_join(path, sizeof path, f->incoming, entry->d_name) == ERR_OK)
            unlink(path);
    }
    closedir(directory);
    f->littered = false;
}

enum err sync_files_read_pack(void *context, const struct log_range *pack, struct buffer *scratch,
                              struct span *ret)
{
    struct sync_files *f = context;
    if (!sync_hash_is_zero(&f->pack_hash) && sha256_equal(&f->pack_hash, &pack->pack)) {
        *ret = span_of(f->pack.data, f->pack.size);
        return ERR_OK;
    }
    char kept[SYNC_PATH_MAX];
    TRY(incoming_path(f, &pack->pack, "pack", kept));
    TRY(file_read(kept, pack->pack_bytes, scratch));
    struct sha256 hash = sha256_of(span_of(scratch->data, scratch->size));
    if (!sha256_equal(&hash, &pack->pack)) {
        unlink(kept);
        return ERR_HASH;
    }
    *ret = span_of(scratch->data, scratch->size);
    return ERR_OK;
}

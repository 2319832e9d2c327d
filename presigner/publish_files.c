/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/os/log.h"

#define FILE_MODE      0644
#define DIRECTORY_MODE 0755

enum err publish_path(const struct publisher *p, const char *folder, const char *name,
                      char out[static PUBLISH_PATH_BYTES])
{
    const char *slash = name[0] == '\0' ? "" : "/";
    int size =
        snprintf(out, PUBLISH_PATH_BYTES, "%s/%s%s%s", p->config->publish_dir, folder, slash, name);
    return size > 0 && size < PUBLISH_PATH_BYTES ? ERR_OK : ERR_LIMIT;
}

enum err publish_path_hash(const struct publisher *p, const char *folder, const struct sha256 *hash,
                           char out[static PUBLISH_PATH_BYTES])
{
    char name[SHA256_TEXT_BYTES];
    sha256_to_text(hash, name);
    return publish_path(p, folder, name, out);
}

enum err publish_files_make(const struct publisher *p)
{
    static const char *const folders[] = {"log", "index", "pack", "blob"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[PUBLISH_PATH_BYTES];
        TRY(publish_path(p, folders[i], "", path));
        enum err err = directory_make(path, DIRECTORY_MODE);
        if (err != ERR_OK) {
            log_error("%s: cannot be made: %m", path);
            return err;
        }
    }
    return ERR_OK;
}

/* With `there`, the file has its name already, but perhaps only in memory: the process that gave it
 * may have died before its directory was synced. */
static enum err write_durably(const struct publisher *p, const char *folder, const char *path,
                              struct span content, bool there)
{
    char directory[PUBLISH_PATH_BYTES];
    TRY(publish_path(p, folder, "", directory));
    enum err err = there ? ERR_OK : file_publish_lazy(path, content, FILE_MODE);
    if (err == ERR_OK)
        err = directory_sync(directory);
    if (err != ERR_OK)
        log_error("%s: cannot be written: %m", path);
    return err;
}

/* Whole files only ever appear under their final name, so one of that size is that file. */
static bool exists(const char *path, size_t size)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size == size;
}

static enum err write_hashed(struct publisher *p, const char *folder, struct span content,
                             struct sha256 *ret_hash)
{
    char path[PUBLISH_PATH_BYTES];
    struct sha256 hash = sha256_of(content);
    TRY(publish_path_hash(p, folder, &hash, path));
    TRY(write_durably(p, folder, path, content, exists(path, content.size)));
    *ret_hash = hash;
    return ERR_OK;
}

enum err publish_pack_write(struct publisher *p, struct span pack, struct sha256 *ret_hash)
{
    TRY(write_hashed(p, "pack", pack, ret_hash));
    publish_count(p, COUNT_packs_written, 1);
    publish_count(p, COUNT_pack_bytes_written, pack.size);
    return ERR_OK;
}

enum err publish_blob_write(struct publisher *p, struct span blob, struct sha256 *ret_hash)
{
    TRY(write_hashed(p, "blob", blob, ret_hash));
    publish_count(p, COUNT_blobs_written, 1);
    publish_count(p, COUNT_blob_bytes_written, blob.size);
    return ERR_OK;
}

enum err publish_index_write(struct publisher *p, struct span index, struct sha256 *ret_hash)
{
    TRY(write_hashed(p, "index", index, ret_hash));
    publish_count(p, COUNT_indexes_written, 1);
    return ERR_OK;
}

static enum err log_path(const struct publisher *p, uint64_t number,
                         char out[static PUBLISH_PATH_BYTES])
{
    char name[24];
    snprintf(name, sizeof name, "%" PRIu64, number);
    return publish_path(p, "log", name, out);
}

enum err publish_log_prepare(struct publisher *p, uint64_t number, struct span entry)
{
    char path[PUBLISH_PATH_BYTES];
    TRY(log_path(p, number, path));
    enum err err = file_prepare(path, entry, FILE_MODE);
    if (err != ERR_OK)
        log_error("%s: cannot be written: %m", path);
    return err;
}

enum err publish_log_commit(struct publisher *p, const struct log_record *record)
{
    char path[PUBLISH_PATH_BYTES], directory[PUBLISH_PATH_BYTES];
    TRY(log_path(p, record->number, path));
    TRY(publish_path(p, "log", "", directory));
    enum err err = file_commit(path);
    if (err == ERR_OK)
        err = directory_sync(directory);
    if (err != ERR_OK) {
        log_error("%s: cannot be written: %m", path);
        return err;
    }
    publish_count(p, COUNT_log_entries_written, 1);
    publish_count(p, COUNT_log_bytes_written, record->bytes);
    return ERR_OK;
}

void publish_log_discard(struct publisher *p, uint64_t number)
{
    char path[PUBLISH_PATH_BYTES];
    if (log_path(p, number, path) == ERR_OK)
        file_discard(path);
}

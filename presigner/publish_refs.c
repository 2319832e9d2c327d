/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_refs.h"

#include <stdlib.h>

#include "lib/os/log.h"
#include "presigner/publish_files.h"

static enum err add(struct publish_refs *refs, const struct sha256 *hash)
{
    if (refs->count == refs->capacity) {
        size_t capacity = refs->capacity == 0 ? 1024 : refs->capacity * 2;
        struct sha256 *hashes = realloc(refs->hashes, capacity * sizeof *hashes);
        if (hashes == NULL)
            return ERR_MEMORY;
        refs->hashes = hashes;
        refs->capacity = capacity;
    }
    refs->hashes[refs->count++] = *hash;
    return ERR_OK;
}

static enum err add_range(struct publish_refs *refs, struct span key, struct span value)
{
    struct range_record range;
    TRY(range_record_read(key, value, &range));
    return add(refs, &range.pack);
}

static enum err add_path(struct publish_refs *refs, struct span key, struct span value)
{
    struct blob_path path;
    (void)key;
    TRY(blob_path_read(value, &path));
    return add(refs, &path.blob);
}

static enum err add_log(struct publish_refs *refs, struct span key, struct span value)
{
    struct log_record record;
    TRY(log_record_read(key, value, &record));
    for (uint16_t i = 0; i < record.pack_count; i++)
        TRY(add(refs, &record.packs[i]));
    return ERR_OK;
}

static enum err add_table(struct publish_refs *refs, MDB_txn *txn, MDB_dbi dbi,
                          enum err (*each)(struct publish_refs *, struct span, struct span))
{
    struct publish_cursor c;
    TRY(publish_cursor_open(txn, dbi, SPAN_EMPTY, &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        err = publish_cursor_next(&c, &key, &value);
        if (err == ERR_OK)
            err = each(refs, key, value);
    }
    publish_cursor_close(&c);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err add_index_text(struct publish_refs *refs, struct span text)
{
    struct index_reader index;
    struct index_line line;
    size_t cursor = 0;
    TRY(index_open(text, &index));
    while (index_next(&index, &cursor, &line))
        if (line.type == INDEX_RANGE || line.type == INDEX_TAIL)
            TRY(add(refs, &line.range.pack));
        else if (line.type == INDEX_PATH)
            TRY(add(refs, &line.path.blob));
    return ERR_OK;
}

static enum err add_index(struct publisher *p, struct publish_refs *refs,
                          const struct index_record *record)
{
    char path[PUBLISH_PATH_BYTES];
    struct buffer b = {0};
    if (sha256_is_zero(&record->hash))
        return ERR_OK;
    TRY(publish_path_hash(p, "index", &record->hash, path));
    enum err err = file_read(path, INDEX_BYTES_MAX, &b);
    if (err == ERR_NOT_FOUND)
        return ERR_OK; /* gone: nobody can follow what it names */
    if (err == ERR_OK)
        err = add_index_text(refs, span_of(b.data, b.size));
    buffer_done(&b);
    if (err != ERR_OK)
        log_error("%s: cannot be read: %s", path, err_text(err));
    return err;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct sha256));
}

static enum err collect(struct publisher *p, struct publish_refs *refs)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    enum err err = add_table(refs, txn, p->db.range, add_range);
    if (err == ERR_OK)
        err = add_table(refs, txn, p->db.log, add_log);
    if (err == ERR_OK)
        err = add_table(refs, txn, p->db.path, add_path);
    status_txn_abort(txn);
    TRY(err);
    TRY(add_index(p, refs, &p->state.index));
    TRY(add_index(p, refs, &p->state.index_before));
    if (refs->count > 0)
        qsort(refs->hashes, refs->count, sizeof *refs->hashes, compare);
    return ERR_OK;
}

enum err publish_refs_collect(struct publisher *p, struct publish_refs *ret)
{
    struct publish_refs refs = {0};
    enum err err = collect(p, &refs);
    if (err != ERR_OK) {
        publish_refs_done(&refs);
        return err;
    }
    *ret = refs;
    return ERR_OK;
}

bool publish_refs_has(const struct publish_refs *refs, const struct sha256 *hash)
{
    return refs->count > 0 &&
           bsearch(hash, refs->hashes, refs->count, sizeof *refs->hashes, compare) != NULL;
}

void publish_refs_done(struct publish_refs *refs)
{
    free(refs->hashes);
    *refs = (struct publish_refs){0};
}

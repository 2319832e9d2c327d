/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_check.h"

#include <sys/stat.h>

#include "lib/blob_path.h"
#include "lib/os/log.h"
#include "presigner/publish_files.h"
#include "presigner/publish_txn.h"

static enum err there(const struct publisher *p, const char *folder, const struct sha256 *hash,
                      uint64_t size, bool *ret)
{
    char path[PUBLISH_PATH_BYTES];
    struct stat st;
    TRY(publish_path_hash(p, folder, hash, path));
    *ret = stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
    return ERR_OK;
}

static enum err check_range(struct publisher *p, MDB_txn *txn, struct range_record *range,
                            uint64_t *lost)
{
    bool found = true;
    if (sha256_is_zero(&range->pack))
        return ERR_OK;
    TRY(there(p, "pack", &range->pack, range->pack_bytes, &found));
    if (found)
        return ERR_OK;
    /* The count stays: a range with statements but no pack is one that lost it. */
    range->pack = (struct sha256){{0}};
    range->flags = RANGE_DIRTY;
    (*lost)++;
    return publish_db_range_put(&p->db, txn, range);
}

static enum err check_ranges(struct publisher *p, MDB_txn *txn, uint64_t *lost)
{
    uint8_t start[KEY_BYTES_MAX + 1];
    size_t size = 0;
    for (;;) {
        struct publish_cursor c;
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        struct range_record range;
        /* A cursor of its own for each: the walk writes to what it walks over. */
        TRY(publish_cursor_open(txn, p->db.range, span_of(start, size), &c));
        enum err err = publish_cursor_next(&c, &key, &value);
        if (err == ERR_OK)
            err = range_record_read(key, value, &range);
        publish_cursor_close(&c);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(err);
        TRY(check_range(p, txn, &range, lost));
        size = key_write(range.issuer_id, &range.until, start);
        start[size++] = 0;
    }
}

/* A path without its file goes: whoever publishes there finds nothing, and does it again. */
static enum err check_path(struct publisher *p, MDB_cursor *cursor, struct span value,
                           uint64_t *lost)
{
    bool found = true;
    struct blob_path path;
    TRY(blob_path_read(value, &path));
    if (path.blob_bytes == 0)
        return ERR_OK;
    TRY(there(p, "blob", &path.blob, path.blob_bytes, &found));
    if (found)
        return ERR_OK;
    log_warning("the file of %.*s is gone", (int)path.path.size, (const char *)path.path.data);
    (*lost)++;
    return status_db_err(mdb_cursor_del(cursor, 0));
}

static enum err check_paths(struct publisher *p, MDB_txn *txn, uint64_t *lost)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    TRY(status_db_err(mdb_cursor_open(txn, p->db.path, &cursor)));
    enum err err;
    while ((err = status_db_err(mdb_cursor_get(cursor, &key, &value, MDB_NEXT))) == ERR_OK) {
        err = check_path(p, cursor, span_of(value.mv_data, value.mv_size), lost);
        if (err != ERR_OK)
            break;
    }
    mdb_cursor_close(cursor);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err check_index(struct publisher *p, struct index_record *index)
{
    bool found = true;
    if (sha256_is_zero(&index->hash))
        return ERR_OK;
    TRY(there(p, "index", &index->hash, index->bytes, &found));
    if (!found) {
        log_warning("the index after log entry %llu is gone; there will be another",
                    (unsigned long long)index->log_number);
        *index = (struct index_record){0};
    }
    return ERR_OK;
}

static enum err check(struct publisher *p, MDB_txn *txn, struct publish_state *next)
{
    uint64_t lost = 0;
    TRY(check_ranges(p, txn, &lost));
    if (lost > 0)
        log_warning("the packs of %llu ranges are gone; they are signed anew",
                    (unsigned long long)lost);
    TRY(check_index(p, &next->index_before));
    TRY(check_index(p, &next->index));
    lost = 0;
    TRY(check_paths(p, txn, &lost));
    /* No edge could start from one that names what is gone. */
    if (lost > 0)
        next->index = (struct index_record){0};
    return publish_db_state_put(&p->db, txn, next);
}

enum err publish_check_files(struct publisher *p)
{
    struct publish_state next = p->state;
    MDB_txn *txn = NULL;
    TRY(publish_txn_write(p, &txn));
    enum err err = check(p, txn, &next);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    TRY(status_txn_commit(txn));
    p->state = next;
    return ERR_OK;
}

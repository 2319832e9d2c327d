/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_trim.h"

#include <stdlib.h>

#include "lib/os/log.h"
#include "presigner/publish_files.h"
#include "presigner/publish_pack.h"
#include "presigner/publish_txn.h"

static bool needs_pack(const struct range_record *range)
{
    return (range->flags & RANGE_TRIMMED) || sha256_is_zero(&range->pack);
}

/* The next range at or after `start` that needs one. */
static enum err find(struct publisher *p, struct span start, struct range_record *ret)
{
    MDB_txn *txn = NULL;
    struct publish_cursor c;
    TRY(status_txn_read(p->status, &txn));
    enum err err = publish_cursor_open(txn, p->db.range, start, &c);
    bool open = err == ERR_OK;
    while (err == ERR_OK) {
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        err = publish_cursor_next(&c, &key, &value);
        if (err == ERR_OK)
            err = range_record_read(key, value, ret);
        if (err == ERR_OK && needs_pack(ret))
            break;
    }
    if (open)
        publish_cursor_close(&c);
    status_txn_abort(txn);
    return err;
}

static struct pack_info info_of(const struct range_record *range)
{
    return (struct pack_info){.issuer_id = range->issuer_id,
                              .kind = PACK_RANGE,
                              .after = range->after,
                              .until = range->until};
}

static void copy_block(struct publisher *p, const struct block *block,
                       const struct range_record *range)
{
    for (uint32_t i = 0; i < block->count; i++) {
        struct statement s;
        block_statement(block, i, &s);
        if (serial_compare(&s.serial, &range->after) > 0 &&
            serial_compare(&s.serial, &range->until) <= 0)
            pack_writer_add(&p->writer, &s);
    }
}

static enum err copy_blocks(struct publisher *p, const struct pack_reader *old,
                            const struct range_record *range)
{
    size_t cursor = 0;
    struct span wire;
    while (pack_next_block(old, &cursor, &wire)) {
        struct block block = block_load(wire.data);
        copy_block(p, &block, range);
    }
    return p->writer.err;
}

static enum err templates_read(const struct pack_reader *old, struct ocsp_template *templates,
                               const struct ocsp_template **pointers, uint16_t count_max,
                               uint16_t *ret_count)
{
    size_t cursor = 0;
    uint16_t count = 0;
    struct span wire;
    while (pack_next_template(old, &cursor, &wire)) {
        if (count == count_max)
            return ERR_LIMIT;
        TRY(template_read(wire, &templates[count]));
        pointers[count] = &templates[count];
        count++;
    }
    *ret_count = count;
    return ERR_OK;
}

static enum err copy_pack(struct publisher *p, const struct pack_reader *old,
                          const struct range_record *range)
{
    const struct ocsp_template *pointers[PACK_TEMPLATES_MAX];
    uint16_t count = 0;
    struct pack_info info = info_of(range);
    struct ocsp_template *templates = calloc(PACK_TEMPLATES_MAX, sizeof *templates);
    if (templates == NULL)
        return ERR_MEMORY;
    enum err err = templates_read(old, templates, pointers, PACK_TEMPLATES_MAX, &count);
    if (err == ERR_OK) {
        pack_writer_start(&p->writer, &info, pointers, count, p->pack.data, p->pack.capacity);
        err = copy_blocks(p, old, range);
    }
    free(templates);
    return err;
}

static enum err trimmed_pack(struct publisher *p, struct range_record *range)
{
    char path[PUBLISH_PATH_BYTES];
    struct buffer b = {0};
    struct pack_reader old;
    TRY(publish_path_hash(p, "pack", &range->pack, path));
    enum err err = file_read(path, PACK_BYTES_MAX, &b);
    if (err == ERR_OK)
        err = pack_open(span_of(b.data, b.size), &old);
    if (err == ERR_OK)
        err = buffer_reserve(&p->pack, b.size + 4096);
    if (err == ERR_OK)
        err = copy_pack(p, &old, range);
    if (err == ERR_OK)
        err = publish_pack_finish(p, range);
    buffer_done(&b);
    if (err != ERR_OK)
        log_error("%s: cannot be cut to its range: %s", path, err_text(err));
    return err;
}

static enum err empty_pack(struct publisher *p, struct range_record *range)
{
    struct pack_info info = info_of(range);
    /* It had statements and lost its pack (publish_check.h): empty it would take them back. */
    if (range->statement_count > 0)
        return ERR_BUSY;
    TRY(publish_pack_room(p));
    pack_writer_start(&p->writer, &info, NULL, 0, p->pack.data, p->pack.capacity);
    return publish_pack_finish(p, range);
}

static enum err commit(struct publisher *p, const struct range_record *range)
{
    MDB_txn *txn = NULL;
    TRY(publish_txn_write(p, &txn));
    enum err err = publish_db_range_put(&p->db, txn, range);
    if (err == ERR_OK)
        return status_txn_commit(txn);
    status_txn_abort(txn);
    return err;
}

/* An error of the old pack is not one of the disk: signing anew mends it. */
static bool mendable(enum err err)
{
    return err != ERR_DISK_FULL && err != ERR_MEMORY && err != ERR_STORE;
}

static enum err trim(struct publisher *p, struct range_record *range, bool *ret_broken)
{
    struct range_record fresh = *range;
    enum err err = sha256_is_zero(&range->pack) ? empty_pack(p, &fresh) : trimmed_pack(p, &fresh);
    if (err == ERR_OK) {
        fresh.flags &= (uint8_t)~RANGE_TRIMMED;
        /* Statements in the tail alone have times too. */
        if (fresh.this_update_min_s == 0 && fresh.tail_count > 0) {
            fresh.this_update_min_s = range->this_update_min_s;
            fresh.next_update_min_s = range->next_update_min_s;
        }
        return commit(p, &fresh);
    }
    if (!mendable(err))
        return err;
    range->flags |= RANGE_DIRTY;
    *ret_broken = true;
    return commit(p, range);
}

enum err publish_trim_all(struct publisher *p)
{
    uint8_t start[KEY_BYTES_MAX + 1];
    size_t size = 0;
    bool broken = false;
    for (;;) {
        struct range_record range;
        enum err err = find(p, span_of(start, size), &range);
        if (err == ERR_NOT_FOUND)
            return broken ? ERR_BUSY : ERR_OK;
        TRY(err);
        TRY(trim(p, &range, &broken));
        size = key_write(range.issuer_id, &range.until, start);
        /* Just after this key: a key with one octet more. */
        start[size++] = 0;
    }
}

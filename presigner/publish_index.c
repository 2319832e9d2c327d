/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_index.h"

#include <stdlib.h>

#include "lib/os/log.h"
#include "presigner/publish_files.h"
#include "presigner/publish_tail.h"
#include "presigner/publish_trim.h"
#include "presigner/publish_txn.h"

/* An edge that starts from the index should not have more entries than this to follow. */
#define INDEX_LOG_MAX 1000
#define TEXT_FIRST    (1u << 20)

struct tail_lines {
    struct log_range *lines;
    size_t count;
    size_t capacity;
    enum err err;
};

static void tail_line_add(void *context, const struct log_range *pack)
{
    struct tail_lines *t = context;
    if (t->count == t->capacity) {
        size_t capacity = t->capacity == 0 ? 64 : t->capacity * 2;
        struct log_range *lines = realloc(t->lines, capacity * sizeof *lines);
        if (lines == NULL) {
            t->err = ERR_MEMORY;
            return;
        }
        t->lines = lines;
        t->capacity = capacity;
    }
    t->lines[t->count++] = *pack;
}

static enum err template_lines(struct publisher *p, MDB_txn *txn, struct index_writer *w)
{
    struct publish_cursor c;
    TRY(publish_cursor_open(txn, p->db.template_, SPAN_EMPTY, &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        struct ocsp_template t;
        err = publish_cursor_next(&c, &key, &value);
        if (err == ERR_OK)
            err = template_read(value, &t);
        if (err == ERR_OK)
            index_writer_template(w, &t);
    }
    publish_cursor_close(&c);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void range_line(struct index_writer *w, const struct range_record *range)
{
    struct log_range line = {.issuer_id = range->issuer_id,
                             .after = range->after,
                             .until = range->until,
                             .pack = range->pack,
                             .pack_bytes = range->pack_bytes,
                             .statement_count = range->statement_count};
    index_writer_range(w, &line);
}

static enum err range_lines(struct publisher *p, MDB_txn *txn, struct index_writer *w)
{
    struct publish_cursor c;
    TRY(publish_cursor_open(txn, p->db.range, SPAN_EMPTY, &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        struct range_record range;
        err = publish_cursor_next(&c, &key, &value);
        if (err == ERR_OK)
            err = range_record_read(key, value, &range);
        if (err == ERR_OK)
            range_line(w, &range);
    }
    publish_cursor_close(&c);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err path_lines(struct publisher *p, MDB_txn *txn, struct index_writer *w)
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
        if (err == ERR_OK && path.blob_bytes > 0)
            index_writer_path(w, &path);
    }
    publish_cursor_close(&c);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err text_write(struct publisher *p, MDB_txn *txn, const struct tail_lines *tails,
                           struct buffer *text)
{
    struct index_writer w;
    index_writer_start(&w, span_text(p->config->network), p->state.log_last, &p->state.log_hash,
                       p->clock_s(), (char *)text->data, text->capacity);
    TRY(template_lines(p, txn, &w));
    TRY(range_lines(p, txn, &w));
    for (size_t i = 0; i < tails->count; i++)
        index_writer_tail(&w, &tails->lines[i]);
    TRY(path_lines(p, txn, &w));
    return index_writer_finish(&w, &text->size);
}

/* The text, in a buffer that is made larger until it fits. */
static enum err text_make(struct publisher *p, MDB_txn *txn, const struct tail_lines *tails,
                          struct buffer *text)
{
    enum err err = ERR_NO_SPACE;
    for (size_t capacity = TEXT_FIRST; err == ERR_NO_SPACE && capacity <= INDEX_BYTES_MAX;
         capacity *= 2) {
        buffer_done(text);
        TRY(buffer_reserve(text, capacity));
        err = text_write(p, txn, tails, text);
    }
    return err;
}

static enum err build(struct publisher *p, MDB_txn *txn, struct buffer *text)
{
    struct tail_lines tails = {0};
    enum err err = publish_tail_packs(p, txn, tail_line_add, &tails);
    if (err == ERR_OK)
        err = tails.err;
    if (err == ERR_OK)
        err = text_make(p, txn, &tails, text);
    free(tails.lines);
    return err;
}

static enum err state_commit(struct publisher *p, const struct publish_state *next)
{
    MDB_txn *txn = NULL;
    TRY(publish_txn_write(p, &txn));
    enum err err = publish_db_state_put(&p->db, txn, next);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    TRY(status_txn_commit(txn));
    p->state = *next;
    return ERR_OK;
}

static enum err publish(struct publisher *p, struct span text)
{
    struct publish_state next = p->state;
    struct sha256 hash;
    TRY(publish_index_write(p, text, &hash));
    next.index_before = p->state.index;
    next.index = (struct index_record){
        .log_number = p->state.log_last, .hash = hash, .bytes = text.size, .time_s = p->clock_s()};
    return state_commit(p, &next);
}

enum err publish_index_make(struct publisher *p, bool *ret_worked)
{
    struct buffer text = {0};
    MDB_txn *txn = NULL;
    bool have = !sha256_is_zero(&p->state.index.hash);
    if (have && p->state.index.log_number == p->state.log_last)
        return ERR_OK;
    TRY(publish_trim_all(p));
    TRY(status_txn_read(p->status, &txn));
    enum err err = build(p, txn, &text);
    status_txn_abort(txn);
    if (err == ERR_OK)
        err = publish(p, span_of(text.data, text.size));
    buffer_done(&text);
    TRY(err);
    log_info("index after log entry %llu: %llu octets",
             (unsigned long long)p->state.index.log_number,
             (unsigned long long)p->state.index.bytes);
    *ret_worked = true;
    return ERR_OK;
}

enum err publish_index_step(struct publisher *p, bool *ret_worked)
{
    const struct index_record *index = &p->state.index;
    uint64_t now_s = p->clock_s();
    bool none = sha256_is_zero(&index->hash);
    bool old = now_s >= index->time_s + p->config->index_interval_s || now_s < index->time_s;
    if (!none && !old && p->state.log_last - index->log_number < INDEX_LOG_MAX)
        return ERR_OK;
    enum err err = publish_index_make(p, ret_worked);
    /* A range is to be signed anew first. */
    return err == ERR_BUSY ? ERR_OK : err;
}

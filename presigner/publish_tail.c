/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_tail.h"

#include <stdlib.h>

#include "presigner/publish_pack.h"

/* The records of one pack: from `start` on, `count` of them. */
struct tail_slice {
    uint64_t issuer_id;
    uint8_t start[KEY_BYTES_MAX];
    size_t start_size;
    size_t count;
    uint16_t template_nos[PACK_TEMPLATES_MAX];
    uint16_t template_count;
    struct span next; /* key of the first record after; borrows the transaction; empty: none */
};

static bool template_note(struct tail_slice *s, uint16_t template_no)
{
    for (uint16_t i = 0; i < s->template_count; i++)
        if (s->template_nos[i] == template_no)
            return true;
    if (s->template_count == PACK_TEMPLATES_MAX)
        return false;
    s->template_nos[s->template_count++] = template_no;
    return true;
}

static enum err next_record(struct publish_cursor *c, struct span *ret_key, struct tail_record *ret)
{
    struct span value = SPAN_EMPTY;
    TRY(publish_cursor_next(c, ret_key, &value));
    return tail_record_read(*ret_key, value, ret);
}

/* Counts how many records make one pack. */
static enum err measure(struct publisher *p, struct publish_cursor *c, struct tail_slice *s)
{
    size_t size = 0;
    for (;;) {
        struct tail_record tail;
        struct span key = SPAN_EMPTY;
        enum err err = next_record(c, &key, &tail);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(err);
        const struct statement *st = &tail.statement;
        size += publish_statement_bytes(st->signature.size, &st->serial, true);
        if (s->count == 0)
            s->issuer_id = tail.issuer_id;
        if (tail.issuer_id != s->issuer_id || size > p->config->pack_target_bytes ||
            !template_note(s, st->facts.template_no)) {
            s->next = key;
            return ERR_OK;
        }
        s->count++;
    }
}

static enum err add_all(struct publisher *p, struct publish_cursor *c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tail_record tail;
        struct span key = SPAN_EMPTY;
        TRY(next_record(c, &key, &tail));
        pack_writer_add(&p->writer, &tail.statement);
    }
    return p->writer.err;
}

static enum err templates_load(struct publisher *p, MDB_txn *txn, const struct tail_slice *s,
                               struct ocsp_template *templates,
                               const struct ocsp_template **pointers)
{
    for (uint16_t i = 0; i < s->template_count; i++) {
        TRY(publish_db_template_get(&p->db, txn, s->issuer_id, s->template_nos[i], &templates[i]));
        pointers[i] = &templates[i];
    }
    return ERR_OK;
}

static enum err fill(struct publisher *p, MDB_txn *txn, const struct tail_slice *s)
{
    struct publish_cursor c;
    TRY(publish_cursor_open(txn, p->db.tail, span_of(s->start, s->start_size), &c));
    enum err err = add_all(p, &c, s->count);
    publish_cursor_close(&c);
    return err;
}

static enum err pack_make(struct publisher *p, MDB_txn *txn, const struct tail_slice *s,
                          struct ocsp_template *templates, struct range_record *ret)
{
    const struct ocsp_template *pointers[PACK_TEMPLATES_MAX];
    struct pack_info info = {.issuer_id = s->issuer_id,
                             .kind = PACK_TAIL,
                             .after = SERIAL_BEFORE_ALL,
                             .until = SERIAL_AFTER_ALL};
    TRY(publish_pack_room(p));
    TRY(templates_load(p, txn, s, templates, pointers));
    pack_writer_start(&p->writer, &info, pointers, s->template_count, p->pack.data,
                      p->pack.capacity);
    TRY(fill(p, txn, s));
    return publish_pack_finish(p, ret);
}

static enum err slice_measure(struct publisher *p, MDB_txn *txn, struct tail_slice *s)
{
    struct publish_cursor c;
    TRY(publish_cursor_open(txn, p->db.tail, span_of(s->start, s->start_size), &c));
    enum err err = measure(p, &c, s);
    publish_cursor_close(&c);
    return err;
}

static enum err packs(struct publisher *p, MDB_txn *txn, struct ocsp_template *templates,
                      void (*each)(void *context, const struct log_range *pack), void *context)
{
    struct tail_slice s = {0};
    for (;;) {
        struct range_record made = {0};
        TRY(slice_measure(p, txn, &s));
        if (s.count == 0)
            return ERR_OK;
        TRY(pack_make(p, txn, &s, templates, &made));
        struct log_range line = {.issuer_id = s.issuer_id,
                                 .pack = made.pack,
                                 .pack_bytes = made.pack_bytes,
                                 .statement_count = made.statement_count};
        each(context, &line);
        if (s.next.size == 0)
            return ERR_OK;
        struct tail_slice next = {.start_size = s.next.size};
        memcpy(next.start, s.next.data, s.next.size);
        s = next;
    }
}

enum err publish_tail_packs(struct publisher *p, MDB_txn *txn,
                            void (*each)(void *context, const struct log_range *pack),
                            void *context)
{
    struct ocsp_template *templates = calloc(PACK_TEMPLATES_MAX, sizeof *templates);
    if (templates == NULL)
        return ERR_MEMORY;
    enum err err = packs(p, txn, templates, each, context);
    free(templates);
    return err;
}

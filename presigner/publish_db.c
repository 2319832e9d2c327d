/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_db.h"

#define TEMPLATE_KEY_BYTES 10

struct publish_db publish_db_of(const struct status_db *status)
{
    return (struct publish_db){.range = status->dbi[STATUS_RANGE],
                               .tail = status->dbi[STATUS_TAIL],
                               .template_ = status->dbi[STATUS_TEMPLATE],
                               .log = status->dbi[STATUS_LOG],
                               .garbage = status->dbi[STATUS_GARBAGE],
                               .publication = status->dbi[STATUS_PUBLICATION],
                               .crl = status->dbi[STATUS_CRL],
                               .path = status->dbi[STATUS_PATH]};
}

/* LMDB's values are not const, though it writes to none of those given. */
static MDB_val value_of(struct span s)
{
    return (MDB_val){.mv_size = s.size, .mv_data = (void *)(uintptr_t)s.data};
}

static struct span span_of_value(MDB_val v)
{
    return span_of(v.mv_data, v.mv_size);
}

static enum err get(MDB_txn *txn, MDB_dbi dbi, struct span key, struct span *ret)
{
    MDB_val k = value_of(key);
    MDB_val v;
    TRY(status_db_err(mdb_get(txn, dbi, &k, &v)));
    *ret = span_of_value(v);
    return ERR_OK;
}

static enum err put(MDB_txn *txn, MDB_dbi dbi, struct span key, struct span value)
{
    MDB_val k = value_of(key);
    MDB_val v = value_of(value);
    return status_db_err(mdb_put(txn, dbi, &k, &v, 0));
}

static enum err delete (MDB_txn *txn, MDB_dbi dbi, struct span key) {
    MDB_val k = value_of(key); return status_db_err(mdb_del(txn, dbi, &k, NULL));
}

enum err publish_db_state_get(const struct publish_db *db, MDB_txn *txn, struct publish_state *ret)
{
    struct span value = SPAN_EMPTY;
    enum err err = get(txn, db->publication, span_text("state"), &value);
    if (err == ERR_NOT_FOUND) {
        *ret = (struct publish_state){.log_first = 1};
        return ERR_OK;
    }
    TRY(err);
    return publish_state_read(value, ret);
}

enum err publish_db_state_put(const struct publish_db *db, MDB_txn *txn,
                              const struct publish_state *state)
{
    uint8_t value[PUBLISH_STATE_BYTES];
    publish_state_write(state, value);
    return put(txn, db->publication, span_text("state"), span_of(value, sizeof value));
}

enum err publish_db_range_of(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                             const struct serial *serial, struct range_record *ret)
{
    uint8_t key[KEY_BYTES_MAX];
    struct publish_cursor c;
    struct span k = SPAN_EMPTY;
    struct span v = SPAN_EMPTY;
    size_t size = key_write(issuer_id, serial, key);
    TRY(publish_cursor_open(txn, db->range, span_of(key, size), &c));
    enum err err = publish_cursor_next(&c, &k, &v);
    struct range_record range;
    if (err == ERR_OK)
        err = range_record_read(k, v, &range);
    publish_cursor_close(&c);
    TRY(err);
    if (range.issuer_id != issuer_id)
        return ERR_NOT_FOUND;
    *ret = range;
    return ERR_OK;
}

enum err publish_db_range_put(const struct publish_db *db, MDB_txn *txn,
                              const struct range_record *range)
{
    uint8_t key[KEY_BYTES_MAX];
    uint8_t value[RANGE_RECORD_BYTES_MAX];
    size_t key_size = key_write(range->issuer_id, &range->until, key);
    return put(txn, db->range, span_of(key, key_size),
               span_of(value, range_record_write(range, value)));
}

enum err publish_db_range_delete(const struct publish_db *db, MDB_txn *txn,
                                 const struct range_record *range)
{
    uint8_t key[KEY_BYTES_MAX];
    return delete (txn, db->range, span_of(key, key_write(range->issuer_id, &range->until, key)));
}

enum err publish_db_tail_put(const struct publish_db *db, MDB_txn *txn,
                             const struct tail_record *tail)
{
    uint8_t key[KEY_BYTES_MAX];
    uint8_t value[TAIL_RECORD_BYTES_MAX];
    size_t size = 0;
    TRY(tail_record_write(tail, value, &size));
    size_t key_size = key_write(tail->issuer_id, &tail->statement.serial, key);
    return put(txn, db->tail, span_of(key, key_size), span_of(value, size));
}

enum err publish_db_tail_get(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                             const struct serial *serial, struct tail_record *ret)
{
    uint8_t key[KEY_BYTES_MAX];
    struct span k = span_of(key, key_write(issuer_id, serial, key));
    struct span value = SPAN_EMPTY;
    TRY(get(txn, db->tail, k, &value));
    return tail_record_read(k, value, ret);
}

static struct span template_key(uint64_t issuer_id, uint16_t template_no,
                                uint8_t key[static TEMPLATE_KEY_BYTES])
{
    be64_store(key, issuer_id);
    be16_store(key + 8, template_no);
    return span_of(key, TEMPLATE_KEY_BYTES);
}

enum err publish_db_template_get(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                 uint16_t template_no, struct ocsp_template *ret)
{
    uint8_t key[TEMPLATE_KEY_BYTES];
    struct span value = SPAN_EMPTY;
    TRY(get(txn, db->template_, template_key(issuer_id, template_no, key), &value));
    return template_read(value, ret);
}

enum err publish_db_template_last(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                  struct ocsp_template *ret)
{
    uint8_t key[TEMPLATE_KEY_BYTES];
    struct publish_cursor c;
    struct span last = SPAN_EMPTY;
    TRY(publish_cursor_open(txn, db->template_, template_key(issuer_id, 0, key), &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        struct span k = SPAN_EMPTY;
        struct span v = SPAN_EMPTY;
        err = publish_cursor_next(&c, &k, &v);
        if (err == ERR_OK && (k.size != TEMPLATE_KEY_BYTES || be64_load(k.data) != issuer_id))
            break;
        if (err == ERR_OK)
            last = v;
    }
    publish_cursor_close(&c);
    if (err != ERR_NOT_FOUND)
        TRY(err);
    return last.size == 0 ? ERR_NOT_FOUND : template_read(last, ret);
}

enum err publish_db_template_put(const struct publish_db *db, MDB_txn *txn,
                                 const struct ocsp_template *t)
{
    uint8_t key[TEMPLATE_KEY_BYTES];
    uint8_t value[TEMPLATE_BYTES_MAX];
    size_t size = 0;
    TRY(template_write(t, value, sizeof value, &size));
    return put(txn, db->template_, template_key(t->issuer_id, t->template_no, key),
               span_of(value, size));
}

enum err publish_db_log_get(const struct publish_db *db, MDB_txn *txn, uint64_t number,
                            struct log_record *ret)
{
    uint8_t key[8];
    be64_store(key, number);
    struct span value = SPAN_EMPTY;
    TRY(get(txn, db->log, span_of(key, sizeof key), &value));
    return log_record_read(span_of(key, sizeof key), value, ret);
}

enum err publish_db_log_put(const struct publish_db *db, MDB_txn *txn,
                            const struct log_record *record)
{
    uint8_t key[8];
    uint8_t value[LOG_RECORD_BYTES_MAX];
    be64_store(key, record->number);
    return put(txn, db->log, span_of(key, sizeof key),
               span_of(value, log_record_write(record, value)));
}

enum err publish_db_log_delete(const struct publish_db *db, MDB_txn *txn, uint64_t number)
{
    uint8_t key[8];
    be64_store(key, number);
    return delete (txn, db->log, span_of(key, sizeof key));
}

enum err publish_db_garbage_get(const struct publish_db *db, MDB_txn *txn, struct span name,
                                uint64_t *ret_since_s)
{
    struct span value = SPAN_EMPTY;
    TRY(get(txn, db->garbage, name, &value));
    struct wire_reader r = wire_reader_of(value);
    uint8_t version = wire_get_u8(&r);
    uint64_t since_s = wire_get_u64(&r);
    TRY(wire_reader_end(&r));
    if (version != PUBLISH_RECORD_VERSION)
        return ERR_UNSUPPORTED;
    *ret_since_s = since_s;
    return ERR_OK;
}

enum err publish_db_garbage_put(const struct publish_db *db, MDB_txn *txn, struct span name,
                                uint64_t since_s)
{
    uint8_t value[9] = {PUBLISH_RECORD_VERSION};
    be64_store(value + 1, since_s);
    return put(txn, db->garbage, name, span_of(value, sizeof value));
}

enum err publish_db_garbage_delete(const struct publish_db *db, MDB_txn *txn, struct span name)
{
    enum err err = delete (txn, db->garbage, name);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err publish_cursor_open(MDB_txn *txn, MDB_dbi dbi, struct span start,
                             struct publish_cursor *ret)
{
    if (start.size > sizeof ret->start)
        return ERR_LIMIT;
    MDB_cursor *cursor = NULL;
    TRY(status_db_err(mdb_cursor_open(txn, dbi, &cursor)));
    *ret = (struct publish_cursor){.cursor = cursor,
                                   .next = start.size == 0 ? MDB_FIRST : MDB_SET_RANGE};
    if (start.size > 0)
        memcpy(ret->start, start.data, start.size);
    ret->start_size = start.size;
    return ERR_OK;
}

enum err publish_cursor_next(struct publish_cursor *c, struct span *ret_key, struct span *ret_value)
{
    MDB_val k = {.mv_size = c->start_size, .mv_data = c->start};
    MDB_val v;
    TRY(status_db_err(mdb_cursor_get(c->cursor, &k, &v, c->next)));
    c->next = MDB_NEXT;
    *ret_key = span_of_value(k);
    *ret_value = span_of_value(v);
    return ERR_OK;
}

void publish_cursor_close(struct publish_cursor *c)
{
    mdb_cursor_close(c->cursor);
    c->cursor = NULL;
}

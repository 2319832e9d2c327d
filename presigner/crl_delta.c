/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/crl_delta.h"

#include <stdio.h>

#include "lib/check.h"

#define KEY_BYTES     13
#define DELTA_BYTES   (1 + 6 * 8 + 8 + 8 + 4 + 8 + 32)
#define DELTA_VERSION 1

void crl_delta_roll(struct crl_delta *d, const struct crl_record *published, uint64_t interval_s,
                    uint64_t now_s)
{
    /* From the future: the clock was ahead. The base of that time serves as well as any. */
    bool young = d->next.number != 0 && now_s < d->next.this_update_s + interval_s &&
                 now_s >= d->next.this_update_s;
    struct crl_base fresh = {.number = published->number,
                             .covers_sequence = published->covers_sequence,
                             .this_update_s = published->this_update_s};
    if (young)
        return;
    d->base = d->next.number != 0 ? d->next : fresh;
    d->next = fresh;
}

enum err crl_delta_url(const char *url_base, uint32_t shard, char ret[static CRL_SHARD_URL_MAX])
{
    char url[CRL_SHARD_URL_MAX];
    TRY(crl_shard_url(url_base, shard, url));
    int stem = (int)strlen(url) - 4; /* ".crl" */
    int size = snprintf(ret, CRL_SHARD_URL_MAX, "%.*s-delta.crl", stem, url);
    return size > 0 && size < CRL_SHARD_URL_MAX ? ERR_OK : ERR_LIMIT;
}

static MDB_val key_of(uint64_t issuer_id, uint32_t shard, uint8_t room[static KEY_BYTES])
{
    be64_store(room, issuer_id);
    be32_store(room + 8, shard);
    room[12] = 'd';
    return (MDB_val){.mv_size = KEY_BYTES, .mv_data = room};
}

static struct crl_base take_base(struct wire_reader *r)
{
    struct crl_base base;
    base.number = wire_get_u64(r);
    base.covers_sequence = wire_get_u64(r);
    base.this_update_s = wire_get_u64(r);
    return base;
}

static void put_base(struct wire_writer *w, const struct crl_base *base)
{
    wire_put_u64(w, base->number);
    wire_put_u64(w, base->covers_sequence);
    wire_put_u64(w, base->this_update_s);
}

enum err crl_delta_get(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                       uint32_t shard, struct crl_delta *ret)
{
    uint8_t room[KEY_BYTES];
    MDB_val key = key_of(issuer_id, shard, room), value;
    struct crl_delta d = {0};
    int code = mdb_get(txn, db->crl, &key, &value);
    if (code == MDB_NOTFOUND) {
        *ret = d;
        return ERR_OK;
    }
    TRY(status_db_err(code));
    struct wire_reader r = wire_reader_of(span_of(value.mv_data, value.mv_size));
    uint8_t version = wire_get_u8(&r);
    d.base = take_base(&r);
    d.next = take_base(&r);
    d.number = wire_get_u64(&r);
    d.covers_sequence = wire_get_u64(&r);
    d.entry_count = wire_get_u32(&r);
    d.bytes = wire_get_u64(&r);
    struct span hash = wire_get(&r, sizeof d.blob.octets);
    if (wire_reader_end(&r) != ERR_OK || version != DELTA_VERSION)
        return ERR_STORE;
    memcpy(d.blob.octets, hash.data, sizeof d.blob.octets);
    *ret = d;
    return ERR_OK;
}

enum err crl_delta_put(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                       uint32_t shard, const struct crl_delta *d)
{
    uint8_t room[KEY_BYTES], data[DELTA_BYTES];
    struct wire_writer w = wire_writer_of(data, sizeof data);
    wire_put_u8(&w, DELTA_VERSION);
    put_base(&w, &d->base);
    put_base(&w, &d->next);
    wire_put_u64(&w, d->number);
    wire_put_u64(&w, d->covers_sequence);
    wire_put_u32(&w, d->entry_count);
    wire_put_u64(&w, d->bytes);
    wire_put(&w, span_of(d->blob.octets, sizeof d->blob.octets));
    CHECK(w.err == ERR_OK && w.size == sizeof data);
    MDB_val key = key_of(issuer_id, shard, room);
    MDB_val value = {.mv_size = sizeof data, .mv_data = data};
    return status_db_err(mdb_put(txn, db->crl, &key, &value, 0));
}

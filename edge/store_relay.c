/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/store_relay.h"

#include <stdlib.h>

#include "edge/store_internal.h"
#include "lib/wire.h"

#define WHOLE_VERSION 1
#define WHOLE_BYTES   (1 + 8 + SHA256_BYTES)
#define UNUSED_BYTES  8

struct key {
    uint8_t octets[RELAY_KEY_BYTES_MAX];
    size_t size;
};

static struct key key_of(const struct relay_name *name)
{
    struct key key;
    key.size = relay_key_write(name, key.octets);
    return key;
}

static struct span key_span(const struct key *key)
{
    return span_of(key->octets, key->size);
}

static enum err not_found_is_ok(enum err err)
{
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err store_relay_get(struct store_txn *txn, const struct relay_name *name,
                         struct relay_copy *ret)
{
    struct key key = key_of(name);
    struct span value;
    TRY(store_get(txn, STORE_RELAY, key_span(&key), &value));
    if (value.size < SHA256_BYTES)
        return ERR_STORE;
    memcpy(ret->hash.octets, value.data, SHA256_BYTES);
    ret->octets = span_of(value.data + SHA256_BYTES, value.size - SHA256_BYTES);
    return ERR_OK;
}

static enum err write_file(struct store_txn *txn, struct span key, const struct sha256 *hash,
                           struct span octets)
{
    uint8_t *room;
    TRY(store_reserve(txn, STORE_RELAY, key, SHA256_BYTES + octets.size, &room));
    memcpy(room, hash->octets, SHA256_BYTES);
    memcpy(room + SHA256_BYTES, octets.data, octets.size);
    return ERR_OK;
}

enum err store_relay_put(struct store_txn *txn, const struct relay_name *name,
                         const struct sha256 *hash, struct span octets)
{
    struct key key = key_of(name);
    struct span there;
    enum err err = store_get(txn, STORE_RELAY, key_span(&key), &there);
    if (err == ERR_OK)
        return not_found_is_ok(store_erase(txn, STORE_RELAY_UNUSED, key_span(&key)));
    if (err != ERR_NOT_FOUND)
        return err;
    return write_file(txn, key_span(&key), hash, octets);
}

/* ---- the log ---- */

/* The first entry of the log, or the last one: keys of a kind lie between its octet and the next.
 */
static enum err log_end(MDB_cursor *cursor, bool last, uint64_t *ret)
{
    uint8_t start[] = {last ? RELAY_LOG + 1 : RELAY_LOG};
    MDB_val k = {.mv_size = sizeof start, .mv_data = start};
    MDB_val v;
    struct relay_name name;
    int code = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (last && (code == 0 || code == MDB_NOTFOUND))
        code = mdb_cursor_get(cursor, &k, &v, code == 0 ? MDB_PREV : MDB_LAST);
    TRY(store_err(code));
    if (relay_key_read(span_of(k.mv_data, k.mv_size), &name) != ERR_OK)
        return ERR_STORE;
    if (name.kind != RELAY_LOG)
        return ERR_NOT_FOUND;
    *ret = name.number;
    return ERR_OK;
}

enum err store_relay_log(struct store_txn *txn, uint64_t *ret_first, uint64_t *ret_last)
{
    MDB_cursor *cursor;
    uint64_t first, last;
    TRY(store_err(mdb_cursor_open(txn->txn, store_dbi(txn->store, STORE_RELAY), &cursor)));
    enum err err = log_end(cursor, false, &first);
    if (err == ERR_OK)
        err = log_end(cursor, true, &last);
    mdb_cursor_close(cursor);
    TRY(err);
    *ret_first = first;
    *ret_last = last;
    return ERR_OK;
}

/* Removes the entries from `first` up to, not with, `end`. */
static enum err erase_log(struct store_txn *txn, uint64_t first, uint64_t end)
{
    for (uint64_t number = first; number < end; number++) {
        struct relay_name name = relay_name_log(number);
        struct key key = key_of(&name);
        TRY(store_erase(txn, STORE_RELAY, key_span(&key)));
    }
    return ERR_OK;
}

enum err store_relay_append(struct store_txn *txn, uint64_t number, const struct sha256 *hash,
                            struct span octets)
{
    uint64_t first, last;
    struct relay_name name = relay_name_log(number);
    struct key key = key_of(&name);
    enum err err = store_relay_log(txn, &first, &last);
    if (err == ERR_OK && last + 1 != number) {
        TRY(store_relay_break(txn));
        TRY(erase_log(txn, first, last + 1));
    } else if (err == ERR_NOT_FOUND) {
        struct relay_whole whole;
        /* Right behind the index nothing is missing. */
        if (store_relay_whole(txn, &whole) != ERR_OK || whole.index_log + 1 != number)
            TRY(store_relay_break(txn));
    } else {
        TRY(err);
    }
    return write_file(txn, key_span(&key), hash, octets);
}

enum err store_relay_trim(struct store_txn *txn, uint64_t first)
{
    uint64_t oldest, last;
    enum err err = store_relay_log(txn, &oldest, &last);
    if (err != ERR_OK)
        return not_found_is_ok(err);
    uint64_t end = first < last + 1 ? first : last + 1;
    if (end <= oldest)
        return ERR_OK;
    if (end - oldest > STORE_RELAY_TRIM_MAX)
        end = oldest + STORE_RELAY_TRIM_MAX;
    return erase_log(txn, oldest, end);
}

enum err store_relay_jump(struct store_txn *txn, uint64_t number, const struct sha256 *hash)
{
    uint64_t first, last;
    struct relay_copy copy;
    struct relay_name name = relay_name_log(number);
    TRY(store_relay_break(txn));
    enum err err = store_relay_log(txn, &first, &last);
    if (err != ERR_OK)
        return not_found_is_ok(err);
    if (last == number) {
        TRY(store_relay_get(txn, &name, &copy));
        if (sha256_equal(&copy.hash, hash))
            return ERR_OK;
    }
    return erase_log(txn, first, last + 1);
}

/* ---- whole or not ---- */

static struct span whole_key(void)
{
    return span_text(STORE_META_RELAY);
}

enum err store_relay_whole(struct store_txn *txn, struct relay_whole *ret)
{
    struct span value;
    TRY(store_get(txn, STORE_META, whole_key(), &value));
    if (value.size != WHOLE_BYTES || value.data[0] != WHOLE_VERSION)
        return ERR_UNSUPPORTED;
    ret->index_log = be64_load(value.data + 1);
    memcpy(ret->index_hash.octets, value.data + 1 + 8, SHA256_BYTES);
    return ERR_OK;
}

/* What changes its mark. */
struct marking {
    struct store_txn *txn;
    const struct relay_set *needed;
    struct relay_set begins; /* unused from now on */
    struct relay_set ends;   /* needed again */
};

static enum err judge(void *context, struct span key, struct span value)
{
    struct marking *m = context;
    struct relay_name name;
    struct span since;
    (void)value;
    TRY(relay_key_read(key, &name) == ERR_OK ? ERR_OK : ERR_STORE);
    bool needed = relay_set_has(m->needed, key);
    enum err err = store_get(m->txn, STORE_RELAY_UNUSED, key, &since);
    if (err == ERR_OK && needed)
        return relay_set_add(&m->ends, &name);
    if (err == ERR_NOT_FOUND && !needed)
        return relay_set_add(&m->begins, &name);
    return not_found_is_ok(err);
}

static enum err write_marks(struct marking *m, uint64_t now_s)
{
    uint8_t since[UNUSED_BYTES];
    be64_store(since, now_s);
    for (size_t i = 0; i < m->begins.count; i++)
        TRY(store_put(m->txn, STORE_RELAY_UNUSED, span_of(m->begins.keys[i], RELAY_KEY_BYTES_MAX),
                      span_of(since, sizeof since)));
    for (size_t i = 0; i < m->ends.count; i++)
        TRY(store_erase(m->txn, STORE_RELAY_UNUSED, span_of(m->ends.keys[i], RELAY_KEY_BYTES_MAX)));
    return ERR_OK;
}

static enum err mark(struct store_txn *txn, const struct relay_set *needed, uint64_t now_s)
{
    static const uint8_t from[] = {RELAY_INDEX};
    struct marking m = {.txn = txn, .needed = needed};
    enum err err = store_walk_from(txn, STORE_RELAY, span_of(from, sizeof from), judge, &m);
    if (err == ERR_OK)
        err = write_marks(&m, now_s);
    relay_set_done(&m.begins);
    relay_set_done(&m.ends);
    return err;
}

enum err store_relay_set_whole(struct store_txn *txn, const struct relay_whole *whole,
                               const struct relay_set *needed, uint64_t now_s)
{
    uint8_t value[WHOLE_BYTES] = {WHOLE_VERSION};
    be64_store(value + 1, whole->index_log);
    memcpy(value + 1 + 8, whole->index_hash.octets, SHA256_BYTES);
    TRY(store_put(txn, STORE_META, whole_key(), span_of(value, sizeof value)));
    return mark(txn, needed, now_s);
}

static struct key head_key(void)
{
    struct relay_name name = relay_name_head();
    return key_of(&name);
}

enum err store_relay_put_head(struct store_txn *txn, struct span octets)
{
    struct key key = head_key();
    struct relay_copy there;
    struct relay_name name = relay_name_head();
    enum err err = store_relay_get(txn, &name, &there);
    if (err == ERR_OK && span_equal(there.octets, octets))
        return ERR_OK;
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    struct sha256 hash = sha256_of(octets);
    txn->touched = true;
    return write_file(txn, key_span(&key), &hash, octets);
}

enum err store_relay_break(struct store_txn *txn)
{
    struct key key = head_key();
    TRY(not_found_is_ok(store_erase(txn, STORE_META, whole_key())));
    enum err err = store_erase(txn, STORE_RELAY, key_span(&key));
    if (err == ERR_OK)
        txn->touched = true;
    return not_found_is_ok(err);
}

/* ---- what goes ---- */

struct collecting {
    struct relay_set old;
    uint64_t now_s;
};

static enum err list_old(void *context, struct span key, struct span value)
{
    struct collecting *c = context;
    struct relay_name name;
    if (value.size != UNUSED_BYTES || relay_key_read(key, &name) != ERR_OK)
        return ERR_STORE;
    uint64_t since_s = be64_load(value.data);
    bool old = c->now_s > since_s && c->now_s - since_s >= STORE_RELAY_KEEP_S;
    return old ? relay_set_add(&c->old, &name) : ERR_OK;
}

enum err store_relay_collect(struct store_txn *txn, uint64_t now_s, uint64_t *ret_removed)
{
    struct collecting c = {.now_s = now_s};
    enum err err = store_walk(txn, STORE_RELAY_UNUSED, list_old, &c);
    for (size_t i = 0; i < c.old.count && err == ERR_OK; i++) {
        struct span key = span_of(c.old.keys[i], RELAY_KEY_BYTES_MAX);
        err = store_erase(txn, STORE_RELAY, key);
        if (err == ERR_OK)
            err = store_erase(txn, STORE_RELAY_UNUSED, key);
    }
    /* A transfer of one of them must see it go. */
    txn->touched |= err == ERR_OK && c.old.count > 0;
    *ret_removed = c.old.count;
    relay_set_done(&c.old);
    return err;
}

enum err store_relay_clear(struct store_txn *txn)
{
    TRY(not_found_is_ok(store_erase(txn, STORE_META, whole_key())));
    TRY(store_err(mdb_drop(txn->txn, store_dbi(txn->store, STORE_RELAY), 0)));
    TRY(store_err(mdb_drop(txn->txn, store_dbi(txn->store, STORE_RELAY_UNUSED), 0)));
    txn->touched = true;
    return ERR_OK;
}

enum err store_relay_empty(struct store_txn *txn, bool *ret)
{
    MDB_stat relay, unused;
    TRY(store_err(mdb_stat(txn->txn, store_dbi(txn->store, STORE_RELAY), &relay)));
    TRY(store_err(mdb_stat(txn->txn, store_dbi(txn->store, STORE_RELAY_UNUSED), &unused)));
    *ret = relay.ms_entries == 0 && unused.ms_entries == 0;
    return ERR_OK;
}

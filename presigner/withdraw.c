/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/withdraw.h"

#include <inttypes.h>

#include "lib/os/log.h"
#include "presigner/publish_entry.h"
#include "presigner/publish_index.h"
#include "presigner/publish_pack.h"
#include "presigner/template_set.h"

/* The issuer of the first range at or after the issuer id. */
static enum err next_published(struct publisher *p, MDB_txn *txn, uint64_t from, uint64_t *ret)
{
    uint8_t start[8];
    struct publish_cursor c;
    struct range_record range;
    struct span key = SPAN_EMPTY;
    struct span value = SPAN_EMPTY;
    be64_store(start, from);
    TRY(publish_cursor_open(txn, p->db.range, span_of(start, sizeof start), &c));
    enum err err = publish_cursor_next(&c, &key, &value);
    if (err == ERR_OK)
        err = range_record_read(key, value, &range);
    publish_cursor_close(&c);
    if (err == ERR_OK)
        *ret = range.issuer_id;
    return err;
}

/* All records of a table that belong to the issuer: both tables have wire keys. */
static enum err delete_all(MDB_txn *txn, MDB_dbi dbi, uint64_t issuer_id)
{
    uint8_t start[8];
    be64_store(start, issuer_id);
    for (;;) {
        struct publish_cursor c;
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        /* A cursor of its own for each: the walk deletes what it walks over. */
        TRY(publish_cursor_open(txn, dbi, span_of(start, sizeof start), &c));
        enum err err = publish_cursor_next(&c, &key, &value);
        bool ours =
            err == ERR_OK && key.size >= sizeof start && memcmp(key.data, start, sizeof start) == 0;
        if (ours)
            err = status_db_err(mdb_cursor_del(c.cursor, 0));
        publish_cursor_close(&c);
        if (!ours)
            return err == ERR_NOT_FOUND ? ERR_OK : err;
        TRY(err);
    }
}

static enum err empty_range(struct publisher *p, uint64_t issuer_id, struct range_record *ret)
{
    struct range_record range = {
        .issuer_id = issuer_id, .after = SERIAL_BEFORE_ALL, .until = SERIAL_AFTER_ALL};
    struct pack_info info = {
        .issuer_id = issuer_id, .kind = PACK_RANGE, .after = range.after, .until = range.until};
    TRY(publish_pack_room(p));
    pack_writer_start(&p->writer, &info, NULL, 0, p->pack.data, p->pack.capacity);
    TRY(publish_pack_finish(p, &range));
    *ret = range;
    return ERR_OK;
}

static enum err withdraw(struct publisher *p, uint64_t issuer_id)
{
    struct publish_entry e;
    struct range_record range;
    MDB_txn *txn = NULL;
    TRY(empty_range(p, issuer_id, &range));
    TRY(publish_entry_start(p, &e));
    publish_entry_range(&e, &range);
    TRY(publish_entry_seal(p, &e, &txn));
    enum err err = delete_all(txn, p->db.range, issuer_id);
    if (err == ERR_OK)
        err = delete_all(txn, p->db.tail, issuer_id);
    if (err == ERR_OK)
        return publish_entry_commit(p, &e, txn);
    publish_entry_drop(p, &e, txn);
    return err;
}

static enum err is_published(struct publisher *p, uint64_t issuer_id, bool *ret)
{
    MDB_txn *txn = NULL;
    uint64_t found = 0;
    TRY(status_txn_read(p->status, &txn));
    enum err err = next_published(p, txn, issuer_id, &found);
    status_txn_abort(txn);
    *ret = err == ERR_OK && found == issuer_id;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err issuer_of(const char *word, uint64_t *ret)
{
    if (presigner_config_issuer_id(word, ret))
        return ERR_OK;
    enum err err = template_set_issuer_id(word, ret);
    if (err != ERR_OK)
        log_error("retired_issuers: %s: not the certificate of a CA: %s", word, err_text(err));
    return err;
}

static enum err retire(struct publisher *p, const char *word, bool *ret_any)
{
    uint64_t id = 0;
    bool published = false;
    TRY(issuer_of(word, &id));
    const struct publish_issuer *configured = publish_issuer_find(p, id);
    if (configured != NULL) {
        log_error("retired_issuers: %s: is issuer %s, which is configured", word,
                  configured->config->name);
        return ERR_CONFIG;
    }
    TRY(is_published(p, id, &published));
    if (!published)
        return ERR_OK;
    TRY(withdraw(p, id));
    log_info("issuer %016" PRIx64 " is withdrawn: log entry %" PRIu64 " takes its statements away",
             id, p->state.log_last);
    *ret_any = true;
    return ERR_OK;
}

static enum err warn_of_others(struct publisher *p)
{
    MDB_txn *txn = NULL;
    uint64_t id = 0;
    TRY(status_txn_read(p->status, &txn));
    enum err err;
    while ((err = next_published(p, txn, id, &id)) == ERR_OK) {
        if (publish_issuer_find(p, id) == NULL)
            log_warning("issuer %016" PRIx64
                        " is published but not configured: its statements stay "
                        "until they are stale; retired_issuers withdraws them",
                        id);
        if (id++ == UINT64_MAX)
            break;
    }
    status_txn_abort(txn);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err publish_withdraw(struct publisher *p)
{
    bool any = false;
    bool worked = false;
    for (size_t i = 0; i < p->config->retired_count; i++)
        TRY(retire(p, p->config->retired[i], &any));
    TRY(warn_of_others(p));
    if (!any)
        return ERR_OK;
    /* Who starts should not have to fetch what is then taken away. */
    enum err err = publish_index_make(p, &worked);
    return err == ERR_BUSY ? ERR_OK : err;
}

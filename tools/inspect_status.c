/* SPDX-License-Identifier: Apache-2.0 */
/* A presigner's status database for `statim inspect`: sequences, counts, ranges, the log. With
 * --verify every certificate and change record is read and the counts are made anew. */
#include <inttypes.h>

#include "lib/wire.h"
#include "presigner/publish_record.h"
#include "presigner/status_db.h"
#include "tools/inspect_fact.h"
#include "tools/inspect_store.h"

#define ISSUERS_MAX     4096
#define COUNT_KEY_START 5 /* "count" */

struct issuer_row {
    uint64_t issuer_id;
    struct status_counts kept;    /* as the writer keeps them */
    struct status_counts counted; /* by --verify */
    uint64_t range_count;
    uint64_t dirty_count;
    uint64_t pack_bytes;
    uint32_t oldest_this_update_s;
    uint32_t earliest_next_update_s;
    struct serial covered; /* until here ranges have come */
};

struct status_walk {
    struct inspection *in;
    struct inspect_lmdb *db;
    MDB_dbi dbi[STATUS_TABLE_COUNT];
    struct issuer_row issuers[ISSUERS_MAX];
    size_t issuer_count;
    uint64_t sequence; /* newest, or the last one walked over */
    uint64_t log_walked;
    struct publish_state state;
};

static const char *const table_names[] = {
#define X(name, text) text,
    STATUS_DB_TABLE(X)
#undef X
};

static struct issuer_row *issuer_of(struct status_walk *w, uint64_t issuer_id)
{
    for (size_t i = 0; i < w->issuer_count; i++)
        if (w->issuers[i].issuer_id == issuer_id)
            return &w->issuers[i];
    if (w->issuer_count == ISSUERS_MAX)
        return NULL;
    w->issuers[w->issuer_count] = (struct issuer_row){.issuer_id = issuer_id};
    return &w->issuers[w->issuer_count++];
}

/* What the writer keeps. */

static bool take_meta(void *context, struct span key, struct span value)
{
    struct status_walk *w = context;
    if (key.size != STATUS_COUNT_KEY_BYTES || value.size != STATUS_COUNT_BYTES ||
        memcmp(key.data, "count", COUNT_KEY_START) != 0)
        return true;
    struct issuer_row *row = issuer_of(w, be64_load(key.data + COUNT_KEY_START));
    if (row != NULL)
        row->kept = (struct status_counts){be64_load(value.data), be64_load(value.data + 8)};
    return true;
}

static uint32_t earlier(uint32_t a, uint32_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static bool take_range(void *context, struct span key, struct span value)
{
    struct status_walk *w = context;
    struct range_record r;
    enum err err = range_record_read(key, value, &r);
    struct issuer_row *row = err == ERR_OK ? issuer_of(w, r.issuer_id) : NULL;
    if (row == NULL) {
        inspect_problem(w->in, "a range record: %s", err_text(err));
        return true;
    }
    if (serial_compare(&r.after, &row->covered) != 0)
        inspect_problem(w->in,
                        "issuer %016" PRIx64 ": a range does not begin where the one before ends",
                        r.issuer_id);
    row->covered = r.until;
    row->range_count++;
    row->dirty_count += (r.flags & RANGE_DIRTY) != 0;
    row->pack_bytes += r.pack_bytes;
    row->oldest_this_update_s = earlier(row->oldest_this_update_s, r.this_update_min_s);
    row->earliest_next_update_s = earlier(row->earliest_next_update_s, r.next_update_min_s);
    return true;
}

static bool take_log(void *context, struct span key, struct span value)
{
    struct status_walk *w = context;
    struct log_record r;
    enum err err = log_record_read(key, value, &r);
    if (err != ERR_OK)
        inspect_problem(w->in, "a log record: %s", err_text(err));
    else if (w->log_walked != 0 && r.number != w->log_walked + 1)
        inspect_problem(w->in, "log records before %" PRIu64 " are missing", r.number);
    if (err == ERR_OK)
        w->log_walked = r.number;
    return true;
}

/* --verify */

/* The change that made a certificate what it is must say the same. */
static bool has_its_change(struct status_walk *w, struct span key, struct span value,
                           uint64_t sequence)
{
    uint8_t number[8];
    struct span change;
    be64_store(number, sequence);
    return inspect_lmdb_get(w->db, w->dbi[STATUS_CHANGE], span_of(number, sizeof number),
                            &change) == ERR_OK &&
           change.size == key.size + value.size &&
           span_equal(span_of(change.data, key.size), key) &&
           span_equal(span_of(change.data + key.size, value.size), value);
}

static bool take_cert(void *context, struct span key, struct span value)
{
    struct status_walk *w = context;
    struct serial serial;
    struct cert_record record;
    char hex[SERIAL_HEX_MAX];
    uint64_t issuer_id = 0;
    enum err err = key_read(key, &issuer_id, &serial);
    if (err == ERR_OK)
        err = cert_record_read(value, &record);
    struct issuer_row *row = err == ERR_OK ? issuer_of(w, issuer_id) : NULL;
    if (row == NULL) {
        inspect_problem(w->in, "a certificate record: %s", err_text(err));
        return true;
    }
    if (record.status == CERT_REVOKED)
        row->counted.revoked++;
    else
        row->counted.good++;
    if (!has_its_change(w, key, value, record.sequence)) {
        serial_to_hex(&serial, hex);
        inspect_problem(w->in, "issuer %016" PRIx64 ", serial %s: no change record of that content",
                        issuer_id, hex);
    }
    return true;
}

static bool take_change(void *context, struct span key, struct span value)
{
    struct status_walk *w = context;
    uint64_t number = key.size == 8 ? be64_load(key.data) : 0;
    if (number != w->sequence + 1)
        inspect_problem(w->in, "change records before %" PRIu64 " are missing", number);
    if (value.size <= CERT_RECORD_BYTES)
        inspect_problem(w->in, "change record %" PRIu64 ": %s", number, err_text(ERR_TRUNCATED));
    w->sequence = number;
    return true;
}

static bool verify(struct status_walk *w)
{
    w->sequence = 0;
    if (!inspect_lmdb_walk(w->in, w->db, w->dbi[STATUS_CERT], w, take_cert) ||
        !inspect_lmdb_walk(w->in, w->db, w->dbi[STATUS_CHANGE], w, take_change))
        return false;
    for (size_t i = 0; i < w->issuer_count; i++) {
        const struct issuer_row *row = &w->issuers[i];
        if (row->counted.good != row->kept.good || row->counted.revoked != row->kept.revoked)
            inspect_problem(w->in,
                            "issuer %016" PRIx64 ": %" PRIu64 " good and %" PRIu64
                            " revoked are kept, %" PRIu64 " and %" PRIu64 " are there",
                            row->issuer_id, row->kept.good, row->kept.revoked, row->counted.good,
                            row->counted.revoked);
        if (row->range_count > 0 && row->covered.size != SERIAL_SIZE_END)
            inspect_problem(w->in, "issuer %016" PRIx64 ": the ranges end too early",
                            row->issuer_id);
    }
    if (w->log_walked != 0 && w->log_walked != w->state.log_last)
        inspect_problem(w->in, "the newest log record is %" PRIu64 ", the state says %" PRIu64,
                        w->log_walked, w->state.log_last);
    return true;
}

/* What is shown. */

static bool read_layout(struct status_walk *w)
{
    struct span value;
    uint8_t layout = STATUS_DB_LAYOUT;
    enum err err = inspect_lmdb_get(w->db, w->dbi[STATUS_META], span_text("layout"), &value);
    if (err == ERR_OK && !span_equal(value, span_of(&layout, 1)))
        err = ERR_UNSUPPORTED;
    return err == ERR_OK || inspect_refuse(w->in, "status database: layout: %s", err_text(err));
}

static bool read_state(struct status_walk *w)
{
    struct span value;
    enum err err = inspect_lmdb_get(w->db, w->dbi[STATUS_PUBLICATION], span_text("state"), &value);
    if (err == ERR_NOT_FOUND)
        return true; /* nothing was published yet */
    if (err == ERR_OK)
        err = publish_state_read(value, &w->state);
    return err == ERR_OK || inspect_refuse(w->in, "status database: state: %s", err_text(err));
}

static bool read_sequence(struct status_walk *w)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int code = mdb_cursor_open(w->db->txn, w->dbi[STATUS_CHANGE], &cursor);
    if (code == 0)
        code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code == 0 && key.mv_size == 8)
        w->sequence = be64_load(key.mv_data);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == 0 || code == MDB_NOTFOUND ||
           inspect_refuse(w->in, "status database: %s", mdb_strerror(code));
}

static void show_state(struct status_walk *w)
{
    json_t *facts = w->in->facts;
    const struct publish_state *s = &w->state;
    fact_number(facts, "sequence", w->sequence);
    fact_number(facts, "published_sequence", s->published_sequence);
    fact_number(facts, "urgent_sequence", s->urgent_sequence);
    fact_number(facts, "log_first", s->log_first);
    fact_number(facts, "log_last", s->log_last);
    fact_hash(facts, "log_hash", &s->log_hash);
    fact_number(facts, "index_log", s->index.log_number);
    fact_hash(facts, "index", &s->index.hash);
}

static void show_tables(struct status_walk *w)
{
    uint64_t count;
    inspect_lmdb_show(w->in, w->db);
    json_t *list = fact_list(w->in->facts, "tables");
    for (size_t i = 0; i < STATUS_TABLE_COUNT; i++) {
        json_t *row = fact_row(list);
        fact_text(row, "name", table_names[i]);
        uint64_t bytes = inspect_lmdb_bytes(w->db, w->dbi[i], &count);
        fact_number(row, "records", count);
        fact_number(row, "bytes", bytes);
    }
}

static void show_issuers(struct status_walk *w)
{
    json_t *list = fact_list(w->in->facts, "issuers");
    for (size_t i = 0; i < w->issuer_count; i++) {
        const struct issuer_row *r = &w->issuers[i];
        json_t *row = fact_row(list);
        fact_issuer(row, r->issuer_id);
        fact_number(row, "good", r->kept.good);
        fact_number(row, "revoked", r->kept.revoked);
        fact_number(row, "ranges", r->range_count);
        fact_number(row, "ranges_to_sign_again", r->dirty_count);
        fact_number(row, "pack_bytes", r->pack_bytes);
        fact_time(row, "oldest_this_update", r->oldest_this_update_s);
        fact_time(row, "earliest_next_update", r->earliest_next_update_s);
    }
}

static bool walk(struct status_walk *w)
{
    if (!read_layout(w) || !read_state(w) || !read_sequence(w) ||
        !inspect_lmdb_walk(w->in, w->db, w->dbi[STATUS_META], w, take_meta) ||
        !inspect_lmdb_walk(w->in, w->db, w->dbi[STATUS_RANGE], w, take_range) ||
        !inspect_lmdb_walk(w->in, w->db, w->dbi[STATUS_LOG], w, take_log))
        return false;
    show_state(w);
    show_tables(w);
    show_issuers(w);
    return !w->in->verify || verify(w);
}

bool inspect_status_db(struct inspection *in, struct inspect_lmdb *db)
{
    static struct status_walk w; /* too large for the stack; one a run */
    w.in = in;
    w.db = db;
    for (size_t i = 0; i < STATUS_TABLE_COUNT; i++) {
        enum err err = inspect_lmdb_database(db, table_names[i], &w.dbi[i]);
        if (err != ERR_OK)
            return inspect_refuse(in, "status database: database '%s': %s", table_names[i],
                                  err_text(err));
    }
    return walk(&w);
}

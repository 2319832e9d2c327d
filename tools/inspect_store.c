/* SPDX-License-Identifier: Apache-2.0 */
/* An edge's store for `statim inspect`: position, templates, what each issuer has. With --verify
 * every block and blob is opened and the invariants of edge/store_format.h are checked. */
#include "tools/inspect_store.h"

#include <inttypes.h>

#include "edge/store_format.h"
#include "lib/blob_path.h"
#include "lib/block.h"
#include "lib/wire.h"
#include "tools/inspect_fact.h"
#include "tools/inspect_sum.h"

struct store_walk {
    struct inspection *in;
    struct inspect_lmdb *db;
    struct inspect_templates templates;
    json_t *template_list;
    json_t *issuer_list;
    json_t *path_list;
    MDB_dbi blobs;
    /* The issuer of the blocks that come now. */
    bool has_issuer;
    uint64_t issuer_id;
    uint64_t blocks;
    uint64_t statements;
    uint64_t used_bytes; /* of the blocks without their padding */
    struct serial last;  /* of the block before */
    struct inspect_sum sum;
    /* Of all. */
    uint64_t all_statements;
    uint64_t change_first;
    uint64_t change_last;
};

/* Position. */

static void show_position(json_t *facts, const struct position *p)
{
    json_t *group = fact_group(facts, "position");
    fact_number(group, "log_number", p->log_number);
    fact_hash(group, "log_hash", &p->log_hash);
    fact_number(group, "commit", p->commit);
    fact_time(group, "head_time", p->head_time_s);
    fact_time(group, "head_valid_until", p->head_valid_until_s);
    fact_hash(group, "index_in_work", &p->index_hash);
    fact_number(group, "index_lines_done", p->index_done);
    fact_flag(group, "complete", p->complete == 1);
    fact_number(group, "statements", p->statement_count);
}

static bool read_position(struct store_walk *w, MDB_dbi meta, struct position *ret)
{
    struct span value;
    enum err err = inspect_lmdb_get(w->db, meta, span_text(STORE_META_POSITION), &value);
    if (err == ERR_NOT_FOUND) {
        *ret = (struct position){0};
        return true;
    }
    if (err == ERR_OK)
        err = position_read(value, ret);
    return err == ERR_OK || inspect_refuse(w->in, "edge store: position: %s", err_text(err));
}

/* Templates. */

static bool take_template(void *context, struct span key, struct span value)
{
    struct store_walk *w = context;
    struct ocsp_template t;
    enum err err = template_read(value, &t);
    if (err == ERR_OK &&
        (key.size != STORE_TEMPLATE_KEY_BYTES || be64_load(key.data) != t.issuer_id ||
         be16_load(key.data + 8) != t.template_no))
        err = ERR_CONFLICT;
    if (err == ERR_OK)
        err = inspect_templates_add(&w->templates, &t, w->in->signatures);
    if (err != ERR_OK) {
        inspect_problem(w->in, "a template: %s", err_text(err));
        return true;
    }
    fact_template(fact_row(w->template_list), &t);
    return true;
}

/* Blocks. */

static void end_issuer(struct store_walk *w)
{
    if (!w->has_issuer)
        return;
    json_t *row = fact_row(w->issuer_list);
    fact_issuer(row, w->issuer_id);
    fact_number(row, "blocks", w->blocks);
    fact_number(row, "statements", w->statements);
    if (w->statements > 0)
        fact_ratio(row, "block_bytes_per_statement", (double)w->used_bytes / (double)w->statements);
    if (w->in->verify)
        inspect_sum_show(&w->sum, row);
    w->all_statements += w->statements;
}

static void begin_issuer(struct store_walk *w, uint64_t issuer_id)
{
    end_issuer(w);
    w->has_issuer = true;
    w->issuer_id = issuer_id;
    w->blocks = w->statements = w->used_bytes = 0;
    w->last = SERIAL_BEFORE_ALL;
    w->sum = (struct inspect_sum){0};
}

static void block_problem(struct store_walk *w, const struct serial *key, const char *what)
{
    char serial[SERIAL_HEX_MAX];
    serial_to_hex(key, serial);
    inspect_problem(w->in, "issuer %016" PRIx64 ", block until %s: %s", w->issuer_id, serial, what);
}

/* The statements of an opened block: each names a template that is there, and its signature is of
 * that template's size and, when asked for, verifies. */
static void check_statements(struct store_walk *w, const struct serial *key,
                             const struct block *block)
{
    struct statement s;
    for (uint32_t i = 0; i < block->count; i++) {
        block_statement(block, i, &s);
        inspect_sum_add(&w->sum, &s);
        enum err err = inspect_templates_check(&w->templates, w->issuer_id, &s);
        if (err == ERR_NOT_FOUND)
            block_problem(w, &s.serial, "a statement of an unknown template");
        else if (err != ERR_OK)
            block_problem(w, &s.serial, err_text(err));
    }
    block_serial(block, 0, &s.serial);
    if (w->last.size == s.serial.size && serial_compare(&s.serial, &w->last) <= 0)
        block_problem(w, key, "begins before the block before it ends");
    block_serial(block, block->count - 1u, &w->last);
    if (serial_compare(&w->last, key) != 0)
        block_problem(w, key, "does not end at its key");
}

static void check_block(struct store_walk *w, const struct serial *key, struct span value,
                        uint32_t size_bytes)
{
    struct block block;
    enum err err = block_open(span_of(value.data, size_bytes), &block);
    if (err != ERR_OK) {
        block_problem(w, key, err_text(err));
        return;
    }
    if (value.size != (size_bytes > BLOCK_BYTES_MIN ? size_bytes : BLOCK_BYTES_MIN))
        block_problem(w, key, "is not padded as it should be");
    for (size_t i = size_bytes; i < value.size; i++) {
        if (value.data[i] != 0) {
            block_problem(w, key, "has octets in its padding");
            break;
        }
    }
    check_statements(w, key, &block);
}

static bool take_block(void *context, struct span key, struct span value)
{
    struct store_walk *w = context;
    struct serial last;
    uint64_t issuer_id = 0;
    if (key_read(key, &issuer_id, &last) != ERR_OK || last.size == 0 ||
        last.size == SERIAL_SIZE_END) {
        inspect_problem(w->in, "a block without a proper key");
        return true;
    }
    if (!w->has_issuer || issuer_id != w->issuer_id)
        begin_issuer(w, issuer_id);
    struct block block = {0};
    if (value.size >= BLOCK_HEADER_BYTES)
        block = block_load(value.data);
    if (block.size_bytes == 0 || block.size_bytes > value.size) {
        block_problem(w, &last, err_text(ERR_TRUNCATED));
        return true;
    }
    w->blocks++;
    w->statements += block.count;
    w->used_bytes += block.size_bytes;
    if (w->in->verify)
        check_block(w, &last, value, block.size_bytes);
    return true;
}

/* Paths. */

/* The blob is there, padded, and has the hash. */
static enum err check_blob(struct store_walk *w, const struct blob_path *path)
{
    struct span value;
    TRY(inspect_lmdb_get(w->db, w->blobs, span_of(path->blob.octets, SHA256_BYTES), &value));
    uint64_t size = path->blob_bytes;
    if (value.size != (size > BLOCK_BYTES_MIN ? size : BLOCK_BYTES_MIN))
        return ERR_CONFLICT;
    if (!w->in->verify)
        return ERR_OK;
    struct sha256 hash = sha256_of(span_of(value.data, (size_t)size));
    return sha256_equal(&hash, &path->blob) ? ERR_OK : ERR_HASH;
}

static bool take_path(void *context, struct span key, struct span value)
{
    struct store_walk *w = context;
    struct blob_path path;
    enum err err = blob_path_read(value, &path);
    if (err == ERR_OK) {
        struct sha256 hash = sha256_of(path.path);
        if (!span_equal(key, span_of(hash.octets, SHA256_BYTES)))
            err = ERR_CONFLICT;
    }
    if (err != ERR_OK) {
        inspect_problem(w->in, "a path: %s", err_text(err));
        return true;
    }
    fact_path(fact_row(w->path_list), &path);
    err = check_blob(w, &path);
    if (err != ERR_OK)
        inspect_problem(w->in, "the blob of path %.*s: %s", (int)path.path.size,
                        (const char *)path.path.data, err_text(err));
    return true;
}

/* Change records. */

static bool take_change(void *context, struct span key, struct span value)
{
    struct store_walk *w = context;
    uint64_t number = key.size == 8 ? be64_load(key.data) : 0;
    if (number == 0 || value.size < 2) {
        inspect_problem(w->in, "a change record without form");
        return true;
    }
    if (w->change_first == 0)
        w->change_first = number;
    else if (number != w->change_last + 1)
        inspect_problem(w->in, "change records %" PRIu64 " to %" PRIu64 " are missing",
                        w->change_last + 1, number - 1);
    w->change_last = number;
    return true;
}

static void check_position(struct store_walk *w, const struct position *p)
{
    if (w->all_statements != p->statement_count)
        inspect_problem(w->in, "the position counts %" PRIu64 " statements, the blocks %" PRIu64,
                        p->statement_count, w->all_statements);
    if (w->change_last != p->commit)
        inspect_problem(w->in,
                        "the newest change record is %" PRIu64 ", the position says %" PRIu64,
                        w->change_last, p->commit);
}

static bool walk(struct store_walk *w, const MDB_dbi dbi[static STORE_DB_COUNT])
{
    struct position position;
    uint64_t count;
    json_t *facts = w->in->facts;
    if (!read_position(w, dbi[3], &position))
        return false;
    show_position(facts, &position);
    inspect_lmdb_show(w->in, w->db);
    if (position.statement_count > 0)
        fact_ratio(facts, "bytes_per_statement",
                   (double)inspect_lmdb_bytes(w->db, dbi[0], &count) /
                       (double)position.statement_count);
    w->template_list = fact_list(facts, "templates");
    w->issuer_list = fact_list(facts, "issuers");
    w->path_list = fact_list(facts, "paths");
    w->blobs = dbi[4];
    if (!inspect_lmdb_walk(w->in, w->db, dbi[1], w, take_template) ||
        !inspect_lmdb_walk(w->in, w->db, dbi[0], w, take_block) ||
        !inspect_lmdb_walk(w->in, w->db, dbi[6], w, take_path) ||
        !inspect_lmdb_walk(w->in, w->db, dbi[2], w, take_change))
        return false;
    end_issuer(w);
    fact_number(facts, "relay_bytes", inspect_lmdb_bytes(w->db, dbi[7], &count));
    fact_number(facts, "relay_files", count);
    fact_number(facts, "change_first", w->change_first);
    fact_number(facts, "change_last", w->change_last);
    check_position(w, &position);
    return true;
}

bool inspect_edge_store(struct inspection *in, struct inspect_lmdb *db)
{
    static const char *const names[STORE_DB_COUNT] = {
        STORE_DB_BLOCK,    STORE_DB_TEMPLATE, STORE_DB_CHANGE, STORE_DB_META,  STORE_DB_BLOB,
        STORE_DB_BLOB_USE, STORE_DB_PATH,     STORE_DB_RELAY,  STORE_DB_UNUSED};
    MDB_dbi dbi[STORE_DB_COUNT];
    for (size_t i = 0; i < STORE_DB_COUNT; i++) {
        enum err err = inspect_lmdb_database(db, names[i], &dbi[i]);
        if (err != ERR_OK)
            return inspect_refuse(in, "edge store: database '%s': %s", names[i], err_text(err));
    }
    struct store_walk w = {.in = in, .db = db};
    bool done = walk(&w, dbi);
    inspect_templates_done(&w.templates);
    return done;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>

#include "edge/store_apply.h"
#include "edge/store_change.h"
#include "edge/store_range.h"
#include "lib/os/file.h"
#include "tests/unit/store_fixture.h"

#define MAP_BYTES   (1u << 30)
#define ISSUERS     3
#define PACK_ROOM   (4u << 20)
#define SERIALS_MAX 600
#define NOW_S       1800000000u

struct world {
    char path[STORE_FIXTURE_PATH];
    struct store *store;
    struct model model;
    uint64_t random;
    enum shape shape;
    uint8_t *pack;
    uint8_t signature[SIGNATURE_BYTES_MAX];
};

static struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    fixture_directory(w->path);
    w->store = fixture_store(w->path, MAP_BYTES);
    w->random = seed;
    w->pack = malloc(PACK_ROOM);
    CHECK(w->pack != NULL);
    return w;
}

static void world_free(struct world *w)
{
    store_close(w->store);
    fixture_remove(w->path);
    model_done(&w->model);
    free(w->pack);
    free(w);
}

static uint64_t issuer(uint32_t i)
{
    return i == 2 ? UINT64_MAX : 0x1000u + i;
}

/* Mostly P-256, template 1; now and then RSA-4096 under template 2, so that strides differ. */
static struct statement make_statement(struct world *w, const struct serial *serial)
{
    bool big = fixture_below(&w->random, 50) == 0;
    uint32_t time = NOW_S + fixture_below(&w->random, 4) * 1000;
    struct statement s = {.serial = *serial,
                          .facts =
                              fixture_facts(big ? 2 : 1, time, fixture_below(&w->random, 20) == 0),
                          .signature = span_of(w->signature, big ? 512 : 64)};
    for (size_t i = 0; i < s.signature.size; i++)
        w->signature[i] = (uint8_t)fixture_random(&w->random);
    return s;
}

static struct serial any_serial(struct world *w)
{
    uint8_t size = (uint8_t)(fixture_below(&w->random, 4) == 0 ? 8 : 16);
    return fixture_serial(&w->random, w->shape, size, fixture_below(&w->random, 3000));
}

static struct serial any_bound(struct world *w)
{
    uint32_t kind = fixture_below(&w->random, 10);
    if (kind == 0)
        return SERIAL_BEFORE_ALL;
    if (kind == 1)
        return SERIAL_AFTER_ALL;
    if (kind < 6 && w->model.count > 0)
        return w->model.items[fixture_below(&w->random, (uint32_t)w->model.count)].serial;
    return any_serial(w);
}

static void any_range(struct world *w, struct serial *after, struct serial *until)
{
    *after = any_bound(w);
    *until = any_bound(w);
    if (serial_compare(after, until) > 0) {
        struct serial swap = *after;
        *after = *until;
        *until = swap;
    }
    if (serial_compare(after, until) == 0)
        *after = SERIAL_BEFORE_ALL;
    if (until->size == 0)
        *until = SERIAL_AFTER_ALL;
}

/* A pack of random statements inside the bounds; they go into the model too. */
static void make_pack(struct world *w, uint64_t issuer_id, enum pack_kind kind,
                      const struct serial *after, const struct serial *until,
                      struct pack_reader *ret)
{
    static struct serial serials[SERIALS_MAX];
    uint32_t count = 0;
    for (uint32_t i = fixture_below(&w->random, SERIALS_MAX); i > 0; i--) {
        struct serial serial = any_serial(w);
        if (serial_compare(&serial, after) > 0 && serial_compare(&serial, until) <= 0)
            serials[count++] = serial;
    }
    qsort(serials, count, sizeof serials[0], fixture_serial_order);
    struct ocsp_template small = fixture_template(issuer_id, 1, SIG_ECDSA_P256_SHA256);
    struct ocsp_template big = fixture_template(issuer_id, 2, SIG_RSA4096_SHA256);
    const struct ocsp_template *templates[] = {&small, &big};
    struct pack_info info = {
        .issuer_id = issuer_id, .kind = (uint8_t)kind, .after = *after, .until = *until};
    if (kind == PACK_TAIL) {
        info.after = SERIAL_BEFORE_ALL;
        info.until = SERIAL_AFTER_ALL;
    }
    static struct pack_writer writer;
    pack_writer_start(&writer, &info, templates, 2, w->pack, PACK_ROOM);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && serial_compare(&serials[i - 1], &serials[i]) == 0)
            continue;
        struct statement s = make_statement(w, &serials[i]);
        model_put(&w->model, issuer_id, &s);
        /* The writer borrows signatures: each has a place of its own. */
        static uint8_t signatures[SERIALS_MAX][SIGNATURE_BYTES_MAX];
        memcpy(signatures[i], s.signature.data, s.signature.size);
        s.signature.data = signatures[i];
        pack_writer_add(&writer, &s);
    }
    size_t size;
    assert_int_equal(pack_writer_finish(&writer, &info, &size), ERR_OK);
    assert_int_equal(pack_open(span_of(w->pack, size), ret), ERR_OK);
}

static void op_statement(struct world *w, struct store_txn *txn, uint64_t issuer_id)
{
    for (uint32_t i = 1 + fixture_below(&w->random, 60); i > 0; i--) {
        struct serial serial = any_serial(w);
        struct statement s = make_statement(w, &serial);
        model_put(&w->model, issuer_id, &s);
        assert_int_equal(store_apply_statement(txn, issuer_id, &s), ERR_OK);
    }
}

static void op_range(struct world *w, struct store_txn *txn, uint64_t issuer_id)
{
    struct serial after;
    struct serial until;
    any_range(w, &after, &until);
    model_remove(&w->model, issuer_id, &after, &until);
    struct pack_reader pack;
    make_pack(w, issuer_id, PACK_RANGE, &after, &until, &pack);
    assert_int_equal(store_replace_range(txn, issuer_id, &after, &until, &pack), ERR_OK);
}

static void op_tail(struct world *w, struct store_txn *txn, uint64_t issuer_id)
{
    const struct serial first = SERIAL_BEFORE_ALL;
    const struct serial end = SERIAL_AFTER_ALL;
    struct serial middle = any_bound(w);
    struct pack_reader pack;
    make_pack(w, issuer_id, PACK_TAIL, &first, &end, &pack);
    size_t cursor = 0;
    assert_int_equal(store_merge_tail(txn, &pack, &first, &middle, &cursor), ERR_OK);
    assert_int_equal(store_merge_tail(txn, &pack, &middle, &end, &cursor), ERR_OK);
}

static void op_delete(struct world *w, struct store_txn *txn, uint64_t issuer_id)
{
    struct serial after;
    struct serial until;
    any_range(w, &after, &until);
    model_remove(&w->model, issuer_id, &after, &until);
    assert_int_equal(store_replace_range(txn, issuer_id, &after, &until, NULL), ERR_OK);
}

static void check_finds(struct world *w, struct store_txn *txn)
{
    for (uint32_t i = 0; i < 50; i++) {
        uint64_t id = issuer(fixture_below(&w->random, ISSUERS));
        struct serial serial = any_serial(w);
        if (w->model.count > 0 && i % 2 == 0) {
            size_t at = fixture_below(&w->random, (uint32_t)w->model.count);
            id = w->model.items[at].issuer_id;
            serial = w->model.items[at].serial;
        }
        size_t at = model_at(&w->model, id, &serial);
        bool there = at < w->model.count && model_order(&w->model.items[at], id, &serial) == 0;
        struct statement found;
        enum err err = store_find(txn, id, &serial, &found);
        assert_int_equal(err, there ? ERR_OK : ERR_NOT_FOUND);
        if (there) {
            struct statement want = model_statement(&w->model.items[at]);
            assert_true(statement_equal(&found, &want));
        }
    }
}

static void run_seed(uint64_t seed)
{
    struct world *w = world_new(seed);
    w->shape = (enum shape)(seed % SHAPE_COUNT);
    for (uint32_t round = 0; round < 60; round++) {
        struct store_txn *txn;
        assert_int_equal(store_write(w->store, &txn), ERR_OK);
        for (uint32_t ops = 1 + fixture_below(&w->random, 3); ops > 0; ops--) {
            uint64_t id = issuer(fixture_below(&w->random, ISSUERS));
            static void (*const table[])(struct world *, struct store_txn *, uint64_t) = {
                op_statement, op_statement, op_range, op_tail, op_delete};
            table[fixture_below(&w->random, 5)](w, txn, id);
        }
        assert_true(store_equals_model(txn, &w->model));
        check_finds(w, txn);
        assert_int_equal(store_commit(txn, NULL), ERR_OK);
        if (round % 10 == 9) {
            store_close(w->store);
            w->store = fixture_store(w->path, MAP_BYTES);
        }
        assert_int_equal(store_read(w->store, &txn), ERR_OK);
        assert_true(store_equals_model(txn, &w->model));
        store_abort(txn);
    }
    world_free(w);
}

static void store_is_as_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        run_seed(seed);
}

static void abort_leaves_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(7);
    struct store_txn *txn;
    assert_int_equal(store_write(w->store, &txn), ERR_OK);
    op_statement(w, txn, 5);
    store_position(txn)->log_number = 9;
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
    struct model before = model_copy(&w->model);

    assert_int_equal(store_write(w->store, &txn), ERR_OK);
    op_range(w, txn, 5);
    store_position(txn)->log_number = 10;
    store_abort(txn);
    assert_int_equal(store_read(w->store, &txn), ERR_OK);
    assert_int_equal(store_position(txn)->log_number, 9);
    assert_true(store_equals_model(txn, &before));
    store_abort(txn);
    model_done(&before);
    world_free(w);
}

/* Sequential serials must not leave half-empty blocks behind. */
static void appended_serials_fill_blocks(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    struct store_txn *txn;
    assert_int_equal(store_write(w->store, &txn), ERR_OK);
    memset(w->signature, 1, sizeof w->signature);
    for (uint32_t i = 0; i < 1000; i++) {
        struct statement s = {.serial = fixture_serial(&w->random, SHAPE_SEQUENTIAL, 16, i),
                              .facts = fixture_facts(1, NOW_S, false),
                              .signature = span_of(w->signature, 64)};
        assert_int_equal(store_apply_statement(txn, 1, &s), ERR_OK);
    }
    uint64_t id = 0;
    struct serial last = SERIAL_BEFORE_ALL;
    struct span wire;
    uint32_t blocks = 0;
    while (store_next_block(txn, &id, &last, &wire) == ERR_OK)
        blocks++;
    assert_in_range(blocks, 1000 / 50, 1000 / 49 + 1);
    store_abort(txn);
    world_free(w);
}

static bool keep_issuer_1(void *context, uint64_t issuer_id)
{
    (void)context;
    return issuer_id == issuer(1);
}

static bool keep_template_of_1(void *context, uint64_t issuer_id, uint16_t template_no)
{
    (void)context;
    return issuer_id == issuer(1) && template_no == 2;
}

static void others_are_dropped(void **state)
{
    (void)state;
    struct world *w = world_new(11);
    struct store_txn *txn;
    assert_int_equal(store_write(w->store, &txn), ERR_OK);
    for (uint32_t i = 0; i < ISSUERS; i++) {
        op_statement(w, txn, issuer(i));
        for (uint16_t no = 1; no <= 2; no++) {
            struct ocsp_template t = fixture_template(issuer(i), no, SIG_ECDSA_P256_SHA256);
            assert_int_equal(store_put_template(txn, &t), ERR_OK);
            assert_int_equal(store_put_template(txn, &t), ERR_OK);
            t.refresh_interval_s++;
            assert_int_equal(store_put_template(txn, &t), ERR_CONFLICT);
        }
    }
    struct store_keep keep = {.keep_issuer = keep_issuer_1, .keep_template = keep_template_of_1};
    assert_int_equal(store_drop_others(txn, &keep), ERR_OK);
    const struct serial first = SERIAL_BEFORE_ALL;
    const struct serial end = SERIAL_AFTER_ALL;
    model_remove(&w->model, issuer(0), &first, &end);
    model_remove(&w->model, issuer(2), &first, &end);
    assert_true(w->model.count > 0);
    assert_true(store_equals_model(txn, &w->model));
    for (uint32_t i = 0; i < ISSUERS; i++)
        for (uint16_t no = 1; no <= 2; no++) {
            struct ocsp_template t;
            enum err want = i == 1 && no == 2 ? ERR_OK : ERR_NOT_FOUND;
            assert_int_equal(store_get_template(txn, issuer(i), no, &t), want);
        }
    store_abort(txn);
    world_free(w);
}

/* A small map: the transaction fails whole, and the store goes on with what it had. */
static void full_map_is_disk_full(void **state)
{
    (void)state;
    struct world *w = world_new(5);
    store_close(w->store);
    w->store = fixture_store(w->path, 256u << 10);
    struct store_txn *txn;
    enum err err = ERR_OK;
    uint32_t committed = 0;
    while (err == ERR_OK) {
        assert_int_equal(store_write(w->store, &txn), ERR_OK);
        struct statement s = {.serial = fixture_serial(&w->random, SHAPE_RANDOM, 16, 0),
                              .facts = fixture_facts(1, NOW_S, false),
                              .signature = span_of(w->signature, 64)};
        err = store_apply_statement(txn, 1, &s);
        if (err != ERR_OK)
            store_abort(txn);
        else
            err = store_commit(txn, NULL);
        if (err == ERR_OK) {
            model_put(&w->model, 1, &s);
            committed++;
        }
    }
    assert_int_equal(err, ERR_DISK_FULL);
    assert_true(committed > 10);
    assert_int_equal(store_read(w->store, &txn), ERR_OK);
    assert_true(store_equals_model(txn, &w->model));
    store_abort(txn);
    world_free(w);
}

static void write_marker(const struct world *w, const char *content)
{
    char path[STORE_FIXTURE_PATH + 16];
    snprintf(path, sizeof path, "%s/unsynced", w->path);
    assert_int_equal(file_publish(path, span_text(content), 0600), ERR_OK);
}

static void fill(struct world *w, uint64_t log_number)
{
    struct store_txn *txn;
    assert_int_equal(store_write(w->store, &txn), ERR_OK);
    op_statement(w, txn, 5);
    store_position(txn)->log_number = log_number;
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
}

static uint64_t reopened_log_number(struct world *w)
{
    store_close(w->store);
    w->store = fixture_store(w->path, MAP_BYTES);
    struct position position;
    assert_int_equal(store_position_read(w->store, &position), ERR_OK);
    return position.log_number;
}

/* Unsynced filling: kept over a killed process, removed after a new boot, kept once finished. */
static void bulk_survives_a_kill_not_a_boot(void **state)
{
    (void)state;
    struct world *w = world_new(9);
    assert_int_equal(store_bulk_start(w->store), ERR_OK);
    fill(w, 3);
    assert_int_equal(reopened_log_number(w), 3);
    write_marker(w, "another boot\n");
    assert_int_equal(reopened_log_number(w), 0);

    assert_int_equal(store_bulk_start(w->store), ERR_OK);
    fill(w, 4);
    assert_int_equal(store_bulk_finish(w->store), ERR_OK);
    fill(w, 5);
    assert_int_equal(store_bulk_forget(w->store), ERR_OK);
    char path[STORE_FIXTURE_PATH + 16];
    snprintf(path, sizeof path, "%s/unsynced", w->path);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(reopened_log_number(w), 5);
    world_free(w);
}

static void serial_before_is_the_one_before(void **state)
{
    (void)state;
    static const struct {
        struct serial serial, before;
    } rows[] = {
        {{1, {5}}, {1, {4}}},
        {{1, {0}}, {0, {0}}},
        {{2, {1, 0}}, {2, {0, 0xff}}},
        {{2, {0, 0}}, {1, {0xff}}},
        {{3, {1, 0, 0}}, {3, {0, 0xff, 0xff}}},
        {{3, {0, 0, 0}}, {2, {0xff, 0xff}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct serial have = serial_before(&rows[i].serial);
        assert_int_equal(serial_compare(&have, &rows[i].before), 0);
    }
    struct serial end = SERIAL_AFTER_ALL;
    end = serial_before(&end);
    assert_int_equal(end.size, SERIAL_BYTES_MAX);
}

static void changes_join_and_overflow(void **state)
{
    (void)state;
    static struct store_changes changes;
    static uint8_t wire[STORE_CHANGES_BYTES_MAX];
    store_changes_reset(&changes);
    const struct serial two = {1, {2}}, four = {1, {4}}, six = {1, {6}}, eight = {1, {8}};
    store_changes_add(&changes, 1, &two, &six);
    store_changes_add(&changes, 1, &four, &eight); /* overlaps: joined */
    store_changes_add(&changes, 1, &four, &six);   /* inside: nothing new */
    assert_int_equal(changes.count, 1);
    static const uint8_t want[] = {0, 1,  10, 0, 0, 0, 0, 0, 0, 0, 1, 1,
                                   2, 10, 0,  0, 0, 0, 0, 0, 0, 1, 1, 8};
    assert_int_equal(store_changes_write(&changes, wire), sizeof want);
    assert_memory_equal(wire, want, sizeof want);
    for (uint64_t id = 2; id <= STORE_CHANGE_RANGES_MAX; id++)
        store_changes_add(&changes, id, &two, &four);
    assert_false(changes.everything);
    store_changes_add(&changes, 9999, &two, &four);
    assert_int_equal(store_changes_write(&changes, wire), 2);
    assert_memory_equal(wire, "\xff\xff", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serial_before_is_the_one_before),
        cmocka_unit_test(changes_join_and_overflow),
        cmocka_unit_test(abort_leaves_nothing),
        cmocka_unit_test(appended_serials_fill_blocks),
        cmocka_unit_test(others_are_dropped),
        cmocka_unit_test(full_map_is_disk_full),
        cmocka_unit_test(bulk_survives_a_kill_not_a_boot),
        cmocka_unit_test(store_is_as_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

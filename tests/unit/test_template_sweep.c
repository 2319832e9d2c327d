/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/store_apply.h"
#include "edge/template_sweep.h"
#include "tests/unit/store_fixture.h"

#define MAP_BYTES (256u << 20)
#define NOW_S     1800000000u
#define FIRST     7u /* an issuer */

struct world {
    char path[STORE_FIXTURE_PATH];
    struct store *store;
    struct template_sweep sweep;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    fixture_directory(w->path);
    w->store = fixture_store(w->path, MAP_BYTES);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    store_close(w->store);
    fixture_remove(w->path);
    free(w);
    return 0;
}

static struct store_txn *begin(struct world *w)
{
    struct store_txn *txn = NULL;
    assert_int_equal(store_write(w->store, &txn), ERR_OK);
    return txn;
}

static void put_templates(struct store_txn *txn, uint64_t issuer_id, uint16_t count)
{
    for (uint16_t no = 1; no <= count; no++) {
        struct ocsp_template t = fixture_template(issuer_id, no, SIG_ECDSA_P256_SHA256);
        assert_int_equal(store_put_template(txn, &t), ERR_OK);
    }
}

/* Statement number i of the issuer, in key order. */
static void put_statement(struct store_txn *txn, uint64_t issuer_id, uint32_t i, uint16_t no)
{
    static const uint8_t signature[SIGNATURE_BYTES_MAX] = {1};
    struct statement s = {.serial = {.size = 8, .octets = {1}},
                          .facts = fixture_facts(no, NOW_S, false),
                          .signature = span_of(signature, 64)};
    for (unsigned k = 0; k < 4; k++)
        s.serial.octets[7 - k] = (uint8_t)(i >> (8 * k));
    assert_int_equal(store_apply_statement(txn, issuer_id, &s), ERR_OK);
}

static void end(struct store_txn *txn)
{
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
}

static bool has(struct world *w, uint64_t issuer_id, uint16_t no)
{
    struct store_txn *txn = NULL;
    struct ocsp_template t;
    assert_int_equal(store_read(w->store, &txn), ERR_OK);
    enum err err = store_get_template(txn, issuer_id, no, &t);
    store_abort(txn);
    return err == ERR_OK;
}

static uint32_t step(struct world *w, uint64_t now_ns)
{
    uint32_t removed = 99;
    assert_int_equal(template_sweep_step(&w->sweep, w->store, now_ns, &removed), ERR_OK);
    return removed;
}

/* Until it rests; how many it removed. */
static uint32_t sweep_all(struct world *w, uint64_t now_ns)
{
    uint32_t removed = 0;
    for (unsigned i = 0; i < 1000; i++) {
        removed += step(w, now_ns);
        if (!w->sweep.walking && w->sweep.next_ns > now_ns)
            return removed;
    }
    fail_msg("the sweep does not end");
    return 0;
}

static void what_is_not_used_goes(void **state)
{
    struct world *w = *state;
    struct store_txn *txn = begin(w);
    put_templates(txn, FIRST, 4); /* 2 is used, 4 the newest */
    put_templates(txn, FIRST + 1, 1);
    put_templates(txn, FIRST + 2, 3); /* 1 and 3 are used */
    put_templates(txn, UINT64_MAX, 2);
    put_statement(txn, FIRST, 1, 2);
    put_statement(txn, FIRST + 2, 1, 1);
    put_statement(txn, FIRST + 2, 2, 3);
    end(txn);
    assert_int_equal(sweep_all(w, 5), 4);
    static const struct {
        uint64_t issuer_id;
        uint16_t no;
        bool stays;
    } rows[] = {{FIRST, 1, false},     {FIRST, 2, true},     {FIRST, 3, false},
                {FIRST, 4, true},      {FIRST + 1, 1, true}, {FIRST + 2, 1, true},
                {FIRST + 2, 2, false}, {FIRST + 2, 3, true}, {UINT64_MAX, 1, false},
                {UINT64_MAX, 2, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (has(w, rows[i].issuer_id, rows[i].no) != rows[i].stays)
            fail_msg("row %zu", i);
}

/* It rests for its interval, and then finds what was replaced meanwhile. */
static void it_comes_again(void **state)
{
    struct world *w = *state;
    struct store_txn *txn = begin(w);
    put_templates(txn, FIRST, 2);
    put_statement(txn, FIRST, 1, 1);
    end(txn);
    assert_int_equal(sweep_all(w, 5), 0);
    txn = begin(w);
    put_statement(txn, FIRST, 1, 2);
    end(txn);
    assert_int_equal(step(w, 5 + TEMPLATE_SWEEP_INTERVAL_NS - 1), 0);
    assert_false(w->sweep.walking);
    assert_true(has(w, FIRST, 1));
    assert_int_equal(sweep_all(w, 5 + TEMPLATE_SWEEP_INTERVAL_NS), 1);
    assert_false(has(w, FIRST, 1));
}

/* A statement that is put in behind the walk keeps its template; one that goes does not. */
static void changes_during_the_walk(void **state)
{
    struct world *w = *state;
    struct store_txn *txn = begin(w);
    put_templates(txn, FIRST, 3);
    const uint32_t count = TEMPLATE_SWEEP_BLOCKS * 60; /* more than one step */
    end(txn);
    for (uint32_t i = 0; i < count;) {
        txn = begin(w); /* a transaction has its limits */
        for (uint32_t k = 0; k < 4096; k++)
            put_statement(txn, FIRST, 10 + i++, 3);
        end(txn);
    }
    assert_int_equal(step(w, 5) + step(w, 5), 0);
    assert_true(w->sweep.walking);
    txn = begin(w);
    put_statement(txn, FIRST, 1, 2);
    template_sweep_note(&w->sweep, FIRST, 2);
    template_sweep_note(&w->sweep, FIRST + 1, 1); /* another issuer's: no matter */
    end(txn);
    assert_int_equal(sweep_all(w, 5), 1);
    assert_false(has(w, FIRST, 1));
    assert_true(has(w, FIRST, 2) && has(w, FIRST, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_used_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(it_comes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_during_the_walk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

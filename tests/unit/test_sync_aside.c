/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/sync_aside.h"
#include "tests/unit/sync_core_fixture.h"

enum item { TEMPLATE = 1, STATEMENT = 2, RANGE = 4, PATH = 8 };

/* An entry with one item of each kind wanted, written and opened. */
static void make_entry(unsigned items, struct log_entry *ret)
{
    static uint8_t octets[65536];
    static const uint8_t signature[64] = {1};
    struct ocsp_template t = fixture_template(ISSUER, 1, SIG_ECDSA_P256_SHA256);
    struct statement s = {.serial = {.size = 3, .octets = {1, 2, 3}},
                          .facts = fixture_facts(1, (uint32_t)NOW_S, false),
                          .signature = span_of(signature, sizeof signature)};
    struct log_range range = {.issuer_id = ISSUER,
                              .until = SERIAL_AFTER_ALL,
                              .pack = hash_of("pack"),
                              .pack_bytes = 1000,
                              .statement_count = 1};
    struct blob_path path = {.path = span_text("/crl/1.crl"),
                             .blob = hash_of("crl"),
                             .blob_bytes = 100,
                             .media_type = span_text("application/pkix-crl"),
                             .modified_s = NOW_S};
    struct sha256 previous = hash_of("10");
    struct log_writer w;
    size_t size;
    log_writer_start(&w, span_text(NETWORK), 11, NOW_S, &previous, octets, sizeof octets);
    if (items & TEMPLATE)
        log_writer_template(&w, &t);
    if (items & RANGE)
        log_writer_range(&w, &range);
    if (items & PATH)
        log_writer_path(&w, &path);
    if (items & STATEMENT)
        log_writer_statement(&w, ISSUER, &s);
    assert_int_equal(log_writer_finish(&w, key, &size), ERR_OK);
    assert_int_equal(log_entry_open(publish_key_public(key), span_of(octets, size), ret), ERR_OK);
}

static void what_steps_aside(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned items;
        bool complete, index_open, index_begun;
        enum sync_action_type type;
        bool aside;
    } rows[] = {
        {"a pack of ranges", RANGE, true, false, false, SYNC_FETCH_PACK, true},
        {"ranges", RANGE, true, false, false, SYNC_APPLY_LOG, true},
        {"ranges and a template", TEMPLATE | RANGE, true, false, false, SYNC_APPLY_LOG, true},
        {"a statement", STATEMENT, true, false, false, SYNC_APPLY_LOG, false},
        {"ranges and a statement", RANGE | STATEMENT, true, false, false, SYNC_APPLY_LOG, false},
        {"their pack", RANGE | STATEMENT, true, false, false, SYNC_FETCH_PACK, false},
        {"a path", PATH, true, false, false, SYNC_APPLY_LOG, false},
        {"ranges and a path", RANGE | PATH, true, false, false, SYNC_FETCH_PACK, false},
        {"the first filling", RANGE, false, false, false, SYNC_APPLY_LOG, false},
        {"an index that is open", RANGE, true, true, false, SYNC_FETCH_PACK, false},
        {"an index that is begun", RANGE, true, false, true, SYNC_FETCH_PACK, false},
        {"a range of an index", RANGE, true, true, true, SYNC_APPLY_RANGE, false},
        {"the head", RANGE, true, false, false, SYNC_FETCH_HEAD, false},
        {"the entry itself", RANGE, true, false, false, SYNC_FETCH_LOG, false},
        {"a blob", RANGE, true, false, false, SYNC_FETCH_BLOB, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position position = at_ten();
        position.complete = rows[i].complete;
        if (rows[i].index_begun)
            position.index_hash = hash_of("begun");
        start(&position, 1);
        make_entry(rows[i].items, &core.entry);
        if (rows[i].index_open)
            core.index_hash = hash_of("open");
        if (sync_steps_aside(&core, rows[i].type) != rows[i].aside)
            fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_steps_aside)};
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

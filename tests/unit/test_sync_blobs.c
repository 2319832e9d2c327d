/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/sync_core_fixture.h"

static const uint8_t blob_octets[] = "a list of what is revoked";

/* Two paths that share a blob, and one that is withdrawn. */
static void make_path_entry(uint8_t *out, size_t room, size_t *ret_size)
{
    struct sha256 ten = hash_of("10");
    struct blob_path path = {.path = span_text("/crl/1/0.crl"),
                             .blob = sha256_of(span_of(blob_octets, sizeof blob_octets)),
                             .blob_bytes = sizeof blob_octets,
                             .media_type = span_text("application/pkix-crl"),
                             .modified_s = NOW_S};
    struct blob_path withdrawn = {.path = span_text("/crl/1/2.crl")};
    struct log_writer w;
    log_writer_start(&w, span_text(NETWORK), 11, NOW_S, &ten, out, room);
    log_writer_path(&w, &path);
    path.path = span_text("/crl/1/1.crl");
    log_writer_path(&w, &path);
    log_writer_path(&w, &withdrawn);
    assert_int_equal(log_writer_finish(&w, key, ret_size), ERR_OK);
}

/* Leads to the fetch of the entry's first blob. */
static struct sync_action ask_for_blob(uint64_t index)
{
    static uint8_t entry[4096];
    size_t size = 0;
    struct head head = head_of(1, 20, index);
    ask_for_eleven(&head);
    make_path_entry(entry, sizeof entry, &size);
    return fetched(span_of(entry, size));
}

static struct sync_action applied_at_ten(void)
{
    struct position position = at_ten();
    return sync_core_step(&core, &(struct sync_event){.type = SYNC_APPLIED, .position = &position},
                          &now);
}

static struct sync_action have(void)
{
    return sync_core_step(&core, &(struct sync_event){.type = SYNC_HAVE}, &now);
}

/* Each blob is stored before the next is fetched; the entry comes when all are there. */
static void blobs_come_before_their_entry(void **state)
{
    (void)state;
    struct span octets = span_of(blob_octets, sizeof blob_octets);
    struct sha256 hash = sha256_of(octets);
    struct sync_action action = ask_for_blob(0);
    assert_int_equal(action.type, SYNC_FETCH_BLOB);
    assert_true(sha256_equal(&action.hash, &hash));
    assert_int_equal(action.bytes_max, octets.size);
    assert_int_equal(fetched(octets).type, SYNC_PUT_BLOB);
    assert_true(sync_core_file_passed(&core));
    assert_true(span_equal(core.blob, octets));
    assert_int_equal(applied_at_ten().type, SYNC_FETCH_BLOB);
    assert_int_equal(have().type, SYNC_APPLY_LOG); /* the shell has it; the third has none */
    assert_int_equal(counters[SYNC_BLOBS_FETCHED], 1);
    assert_int_equal(counters[SYNC_BLOB_BYTES_FETCHED], octets.size);
    /* It was removed before the entry was applied: asked for again. */
    action = failed(ERR_NOT_FOUND);
    assert_int_equal(action.type, SYNC_WAIT);
    now.monotonic_ns = action.until_ns;
    assert_int_equal(tick().type, SYNC_FETCH_HEAD);
    struct head head = head_of(1, 20, 0);
    assert_int_equal(give_head(&head, key).type, SYNC_FETCH_LOG);
}

static void blobs_are_checked(void **state)
{
    (void)state;
    uint8_t octets[sizeof blob_octets];
    for (int spoil = 0; spoil < 2; spoil++) {
        memcpy(octets, blob_octets, sizeof octets);
        assert_int_equal(ask_for_blob(0).type, SYNC_FETCH_BLOB);
        octets[3] ^= spoil == 0;
        struct sync_action action = fetched(span_of(octets, sizeof octets - (spoil == 1)));
        assert_int_equal(action.type, SYNC_WAIT);
        assert_false(sync_core_file_passed(&core));
        assert_int_equal(counters[SYNC_CONTENT_REFUSED], 1);
        assert_int_equal(counters[SYNC_BLOBS_FETCHED], 0);
    }
}

/* A blob that no origin has, while there is a newer index. */
static void lost_blobs_lead_to_the_index(void **state)
{
    (void)state;
    assert_int_equal(ask_for_blob(15).type, SYNC_FETCH_BLOB);
    struct sync_action action = failed(ERR_NOT_FOUND);
    assert_int_equal(action.type, SYNC_WAIT);
    now.monotonic_ns = action.until_ns;
    assert_int_equal(tick().type, SYNC_FETCH_HEAD);
    struct head head = head_of(1, 20, 15);
    assert_int_equal(give_head(&head, key).type, SYNC_FETCH_INDEX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blobs_come_before_their_entry),
        cmocka_unit_test(blobs_are_checked),
        cmocka_unit_test(lost_blobs_lead_to_the_index),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

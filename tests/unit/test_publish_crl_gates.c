/* SPDX-License-Identifier: Apache-2.0 */
/* Each publish gate of a CRL, shut by what could shut it in a running presigner: the refusal has
 * its counter, the CRL before stays at its path, and the next good one goes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crl_world.h"
#include "presigner/publish_files.h"
#include "signer_double.h"

#define PLACE 1

static struct world world;
static struct double_signer signer;
static struct signer_worker *real_worker;

static int setup(void **state)
{
    (void)state;
    use_crls(&world);
    world_open(&world);
    revoke_some(&world, 0, 60);
    for (unsigned i = 0; i < 3; i++)
        next_second(&world, 1); /* statements too: no entry but of CRLs from here on */
    assert_true(record(&world, PLACE).entry_count > 5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    fixture_remove(world.directory);
    return 0;
}

/* What the publication says is at the CRL's path, and that its file is there. */
static struct sha256 at_path(void)
{
    MDB_txn *txn = NULL;
    struct blob_path path;
    char name[SHA256_TEXT_BYTES], file[2 * FIXTURE_PATH_BYTES];
    assert_int_equal(status_txn_read(world.status, &txn), ERR_OK);
    assert_int_equal(path_record_get(&world.publisher->db, txn, span_text("/7/1/1.crl"), &path),
                     ERR_OK);
    struct sha256 blob = path.blob;
    status_txn_abort(txn);
    sha256_to_text(&blob, name);
    snprintf(file, sizeof file, "%s/blob/%s", world.publish_dir, name);
    assert_int_equal(access(file, R_OK), 0);
    return blob;
}

/* The CRL is made, and refused by that gate alone. */
static void assert_refused(enum crl_gate gate)
{
    struct sha256 before = at_path();
    uint64_t log_before = world.publisher->state.log_last;
    uint64_t counts[CRL_GATE_COUNT];
    const uint64_t *counters = &world.counters[COUNT_crl_refused_form];
    memcpy(counts, counters, (CRL_GATE_COUNT - 1) * sizeof counts[0]);
    make_due(&world, PLACE);
    work(&world);
    for (int i = 0; i < CRL_GATE_COUNT - 1; i++)
        if (counters[i] - counts[i] != (i == (int)gate - CRL_GATE_FORM))
            fail_msg("gate %s: %s refused %d", crl_gate_word(gate),
                     crl_gate_word((enum crl_gate)(i + CRL_GATE_FORM)),
                     (int)(counters[i] - counts[i]));
    struct sha256 now = at_path();
    assert_true(sha256_equal(&now, &before));
    assert_true(is_at(&world, PLACE, &before));
    assert_int_equal(world.publisher->state.log_last, log_before);
    assert_true(counted(&world, COUNT_crls_waiting) > 0);
    assert_int_equal(counted(&world, COUNT_step_failures), 0);
}

static void assert_published_again(void)
{
    struct sha256 before = at_path();
    next_second(&world, CRL_RETRY_S);
    struct sha256 now = at_path();
    assert_false(sha256_equal(&now, &before));
    assert_int_equal(counted(&world, COUNT_crls_waiting), 0);
}

static void change_record(void (*change)(struct crl_record *))
{
    MDB_txn *txn = NULL;
    struct crl_record r = record(&world, PLACE);
    struct crl_slot *slot = crl_issuer_slot(crl_issuer_here(&world), crl_shard_pack(1, PLACE));
    assert_non_null(slot);
    change(&r);
    assert_int_equal(status_txn_write(world.status, &txn), ERR_OK);
    assert_int_equal(crl_record_put(&world.publisher->db, txn, world.issuer_id[0], slot->shard, &r),
                     ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    slot->record = r;
}

/* The last number given away, as an old copy of the database has it. */
static void set_number(uint64_t last)
{
    MDB_txn *txn = NULL;
    uint8_t key_room[12], data[9] = {1};
    be64_store(key_room, world.issuer_id[0]);
    be32_store(key_room + 8, CRL_SHARD_NONE);
    be64_store(data + 1, last);
    MDB_val key = {sizeof key_room, key_room}, value = {sizeof data, data};
    assert_int_equal(status_txn_write(world.status, &txn), ERR_OK);
    assert_int_equal(mdb_put(txn, world.publisher->db.crl, &key, &value, 0), 0);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
}

static struct sha256 other_blob;

static void put_other_blob(struct crl_record *r)
{
    r->blob = other_blob;
}

/* The CRL before is whole, by its name, and no CRL. */
static void form(void **state)
{
    (void)state;
    struct sha256 real = record(&world, PLACE).blob;
    assert_int_equal(publish_blob_write(world.publisher, span_text("no CRL"), &other_blob), ERR_OK);
    struct crl_slot *slot = crl_issuer_slot(crl_issuer_here(&world), crl_shard_pack(1, PLACE));
    assert_non_null(slot);
    slot->record.blob = other_blob;
    assert_refused(CRL_GATE_FORM);
    other_blob = real;
    change_record(put_other_blob);
    assert_published_again();
}

static void signature(void **state)
{
    (void)state;
    struct crl_issuer *ci = crl_issuer_here(&world);
    signer = (struct double_signer){.base = {.ops = &double_ops, .alg = ci->issuer->signer->alg},
                                    .real = ci->issuer->signer};
    real_worker = ci->worker;
    assert_int_equal(signer_worker_new(&signer.base, &ci->worker), ERR_OK);
    signer.spoil = 1;
    assert_refused(CRL_GATE_SIGNATURE);
    assert_published_again();
    signer_worker_free(real_worker);
}

static void issuer_octets(void **state)
{
    (void)state;
    struct buffer *name = &crl_issuer_here(&world)->name;
    name->data[name->size - 1] ^= 0x20; /* a letter of the other case: the same name to many */
    assert_refused(CRL_GATE_ISSUER);
    name->data[name->size - 1] ^= 0x20;
    assert_published_again();
}

static void another_url(void **state)
{
    (void)state;
    world_close(&world);
    world.issuers[0].crl.url_base = "http://crl.test:80/7";
    world_open(&world);
    work(&world);
    assert_refused(CRL_GATE_IDP);
    world_close(&world);
    world.issuers[0].crl.url_base = "http://crl.test/7";
    world_open(&world);
    make_due(&world, PLACE);
    assert_published_again();
}

static void another_scope(void **state)
{
    (void)state;
    crl_issuer_slot(crl_issuer_here(&world), crl_shard_pack(1, PLACE))->scope = CRL_ALL_CERTS;
    assert_refused(CRL_GATE_IDP);
    crl_issuer_slot(crl_issuer_here(&world), crl_shard_pack(1, PLACE))->scope = CRL_USER_CERTS;
    assert_published_again();
}

static void a_lower_number(void **state)
{
    (void)state;
    uint64_t number = record(&world, PLACE).number;
    set_number(0);
    assert_true(number > 1);
    assert_refused(CRL_GATE_NUMBER_NOT_GREATER);
    set_number(number);
    assert_published_again();
}

static void an_equal_number(void **state)
{
    (void)state;
    uint64_t number = record(&world, PLACE).number;
    set_number(number - 1);
    world_now_s++;
    assert_refused(CRL_GATE_SAME_NUMBER_OTHER_OCTETS);
    assert_published_again();
}

/* A second fence within the commit, for what no memory of ours knows. */
static void a_number_that_another_took(void **state)
{
    (void)state;
    MDB_txn *txn = NULL;
    enum publish_outcome outcome = PUBLISH_IDLE;
    struct crl_record r = record(&world, PLACE);
    struct sha256 before = at_path();
    r.number += 1000;
    assert_int_equal(status_txn_write(world.status, &txn), ERR_OK);
    assert_int_equal(
        crl_record_put(&world.publisher->db, txn, world.issuer_id[0], crl_shard_pack(1, PLACE), &r),
        ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    make_due(&world, PLACE);
    assert_int_equal(publisher_step(world.publisher, &outcome), ERR_CONFLICT);
    assert_int_equal(counted(&world, COUNT_crl_refused_number_not_greater), 1);
    struct sha256 now = at_path();
    assert_true(sha256_equal(&now, &before));
}

static void come_from_later(struct crl_record *r)
{
    r->covers_sequence += 1000;
}

static void put_right(struct crl_record *r)
{
    r->covers_sequence -= 1000;
}

static void an_older_state(void **state)
{
    (void)state;
    change_record(come_from_later);
    assert_refused(CRL_GATE_SEQUENCE_BACK);
    change_record(put_right);
    assert_published_again();
}

/* One of the shard's revoked certificates is gone from the index, as nothing of ours does. */
static void an_entry_missing(void **state)
{
    (void)state;
    MDB_txn *txn = NULL;
    struct revoked_cursor c;
    struct status_cert cert;
    MDB_val key, value;
    assert_int_equal(status_txn_write(world.status, &txn), ERR_OK);
    assert_int_equal(
        revoked_begin(world.status, txn, world.issuer_id[0], crl_shard_pack(1, PLACE), &c), ERR_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(revoked_next(&c, &cert), ERR_OK);
    assert_int_equal(mdb_cursor_get(c.cursor, &key, &value, MDB_GET_CURRENT), 0);
    assert_int_equal(mdb_cursor_del(c.cursor, 0), 0);
    revoked_end(&c);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    assert_refused(CRL_GATE_ENTRY_MISSING);
    assert_int_equal(status_txn_write(world.status, &txn), ERR_OK);
    assert_int_equal(
        revoked_index_put(world.status, txn, world.issuer_id[0], &cert.serial, &cert.record),
        ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    assert_published_again();
}

static void valid_for_too_long(void **state)
{
    (void)state;
    world.issuers[0].crl.validity_s = CRL_VALIDITY_MAX_S + 1;
    assert_refused(CRL_GATE_LINT);
    world.issuers[0].crl.validity_s = CRL_VALIDITY_MAX_S;
    assert_published_again();
}

/* --- Deltas --- */

static struct crl_slot *with_deltas(void)
{
    struct crl_slot *slot = crl_issuer_slot(crl_issuer_here(&world), crl_shard_pack(1, PLACE));
    assert_non_null(slot);
    world.issuers[0].crl.delta = true;
    make_due(&world, PLACE);
    work(&world);
    assert_int_equal(slot->delta.number, slot->record.number);
    assert_true(slot->delta.base.number < slot->record.number);
    assert_int_equal(slot->delta.entry_count, 0);
    assert_int_equal(counted(&world, COUNT_crl_deltas_published), 1);
    return slot;
}

/* The complete CRL goes out without it, and both again when the delta can be made. */
static void assert_delta_refused(struct crl_slot *slot, enum crl_gate gate)
{
    struct crl_delta before = slot->delta;
    uint64_t number = slot->record.number;
    make_due(&world, PLACE);
    next_second(&world, 1);
    assert_int_equal(world.counters[COUNT_crl_refused_form + gate - CRL_GATE_FORM], 1);
    assert_int_equal(counted(&world, COUNT_crl_delta_failures), 1);
    assert_int_equal(counted(&world, COUNT_crl_failures), 0);
    assert_memory_equal(&slot->delta.blob, &before.blob, sizeof before.blob);
    assert_true(slot->record.number > number);
    assert_int_equal(slot->delta.number, before.number);
}

static void a_delta_of_an_older_state(void **state)
{
    (void)state;
    struct crl_slot *slot = with_deltas();
    slot->delta.covers_sequence += 1000;
    assert_delta_refused(slot, CRL_GATE_SEQUENCE_BACK);
    slot->delta.covers_sequence -= 1000;
    next_second(&world, CRL_RETRY_S);
    assert_int_equal(slot->delta.number, slot->record.number);
}

/* What no encoder of ours makes: the key gives it no signature at all. */
static void a_delta_to_a_base_that_is_newer(void **state)
{
    (void)state;
    struct crl_slot *slot = with_deltas();
    struct crl_delta before = slot->delta;
    slot->delta.base.number = slot->record.number + 1000;
    make_due(&world, PLACE);
    next_second(&world, 1);
    assert_int_equal(counted(&world, COUNT_crl_delta_failures), 1);
    assert_int_equal(counted(&world, COUNT_crl_failures), 0);
    assert_memory_equal(&slot->delta.blob, &before.blob, sizeof before.blob);
    assert_true(slot->record.number > before.number);
}

static void a_delta_that_is_not_signed(void **state)
{
    (void)state;
    struct crl_slot *slot = with_deltas();
    struct crl_issuer *ci = crl_issuer_here(&world);
    signer = (struct double_signer){.base = {.ops = &double_ops, .alg = ci->issuer->signer->alg},
                                    .real = ci->issuer->signer};
    real_worker = ci->worker;
    assert_int_equal(signer_worker_new(&signer.base, &ci->worker), ERR_OK);
    signer.spoil = 2; /* the complete one is the first */
    assert_delta_refused(slot, CRL_GATE_SIGNATURE);
    signer_worker_free(real_worker);
}

/* The base moves on once it is an interval old, and only to what was published. */
static void bases_move_on(void **state)
{
    (void)state;
    struct crl_slot *slot = with_deltas();
    uint64_t base = slot->delta.base.number;
    for (uint32_t i = 0; i < 6; i++) {
        uint64_t before = slot->record.number;
        revoke_some(&world, 1000 + 30 * i, 30);
        next_second(&world, 1);
        next_second(&world, DAY_S / 2);
        next_second(&world, 1);
        assert_true(slot->record.number > before);
        assert_int_equal(slot->delta.number, slot->record.number);
        assert_true(slot->delta.base.number < before || i == 0);
        assert_true(slot->delta.base.number >= base);
        base = slot->delta.base.number;
        assert_true(world_now_s - slot->delta.base.this_update_s <= 2 * DAY_S + 60);
        assert_true(slot->delta.entry_count < slot->record.entry_count);
        assert_true(slot->delta.entry_count > 0);
    }
    assert_int_equal(counted(&world, COUNT_crl_delta_failures), 0);
    /* And it is all there after a restart. */
    struct crl_delta kept = slot->delta;
    world_close(&world);
    world_open(&world);
    slot = crl_issuer_slot(crl_issuer_here(&world), crl_shard_pack(1, PLACE));
    assert_non_null(slot);
    assert_memory_equal(&slot->delta, &kept, sizeof kept);
}

/* Deltas were off for so long that a certificate has left its complete CRL, not the last delta. */
static void deltas_after_a_pause(void **state)
{
    (void)state;
    struct cert_record ends = {.status = CERT_REVOKED,
                               .reason = REASON_ABSENT,
                               .revoked_at_s = (uint32_t)world_now_s,
                               .not_after_s = (uint32_t)world_now_s + 100};
    struct crl_slot *slot = with_deltas();
    world_claim(&world, 0, 1000, 30, &ends);
    next_second(&world, 1);
    next_second(&world, 20);
    uint64_t last = slot->delta.number;
    assert_true(slot->delta.entry_count > 0);
    world.issuers[0].crl.delta = false;
    for (uint32_t i = 0; i < 4; i++)
        next_second(&world, DAY_S);
    assert_int_equal(slot->delta.number, last);
    world.issuers[0].crl.delta = true;
    make_due(&world, PLACE);
    next_second(&world, 1);
    assert_int_equal(counted(&world, COUNT_crl_delta_failures), 0);
    assert_int_equal(slot->delta.number, slot->record.number);
    assert_int_equal(slot->delta.entry_count, 0);
}

/* Who asks by Last-Modified would take the one for the other. */
static void not_two_in_a_second(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    w.issuers[0].crl.shards = 1;
    w.issuers[0].crl.debounce_s = 0;
    world_open(&w);
    work(&w);
    struct crl_record first = record(&w, 0);
    assert_int_equal(first.this_update_s, world_now_s);
    revoke_some(&w, 0, 1);
    work(&w);
    assert_int_equal(record(&w, 0).number, first.number);
    assert_int_equal(world_step(&w), PUBLISH_WAITING); /* the clock has moved */
    work(&w);
    assert_int_equal(record(&w, 0).number, first.number + 1);
    assert_int_equal(record(&w, 0).this_update_s, first.this_update_s + 1);
    assert_int_equal(record(&w, 0).entry_count, 1);
    assert_int_equal(world_step(&w), PUBLISH_IDLE);
    world_close(&w);
    fixture_remove(w.directory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(form),
        cmocka_unit_test(not_two_in_a_second),
        TEST(signature),
        TEST(issuer_octets),
        TEST(another_url),
        TEST(another_scope),
        TEST(a_lower_number),
        TEST(an_equal_number),
        TEST(a_number_that_another_took),
        TEST(an_older_state),
        TEST(an_entry_missing),
        TEST(valid_for_too_long),
        TEST(a_delta_of_an_older_state),
        TEST(a_delta_to_a_base_that_is_newer),
        TEST(a_delta_that_is_not_signed),
        TEST(bases_move_on),
        TEST(deltas_after_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

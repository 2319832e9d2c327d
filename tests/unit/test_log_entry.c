/* SPDX-License-Identifier: Apache-2.0 */
#include "format_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/log_entry.h"
#include "lib/wire.h"

#define ISSUER        0x0123456789abcdefu
#define TRAILER_BYTES 68

static struct publish_key *key;
static const uint8_t signature[64] = {1, 2, 3};
static const struct sha256 previous = {{9}};

static struct statement statement(void)
{
    return (struct statement){.serial = {.size = 2, .octets = {0x10, 0x00}},
                              .facts = fixture_facts(1, 1700000000, true),
                              .signature = span_of(signature, sizeof signature)};
}

static struct log_range range(void)
{
    return (struct log_range){.issuer_id = ISSUER,
                              .after = {.size = 1, .octets = {0x7f}},
                              .until = SERIAL_AFTER_ALL,
                              .pack = {{7}},
                              .pack_bytes = 12345,
                              .statement_count = 678};
}

static struct blob_path path(void)
{
    return (struct blob_path){.path = span_text("/1/2.crl"),
                              .blob = {{9}},
                              .blob_bytes = 77,
                              .media_type = span_text("application/pkix-crl"),
                              .modified_s = 1700000000,
                              .next_s = 1700000100,
                              .expires_s = 1700000200};
}

static enum err write_entry(const char *network, uint64_t number, uint8_t *out, size_t out_size,
                            size_t *ret_size)
{
    struct log_writer w;
    struct ocsp_template t = fixture_template(ISSUER, 1, SIG_ECDSA_P256_SHA256);
    struct statement s = statement();
    struct log_range r = range();
    struct blob_path p = path();
    log_writer_start(&w, span_text(network), number, 1700000001, &previous, out, out_size);
    log_writer_template(&w, &t);
    log_writer_statement(&w, ISSUER, &s);
    log_writer_range(&w, &r);
    log_writer_path(&w, &p);
    return log_writer_finish(&w, key, ret_size);
}

static void assert_items(const struct log_entry *entry)
{
    struct log_item item;
    struct statement s = statement();
    size_t cursor = 0;
    assert_int_equal(entry->item_count, 4);
    assert_true(log_entry_next(entry, &cursor, &item));
    assert_int_equal(item.type, LOG_TEMPLATE);
    struct ocsp_template t;
    assert_int_equal(template_read(item.template_wire, &t), ERR_OK);
    assert_int_equal(t.template_no, 1);
    assert_true(log_entry_next(entry, &cursor, &item));
    assert_int_equal(item.type, LOG_STATEMENT);
    assert_int_equal(item.issuer_id, ISSUER);
    assert_int_equal(serial_compare(&item.statement.serial, &s.serial), 0);
    assert_memory_equal(&item.statement.facts, &s.facts, sizeof s.facts);
    assert_true(span_equal(item.statement.signature, s.signature));
    assert_true(log_entry_next(entry, &cursor, &item));
    assert_int_equal(item.type, LOG_RANGE);
    assert_int_equal(item.range.issuer_id, ISSUER);
    assert_int_equal(item.range.after.size, 1);
    assert_int_equal(item.range.until.size, SERIAL_SIZE_END);
    assert_int_equal(item.range.pack.octets[0], 7);
    assert_int_equal(item.range.pack_bytes, 12345);
    assert_int_equal(item.range.statement_count, 678);
    struct blob_path p = path();
    assert_true(log_entry_next(entry, &cursor, &item));
    assert_int_equal(item.type, LOG_PATH);
    assert_true(span_equal(item.path.path, p.path));
    assert_true(sha256_equal(&item.path.blob, &p.blob));
    assert_int_equal(item.path.blob_bytes, 77);
    assert_int_equal(item.path.expires_s, p.expires_s);
    assert_false(log_entry_next(entry, &cursor, &item));
}

static void round_trip(void **state)
{
    (void)state;
    uint8_t out[2048];
    size_t size;
    assert_int_equal(write_entry("test", 42, out, sizeof out, &size), ERR_OK);
    uint8_t *wire = fixture_copy(out, size);
    struct log_entry entry;
    assert_int_equal(log_entry_open(publish_key_public(key), span_of(wire, size), &entry), ERR_OK);
    assert_int_equal(entry.number, 42);
    assert_int_equal(entry.time_s, 1700000001);
    assert_true(sha256_equal(&entry.previous, &previous));
    assert_items(&entry);
    free(wire);
}

static void too_small_a_buffer(void **state)
{
    (void)state;
    uint8_t out[2048];
    size_t size;
    assert_int_equal(write_entry("test", 42, out, sizeof out, &size), ERR_OK);
    size_t needed = size;
    for (size_t room = 0; room < needed; room++) {
        uint8_t *small = fixture_copy(out, room);
        assert_int_equal(write_entry("test", 42, small, room, &size), ERR_NO_SPACE);
        free(small);
    }
    uint8_t *exact = fixture_copy(out, needed);
    assert_int_equal(write_entry("test", 42, exact, needed, &size), ERR_OK);
    free(exact);
}

static void writer_refuses(void **state)
{
    (void)state;
    uint8_t out[2048];
    size_t size;
    assert_int_equal(write_entry("other", 42, out, sizeof out, &size), ERR_NETWORK);
    assert_int_equal(write_entry("no name", 42, out, sizeof out, &size), ERR_MALFORMED);
    assert_int_equal(write_entry("test", 0, out, sizeof out, &size), ERR_RANGE);
    assert_int_equal(write_entry("test", 1, out, sizeof out, &size), ERR_RANGE); /* previous */
    struct statement s = statement();
    s.facts.next_update_s = 0;
    struct log_writer w;
    log_writer_start(&w, span_text("test"), 42, 0, &previous, out, sizeof out);
    log_writer_statement(&w, ISSUER, &s);
    assert_int_equal(log_writer_finish(&w, key, &size), ERR_RANGE);
    struct log_range r = range();
    r.until = r.after;
    log_writer_start(&w, span_text("test"), 42, 0, &previous, out, sizeof out);
    log_writer_range(&w, &r);
    assert_int_equal(log_writer_finish(&w, key, &size), ERR_RANGE);
}

static void other_keys_and_networks(void **state)
{
    (void)state;
    uint8_t out[2048];
    size_t size;
    struct log_entry entry;
    struct publish_key *other = NULL;
    assert_int_equal(write_entry("test", 42, out, sizeof out, &size), ERR_OK);
    assert_int_equal(publish_key_generate(span_text("test"), &other), ERR_OK);
    struct span wire = span_of(out, size);
    assert_int_equal(log_entry_open(publish_key_public(other), wire, &entry), ERR_KEY);
    /* The same key id in the trailer is not enough. */
    memcpy(out + size - TRAILER_BYTES, publish_key_public(other)->id, 4);
    assert_int_equal(log_entry_open(publish_key_public(other), wire, &entry), ERR_SIGNATURE);
    publish_key_free(other);
    /* A key of another network with the same octets: its id differs. */
    other = fixture_publish_key("elsewhere");
    assert_int_equal(write_entry("test", 42, out, sizeof out, &size), ERR_OK);
    assert_int_equal(log_entry_open(publish_key_public(other), wire, &entry), ERR_KEY);
    /* Signed by it, but for a network that is not its own. */
    memcpy(out + size - TRAILER_BYTES, publish_key_public(other)->id, 4);
    assert_int_equal(publish_key_sign(other, span_of(out, size - 64), out + size - 64), ERR_OK);
    assert_int_equal(log_entry_open(publish_key_public(other), wire, &entry), ERR_NETWORK);
    publish_key_free(other);
}

static void every_truncation_and_bit_flip(void **state)
{
    (void)state;
    const struct verify_key *public_half = publish_key_public(key);
    uint8_t out[2048];
    size_t size;
    struct log_entry entry;
    struct span network;
    assert_int_equal(write_entry("test", 42, out, sizeof out, &size), ERR_OK);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *wire = fixture_copy(out, cut);
        assert_int_not_equal(log_entry_open(public_half, span_of(wire, cut), &entry), ERR_OK);
        assert_int_not_equal(log_entry_parse(span_of(wire, cut), &entry, &network), ERR_OK);
        free(wire);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint8_t *wire = fixture_copy(out, size);
        wire[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_not_equal(log_entry_open(public_half, span_of(wire, size), &entry), ERR_OK);
        /* Without the signature: an error, or an entry that can be walked to its end. */
        if (log_entry_parse(span_of(wire, size), &entry, &network) == ERR_OK) {
            struct log_item item;
            size_t cursor = 0;
            uint32_t items = 0;
            while (log_entry_next(&entry, &cursor, &item))
                items++;
            assert_int_equal(items, entry.item_count);
        }
        free(wire);
    }
}

/* Changes in the form, under a good signature: what a presigner gone wrong could send. */
static void changed_octets_give_the_error(void **state)
{
    (void)state;
    /* network size 5, name 6, number 10, time 18, previous 26, count 58, items 62 */
    static const struct {
        size_t offset;
        uint8_t value;
        enum err want;
    } rows[] = {
        {0, 'X', ERR_MALFORMED}, {4, 2, ERR_UNSUPPORTED},  {5, 0, ERR_MALFORMED},
        {6, ' ', ERR_MALFORMED}, {6, 'T', ERR_NETWORK},    {61, 2, ERR_TRAILING},
        {61, 5, ERR_TRUNCATED},  {62, 5, ERR_UNSUPPORTED}, {62, 0, ERR_UNSUPPORTED},
        {63, 1, ERR_TRUNCATED},  {17, 1, ERR_MALFORMED},   {17, 0, ERR_MALFORMED},
    };
    uint8_t out[2048];
    size_t size;
    assert_int_equal(write_entry("test", 42, out, sizeof out, &size), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *wire = fixture_copy(out, size);
        struct log_entry entry;
        wire[rows[i].offset] = rows[i].value;
        assert_int_equal(publish_key_sign(key, span_of(wire, size - 64), wire + size - 64), ERR_OK);
        enum err err = log_entry_open(publish_key_public(key), span_of(wire, size), &entry);
        if (err != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, err_name(err), err_name(rows[i].want));
        free(wire);
    }
}

/* A response about such a serial would be refused by every client. */
static void serials_that_are_none(void **state)
{
    (void)state;
    static const struct {
        struct serial serial;
        bool valid;
    } rows[] = {
        {{.size = 2, .octets = {0x7f, 0xff}}, true},  {{.size = 2, .octets = {0x00, 0x80}}, true},
        {{.size = 1, .octets = {0x00}}, true},        {{.size = 2, .octets = {0x80, 0x00}}, false},
        {{.size = 2, .octets = {0x00, 0x7f}}, false}, {{.size = 2, .octets = {0x00, 0x00}}, false},
        {{.size = 1, .octets = {0x80}}, false},       {{.size = 0}, false},
        {{.size = SERIAL_SIZE_END}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[512];
        size_t size;
        struct log_writer w;
        struct log_entry entry;
        struct statement s = statement();
        size_t serial_size = rows[i].serial.size;
        s.serial = rows[i].serial;
        log_writer_start(&w, span_text("test"), 42, 0, &previous, out, sizeof out);
        log_writer_statement(&w, ISSUER, &s);
        enum err err = log_writer_finish(&w, key, &size);
        assert_int_equal(err, rows[i].valid ? ERR_OK : ERR_RANGE);
        if (serial_size == 0 || serial_size == SERIAL_SIZE_END)
            continue;
        /* The same in an entry that another program wrote: 14 octets from the item's frame on. */
        s.serial = (struct serial){.size = (uint8_t)serial_size, .octets = {0x55}};
        log_writer_start(&w, span_text("test"), 42, 0, &previous, out, sizeof out);
        log_writer_statement(&w, ISSUER, &s);
        assert_int_equal(log_writer_finish(&w, key, &size), ERR_OK);
        assert_int_equal(out[62 + 14], 0x55);
        memcpy(out + 62 + 14, rows[i].serial.octets, serial_size);
        assert_int_equal(publish_key_sign(key, span_of(out, size - 64), out + size - 64), ERR_OK);
        err = log_entry_open(publish_key_public(key), span_of(out, size), &entry);
        assert_int_equal(err, rows[i].valid ? ERR_OK : ERR_MALFORMED);
    }
}

static void an_entry_without_items(void **state)
{
    (void)state;
    uint8_t out[256];
    size_t size;
    struct log_writer w;
    struct log_entry entry;
    struct sha256 none = {{0}};
    log_writer_start(&w, span_text("test"), 1, 5, &none, out, sizeof out);
    assert_int_equal(log_writer_finish(&w, key, &size), ERR_OK);
    assert_int_equal(log_entry_open(publish_key_public(key), span_of(out, size), &entry), ERR_OK);
    struct log_item item;
    size_t cursor = 0;
    assert_false(log_entry_next(&entry, &cursor, &item));
}

int main(void)
{
    key = fixture_publish_key("test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(too_small_a_buffer),
        cmocka_unit_test(writer_refuses),
        cmocka_unit_test(other_keys_and_networks),
        cmocka_unit_test(every_truncation_and_bit_flip),
        cmocka_unit_test(changed_octets_give_the_error),
        cmocka_unit_test(serials_that_are_none),
        cmocka_unit_test(an_entry_without_items),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    publish_key_free(key);
    return failed;
}

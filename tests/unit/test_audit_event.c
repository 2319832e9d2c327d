/* SPDX-License-Identifier: Apache-2.0 */
/* Events are canonical JSON: as the text says, and as jansson reads it, for random ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/audit_event.h"
#include "issuer/audit_log.h"
#include "lib/os/file.h"
#include "lib/utf8.h"
#include "tests/unit/format_fixture.h"

#define EXPECT(event, text)                                                            \
    do {                                                                               \
        char out_[4096];                                                               \
        size_t size_ = 0;                                                              \
        assert_int_equal(audit_event_write(event, out_, sizeof out_, &size_), ERR_OK); \
        assert_int_equal(size_, strlen(text));                                         \
        assert_memory_equal(out_, text, size_);                                        \
    } while (0)

static void says_what_it_is_told(void **state)
{
    (void)state;
    struct audit_event event;
    const struct serial serial = {3, {0x00, 0xAB, 0x01}};
    const struct sha256 hash = sha256_of(SPAN_EMPTY);
    const struct span names[] = {span_text("b.example"), span_text("*.a.example")};
    audit_event_begin(&event, AUDIT_CERT_ISSUED, 1764319964, span_text("api-key:7"),
                      span_text("r-1"));
    audit_event_serial(&event, &serial);
    audit_event_ca(&event, 0x0123456789abcdef);
    audit_event_hash(&event, AUDIT_FIELD_CERTIFICATE, &hash);
    audit_event_list(&event, AUDIT_FIELD_NAMES, names, 2);
    audit_event_list(&event, AUDIT_FIELD_LINTS, NULL, 0);
    audit_event_flag(&event, AUDIT_FIELD_IN_DOUBT, false);
    EXPECT(
        &event,
        "{\"actor\":\"api-key:7\",\"ca\":\"0123456789abcdef\",\"certificate\":"
        "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"in_doubt\":false,"
        "\"lints\":[],\"names\":[\"b.example\",\"*.a.example\"],\"request\":\"r-1\",\"serial\":"
        "\"AB01\",\"time\":1764319964,\"type\":\"cert.issued\"}");
}

/* RFC 8785 3.2.2.2. */
static void escapes_as_little_as_can_be(void **state)
{
    (void)state;
    struct audit_event event;
    const char detail[] = "\x01\b\t\n\f\r\x1f \"\\/\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91";
    audit_event_begin(&event, AUDIT_CERT_REFUSED, 0, span_text("a"), SPAN_EMPTY);
    audit_event_text(&event, AUDIT_FIELD_PROBLEM, span_text("lint"));
    audit_event_text(&event, AUDIT_FIELD_DETAIL, span_text(detail));
    EXPECT(&event,
           "{\"actor\":\"a\",\"detail\":\"\\u0001\\b\\t\\n\\f\\r\\u001f \\\"\\\\/\x7f\xc3\xa9"
           "\xe2\x82\xac\xf0\x9f\x94\x91\",\"problem\":\"lint\",\"request\":\"\",\"time\":0,"
           "\"type\":\"cert.refused\"}");
}

static enum err write_of(const struct audit_event *event)
{
    char out[4096];
    size_t size;
    return audit_event_write(event, out, sizeof out, &size);
}

static void refuses(void **state)
{
    (void)state;
    struct audit_event event;
    audit_event_begin(&event, AUDIT_KEY_BLOCKED, 1, span_text("a"), SPAN_EMPTY);
    assert_int_equal(write_of(&event), ERR_NOT_FOUND);
    const struct sha256 hash = {{0}};
    audit_event_hash(&event, AUDIT_FIELD_SPKI_SHA256, &hash);
    assert_int_equal(write_of(&event), ERR_OK);
    static const struct {
        const char *octets;
        size_t size;
    } bad[] = {{"a\0b", 3}, {"\x80", 1}, {"\xc0\x80", 2}, {"\xed\xa0\x80", 3}, {"ab\xe2\x82", 4}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        audit_event_text(&event, AUDIT_FIELD_DETAIL, span_of(bad[i].octets, bad[i].size));
        assert_int_equal(write_of(&event), ERR_MALFORMED);
    }
    audit_event_text(&event, AUDIT_FIELD_DETAIL, span_text("good"));
    audit_event_number(&event, AUDIT_FIELD_COUNT, AUDIT_NUMBER_MAX);
    assert_int_equal(write_of(&event), ERR_OK);
    audit_event_number(&event, AUDIT_FIELD_COUNT, AUDIT_NUMBER_MAX + 1);
    assert_int_equal(write_of(&event), ERR_RANGE);
    audit_event_number(&event, AUDIT_FIELD_COUNT, 1); /* the error stays */
    assert_int_equal(write_of(&event), ERR_RANGE);
    audit_event_begin(&event, AUDIT_KEY_BLOCKED, 1, SPAN_EMPTY, SPAN_EMPTY);
    audit_event_hash(&event, AUDIT_FIELD_SPKI_SHA256, &hash);
    assert_int_equal(write_of(&event), ERR_MALFORMED);
}

/* Every room but the right one is too small. */
static void fits_or_not(void **state)
{
    (void)state;
    struct audit_event event;
    const struct sha256 hash = {{0}};
    char out[512];
    size_t size = 0;
    size_t none = 99;
    audit_event_begin(&event, AUDIT_KEY_BLOCKED, 1, span_text("a\n"), span_text("b"));
    audit_event_hash(&event, AUDIT_FIELD_SPKI_SHA256, &hash);
    assert_int_equal(audit_event_write(&event, out, sizeof out, &size), ERR_OK);
    for (size_t room = 0; room < size; room++) {
        char *small = malloc(room + 1); /* for the sanitizer */
        assert_int_equal(audit_event_write(&event, small, room, &none), ERR_NO_SPACE);
        free(small);
    }
    assert_int_equal(none, 99);
    assert_int_equal(audit_event_write(&event, out, size, &none), ERR_OK);
}

/* Members are in order of their names in octets, or the text would not be canonical. */
static void fields_are_sorted(void **state)
{
    (void)state;
    for (unsigned i = 1; i < AUDIT_FIELD_END; i++)
        assert_true(strcmp(audit_field_word((enum audit_field)(i - 1)),
                           audit_field_word((enum audit_field)i)) < 0);
}

/* Characters of all sizes and kinds, by the seed. */
static struct span random_text(uint64_t *seed, char *out, size_t room)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         "\"",
                                         "\\",
                                         "/",
                                         "\x01",
                                         "\x1f",
                                         "\n",
                                         "\x7f",
                                         " ",
                                         "é",
                                         "\xc2\x80",
                                         "\xdf\xbf",
                                         "€",
                                         "\xed\x9f\xbf",
                                         "🔑",
                                         "\xee\x80\x80",
                                         "\xf4\x8f\xbf\xbf",
                                         "\t",
                                         "\\u0000"};
    size_t size = 0;
    size_t count = fixture_below(seed, 24);
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[fixture_below(seed, sizeof pieces / sizeof pieces[0])];
        if (size + strlen(piece) > room)
            break;
        memcpy(out + size, piece, strlen(piece));
        size += strlen(piece);
    }
    return span_of(out, size);
}

struct random_values {
    char texts[AUDIT_FIELD_END][128];
    char list_texts[AUDIT_FIELD_END][4][128];
    struct span lists[AUDIT_FIELD_END][4];
    struct serial serial;
    struct sha256 hashes[AUDIT_FIELD_END];
};

/* Sets the member by its kind, in the event and, by jansson, in the object that it has to equal. */
static void set_random(struct audit_event *event, json_t *json, enum audit_field field,
                       enum audit_kind kind, uint64_t *seed, struct random_values *v)
{
    const char *word = audit_field_word(field);
    struct span text = random_text(seed, v->texts[field], sizeof v->texts[field]);
    uint64_t number = fixture_random(seed) & AUDIT_NUMBER_MAX;
    char hex[SHA256_TEXT_BYTES];
    json_t *list = json_array();
    switch (kind) {
    case AUDIT_KIND_TEXT:
        audit_event_text(event, field, text);
        json_object_set_new(json, word, json_stringn((const char *)text.data, text.size));
        break;
    case AUDIT_KIND_NUMBER:
        audit_event_number(event, field, number);
        json_object_set_new(json, word, json_integer((json_int_t)number));
        break;
    case AUDIT_KIND_FLAG:
        audit_event_flag(event, field, number % 2 == 0);
        json_object_set_new(json, word, json_boolean(number % 2 == 0));
        break;
    case AUDIT_KIND_CA:
        audit_event_ca(event, number);
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)number);
        json_object_set_new(json, word, json_string(hex));
        break;
    case AUDIT_KIND_SERIAL:
        v->serial = fixture_serial(seed, SHAPE_RANDOM, 20, 0);
        serial_to_hex(&v->serial, hex);
        audit_event_serial(event, &v->serial);
        json_object_set_new(json, word, json_string(hex));
        break;
    case AUDIT_KIND_HASH:
        v->hashes[field] = sha256_of(text);
        sha256_to_text(&v->hashes[field], hex);
        audit_event_hash(event, field, &v->hashes[field]);
        json_object_set_new(json, word, json_string(hex));
        break;
    case AUDIT_KIND_LIST:
        for (size_t i = 0; i < 4; i++) {
            v->lists[field][i] =
                random_text(seed, v->list_texts[field][i], sizeof v->list_texts[field][i]);
            json_array_append_new(
                list, json_stringn((const char *)v->lists[field][i].data, v->lists[field][i].size));
        }
        audit_event_list(event, field, v->lists[field], 4);
        json_object_set(json, word, list);
        break;
    }
    json_decref(list);
}

static const enum audit_kind kinds[AUDIT_FIELD_END] = {
#define X(name, word, kind, help) AUDIT_KIND_##kind,
    AUDIT_FIELD_TABLE(X)
#undef X
};

static const uint64_t needs[AUDIT_EVENT_COUNT] = {
#define X(name, word, needs, help) needs,
    AUDIT_EVENT_TABLE(X)
#undef X
};

static void one_random(uint64_t seed)
{
    struct random_values values;
    struct audit_event event;
    enum audit_event_type type = (enum audit_event_type)fixture_below(&seed, AUDIT_EVENT_COUNT);
    uint64_t mask = fixture_random(&seed);
    json_t *json = json_object();
    audit_event_begin(&event, type, seed % 4000000000u, span_text("someone"), span_text("r"));
    json_object_set_new(json, "type", json_string(audit_event_word(type)));
    json_object_set_new(json, "time", json_integer((json_int_t)(seed % 4000000000u)));
    json_object_set_new(json, "actor", json_string("someone"));
    json_object_set_new(json, "request", json_string("r"));
    const uint64_t begun =
        AUDIT_HAS(TYPE) | AUDIT_HAS(TIME) | AUDIT_HAS(ACTOR) | AUDIT_HAS(REQUEST);
    for (unsigned i = 0; i < AUDIT_FIELD_END; i++)
        if (((mask | needs[type]) & ~begun & UINT64_C(1) << i) != 0)
            set_random(&event, json, (enum audit_field)i, kinds[i], &seed, &values);

    char out[16384];
    size_t size = 0;
    json_error_t why;
    assert_int_equal(audit_event_write(&event, out, sizeof out, &size), ERR_OK);
    assert_true(utf8_is_valid(span_of(out, size)));
    json_t *read = json_loadb(out, size, JSON_REJECT_DUPLICATES, &why);
    if (read == NULL || json_equal(read, json) != 1)
        fail_msg("%s: %.*s", why.text, (int)size, out);
    /* Compact and sorted as jansson has it: as long, for its \u001F is as long as our \u001f. */
    char *dump = json_dumps(read, JSON_COMPACT | JSON_SORT_KEYS);
    assert_int_equal(strlen(dump), size);
    free(dump);
    json_decref(read);
    json_decref(json);
}

static void reads_back_equal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5000; seed++)
        one_random(seed);
}

/* Against jansson's judgement of every string of up to three octets out of the telling ones. */
static void utf8_is_what_jansson_takes(void **state)
{
    (void)state;
    static const uint8_t telling[] = {0x01, 0x22, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                      0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                      0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    const size_t count = sizeof telling;
    for (size_t i = 0; i < count * count * count * count; i++) {
        const char octets[] = {(char)telling[i % count], (char)telling[i / count % count],
                               (char)telling[i / count / count % count],
                               (char)telling[i / count / count / count]};
        json_t *taken = json_stringn(octets, sizeof octets);
        if (utf8_is_valid(span_of(octets, sizeof octets)) != (taken != NULL))
            fail_msg("%02x %02x %02x %02x", (uint8_t)octets[0], (uint8_t)octets[1],
                     (uint8_t)octets[2], (uint8_t)octets[3]);
        json_decref(taken);
    }
}

/* docs/formats.md has a row for each type and each member, and the types have what they need. */
static void formats_has_them_all(void **state)
{
    (void)state;
    char path[512];
    struct buffer page = {0};
    const char *data = getenv("STATIM_TEST_DATA");
    if (data == NULL)
        skip();
    snprintf(path, sizeof path, "%s/../../docs/formats.md", data);
    assert_int_equal(file_read(path, 1u << 20, &page), ERR_OK);
    assert_int_equal(buffer_append(&page, span_of("", 1)), ERR_OK);
    const char *text = (const char *)page.data;
    for (unsigned type = 0; type < AUDIT_EVENT_COUNT; type++) {
        char row[512];
        int size = snprintf(row, sizeof row, "\n| `%s` | ", audit_event_word(type));
        const char *before = "";
        for (unsigned i = 0; i < AUDIT_FIELD_END; i++)
            if ((needs[type] & UINT64_C(1) << i) != 0) {
                size += snprintf(row + size, sizeof row - (size_t)size, "%s`%s`", before,
                                 audit_field_word(i));
                before = ", ";
            }
        if (strstr(text, row) == NULL)
            fail_msg("docs/formats.md lacks%s", row);
    }
    for (unsigned i = 0; i < AUDIT_FIELD_END; i++) {
        char row[128];
        snprintf(row, sizeof row, "\n| `%s` | ", audit_field_word(i));
        if (strstr(text, row) == NULL)
            fail_msg("docs/formats.md lacks%s", row);
    }
    buffer_done(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_is_told),
        cmocka_unit_test(escapes_as_little_as_can_be),
        cmocka_unit_test(refuses),
        cmocka_unit_test(fits_or_not),
        cmocka_unit_test(fields_are_sorted),
        cmocka_unit_test(reads_back_equal),
        cmocka_unit_test(utf8_is_what_jansson_takes),
        cmocka_unit_test(formats_has_them_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Searches, page by page, against a model that looks at every certificate. */
#include "issuer/registry_cursor.h"
#include "issuer/registry_search.h"
#include "tests/unit/format_fixture.h"
#include "tests/unit/registry_world.h"

#define CERTS 120

static const char *const all_names[] = {
    "example.com",
    "www.example.com",
    "a.www.example.com",
    "*.example.com",
    "xexample.com",
    "example-a.com",
    "example.com.evil",
    "com",
    "mail.example.net",
    "192.0.2.1",
    "192.0.2.10",
    "2001:db8::1",
    "2.1",
    "zexample.com",
    "a-b.example.com",
    "www.example.company",
};
#define NAMES (sizeof all_names / sizeof all_names[0])
static const char *const customers[] = {"acme", "acme ", "ACME", "zulu"};

static struct model {
    struct registry_reservation reservation;
    char customer[8];
    bool has[NAMES];
} models[CERTS];

static void fill(void)
{
    uint64_t random = 7;
    OK(registry_begin(reg));
    for (size_t i = 0; i < CERTS; i++) {
        struct model *m = &models[i];
        struct span names[NAMES];
        size_t count = 0;
        *m = (struct model){.reservation = world_reservation(i % 3 == 0 ? ISSUER_2 : ISSUER, i)};
        snprintf(m->customer, sizeof m->customer, "%s", customers[fixture_random(&random) % 4]);
        m->reservation.customer = span_text(m->customer);
        /* Many that end in the same second. */
        m->reservation.not_after_s = NOW_S + fixture_random(&random) % 20 * DAY_S;
        for (size_t j = 0; j < NAMES; j++) {
            m->has[j] = fixture_random(&random) % 4 == 0;
            if (m->has[j])
                names[count++] = span_text(all_names[j]);
        }
        world_issue_as(reg, &m->reservation, i, names, count);
    }
    OK(registry_commit(reg));
}

static bool name_matches(const char *name, const struct registry_search *s)
{
    struct span n = span_text(name);
    if (span_equal(n, s->san))
        return true;
    return s->subdomains && n.size > s->san.size && n.data[n.size - s->san.size - 1] == '.' &&
           memcmp(n.data + n.size - s->san.size, s->san.data, s->san.size) == 0;
}

/* An address is no subdomain of "2.1". */
static bool is_host(const char *name)
{
    return strspn(name, "0123456789.:abcdef") != strlen(name);
}

static bool matches(const struct model *m, const struct registry_search *s)
{
    bool found = s->san.size == 0;
    for (size_t i = 0; i < NAMES && !found; i++)
        found = m->has[i] && name_matches(all_names[i], s) &&
                (is_host(all_names[i]) || span_equal(span_text(all_names[i]), s->san));
    if (s->customer.size > 0 && !span_equal(s->customer, span_text(m->customer)))
        return false;
    if (s->expires_before_s != 0 && m->reservation.not_after_s >= s->expires_before_s)
        return false;
    return found && m->reservation.not_after_s >= s->expires_after_s;
}

struct found {
    unsigned times[CERTS];
    size_t count;
    uint64_t last_s;
    bool by_time;
};

static enum err see(void *context, const struct registry_certificate *row)
{
    struct found *f = context;
    size_t n = row->serial.octets[19];
    assert_true(n < CERTS && row->issuer_id == models[n].reservation.issuer_id);
    assert_true(row->issued_seq > 0 && row->der.size == 0);
    assert_true(span_equal(row->customer, span_text(models[n].customer)));
    f->times[n]++;
    f->count++;
    if (f->by_time)
        assert_true(row->not_after_s >= f->last_s);
    f->last_s = row->not_after_s;
    return ERR_OK;
}

/* All pages of a search, of `limit` rows each. */
static void expect_model(struct registry_search s)
{
    char cursor[REGISTRY_CURSOR_BYTES] = "", next[REGISTRY_CURSOR_BYTES];
    struct found f = {.by_time = s.san.size == 0};
    do {
        size_t before = f.count;
        s.cursor = span_text(cursor);
        OK(registry_search(reg, &s, see, &f, next));
        assert_true(next[0] == '\0' || f.count - before == s.limit);
        assert_int_equal(strspn(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
                         strlen(next));
        snprintf(cursor, sizeof cursor, "%s", next);
    } while (cursor[0] != '\0');
    for (size_t i = 0; i < CERTS; i++)
        assert_int_equal(f.times[i], matches(&models[i], &s));
}

static void test_searches_find_what_a_model_finds(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 7, 1000};
    static const char *const sans[] = {
        "",          "example.com", "www.example.com", "com",
        "192.0.2.1", "2.1",         "*.example.com",   "nowhere.test"};
    fill();
    for (size_t i = 0; i < sizeof sans / sizeof sans[0]; i++) {
        for (int c = 0; c < 5; c++) {
            for (int window = 0; window < 4; window++) {
                struct registry_search s = {
                    .san = span_text(sans[i]),
                    .subdomains = sans[i][0] != '\0' && (c + window) % 2 == 0,
                    .customer = c == 4 ? SPAN_EMPTY : span_text(customers[c]),
                    .expires_after_s = window & 1 ? NOW_S + 5 * DAY_S : 0,
                    .expires_before_s = window & 2 ? NOW_S + 12 * DAY_S : 0,
                    .limit = limits[(i + (size_t)window) % 3]};
                expect_model(s);
                s.subdomains = sans[i][0] != '\0' && !s.subdomains;
                expect_model(s);
            }
        }
    }
    uint64_t count = 0, expected = 0;
    for (size_t i = 0; i < CERTS; i++)
        expected += models[i].reservation.not_after_s >= NOW_S + DAY_S &&
                    models[i].reservation.not_after_s < NOW_S + 7 * DAY_S;
    OK(registry_expiring(reg, NOW_S + DAY_S, NOW_S + 7 * DAY_S, &count));
    assert_int_equal(count, expected);
}

/* What a client may send for a cursor: nothing comes of it but an error, or a page of this search.
 */
static void test_forged_cursors(void **state)
{
    (void)state;
    static const char *const bad[] = {"A",        "AA",        "AQ",       "AgAA==", "AwAAAAAAAAAA",
                                      "!!!!",     "../../etc", "' OR 1=1", "AQ+/",   "____",
                                      "AwAAAABp/"};
    char next[REGISTRY_CURSOR_BYTES];
    struct found f = {.count = 0};
    struct search_cursor cursor = {.form = SEARCH_BY_EXPIRY, .issuer_id = ISSUER}, is;
    fill();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct registry_search s = {.cursor = span_text(bad[i]), .limit = 5};
        assert_int_equal(registry_search(reg, &s, see, &f, next), ERR_MALFORMED);
    }
    cursor.serial = world_serial(1);
    cursor.not_after_s = NOW_S;
    search_cursor_write(&cursor, next);
    OK(search_cursor_read(span_text(next), SEARCH_BY_EXPIRY, &is));
    assert_true(is.not_after_s == NOW_S && is.issuer_id == ISSUER &&
                serial_compare(&is.serial, &cursor.serial) == 0);
    /* One of another kind of search. */
    assert_int_equal(search_cursor_read(span_text(next), SEARCH_BY_CUSTOMER, &is), ERR_MALFORMED);
    assert_int_equal(search_cursor_read(span_text(next), SEARCH_BY_NAME, &is), ERR_MALFORMED);
    /* From before the window that is asked for: it does not widen it. */
    struct registry_search s = {
        .cursor = span_text(next), .expires_after_s = NOW_S + 18 * DAY_S, .limit = 1000};
    f.by_time = true, f.last_s = s.expires_after_s;
    char after[REGISTRY_CURSOR_BYTES];
    OK(registry_search(reg, &s, see, &f, after));
    struct registry_search none = {.subdomains = true, .limit = 5};
    assert_int_equal(registry_search(reg, &none, see, &f, after), ERR_RANGE);
    none = (struct registry_search){.limit = 0};
    assert_int_equal(registry_search(reg, &none, see, &f, after), ERR_RANGE);
    none = (struct registry_search){.san = TEXT("a..b"), .limit = 5};
    assert_int_equal(registry_search(reg, &none, see, &f, after), ERR_MALFORMED);
}

static void test_certificates_of_a_key(void **state)
{
    (void)state;
    struct found f = {.count = 0};
    fill();
    struct sha256 key = world_hash("spki", 5), other = world_hash("spki", 5000);
    OK(registry_certificates_of_key(reg, &key, 10, see, &f));
    assert_int_equal(f.count, 1);
    assert_int_equal(f.times[5], 1);
    OK(registry_certificates_of_key(reg, &other, 10, see, &f));
    assert_int_equal(f.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_searches_find_what_a_model_finds),
        WORLD_TEST(test_forged_cursors),
        WORLD_TEST(test_certificates_of_a_key),
    };
    return world_run("registry's searches", tests, sizeof tests / sizeof tests[0]);
}

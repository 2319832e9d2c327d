/* SPDX-License-Identifier: Apache-2.0 */
/* Answers with files: every status, and every rule of their heads. */
#include "edge/answer_file.h"
#include "tests/unit/answer_world.h"
#include "tests/unit/file_fixture.h"

#define LARGE  100000u
#define SMALL  10u
#define MOD_S  (NOW_S - 1000)
#define NEXT_S (NOW_S + 600)
#define END_S  (NOW_S + 5000)

static uint8_t octets[LARGE];
static char etag[2 * ANSWER_ETAG_OCTETS + 4]; /* of the small one */
static struct answer_query last;

static int files_start(void **state)
{
    int result = world_start(state);
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)('0' + i % 10 + i / 1000 % 7);
    struct span large = span_of(octets, LARGE);
    struct span small = span_of(octets, SMALL);
    struct span other = span_of(octets, 20);
    const struct file_fixture rows[] = {
        {"/crl/1/7.crl", large, NULL, MOD_S, NEXT_S, END_S},
        {"/s.crl", small, NULL, MOD_S, NEXT_S, END_S},
        {"/late.crl", small, NULL, MOD_S, NOW_S - 5, END_S},
        {"/near.crl", small, NULL, MOD_S, NOW_S - 5, NOW_S + 10},
        {"/gone.crl", small, NULL, MOD_S, NOW_S - 5, NOW_S},
        {"/ca/r1.crt", other, "application/pkix-cert", MOD_S, 0, 0},
        {"/ahead.crl", small, NULL, NOW_S + 100, NOW_S + 200, END_S},
        {"/a,b/x", small, "application/x", MOD_S, NEXT_S, END_S},
    };
    world.fixture.snapshot->paths = file_fixture_table(rows, sizeof rows / sizeof rows[0]);
    struct sha256 hash = sha256_of(small);
    etag[0] = '"';
    assert_int_equal(hex_encode(span_of(hash.octets, ANSWER_ETAG_OCTETS), etag + 1, 33), ERR_OK);
    memcpy(etag + 33, "\"", 2);
    return result;
}

static struct response ask(const char *method, const char *target, const char *fields)
{
    static struct response r;
    char head[512];
    struct http_request request;
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n%s\r\n", method,
             target, fields);
    assert_int_equal(http_request_parse(span_text(head), 0, &request), HTTP_REQUEST);
    r = (struct response){0};
    answer_begin(world.fixture.snapshot, &world.config, &request, SPAN_EMPTY, &last);
    r.outcome = answer_finish(world.fixture.snapshot, &world.clock, &last, ANSWER_KEEP, r.octets,
                              ANSWER_BYTES_MAX, &r.size);
    const char *end = memmem(r.octets, r.size, "\r\n\r\n", 4);
    assert_non_null(end);
    r.head_size = (size_t)(end + 4 - (const char *)r.octets);
    assert_int_equal(sscanf((const char *)r.octets, "HTTP/1.1 %u ", &r.status), 1);
    assert_int_equal(r.status, outcome_info(r.outcome)->http_status);
    return r;
}

static void expect_body(const struct response *r, const char *body)
{
    if (r->size - r->head_size != strlen(body) ||
        memcmp(r->octets + r->head_size, body, strlen(body)) != 0)
        fail_msg("not \"%s\":\n%s", body, (const char *)r->octets);
    assert_int_equal(last.body_bytes, 0);
}

/* The status and the body of "/s.crl", which is "0123456789", by request fields; "@" in them
 * stands for the entity tag, "#" for the date. */
static const struct {
    const char *fields;
    enum outcome outcome;
    const char *body;
} rows[] = {
    {"", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\n", OUTCOME_FILE_PART, "234"},
    {"Range: bytes=-3\r\n", OUTCOME_FILE_PART, "789"},
    {"Range: bytes=0-\r\n", OUTCOME_FILE_PART, "0123456789"},
    {"Range: bytes=1-2,4-5\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=1-2\r\nRange: bytes=4-5\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: lines=1-2\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=5-2\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=10-\r\n", OUTCOME_FILE_RANGE, NULL},
    {"Range: bytes=-0\r\n", OUTCOME_FILE_RANGE, NULL},
    {"If-Range: @\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range: @\r\n", OUTCOME_FILE_PART, "234"},
    {"Range: bytes=2-4\r\nIf-Range: W/@\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range: \"x\"\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range: @, @\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range: *\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range:\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range: @\r\nIf-Range: @\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range: #\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=2-4\r\nIf-Range: Fri, 31 Dec 2060 00:00:00 GMT\r\n", OUTCOME_FILE, "0123456789"},
    {"Range: bytes=99-\r\nIf-Range: \"x\"\r\n", OUTCOME_FILE, "0123456789"},
    {"If-None-Match: @\r\n", OUTCOME_FILE_NOT_MODIFIED, ""},
    {"If-None-Match: W/@\r\n", OUTCOME_FILE_NOT_MODIFIED, ""},
    {"If-None-Match: \"x\", @\r\n", OUTCOME_FILE_NOT_MODIFIED, ""},
    {"If-None-Match: *\r\n", OUTCOME_FILE_NOT_MODIFIED, ""},
    {"If-None-Match: \"x\"\r\n", OUTCOME_FILE, "0123456789"},
    {"If-None-Match: @\r\nIf-None-Match: @\r\n", OUTCOME_FILE, "0123456789"},
    {"If-None-Match: @\r\nRange: bytes=1-2\r\n", OUTCOME_FILE_NOT_MODIFIED, ""},
    {"If-None-Match: \"x\"\r\nRange: bytes=1-2\r\n", OUTCOME_FILE_PART, "12"},
    {"If-None-Match: \"x\"\r\nIf-Modified-Since: #\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Modified-Since: #\r\n", OUTCOME_FILE_NOT_MODIFIED, ""},
    {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Modified-Since: Fri, 31 Dec 2060 00:00:00 GMT\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Modified-Since: yesterday\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Modified-Since: #\r\nIf-Modified-Since: #\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Match: @\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Match: *\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Match: \"x\" , @\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Match: \"x\"\r\nIf-Match: @\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Match: @\r\nX-If-Match: y\r\nif-match:\"x\"\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Match: @\r\nRange: bytes=1-2\r\n", OUTCOME_FILE_PART, "12"},
    {"If-Match: @\r\nIf-None-Match: @\r\n", OUTCOME_FILE_NOT_MODIFIED, ""},
    {"If-Match: @\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", OUTCOME_FILE,
     "0123456789"},
    {"If-Match: \"x\"\r\n", OUTCOME_FILE_CONDITION, NULL},
    {"If-Match: W/@\r\n", OUTCOME_FILE_CONDITION, NULL},
    {"If-Match: \"x\"\r\nIf-Match: \"y\"\r\n", OUTCOME_FILE_CONDITION, NULL},
    {"If-Match:\r\n", OUTCOME_FILE_CONDITION, NULL},
    {"If-Match: \"x\"\r\nIf-None-Match: @\r\n", OUTCOME_FILE_CONDITION, NULL},
    {"If-Match: \"x\"\r\nRange: bytes=99-\r\n", OUTCOME_FILE_CONDITION, NULL},
    {"If-Unmodified-Since: #\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Unmodified-Since: Fri, 31 Dec 2060 00:00:00 GMT\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Unmodified-Since: yesterday\r\n", OUTCOME_FILE, "0123456789"},
    {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nIf-Unmodified-Since: #\r\n",
     OUTCOME_FILE, "0123456789"},
    {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", OUTCOME_FILE_CONDITION, NULL},
};

static const char *filled(const char *fields)
{
    static char text[256];
    char date[IMF_FIXDATE_BYTES + 1] = {0};
    size_t size = 0;
    imf_fixdate_write(MOD_S, (uint8_t *)date);
    for (; *fields != 0; fields++) {
        const char *put = *fields == '@' ? etag : *fields == '#' ? date : NULL;
        size += put == NULL ? (size_t)snprintf(text + size, 2, "%c", *fields)
                            : (size_t)snprintf(text + size, sizeof text - size, "%s", put);
    }
    text[size] = 0;
    return text;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct response r = ask("GET", "/s.crl", filled(rows[i].fields));
        if (r.outcome != rows[i].outcome)
            fail_msg("%s: %s", rows[i].fields, outcome_info(r.outcome)->label);
        if (rows[i].body != NULL)
            expect_body(&r, rows[i].body);
        if (r.outcome == OUTCOME_FILE_RANGE) {
            expect_field(&r, "Content-Range", "bytes */10");
            expect_no_field(&r, "ETag");
        } else if (r.outcome == OUTCOME_FILE_CONDITION) {
            expect_no_field(&r, "ETag");
            expect_field(&r, "Cache-Control", "no-store, no-cache, max-age=0");
        } else {
            expect_field(&r, "ETag", etag);
            expect_date(&r, "Last-Modified", MOD_S);
            expect_field(&r, "Cache-Control", "public, max-age=600, stale-if-error=4400");
            expect_date(&r, "Expires", NEXT_S);
        }
        expect_date(&r, "Date", NOW_S);
    }
}

static void test_heads(void **state)
{
    (void)state;
    struct response r = ask("GET", "/crl/1/7.crl", "");
    expect_field(&r, "Content-Type", "application/pkix-crl");
    expect_field(&r, "Content-Length", "100000");
    expect_field(&r, "Accept-Ranges", "bytes");
    expect_field(&r, "Cache-Tag", "pkix-crl,crl");
    assert_int_equal(r.size, r.head_size);
    assert_int_equal(last.body_at, 0);
    assert_int_equal(last.body_bytes, LARGE);
    r = ask("GET", "http://x/crl/1/7.crl", "Range: bytes=100-50099\r\n");
    expect_field(&r, "Content-Range", "bytes 100-50099/100000");
    expect_field(&r, "Content-Length", "50000");
    assert_int_equal(last.body_at, 100);
    assert_int_equal(last.body_bytes, 50000);
    r = ask("HEAD", "/crl/1/7.crl", "Range: bytes=100-199\r\n");
    assert_int_equal(r.outcome, OUTCOME_FILE);
    expect_field(&r, "Content-Length", "100000");
    expect_body(&r, "");
    r = ask("GET", "/s.crl", "If-None-Match: *\r\n");
    expect_no_field(&r, "Content-Length");
    expect_no_field(&r, "Content-Type");
    expect_field(&r, "Cache-Tag", "pkix-crl");
    r = ask("GET", "/ca/r1.crt", "");
    expect_field(&r, "Content-Type", "application/pkix-cert");
    expect_field(&r, "Cache-Tag", "pkix-cert,ca");
    expect_field(&r, "Cache-Control", "public, max-age=86400, stale-if-error=604800");
    r = ask("GET", "/a,b/x", "");
    expect_field(&r, "Cache-Tag", "x");
}

static void test_times(void **state)
{
    (void)state;
    struct response r = ask("GET", "/late.crl", "");
    expect_field(&r, "Cache-Control", "public, max-age=60, stale-if-error=4940");
    r = ask("GET", "/near.crl", "");
    expect_field(&r, "Cache-Control", "public, max-age=10, stale-if-error=0");
    r = ask("GET", "/ahead.crl", "");
    assert_int_equal(r.outcome, OUTCOME_FILE);
    expect_date(&r, "Last-Modified", NOW_S);
    static const char *const conditions[] = {"", "If-None-Match: *\r\n", "Range: bytes=0-1\r\n"};
    for (size_t i = 0; i < 3; i++) {
        r = ask("GET", "/gone.crl", conditions[i]);
        assert_int_equal(r.outcome, OUTCOME_FILE_EXPIRED);
        expect_field(&r, "Retry-After", "60");
        expect_field(&r, "Cache-Control", "no-store, no-cache, max-age=0");
        expect_no_field(&r, "ETag");
    }
}

static void test_methods_and_paths(void **state)
{
    (void)state;
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < 4; i++) {
        struct response r = ask(methods[i], "/s.crl", "");
        assert_int_equal(r.outcome, OUTCOME_FILE_METHOD);
        expect_field(&r, "Allow", "GET, HEAD");
    }
    static const char *const others[] = {"/s.crl?", "/s.crl?x=1", "/s.crl/", "/S.crl",  "/s.cr",
                                         "//s.crl", "/s%2ecrl",   "/",       "/./s.crl"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(ask("GET", others[i], "").outcome, OUTCOME_NOT_FOUND);
    assert_int_equal(get(GOOD, "").outcome, OUTCOME_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_methods_and_paths),
    };
    return cmocka_run_group_tests(tests, files_start, world_stop);
}

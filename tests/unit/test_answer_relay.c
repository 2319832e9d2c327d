/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a relay listener, out of a real store's snapshots, through a connection. */
#include "edge/answer_file.h"
#include "edge/answer_relay.h"
#include "edge/store_relay.h"
#include "lib/check.h"
#include "tests/unit/conn_world.h"
#include "tests/unit/scratch.h"

#define MAP_BYTES (64u << 20)
#define LARGE     (3 * CONN_PIECE_BYTES / 4)

static char folder[SCRATCH_BYTES];
static struct store *store;
static struct snapshot_source *source;
static struct snapshot *snapshot;
static uint8_t octets[LARGE];
static char pack_path[128];
static char etag[40];

static struct relay_name pack_name(void)
{
    struct sha256 hash = sha256_of(span_of(octets, sizeof octets));
    return relay_name_of(RELAY_PACK, &hash);
}

static void put_copy(struct store_txn *txn)
{
    static const struct relay_whole whole = {.index_log = 1};
    struct relay_set needed = {0};
    struct relay_name name = pack_name();
    struct sha256 entry = sha256_of(span_text("entry"));
    assert_int_equal(store_relay_put(txn, &name, &name.hash, span_of(octets, sizeof octets)),
                     ERR_OK);
    assert_int_equal(relay_set_add(&needed, &name), ERR_OK);
    assert_int_equal(store_relay_append(txn, 7, &entry, span_text("entry")), ERR_OK);
    assert_int_equal(store_relay_set_whole(txn, &whole, &needed, NOW_S), ERR_OK);
    assert_int_equal(store_relay_put_head(txn, span_text("statim-head")), ERR_OK);
    relay_set_done(&needed);
}

/* The store's newest state becomes the connection's; false: it was cut because of that. */
static bool renew(void)
{
    struct snapshot *next = NULL;
    assert_int_equal(snapshot_build(source, snapshot, &next), ERR_OK);
    if (snapshot != NULL && !t.closed)
        apply(conn_renew(&t.conn, &t.env, next));
    snapshot_free(snapshot);
    t.env.snapshot = snapshot = next;
    return !t.closed;
}

static int start(void **state)
{
    char hash[SHA256_TEXT_BYTES];
    struct store_txn *txn;
    if (setup(state) != 0)
        return -1;
    scratch_make(folder);
    const struct store_config config = {.path = folder, .map_bytes = MAP_BYTES};
    CHECK(store_open(&config, &store) == ERR_OK);
    CHECK(snapshot_source_open(folder, MAP_BYTES, &source) == ERR_OK);
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)('a' + i % 23);
    struct relay_name name = pack_name();
    sha256_to_text(&name.hash, hash);
    snprintf(pack_path, sizeof pack_path, "/pack/%s", hash);
    snprintf(etag, sizeof etag, "\"%.32s\"", hash);
    assert_int_equal(store_write(store, &txn), ERR_OK);
    put_copy(txn);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
    t.conn.is_relay = true;
    return renew() ? 0 : -1;
}

static int stop(void **state)
{
    t.env.snapshot = NULL;
    snapshot = snapshot_free(snapshot);
    source = snapshot_source_free(source);
    store = store_close(store);
    scratch_remove(folder);
    return teardown(state);
}

static void ask(const char *method, const char *path, const char *fields)
{
    char text[512];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n%s\r\n", method,
             path, fields);
    t.sent_size = 0;
    memset(t.sent, 0, sizeof t.sent);
    receive(text);
}

/* The answer is the whole of `status` and `body`, with a field. */
static void expect(unsigned status, const char *field, struct span body)
{
    unsigned got = 0;
    take_all();
    assert_int_equal(sscanf(t.sent, "HTTP/1.1 %u ", &got), 1);
    const char *end = memmem(t.sent, t.sent_size, "\r\n\r\n", 4);
    assert_non_null(end);
    if (got != status || (field != NULL && strstr(t.sent, field) == NULL))
        fail_msg("not %u with %s: %s", status, field, t.sent);
    size_t head_size = (size_t)(end + 4 - t.sent);
    if (body.data != NULL)
        assert_true(span_equal(span_of(t.sent + head_size, t.sent_size - head_size), body));
}

static const char *with_etag(const char *format)
{
    static char text[128];
    const char *at = strchr(format, '@');
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - format), format, etag, at + 1);
    return text;
}

static void test_small(void **state)
{
    (void)state;
    ask("GET", "/head", "");
    expect(200, "Cache-Control: public, max-age=1\r\n", span_text("statim-head"));
    ask("GET", "/log/7", "");
    expect(200, "Cache-Control: public, max-age=31536000, immutable\r\n", span_text("entry"));
    ask("HEAD", "/head", "");
    expect(200, "Content-Length: 11\r\n", span_of("", 0));
    ask("GET", "/head", "Range: bytes=7-\r\n");
    expect(206, "Content-Range: bytes 7-10/11\r\n", span_text("head"));
    ask("GET", "/head", "Range: bytes=7-\r\nRange: bytes=8-\r\n");
    expect(200, NULL, span_text("statim-head"));
    ask("HEAD", "/head", "Range: bytes=7-\r\n");
    expect(200, "Content-Length: 11\r\n", span_of("", 0));
    ask("GET", "/head", "Range: bytes=11-\r\n");
    expect(416, "Content-Range: bytes */11\r\n", SPAN_EMPTY);
    ask("POST", "/head", "");
    expect(405, "Allow: GET, HEAD\r\n", SPAN_EMPTY);
    ask("PUT", "/log/7", "");
    expect(405, "Allow: GET, HEAD\r\n", SPAN_EMPTY);
    ask("GET", "/log/8", "");
    expect(404, NULL, SPAN_EMPTY);
    ask("GET", "/", "");
    expect(404, NULL, SPAN_EMPTY);
    ask("GET", "/MEIwQDA-MDwwOjAJBgUrDgMCGgUABBQ", "");
    expect(404, NULL, SPAN_EMPTY);
    ask("POST", "/", "Content-Type: application/ocsp-request\r\n");
    expect(404, NULL, SPAN_EMPTY);
    assert_int_equal(t.counters[SERVE_RELAYED], t.counters[SERVE_REQUESTS]);
    assert_int_equal(t.counters[SERVE_RELAYED], 13);
    assert_int_equal(outcomes(OUTCOME_FILE), 5);
    assert_int_equal(outcomes(OUTCOME_NOT_FOUND), 4);
    pass(60);
    expect_end(CONN_END_IDLE);
}

static void test_conditions(void **state)
{
    (void)state;
    ask("GET", pack_path, with_etag("If-None-Match: @\r\n"));
    expect(304, with_etag("ETag: @\r\n"), span_of("", 0));
    ask("GET", pack_path, with_etag("If-None-Match: \"x\", W/@\r\n"));
    expect(304, NULL, span_of("", 0));
    ask("GET", pack_path, with_etag("Range: bytes=1-3\r\nIf-Range: @\r\n"));
    expect(206, NULL, span_text("bcd"));
    ask("HEAD", pack_path, "If-None-Match: \"x\"\r\n");
    expect(200, with_etag("ETag: @\r\n"), span_of("", 0));
    ask("HEAD", pack_path, with_etag("If-Match: \"x\", @\r\n"));
    expect(200, with_etag("ETag: @\r\n"), SPAN_EMPTY);
    ask("HEAD", pack_path, with_etag("If-Match: \"x\"\r\nIf-Match: @\r\n"));
    expect(200, with_etag("ETag: @\r\n"), SPAN_EMPTY);
    ask("GET", pack_path, "If-Match: \"x\"\r\nRange: bytes=1-3\r\n");
    expect(412, NULL, SPAN_EMPTY);
    ask("HEAD", pack_path, "If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT\r\n");
    expect(200, NULL, span_of("", 0));
}

static void change_head(void)
{
    static uint64_t number;
    struct store_txn *txn;
    char text[32];
    snprintf(text, sizeof text, "head %u", (unsigned)++number);
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_relay_put_head(txn, span_text(text)), ERR_OK);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
}

static void clear_copy(void)
{
    struct store_txn *txn;
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_relay_clear(txn), ERR_OK);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
}

/* The large file from `at` on. Before each piece something happens to the store, and there is a new
 * snapshot. false: the connection was cut. */
static bool transfer(const char *fields, size_t at, void (*happens)(void))
{
    ask("GET", pack_path, fields);
    take(t.flight.size); /* the head of the answer */
    while (t.flight.size > 0) {
        happens();
        if (!renew())
            return false;
        assert_true(t.flight.size <= sizeof octets - at);
        assert_memory_equal(t.flight.data, octets + at, t.flight.size);
        size_t part = t.flight.size > 9000 ? t.flight.size / 3 : t.flight.size;
        at += part;
        t.flight = SPAN_EMPTY;
        apply(conn_sent(&t.conn, &t.env, part));
    }
    assert_int_equal(at, sizeof octets);
    return true;
}

static void test_transfer(void **state)
{
    (void)state;
    assert_true(transfer("", 0, change_head));
    assert_true(transfer("Range: bytes=70000-\r\n", 70000, change_head));
    ask("GET", "/log/7", "");
    expect(200, NULL, span_text("entry"));
}

/* The copy is given up in mid-transfer: nothing wrong is sent, the connection ends. */
static void test_file_gone(void **state)
{
    (void)state;
    assert_false(transfer("", 0, clear_copy));
    t.flight = SPAN_EMPTY;
    expect_end(CONN_END_FILE_GONE);
}

static void test_nothing_to_relay(void **state)
{
    (void)state;
    clear_copy();
    assert_true(renew());
    ask("GET", "/head", "");
    expect(404, NULL, SPAN_EMPTY);
    ask("GET", pack_path, "");
    expect(404, NULL, SPAN_EMPTY);
    t.env.snapshot = NULL; /* none yet */
    ask("GET", "/head", "");
    expect(404, NULL, SPAN_EMPTY);
    t.env.snapshot = snapshot;
}

/* The other listeners do not know these paths. */
static void test_other_listener(void **state)
{
    (void)state;
    t.conn.is_relay = false;
    ask("GET", "/log/7", "");
    expect(404, NULL, SPAN_EMPTY);
    ask("GET", "/head", ""); /* base64, but no OCSPRequest */
    expect(200, "application/ocsp-response", span_of("\x30\x03\x0a\x01\x01", 5));
    assert_int_equal(t.counters[SERVE_RELAYED], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small, start, stop),
        cmocka_unit_test_setup_teardown(test_conditions, start, stop),
        cmocka_unit_test_setup_teardown(test_transfer, start, stop),
        cmocka_unit_test_setup_teardown(test_file_gone, start, stop),
        cmocka_unit_test_setup_teardown(test_nothing_to_relay, start, stop),
        cmocka_unit_test_setup_teardown(test_other_listener, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

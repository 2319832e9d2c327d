/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/http_response.h"
#include "tests/unit/guard_page.h"

static const char expected[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: application/ocsp-response\r\n"
                               "X-Empty: \r\n"
                               "Content-Length: 0\r\n"
                               "X-Max: 18446744073709551615\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "\r\n";

static enum err write_head(uint8_t *out, size_t out_size, size_t *ret_size)
{
    struct http_writer w;
    http_writer_start(&w, 200, out, out_size);
    http_writer_field(&w, "Content-Type", span_text("application/ocsp-response"));
    http_writer_field(&w, "X-Empty", SPAN_EMPTY);
    http_writer_number(&w, "Content-Length", 0);
    http_writer_number(&w, "X-Max", UINT64_MAX);
    http_writer_date(&w, "Date", 784111777);
    return http_writer_finish(&w, ret_size);
}

/* Into every size up to the right one: refused until it fits, never an octet past the end. */
static void writes_exactly(void **state)
{
    (void)state;
    size_t full = sizeof expected - 1;
    uint8_t room[sizeof expected];
    for (size_t size = 0; size <= full; size++) {
        size_t written = 77;
        memset(room, '#', sizeof room);
        enum err err = write_head(room, size, &written);
        assert_int_equal(err, size == full ? ERR_OK : ERR_NO_SPACE);
        assert_int_equal(written, size == full ? full : 77);
        assert_int_equal(room[size], '#');
    }
    assert_memory_equal(room, expected, full);
}

/* Whatever octet a value holds, the head keeps its lines. */
static void refuses_control_characters(void **state)
{
    (void)state;
    for (unsigned octet = 0; octet < 256; octet++) {
        for (size_t at = 0; at < 19; at++) {
            char value[19];
            uint8_t out[128];
            size_t size = 77;
            struct http_writer w;
            memset(value, 'v', sizeof value);
            value[at] = (char)octet;
            http_writer_start(&w, 404, out, sizeof out);
            http_writer_field(&w, "X", guard_copy(value, sizeof value));
            bool control = octet < 0x20 || octet == 0x7F;
            assert_int_equal(http_writer_finish(&w, &size), control ? ERR_MALFORMED : ERR_OK);
            assert_int_equal(size, control ? 77 : 24 + 5 + 19 + 2);
        }
    }
}

static void reasons(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *reason;
    } rows[] = {{200, "OK"},
                {304, "Not Modified"},
                {431, "Request Header Fields Too Large"},
                {505, "HTTP Version Not Supported"},
                {299, "Unknown"},
                {0, "Unknown"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(http_status_reason(rows[i].status), rows[i].reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_exactly),
        cmocka_unit_test(refuses_control_characters),
        cmocka_unit_test(reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

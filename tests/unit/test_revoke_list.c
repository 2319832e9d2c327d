/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of revocations: what a line claims, and how lines of one certificate join. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "presigner/revoke_list.h"

#define DEFAULT_AT_S 1000u
#define FUTURE_S     2000000000u

static const struct revoke_defaults defaults = {
    .reason = REASON_SUPERSEDED, .at_s = DEFAULT_AT_S, .at_max_s = FUTURE_S};

struct row {
    const char *line;
    enum err err;
    const char *hex;
    uint8_t reason;
    uint32_t at_s;
};

static const struct row rows[] = {
    {"4a01", ERR_OK, "4A01", REASON_SUPERSEDED, DEFAULT_AT_S},
    {"0x4A:01\r", ERR_OK, "4A01", REASON_SUPERSEDED, DEFAULT_AT_S},
    {"4a01,", ERR_OK, "4A01", REASON_SUPERSEDED, DEFAULT_AT_S},
    {"4a01,,", ERR_OK, "4A01", REASON_SUPERSEDED, DEFAULT_AT_S},
    {"4a01,keycompromise", ERR_OK, "4A01", REASON_KEY_COMPROMISE, DEFAULT_AT_S},
    {"4a01,1,1970-01-01T00:00:07Z", ERR_OK, "4A01", REASON_KEY_COMPROMISE, 7},
    {"4a01,,7", ERR_OK, "4A01", REASON_SUPERSEDED, 7},
    {"4a01,,2000000000", ERR_OK, "4A01", REASON_SUPERSEDED, FUTURE_S},
    {"4a01,,2000000001", ERR_RANGE, NULL, 0, 0},
    {"4a01,removeFromCRL", ERR_MALFORMED, NULL, 0, 0},
    {"4a01,because", ERR_MALFORMED, NULL, 0, 0},
    {"4a01,,soon", ERR_MALFORMED, NULL, 0, 0},
    {"4a01,,,", ERR_MALFORMED, NULL, 0, 0},
    {"xyz", ERR_MALFORMED, NULL, 0, 0},
    {"", ERR_MALFORMED, NULL, 0, 0},
    {" 4a01", ERR_MALFORMED, NULL, 0, 0},
    {"4a014a014a014a014a014a014a014a014a014a014a014a014a014a014a014a014a", ERR_LIMIT, NULL, 0, 0},
};

static void lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct serial serial = SERIAL_BEFORE_ALL;
        struct cert_record claim = {.status = 99};
        const char *why = NULL;
        char hex[SERIAL_HEX_MAX];
        enum err err = revoke_line_read(span_text(rows[i].line), &defaults, &serial, &claim, &why);
        if (err != rows[i].err)
            fail_msg("%s: %s", rows[i].line, err_text(err));
        if (err != ERR_OK) {
            assert_int_equal(claim.status, 99);
            assert_true(why != NULL && why[0] != '\0');
            continue;
        }
        serial_to_hex(&serial, hex);
        assert_string_equal(hex, rows[i].hex);
        assert_int_equal(claim.status, CERT_REVOKED);
        assert_int_equal(claim.reason, rows[i].reason);
        assert_int_equal(claim.revoked_at_s, rows[i].at_s);
    }
}

static unsigned bad_sum;

static void on_bad(void *context, uint64_t line_no, const char *why)
{
    (void)context;
    assert_non_null(why);
    bad_sum += (unsigned)line_no;
}

static struct revoke_list list_of(const char *text)
{
    const struct revoke_list_options options = {.defaults = defaults, .bad = on_bad};
    struct revoke_list list;
    int fd = memfd_create("list", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    bad_sum = 0;
    assert_int_equal(revoke_list_read(fd, &options, &list), ERR_OK);
    close(fd);
    return list;
}

static void in_key_order_each_once(void **state)
{
    (void)state;
    struct revoke_list list = list_of("serial,reason,time\n0101\n02\n\n01,keyCompromise,9\n\r\n02\n"
                                      "0101,keyCompromise,2000\n01,superseded,3");
    assert_int_equal(list.count, 3);
    assert_int_equal(list.line_count, 6);
    assert_int_equal(list.bad_count, 0);
    const struct revoke_entry *e = list.entries;
    /* The first stays, */
    assert_int_equal(e[0].item.serial.octets[0], 1);
    assert_int_equal(e[0].item.revoked_at_s, 9);
    assert_int_equal(e[0].line_no, 5);
    assert_int_equal(e[1].item.serial.octets[0], 2);
    assert_int_equal(e[1].line_no, 3);
    /* unless keyCompromise comes, with the earlier time. */
    assert_int_equal(e[2].item.serial.size, 2);
    assert_int_equal(e[2].item.reason, REASON_KEY_COMPROMISE);
    assert_int_equal(e[2].item.revoked_at_s, DEFAULT_AT_S);
    assert_int_equal(e[2].line_no, 2);
    revoke_list_done(&list);
}

static void each_bad_line_is_told_of(void **state)
{
    (void)state;
    struct revoke_list list = list_of("01\nserial\nxyz\n02\n,,\n");
    assert_int_equal(list.bad_count, 3);
    assert_int_equal(bad_sum, 2 + 3 + 5);
    revoke_list_done(&list);
    list = list_of("");
    assert_int_equal(list.count + list.bad_count, 0);
    revoke_list_done(&list);
}

static void a_byte_order_mark(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xEF\xBB\xBFserial,reason,time\n0101\n",
                                        ("\xEF\xBB\xBF"
                                         "0101"),
                                        "\xEF\xBB\xBF\n0101"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct revoke_list list = list_of(texts[i]);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.bad_count, 0);
        revoke_list_done(&list);
    }
    /* Only there, and only whole. */
    struct revoke_list list = list_of("0101\n\xEF\xBB\xBF"
                                      "0102\n\xEF\xBB");
    assert_int_equal(list.count, 1);
    assert_int_equal(list.bad_count, 2);
    revoke_list_done(&list);
}

static void a_line_without_end(void **state)
{
    char text[REVOKE_LINE_BYTES_MAX + 8];
    (void)state;
    memset(text, '4', sizeof text - 1);
    text[0] = '1';
    text[1] = '\n';
    text[sizeof text - 1] = '\0';
    struct revoke_list list = list_of(text);
    assert_int_equal(list.bad_count, 1);
    assert_int_equal(bad_sum, 2);
    revoke_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(in_key_order_each_once),
        cmocka_unit_test(each_bad_line_is_told_of),
        cmocka_unit_test(a_byte_order_mark),
        cmocka_unit_test(a_line_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

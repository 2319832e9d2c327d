/* SPDX-License-Identifier: Apache-2.0 */
/* The generator's requests, read back by the edge's own decoders; and the file of serials. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sign_fixture.h"

#include "bench/load/request_write.h"
#include "bench/load/serials.h"
#include "lib/base64.h"
#include "lib/http_request.h"
#include "lib/ocsp_request.h"
#include "lib/random.h"

static const uint8_t hashes[2][32] = {{1, 2, 3, 255}, {9, 8, 7, 254}};

static struct request_issuer issuer_of(enum certid_hash hash)
{
    size_t size = hash == CERTID_HASH_SHA1 ? 20 : 32;
    return (struct request_issuer){hash, span_of(hashes[0], size), span_of(hashes[1], size)};
}

static void read_back(const struct request_issuer *issuer, struct span serial, bool is_get,
                      bool close, struct span octets, const char *prefix)
{
    struct http_request http;
    struct ocsp_request ocsp;
    uint8_t der[512];
    size_t size = 0;
    assert_int_equal(http_request_parse(octets, 0, &http), HTTP_REQUEST);
    assert_int_equal(http.method, is_get ? HTTP_GET : HTTP_POST);
    assert_int_equal(http.keep_alive, !close);
    assert_true(span_equal(http.host, span_text("bench.test:8080")));
    struct span rest = span_of(octets.data + http.head_bytes, octets.size - http.head_bytes);
    if (is_get) {
        size_t prefix_size = strlen(prefix);
        assert_true(http.target.size > prefix_size && rest.size == 0);
        assert_memory_equal(http.target.data, prefix, prefix_size);
        struct span path = span_of(http.target.data + prefix_size, http.target.size - prefix_size);
        for (size_t i = 0; i < path.size; i++)
            assert_true(strchr("+/=", path.data[i]) == NULL);
        assert_int_equal(ocsp_path_decode(path, der, sizeof der, &size), ERR_OK);
        rest = span_of(der, size);
    } else {
        assert_true(span_equal(http.target, span_text(prefix)));
        assert_true(span_equal(http.content_type, span_text("application/ocsp-request")));
        assert_int_equal(http.content_length_bytes, rest.size);
    }
    assert_int_equal(ocsp_request_decode(rest, &ocsp), ERR_OK);
    assert_int_equal(ocsp.hash, issuer->hash);
    assert_true(span_equal(ocsp.name_hash, issuer->name_hash));
    assert_true(span_equal(ocsp.key_hash, issuer->key_hash));
    assert_true(span_equal(ocsp.serial, serial));
}

static void every_kind(void **state)
{
    (void)state;
    uint64_t random = 4;
    static const char *const prefixes[] = {"/", "/ocsp/", "/a/b/"};
    for (unsigned kind = 0; kind < 24; kind++) {
        bool is_get = kind & 1, close = kind & 2;
        struct request_issuer issuer = issuer_of(kind & 4 ? CERTID_HASH_SHA256 : CERTID_HASH_SHA1);
        struct request_place place = {"bench.test:8080", prefixes[kind / 8]};
        for (size_t size = 1; size <= SERIAL_BYTES_MAX; size++) {
            struct request_form form;
            assert_int_equal(request_form_make(&place, &issuer, size, is_get, close, &form),
                             ERR_OK);
            for (unsigned round = 0; round < 50; round++) {
                uint8_t serial[SERIAL_BYTES_MAX];
                for (size_t i = 0; i < size; i++) /* many 0xff and 0xfb: '/' and '+' */
                    serial[i] =
                        round < 2 ? (round == 0 ? 0xff : 0xfb) : (uint8_t)random_next(&random);
                serial[0] = (uint8_t)(serial[0] & 0x7f) | 1;
                uint8_t *out = malloc(request_form_room(&form, size));
                assert_non_null(out);
                size_t written = request_write(&form, span_of(serial, size), out);
                read_back(&issuer, span_of(serial, size), is_get, close, span_of(out, written),
                          place.prefix);
                free(out);
            }
        }
    }
}

static void too_long(void **state)
{
    (void)state;
    static char text[4096];
    memset(text, 'a', sizeof text - 1);
    struct request_issuer issuer = issuer_of(CERTID_HASH_SHA256);
    static struct request_form form;
    uint8_t out[64];
    size_t size = 0;
    for (unsigned is_get = 0; is_get < 2; is_get++) {
        struct request_place place = {"h", text};
        assert_int_equal(request_form_make(&place, &issuer, 16, is_get, false, &form),
                         ERR_NO_SPACE);
        place = (struct request_place){text, "/"};
        assert_int_equal(request_form_make(&place, &issuer, 16, is_get, false, &form),
                         ERR_NO_SPACE);
    }
    struct request_place place = {"h", "/"};
    assert_int_equal(request_plain(&place, "/x", true, out, sizeof out, &size), ERR_OK);
    assert_true(span_equal(span_of(out, size),
                           span_text("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")));
    assert_int_equal(request_plain(&place, text, true, out, sizeof out, &size), ERR_NO_SPACE);
}

static void serials_file(void **state)
{
    (void)state;
    char directory[FIXTURE_PATH_BYTES], path[FIXTURE_PATH_BYTES];
    struct serials serials;
    uint64_t line = 0;
    fixture_directory(directory);
    fixture_path(directory, "serials", path);
    fixture_text(path, "01\n\nff\r\n4A00112233445566778899aabbccddeeff\n0x0010");
    assert_int_equal(serials_read(path, &serials, &line), ERR_OK);
    assert_true(serials.count == 4);
    assert_true(span_equal(serials_get(&serials, 0), span_of("\x01", 1)));
    assert_true(span_equal(serials_get(&serials, 1), span_of("\x00\xff", 2)));
    assert_int_equal(serials_get(&serials, 2).size, 17);
    assert_true(span_equal(serials_get(&serials, 3), span_of("\x10", 1)));
    assert_true(serials.sizes[1] && serials.sizes[2] && serials.sizes[17] && !serials.sizes[16]);
    serials_done(&serials);
    static const struct {
        const char *text;
        enum err err;
        uint64_t line;
    } bad[] = {
        {"", ERR_MALFORMED, 0},
        {"\n\n", ERR_MALFORMED, 0},
        {"01\nxyz\n", ERR_MALFORMED, 2},
        {"01\n\n02 03\n", ERR_MALFORMED, 3},
        {"01\n00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff11\n", ERR_OK, 0},
        {"7f112233445566778899aabbccddeeff00112233445566778899aabbccddeeff1122\n", ERR_LIMIT, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fixture_text(path, bad[i].text);
        enum err err = serials_read(path, &serials, &line);
        assert_int_equal(err, bad[i].err);
        assert_true(line == bad[i].line);
        if (err == ERR_OK)
            serials_done(&serials);
    }
    assert_int_equal(serials_read(directory, &serials, &line), ERR_IO);
    fixture_remove(directory);
    assert_int_equal(serials_read(path, &serials, &line), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),
        cmocka_unit_test(too_long),
        cmocka_unit_test(serials_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/hex.h"
#include "lib/limit.h"
#include "tests/unit/guard_page.h"

/* RFC 4648 section 10, and the two symbols it leaves out. */
static const struct {
    const char *hex, *text;
} vectors[] = {
    {"", ""},
    {"66", "Zg=="},
    {"666f", "Zm8="},
    {"666f6f", "Zm9v"},
    {"666f6f62", "Zm9vYg=="},
    {"666f6f6261", "Zm9vYmE="},
    {"666f6f626172", "Zm9vYmFy"},
    {"fbff", "+/8="},
    {"ffffff", "////"},
    {"03fffc", "A//8"},
    {"03fefc", "A/78"},
};

static void known_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t data[16], out[16];
        char text[32];
        size_t data_size, size;
        assert_int_equal(hex_decode(span_text(vectors[i].hex), data, sizeof data, &data_size),
                         ERR_OK);
        assert_int_equal(
            base64_encode(span_of(data, data_size), text, BASE64_ENCODED_BYTES(data_size), &size),
            ERR_OK);
        assert_true(span_equal(span_of(text, size), span_text(vectors[i].text)));
        assert_int_equal(base64_decode(guard_copy(text, size), out, data_size, &size), ERR_OK);
        assert_true(span_equal(span_of(out, size), span_of(data, data_size)));
        /* Without its padding. */
        size_t bare = strcspn(vectors[i].text, "=");
        assert_int_equal(base64_decode(guard_copy(text, bare), out, data_size, &size), ERR_OK);
        assert_true(span_equal(span_of(out, size), span_of(data, data_size)));
        if (data_size > 0) {
            assert_int_equal(base64_decode(span_of(text, bare), out, data_size - 1, &size),
                             ERR_NO_SPACE);
            assert_int_equal(base64_encode(span_of(data, data_size), text,
                                           BASE64_ENCODED_BYTES(data_size) - 1, &size),
                             ERR_NO_SPACE);
        }
    }
}

static const char *const refused[] = {
    "Z",    "Zg=",   "Zg===",    "Zm8==", "Zm9v=",    "Zm9v====", "=",        "====", "Zg==Zg==",
    "Zh==", "Zm9=",  "Zh",       "Zm9",   "Zm9v\n",   " Zm9v",    "Zm 9v",    "Zm9-", "Zm9_",
    "Zm%",  "Zm9\t", "Zm9vYg=Y", "Zm9vY", "Zg%3D%3D", "Z\x80g=",  "Zm9v.Zm8", "Zg=a",
};

static void strict_alphabet(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        uint8_t out[16];
        size_t size = 77;
        struct span text = guard_copy(refused[i], strlen(refused[i]));
        if (base64_decode(text, out, sizeof out, &size) != ERR_MALFORMED)
            fail_msg("accepted: %s", refused[i]);
        assert_int_equal(size, 77);
    }
    uint8_t out[16];
    size_t size;
    assert_int_equal(base64_decode(span_of("Zm\0v", 4), out, sizeof out, &size), ERR_MALFORMED);
}

/* The spellings of one request seen from clients: every path names the same octets. */
static const struct {
    const char *path, *hex; /* NULL: refused */
} paths[] = {
    {"MAMB+/8=", "300301fbff"},
    {"MAMB%2B/8=", "300301fbff"},
    {"MAMB%2b%2f8%3d", "300301fbff"},
    {"MAMB%2B%2F8%3D", "300301fbff"},
    {"MAMB+/8", "300301fbff"},
    {"MAMB%2B%2F8", "300301fbff"},
    {"MAMB-_8=", "300301fbff"},
    {"MAMB-_8", "300301fbff"},
    {"MAMB-/8%3D", "300301fbff"},
    {"/MAMB+/8=", "300301fbff"},
    {"///MAMB+/8=", "300301fbff"},
    {"MAUBA//8A/78", "30050103fffc03fefc"},
    {"MAUBA%2F%2F8A%2f78", "30050103fffc03fefc"},
    {"MAYB////////", "300601ffffffffffff"},
    {"//MAYB////////", "300601ffffffffffff"},
    {"%4DAMB%2B%2F8%3D", "300301fbff"}, /* any octet may be percent-encoded, RFC 3986 2.3 */
    {"", ""},
    {"/", ""},
    {"MAMB+/8=%", NULL},
    {"MAMB+/8%3", NULL},
    {"MAMB+/8%3G", NULL},
    {"MAMB%25+/8", NULL}, /* nothing is decoded twice */
    {"MAMB%252B", NULL},
    {"MAMB%00", NULL},
    {"MAMB +/8=", NULL},
    {"MAMB%20/8=", NULL},
    {"MAMB+/8=?x=1", NULL},
    {"MAMB+/8=/", NULL},
    {"MAMB+/9=", NULL},
    {"../MAMB", NULL},
    {"MAMB+/8%3D%3D", NULL},
};

static void path_spellings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        uint8_t out[32];
        char text[65];
        size_t size = 77;
        struct span path = guard_copy(paths[i].path, strlen(paths[i].path));
        enum err err = ocsp_path_decode(path, out, sizeof out, &size);
        if (paths[i].hex == NULL) {
            if (err != ERR_MALFORMED || size != 77)
                fail_msg("accepted: %s", paths[i].path);
            continue;
        }
        assert_int_equal(err, ERR_OK);
        assert_int_equal(hex_encode(span_of(out, size), text, sizeof text), ERR_OK);
        assert_string_equal(text, paths[i].hex);
    }
}

/* A request whose CertID hashes are all ones is a long run of '/': none may get lost. */
static void long_slash_runs(void **state)
{
    (void)state;
    uint8_t der[256] = {0x30, 0x82}, out[256];
    char text[1024];
    size_t size, out_size;
    memset(der + 2, 0xFF, sizeof der - 2);
    for (size_t der_size = 1; der_size <= sizeof der; der_size++) {
        assert_int_equal(base64_encode(span_of(der, der_size), text, sizeof text, &size), ERR_OK);
        assert_int_equal(ocsp_path_decode(guard_copy(text, size), out, der_size, &out_size),
                         ERR_OK);
        assert_true(span_equal(span_of(out, out_size), span_of(der, der_size)));
        assert_int_equal(ocsp_path_encode(span_of(der, der_size), text, sizeof text, &size),
                         ERR_OK);
        assert_null(memchr(text, '/', size));
        assert_null(memchr(text, '+', size));
        assert_null(memchr(text, '=', size));
        assert_int_equal(ocsp_path_decode(guard_copy(text, size), out, der_size, &out_size),
                         ERR_OK);
        assert_true(span_equal(span_of(out, out_size), span_of(der, der_size)));
        size_t full = size;
        assert_int_equal(ocsp_path_encode(span_of(der, der_size), text, full - 1, &size),
                         ERR_NO_SPACE);
        assert_int_equal(ocsp_path_encode(span_of(der, der_size), text, full, &size), ERR_OK);
    }
}

/* Both encodings of random octets come back, at every length and output size. */
static void round_trips(void **state)
{
    (void)state;
    srandom(4711);
    for (size_t round = 0; round < 2000; round++) {
        uint8_t data[300], out[300];
        char text[1200];
        size_t size = (size_t)random() % sizeof data, text_size, out_size;
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)random();
        assert_int_equal(base64_encode(span_of(data, size), text, sizeof text, &text_size), ERR_OK);
        assert_int_equal(base64_decode(guard_copy(text, text_size), out, size, &out_size), ERR_OK);
        assert_true(span_equal(span_of(out, out_size), span_of(data, size)));
        if (size == 0)
            continue;
        data[0] = 0x30; /* as DER; a leading '/' would be taken for the URL's */
        assert_int_equal(ocsp_path_encode(span_of(data, size), text, sizeof text, &text_size),
                         ERR_OK);
        assert_int_equal(ocsp_path_decode(guard_copy(text, text_size), out, size, &out_size),
                         ERR_OK);
        assert_true(span_equal(span_of(out, out_size), span_of(data, size)));
        assert_int_equal(ocsp_path_decode(span_of(text, text_size), out, size - 1, &out_size),
                         ERR_NO_SPACE);
    }
}

/* What the fast way takes when there is room for it, the general one takes too, and the other way
 * round: without that room only the general one runs. */
static bool expect_path_agreement(struct span path)
{
    uint8_t fast[OCSP_PATH_DECODE_BYTES(256)], general[256];
    size_t fast_size = 777, size = 777;
    assert_true(path.size <= 192 && path.size > 0);
    enum err fast_err = ocsp_path_decode(path, fast, OCSP_PATH_DECODE_BYTES(path.size), &fast_size);
    enum err err = ocsp_path_decode(path, general, path.size, &size);
    if (fast_err != err || fast_size != size || (err == ERR_OK && memcmp(fast, general, size) != 0))
        fail_msg("%.*s: %s and %zu, in general %s and %zu", (int)path.size, (const char *)path.data,
                 err_name(fast_err), fast_size, err_name(err), size);
    return err == ERR_OK;
}

/* Every octet at every place of paths of every length. */
static void path_ways_agree(void **state)
{
    (void)state;
    for (size_t der_size = 1; der_size <= 40; der_size++) {
        uint8_t der[40];
        char text[192];
        size_t size;
        for (size_t i = 0; i < der_size; i++)
            der[i] = (uint8_t)(i * 37 + der_size * 11 + (i % 3 == 0 ? 0xf8 : 0));
        assert_int_equal(ocsp_path_encode(span_of(der, der_size), text, sizeof text, &size),
                         ERR_OK);
        assert_true(expect_path_agreement(guard_copy(text, size)));
        for (size_t cut = 1; cut < size; cut++)
            (void)expect_path_agreement(guard_copy(text, cut));
        for (size_t at = 0; at < size; at++) {
            char symbol = text[at];
            for (unsigned c = 0; c < 256; c++) {
                text[at] = (char)c;
                (void)expect_path_agreement(span_of(text, size));
            }
            text[at] = symbol;
        }
    }
}

static void path_ways_agree_at_random(void **state)
{
    (void)state;
    static const char parts[][5] = {"A",   "z",   "0",    "+",   "/",   "=",   "-",  "_",
                                    "%2B", "%2f", "%3D",  "%25", "%00", "%41", "%4", "%",
                                    "==",  "QUE", "a9Zy", "3D",  "%3d", ".",   "M",  "g"};
    uint32_t seed = 1;
    unsigned accepted = 0;
    for (unsigned round = 0; round < 300000; round++) {
        char text[192];
        size_t size = 0;
        size_t length = 1 + (seed >> 16) % 40;
        while (size < length) {
            seed = seed * 1664525u + 1013904223u;
            /* Mostly letters, so that some are accepted. */
            const char *part = parts[(seed >> 8) % 3 != 0 ? 18 : (seed >> 12) % 24];
            size_t part_size = strnlen(part, sizeof parts[0]);
            memcpy(text + size, part, part_size);
            size += part_size;
        }
        accepted += expect_path_agreement(guard_copy(text, size));
    }
    assert_true(accepted > 10000 && accepted < 290000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(strict_alphabet),
        cmocka_unit_test(path_spellings),
        cmocka_unit_test(long_slash_runs),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(path_ways_agree),
        cmocka_unit_test(path_ways_agree_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

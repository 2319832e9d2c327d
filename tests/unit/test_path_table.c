/* SPDX-License-Identifier: Apache-2.0 */
/* The path table against a plain list. */
#include "tests/unit/file_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FILES 3000u

static uint8_t octets[FILES + 10];
static char paths[FILES][40];

static void put(struct path_table *t, uint32_t i, bool with_blob)
{
    struct span blob = span_of(octets + i, 10);
    snprintf(paths[i], sizeof paths[i], i % 3 == 0 ? "/crl/%u.crl" : "/x/y/partition-%u", i);
    struct blob_path about = {.path = span_text(paths[i]),
                              .blob = sha256_of(span_of(&i, sizeof i)),
                              .blob_bytes = blob.size,
                              .media_type = span_text("a/b"),
                              .modified_s = i};
    if (with_blob)
        path_table_add_blob(t, &about.blob, blob);
    assert_int_equal(path_table_add_file(t, &about), ERR_OK);
}

static void test_found(void **state)
{
    (void)state;
    struct path_table *t;
    assert_int_equal(path_table_new(FILES, FILES, &t), ERR_OK);
    for (uint32_t i = 0; i < FILES; i++)
        put(t, i, i % 10 != 9);
    put(t, 0, true); /* twice */
    assert_int_equal(path_table_file_count(t), FILES - FILES / 10);
    assert_int_equal(path_table_left_out(t), FILES / 10 + 1);
    struct path_table *share = path_table_share(t);
    assert_null(path_table_free(share));
    for (uint32_t i = 0; i < FILES; i++) {
        char copy[40];
        snprintf(copy, sizeof copy, "%s", paths[i]);
        const struct path_file *file = path_table_find(t, span_text(copy));
        struct sha256 hash = sha256_of(span_of(&i, sizeof i));
        if (i % 10 == 9) {
            assert_null(file);
            assert_null(path_table_blob(t, hash.octets));
            continue;
        }
        assert_non_null(file);
        assert_int_equal(file->about.modified_s, i);
        assert_ptr_equal(file->octets, octets + i);
        assert_ptr_equal(path_table_blob(t, hash.octets), octets + i);
        assert_true(span_equal(file->about.media_type, span_text("a/b")));
        copy[strlen(copy) - 1] ^= 1;
        const struct path_file *near = path_table_find(t, span_text(copy));
        assert_true(near == NULL || near->about.modified_s != i);
    }
    static const char *const absent[] = {"", "/", "/c", "crl/0.crl", "/zrl/0.crl", "/crl/0.crl/"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_null(path_table_find(t, span_text(absent[i])));
    assert_null(path_table_free(t));
}

static void test_bounds(void **state)
{
    (void)state;
    struct path_table *t;
    assert_int_equal(path_table_new(PATH_TABLE_FILES_MAX + 1, 1, &t), ERR_LIMIT);
    assert_int_equal(path_table_new(1, PATH_TABLE_BLOBS_MAX + 1, &t), ERR_LIMIT);
    assert_int_equal(path_table_new(2, 1, &t), ERR_OK);
    put(t, 0, true);
    put(t, 1, true); /* no room for its blob */
    assert_int_equal(path_table_file_count(t), 1);
    put(t, 0, true);
    assert_int_equal(path_table_left_out(t), 2);
    path_table_free(t);
    assert_int_equal(path_table_new(0, 0, &t), ERR_OK);
    assert_null(path_table_find(t, span_text("/a")));
    assert_null(path_table_free(t));
    assert_null(path_table_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_found), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

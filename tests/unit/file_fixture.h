/* SPDX-License-Identifier: Apache-2.0 */
/* Path tables over octets of the test's own. */
#pragma once

#include "edge/path_table.h"
#include "lib/check.h"

#define FILE_FIXTURE_MAX 4

struct file_fixture {
    const char *path;
    struct span blob;
    const char *media_type;
    uint64_t modified_s, next_s, expires_s;
};

/** Blobs of rows without a path are in the store without being served. */
static inline struct path_table *file_fixture_table(const struct file_fixture *rows, size_t count)
{
    struct path_table *table;
    enum err err = path_table_new(count, count, &table);
    CHECK(err == ERR_OK);
    for (size_t i = 0; i < count; i++) {
        struct blob_path about = {
            .path = span_text(rows[i].path == NULL ? "/" : rows[i].path),
            .blob = sha256_of(rows[i].blob),
            .blob_bytes = rows[i].blob.size,
            .media_type =
                span_text(rows[i].media_type == NULL ? "application/pkix-crl" : rows[i].media_type),
            .modified_s = rows[i].modified_s,
            .next_s = rows[i].next_s,
            .expires_s = rows[i].expires_s};
        path_table_add_blob(table, &about.blob, rows[i].blob);
        if (rows[i].path == NULL)
            continue;
        err = path_table_add_file(table, &about);
        CHECK(err == ERR_OK);
    }
    return table;
}

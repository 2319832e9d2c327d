/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_paths.h"

#include <stdio.h>
#include <stdlib.h>

#include "edge/store_blob.h"
#include "lib/check.h"
#include "tests/sim/sim_publisher.h"

static struct span path_name(uint32_t which)
{
    static char names[SIM_PATHS][16];
    snprintf(names[which], sizeof names[which], "/crl/1/%u.crl", (unsigned)which);
    return span_text(names[which]);
}

static struct blob_path entry_of(uint32_t which, const struct sim_path *path)
{
    struct blob_path entry = {.path = path_name(which)};
    if (path->sequence == 0)
        return entry;
    entry.blob = path->blob;
    entry.blob_bytes = path->blob_bytes;
    entry.media_type = span_text("application/pkix-crl");
    entry.modified_s = path->sequence;
    return entry;
}

static struct sha256 put_blob(struct sim_publication *p, uint64_t sequence, size_t size)
{
    static uint8_t octets[SIM_BLOB_BYTES_MAX];
    uint64_t state = sequence;
    for (size_t i = 0; i < size; i++)
        octets[i] = (uint8_t)(i % 8 == 0 ? sim_random(&state) : (state >> 8 * (i % 8)));
    return sim_put_named(p, "blob", span_of(octets, size));
}

static size_t blob_size(struct sim_publication *p)
{
    if (p->large_blobs && sim_below(&p->random, 3) == 0)
        return SIM_BLOB_BYTES_MAX - sim_below(&p->random, SIM_BLOB_BYTES_MAX / 2);
    return 1 + sim_below(&p->random, SIM_BLOB_BYTES_SMALL);
}

void sim_paths_change(struct sim_publication *p, struct log_writer *w)
{
    struct sim_paths *paths = &p->state.paths;
    uint64_t sequence = ++paths->sequence;
    size_t size = blob_size(p);
    for (uint32_t n = 1 + sim_below(&p->random, 3); n > 0; n--) {
        uint32_t which = sim_below(&p->random, SIM_PATHS);
        bool withdrawn = sim_below(&p->random, 5) == 0;
        if (sim_below(&p->random, 2) == 0)
            size = blob_size(p); /* else the one before and this one share a blob */
        struct sim_path path = {0};
        if (!withdrawn)
            path = (struct sim_path){
                .sequence = sequence, .blob_bytes = size, .blob = put_blob(p, sequence, size)};
        paths->list[which] = path;
        struct blob_path entry = entry_of(which, &path);
        log_writer_path(w, &entry);
        if (withdrawn)
            continue;
        CHECK(p->named_count < SIM_FILES_MAX);
        p->named[p->named_count++] = (struct sim_named){path.blob, p->state.log_last + 1};
    }
}

void sim_paths_index(const struct sim_publication *p, struct index_writer *w)
{
    for (uint32_t i = 0; i < SIM_PATHS; i++) {
        struct blob_path entry = entry_of(i, &p->state.paths.list[i]);
        if (entry.blob_bytes > 0)
            index_writer_path(w, &entry);
    }
}

void sim_paths_restore(struct sim_publication *p)
{
    for (uint32_t i = 0; i < SIM_PATHS; i++) {
        const struct sim_path *path = &p->state.paths.list[i];
        if (path->sequence > 0)
            put_blob(p, path->sequence, path->blob_bytes);
    }
}

static bool is_needed(const struct sim_publication *p, const struct sha256 *blob)
{
    for (uint32_t i = 0; i < p->named_count; i++)
        if (p->named[i].log_number > p->state.index_log && sha256_equal(&p->named[i].blob, blob))
            return true;
    for (uint32_t i = 0; i < SIM_PATHS; i++)
        if (sha256_equal(&p->state.index_paths.list[i].blob, blob))
            return true;
    return false;
}

void sim_paths_trim(struct sim_publication *p)
{
    for (uint32_t i = 0; i < p->file_count; i++) {
        struct sim_file *file = &p->files[i];
        if (strncmp(file->name, "blob/", 5) != 0 || file->gone)
            continue;
        struct sha256 hash = sha256_of(file->content);
        file->gone = !is_needed(p, &hash);
    }
}

struct sim_path sim_path_of_store(struct store_txn *txn, uint32_t which)
{
    struct blob_path entry;
    struct span octets;
    enum err err = store_get_path(txn, path_name(which), &entry);
    if (err == ERR_NOT_FOUND)
        return (struct sim_path){0};
    CHECK(err == ERR_OK);
    CHECK(store_get_blob(txn, &entry.blob, entry.blob_bytes, &octets) == ERR_OK);
    struct sha256 hash = sha256_of(octets);
    CHECK(sha256_equal(&hash, &entry.blob));
    return (struct sim_path){
        .sequence = entry.modified_s, .blob_bytes = octets.size, .blob = entry.blob};
}

bool sim_path_equal(const struct sim_path *a, const struct sim_path *b)
{
    return a->sequence == b->sequence && a->blob_bytes == b->blob_bytes &&
           sha256_equal(&a->blob, &b->blob);
}

bool sim_paths_equal_store(const struct sim_paths *want, struct store_txn *txn)
{
    for (uint32_t i = 0; i < SIM_PATHS; i++) {
        struct sim_path have = sim_path_of_store(txn, i);
        if (!sim_path_equal(&have, &want->list[i]))
            return false;
    }
    return true;
}

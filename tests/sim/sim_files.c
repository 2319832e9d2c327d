/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_files.h"

#include "lib/check.h"

#include <stdio.h>
#include <stdlib.h>

/* Which blob is at path "/f/<n>.crl": in the second table one path is withdrawn and one names
 * another blob, and of blob 1 nothing is left. */
static const int blob_at[SIM_TABLES][SIM_FILES] = {{0, 1, 2, 3}, {0, -1, 3, 3}};
static const size_t sizes[SIM_FILES] = {1000, 20000, 70000, 600000};
static const bool has_blob[SIM_TABLES][SIM_FILES] = {{true, true, true, true},
                                                     {true, false, true, true}};

static void path_text(uint32_t file, char ret[static 16])
{
    snprintf(ret, 16, "/f/%u.crl", file);
}

static struct path_table *table_make(const struct sim_world *world, uint32_t which)
{
    struct path_table *table;
    enum err err = path_table_new(SIM_FILES, SIM_FILES, &table);
    CHECK(err == ERR_OK);
    for (uint32_t i = 0; i < SIM_FILES; i++)
        if (has_blob[which][i])
            path_table_add_blob(table, &world->blob_hashes[i], world->blobs[i]);
    for (uint32_t i = 0; i < SIM_FILES; i++) {
        char path[16];
        if (blob_at[which][i] < 0)
            continue;
        uint32_t blob = (uint32_t)blob_at[which][i];
        path_text(i, path);
        struct blob_path about = {.path = span_text(path),
                                  .blob = world->blob_hashes[blob],
                                  .blob_bytes = world->blobs[blob].size,
                                  .media_type = span_text("application/pkix-crl"),
                                  .modified_s = SIM_NOW_S - 1000,
                                  .next_s = SIM_NOW_S + 10,
                                  .expires_s = i == 0 ? SIM_NOW_S + SIM_FILE_EXPIRES_S : 0};
        enum err added = path_table_add_file(table, &about);
        CHECK(added == ERR_OK);
    }
    return table;
}

void sim_files_start(struct sim_world *world)
{
    for (uint32_t i = 0; i < SIM_FILES; i++) {
        uint8_t *octets = malloc(sizes[i]);
        CHECK(octets != NULL);
        fixture_random_fill(&world->random, octets, sizes[i]);
        world->blobs[i] = span_of(octets, sizes[i]);
        world->blob_hashes[i] = sha256_of(world->blobs[i]);
    }
    for (uint32_t i = 0; i < SIM_TABLES; i++) {
        world->snapshots[i] = *world->fixture.snapshot;
        world->snapshots[i].paths = table_make(world, i);
    }
}

void sim_files_stop(struct sim_world *world)
{
    for (uint32_t i = 0; i < SIM_TABLES; i++)
        path_table_free(world->snapshots[i].paths);
    for (uint32_t i = 0; i < SIM_FILES; i++)
        free((void *)(uintptr_t)world->blobs[i].data);
}

static void put_text(struct sim_client *c, const char *text)
{
    size_t size = strlen(text);
    CHECK(size <= SIM_STREAM_MAX - c->stream_size);
    memcpy(c->stream + c->stream_size, text, size);
    c->stream_size += size;
}

void sim_files_append(struct sim_client *c, struct sim_world *world)
{
    static const char *const fields[] = {
        [SIM_FILE_WHOLE] = "",
        [SIM_FILE_PART] = "Range: bytes=1-6000\r\n",
        [SIM_FILE_BEHIND] = "Range: bytes=99999999-\r\n",
        [SIM_FILE_KNOWN] = "If-None-Match: *\r\n",
        [SIM_FILE_OTHER] = "If-Match: \"x\"\r\n",
        [SIM_FILE_DELETE] = "",
    };
    struct sim_expect *e = &c->expects[c->request_count];
    char text[128];
    char path[16];
    e->is_file = true;
    e->file = fixture_random_below(&world->random, SIM_FILES);
    e->file_how = fixture_random_below(&world->random, SIM_FILE_HOW_COUNT);
    /* Most are for the whole. */
    if (fixture_random_below(&world->random, 2) == 0)
        e->file_how = SIM_FILE_WHOLE;
    e->is_head = !c->is_garbage && e->file_how == SIM_FILE_WHOLE &&
                 fixture_random_below(&world->random, 6) == 0;
    path_text(e->file, path);
    const char *method = e->file_how == SIM_FILE_DELETE ? "DELETE" : e->is_head ? "HEAD" : "GET";
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path,
             fields[e->file_how]);
    put_text(c, text);
}

static int blob_of(const struct sim_world *world, const struct sim_expect *e, uint64_t made_s)
{
    uint64_t second = made_s - SIM_NOW_S;
    return world->ready[second] ? blob_at[world->table[second]][e->file] : -1;
}

enum outcome sim_files_outcome(const struct sim_world *world, const struct sim_expect *e,
                               uint64_t made_s)
{
    int blob = blob_of(world, e, made_s);
    if (blob < 0)
        return e->file_how == SIM_FILE_DELETE ? OUTCOME_METHOD : OUTCOME_NOT_FOUND;
    if (e->file_how == SIM_FILE_DELETE)
        return OUTCOME_FILE_METHOD;
    if (e->file == 0 && made_s >= SIM_NOW_S + SIM_FILE_EXPIRES_S)
        return OUTCOME_FILE_EXPIRED;
    if (e->file_how == SIM_FILE_KNOWN)
        return OUTCOME_FILE_NOT_MODIFIED;
    if (e->file_how == SIM_FILE_OTHER)
        return OUTCOME_FILE_CONDITION;
    if (e->file_how == SIM_FILE_BEHIND)
        return OUTCOME_FILE_RANGE;
    return e->file_how == SIM_FILE_PART ? OUTCOME_FILE_PART : OUTCOME_FILE;
}

struct span sim_files_body(const struct sim_world *world, const struct sim_expect *e,
                           enum outcome outcome, uint64_t made_s)
{
    struct span blob = world->blobs[blob_of(world, e, made_s)];
    if (outcome != OUTCOME_FILE_PART)
        return blob;
    size_t end = blob.size < 6001 ? blob.size : 6001;
    return span_of(blob.data + 1, end - 1);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a lookup costs: one plain LMDB record a statement and mdb_get(), beside the edge's blocks
 * and side index one by one and in batches, over the same statements.
 *
 *   bench-lookup [--count N] [--rounds N] [--lookups N] [--shape NAME] [--folder DIR]
 *
 * The ways take turns, each with serials that nobody has asked for yet, drawn uniformly from all.
 * Times are medians of the rounds, ratios medians of each round's ratio. With --folder the data
 * stays there and is used again by the next run with the same count (another is refused);
 * --rounds 0 only makes it. */
#include "bench/lookup/data.h"
#include "edge/conn_batch.h"
#include "edge/snapshot.h"
#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "lib/random.h"

#include <getopt.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_MAX    101
#define LOOKUPS_MAX   (16u << 20)
#define CACHE_LINE    64
#define FOLDER_MAX    (PATH_BYTES_MAX / 2)
#define FOLDER_LEADER "/statim-lookup-XXXXXX"

enum way { WAY_PLAIN, WAY_ONE, WAY_BATCH, WAY_COUNT };
static const char *const way_texts[] = {"mdb_get", "snapshot_find", "in batches"};

static struct {
    uint64_t count;
    uint32_t rounds;
    uint32_t lookups;
    int shape; /* SHAPE_COUNT: all */
    char folder[FOLDER_MAX];
    bool keep;
} options = {.count = 20000000, .rounds = 7, .lookups = 1000000, .shape = SHAPE_COUNT};

static struct {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;
    struct snapshot_source *source;
    struct snapshot *snapshot;
    const struct snapshot_issuer *issuer;
    struct serial *queries;
    uint64_t random;
    uint64_t sum; /* of what was found, so that it is really read */
} t;

_Noreturn static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench-lookup: %s: %s\n", what, why);
    exit(1);
}

static void must(const char *what, enum err err)
{
    if (err != ERR_OK)
        fail(what, err_text(err));
}

static void must_mdb(const char *what, int code)
{
    if (code != 0)
        fail(what, mdb_strerror(code));
}

static uint64_t touch(const uint8_t *at, size_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i += CACHE_LINE)
        sum += at[i];
    return sum;
}

/* Opens, and reads everything once: afterwards the pages are in memory and mapped. */
static void plain_open(const char *path)
{
    must_mdb(path, mdb_env_create(&t.env));
    must_mdb(path, mdb_env_set_mapsize(t.env, MAP_BYTES));
    must_mdb(path, mdb_env_set_maxdbs(t.env, 1));
    must_mdb(path, mdb_env_open(t.env, path, MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD, 0640));
    must_mdb(path, mdb_txn_begin(t.env, NULL, MDB_RDONLY, &t.txn));
    must_mdb(path, mdb_dbi_open(t.txn, PLAIN_DB, 0, &t.db));
    MDB_cursor *cursor;
    MDB_val k;
    MDB_val v;
    must_mdb(path, mdb_cursor_open(t.txn, t.db, &cursor));
    while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
        t.sum += touch(v.mv_data, v.mv_size);
    mdb_cursor_close(cursor);
}

static void store_open_snapshot(const char *path)
{
    must(path, snapshot_source_open(path, MAP_BYTES, &t.source));
    must(path, snapshot_build(t.source, NULL, &t.snapshot));
    CHECK(t.snapshot->issuer_count == 1);
    t.issuer = &t.snapshot->issuers[0];
    for (uint32_t g = 0; g < t.snapshot->index.group_count; g++) {
        const struct side_group *group = &t.snapshot->index.groups[g];
        for (uint32_t i = 0; i < group->chunk_count; i++)
            for (uint32_t j = 0; j < group->chunks[i]->count; j++)
                t.sum += touch(side_entry_block(&group->chunks[i]->entries[j]), BLOCK_BYTES_MIN);
    }
}

static void queries_draw(enum shape shape)
{
    for (uint32_t i = 0; i < options.lookups; i++)
        data_serial(shape, random_next(&t.random) % options.count, &t.queries[i]);
}

static uint32_t run_plain(void)
{
    uint32_t found = 0;
    uint64_t issuer_id = data_issuer_id();
    for (uint32_t i = 0; i < options.lookups; i++) {
        uint8_t key[KEY_BYTES_MAX];
        MDB_val k = {.mv_size = key_write(issuer_id, &t.queries[i], key), .mv_data = key};
        MDB_val v;
        if (mdb_get(t.txn, t.db, &k, &v) != 0)
            continue;
        found++;
        t.sum += touch(v.mv_data, v.mv_size);
    }
    return found;
}

static uint32_t run_one(void)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < options.lookups; i++) {
        struct statement s;
        if (!snapshot_find(t.snapshot, t.issuer, &t.queries[i], &s))
            continue;
        found++;
        t.sum += touch(s.signature.data, s.signature.size);
    }
    return found;
}

static uint32_t run_batch(void)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < options.lookups; i += CONN_BATCH_MAX) {
        struct snapshot_lookup lookups[CONN_BATCH_MAX];
        uint32_t count =
            options.lookups - i < CONN_BATCH_MAX ? options.lookups - i : CONN_BATCH_MAX;
        for (uint32_t j = 0; j < count; j++)
            snapshot_find_start(t.snapshot, t.issuer, &t.queries[i + j], &lookups[j]);
        for (uint32_t j = 0; j < count; j++)
            snapshot_find_chunk(&lookups[j]);
        for (uint32_t j = 0; j < count; j++)
            snapshot_find_reach(&lookups[j]);
        for (uint32_t j = 0; j < count; j++)
            snapshot_find_approach(&lookups[j]);
        for (uint32_t j = 0; j < count; j++) {
            struct statement s;
            if (!snapshot_find_finish(&lookups[j], &s))
                continue;
            found++;
            t.sum += touch(s.signature.data, s.signature.size);
        }
    }
    return found;
}

/* Nanoseconds a lookup. */
static double run(enum way way, enum shape shape)
{
    static uint32_t (*const runs[])(void) = {run_plain, run_one, run_batch};
    queries_draw(shape);
    uint64_t start_ns = clock_monotonic_ns();
    uint32_t found = runs[way]();
    uint64_t time_ns = clock_monotonic_ns() - start_ns;
    if (found != options.lookups)
        fail(way_texts[way], "something was not found");
    return (double)time_ns / options.lookups;
}

static int double_order(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(const double *values, uint32_t count)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, double_order);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void compare(enum shape shape)
{
    static double times[WAY_COUNT][ROUNDS_MAX];
    for (uint32_t round = 0; round < options.rounds; round++)
        for (unsigned way = 0; way < WAY_COUNT; way++)
            times[way][round] = run((enum way)way, shape);
    for (unsigned way = 0; way < WAY_COUNT; way++) {
        double ratios[ROUNDS_MAX];
        for (uint32_t round = 0; round < options.rounds; round++)
            ratios[round] = times[WAY_PLAIN][round] / times[way][round];
        printf("%-10s  %-13s  %7.0f ns  %6.2f x\n", shape_text(shape), way_texts[way],
               median(times[way], options.rounds), median(ratios, options.rounds));
    }
}

static void measure(enum shape shape)
{
    char folder[PATH_BYTES_MAX];
    char plain[PATH_BYTES_MAX];
    char store[PATH_BYTES_MAX];
    must(options.folder, path_join(folder, sizeof folder, options.folder, shape_text(shape)));
    must(folder, path_join(plain, sizeof plain, folder, PLAIN_DB));
    must(folder, path_join(store, sizeof store, folder, STORE_DB));
    must(folder, data_make(folder, shape, options.count));
    if (options.rounds > 0) {
        plain_open(plain);
        store_open_snapshot(store);
        compare(shape);
        t.snapshot = snapshot_free(t.snapshot);
        t.source = snapshot_source_free(t.source);
        mdb_txn_abort(t.txn);
        mdb_env_close(t.env);
    }
    if (!options.keep)
        data_remove(folder);
}

static uint64_t number(const char *text, uint64_t low, uint64_t high)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text == 0 || *end != 0 || value < low || value > high)
        fail(text, "not a number in range");
    return value;
}

static int shape_of(const char *text)
{
    for (unsigned i = 0; i < SHAPE_COUNT; i++)
        if (strcmp(text, shape_text((enum shape)i)) == 0)
            return (int)i;
    fail(text, "no such shape");
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"count", required_argument, NULL, 'c'},   {"rounds", required_argument, NULL, 'r'},
        {"lookups", required_argument, NULL, 'l'}, {"shape", required_argument, NULL, 's'},
        {"folder", required_argument, NULL, 'f'},  {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'c')
            options.count = number(optarg, 1, UINT32_MAX);
        else if (option == 'r')
            options.rounds = (uint32_t)number(optarg, 0, ROUNDS_MAX);
        else if (option == 'l')
            options.lookups = (uint32_t)number(optarg, 1, LOOKUPS_MAX);
        else if (option == 's')
            options.shape = shape_of(optarg);
        else if (option == 'f' && strlen(optarg) < FOLDER_MAX)
            options.keep = memccpy(options.folder, optarg, 0, FOLDER_MAX) != NULL;
        else
            fail("usage", "[--count N] [--rounds N] [--lookups N] [--shape NAME] [--folder DIR]");
    }
    if (optind < argc)
        fail(argv[optind], "not an option");
}

static void folder_make(void)
{
    if (options.keep) {
        must(options.folder, directory_make(options.folder, 0750));
        return;
    }
    const char *top = getenv("TMPDIR");
    int size = snprintf(options.folder, FOLDER_MAX, "%s" FOLDER_LEADER, top == NULL ? "/tmp" : top);
    if (size < 0 || size >= FOLDER_MAX || mkdtemp(options.folder) == NULL)
        fail(options.folder, "cannot be made");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    folder_make();
    t.queries = calloc(options.lookups, sizeof *t.queries);
    if (t.queries == NULL)
        fail("memory", "none left");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%llu statements, medians of %u rounds of %u lookups\n",
           (unsigned long long)options.count, options.rounds, options.lookups);
    for (unsigned i = 0; i < SHAPE_COUNT; i++)
        if (options.shape == SHAPE_COUNT || options.shape == (int)i)
            measure((enum shape)i);
    if (!options.keep)
        (void)remove(options.folder);
    free(t.queries);
    fprintf(stderr, "(checksum %llu)\n", (unsigned long long)t.sum);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* statim inspect: what a file of a publication, an edge's store or a status database says. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/limit.h"
#include "tools/inspect.h"
#include "tools/inspect_fact.h"
#include "tools/inspect_store.h"
#include "tools/inspect_text.h"
#include "tools/verb.h"

/* The largest file of a publication. */
#define FILE_BYTES_MAX INDEX_BYTES_MAX

bool inspect_refuse(struct inspection *in, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(in->why, sizeof in->why, format, arguments);
    va_end(arguments);
    return false;
}

void inspect_problem(struct inspection *in, const char *format, ...)
{
    char text[INSPECT_WHY_BYTES];
    va_list arguments;
    if (++in->problem_count > INSPECT_PROBLEMS_MAX)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_t *list = json_object_get(in->facts, "problems");
    fact_row_text(list != NULL ? list : fact_list(in->facts, "problems"), text);
}

/* Files. */

struct kind {
    const char *name;
    const char *magic; /* what such a file begins with */
    bool (*show)(struct inspection *in, struct span content);
};

static const struct kind kinds[] = {
    {"head", "statim-head ", inspect_head},   {"index", "statim-index ", inspect_index},
    {"log entry", "STLE", inspect_log_entry}, {"pack", "STPK", inspect_pack},
    {"template", "STTM", inspect_template},   {"filter", "\x04", inspect_filter},
};

static bool begins_with(struct span content, const char *magic)
{
    size_t size = strlen(magic);
    return content.size >= size && memcmp(content.data, magic, size) == 0;
}

static bool is_hash_name(const char *name, struct sha256 *ret)
{
    return sha256_from_text(span_text(name), ret) == ERR_OK;
}

/* A file whose name is a hash must have that hash. */
static bool check_name(struct inspection *in, struct span content)
{
    const char *slash = strrchr(in->path, '/');
    struct sha256 named, hash = sha256_of(content);
    if (!is_hash_name(slash == NULL ? in->path : slash + 1, &named) || sha256_equal(&named, &hash))
        return true;
    return inspect_refuse(in, "%s", err_text(ERR_HASH));
}

static bool inspect_content(struct inspection *in, struct span content)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (begins_with(content, kinds[i].magic)) {
            fact_text(in->facts, "kind", kinds[i].name);
            fact_number(in->facts, "bytes", content.size);
            return kinds[i].show(in, content) && check_name(in, content);
        }
    }
    if (content.size == 0)
        return inspect_refuse(in, "the file is empty");
    return inspect_refuse(in,
                          "neither a head, an index, a log entry, a pack, a template nor a filter");
}

static bool inspect_file(struct inspection *in)
{
    struct buffer content = {0};
    enum err err = file_read(in->path, FILE_BYTES_MAX, &content);
    bool done = err == ERR_OK ? inspect_content(in, span_of(content.data, content.size))
                              : inspect_refuse(in, "%s", err_text(err));
    buffer_done(&content);
    return done;
}

/* Folders. */

/* The folder itself, or the one in it that the programs make. */
static bool find_database(const char *path, char *ret, size_t ret_size)
{
    static const char *const inner[] = {"", "/store", "/status"};
    char file[PATH_BYTES_MAX];
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        int size = snprintf(file, sizeof file, "%s%s/data.mdb", path, inner[i]);
        if (size < 0 || (size_t)size >= sizeof file || access(file, F_OK) != 0)
            continue;
        (void)snprintf(ret, ret_size, "%s%s", path, inner[i]);
        return true;
    }
    return false;
}

static bool inspect_database(struct inspection *in, struct inspect_lmdb *db)
{
    MDB_dbi dbi;
    bool store = inspect_lmdb_database(db, "block", &dbi) == ERR_OK;
    bool status = inspect_lmdb_database(db, "cert", &dbi) == ERR_OK;
    if (store == status)
        return inspect_refuse(in, "neither an edge's store nor a presigner's status database");
    fact_text(in->facts, "kind", store ? "edge store" : "status database");
    return store ? inspect_edge_store(in, db) : inspect_status_db(in, db);
}

bool inspect_folder(struct inspection *in)
{
    char path[PATH_BYTES_MAX];
    struct inspect_lmdb db;
    if (!find_database(in->path, path, sizeof path))
        return inspect_refuse(in, "a folder without a database (data.mdb); "
                                  "of a publication name a file in it, such as pub/head");
    if (!inspect_lmdb_open(in, path, &db))
        return false;
    bool done = inspect_database(in, &db);
    inspect_lmdb_close(&db);
    if (done && in->problem_count > 0)
        fact_number(in->facts, "problem_count", in->problem_count);
    if (done && in->verify && in->problem_count == 0)
        fact_text(in->facts, "verified",
                  in->signatures ? "all invariants, all signatures" : "all invariants");
    return done;
}

/* The verb. */

static bool parse_options(int argc, char **argv, struct inspection *in, bool *ret_json)
{
    static const struct option table[] = {{"json", no_argument, NULL, 'j'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"verify", no_argument, NULL, 'v'},
                                          {"signatures", no_argument, NULL, 's'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'j':
            *ret_json = true;
            break;
        case 'k':
            in->key = optarg;
            break;
        case 'v':
            in->verify = true;
            break;
        case 's':
            in->verify = in->signatures = true;
            break;
        default:
            return false;
        }
    }
    in->path = optind < argc ? argv[optind] : NULL;
    return optind + 1 == argc;
}

static void print(const struct inspection *in, bool json)
{
    if (json) {
        json_dumpf(in->facts, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
    } else {
        inspect_text_print(in->facts, stdout);
    }
}

static int finish(const struct inspection *in, bool done, bool json)
{
    if (!done) {
        fprintf(stderr, "statim inspect: %s: %s\n", in->path, in->why);
        return 1;
    }
    print(in, json);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "statim inspect: standard output: %s\n", err_text(ERR_IO));
        return 1;
    }
    if (in->problem_count > 0)
        fprintf(stderr, "statim inspect: %s: the database breaks its invariants\n", in->path);
    return in->problem_count > 0 ? 1 : 0;
}

int verb_inspect(int argc, char **argv)
{
    struct inspection in = {0};
    struct stat st;
    bool json = false;
    if (!parse_options(argc, argv, &in, &json))
        return VERB_USAGE;
    in.facts = json_object();
    if (in.facts == NULL)
        return 1;
    bool folder = stat(in.path, &st) == 0 && S_ISDIR(st.st_mode);
    bool done = folder ? inspect_folder(&in) : inspect_file(&in);
    int status = finish(&in, done, json);
    json_decref(in.facts);
    return status;
}

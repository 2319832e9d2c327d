/* SPDX-License-Identifier: Apache-2.0 */
/* statim audit: an append-only log that shows when it was tampered with. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "issuer/audit_retention.h"
#include "issuer/audit_seal.h"
#include "issuer/audit_verify.h"
#include "lib/base64.h"
#include "lib/textline.h"
#include "issuer/audit_key.h"
#include "tools/audit_export.h"
#include "tools/audit_write.h"
#include "tools/verb.h"

#define MISSING_NAMES_MAX 100 /* files that are named; the rest is counted */

static int complain_err(const char *what, enum err err)
{
    return audit_complain(what, err == ERR_IO ? strerror(errno) : err_text(err));
}

static bool open_reader(const struct audit_cli *c, struct verify_key *key, struct audit_reader *ret)
{
    enum err err = audit_verify_key(c->key, c->folder, key);
    if (err != ERR_OK) {
        complain_err(c->key == NULL ? AUDIT_PUBLIC_FILE : c->key, err);
        return false;
    }
    err = audit_reader_open(c->folder, key, ret);
    if (err != ERR_OK)
        complain_err("checkpoint", err);
    return err == ERR_OK;
}

static int check_older(struct audit_reader *r, const struct verify_key *key, const char *path)
{
    struct buffer note = {0};
    struct audit_tree older;
    enum err err = file_read(path, AUDIT_CHECKPOINT_BYTES_MAX, &note);
    if (err == ERR_OK)
        err = audit_checkpoint_open(key, span_of(note.data, note.size), &older);
    buffer_done(&note);
    if (err != ERR_OK)
        return complain_err(path, err);
    err = audit_follows(r, &older);
    if (err == ERR_HASH)
        return audit_complain(path, "the log does NOT begin with what this checkpoint covers");
    if (err == ERR_RANGE)
        return audit_complain(path,
                              "this checkpoint covers more than the log has: entries are GONE");
    if (err != ERR_OK)
        return complain_err(path, err);
    printf("follows the checkpoint of %" PRIu64 " entries\n", older.size);
    return 0;
}

/* Verification stops at the first file that is gone; a person wants to know of all. */
struct missing {
    const char *folder;
    unsigned long count;
};

static enum err name_missing(void *context, const char *name)
{
    struct missing *m = context;
    char path[AUDIT_PATH_MAX];
    TRY(path_join(path, sizeof path, m->folder, name));
    if (access(path, F_OK) == 0)
        return ERR_OK;
    if (m->count++ < MISSING_NAMES_MAX)
        audit_complain(name, "is GONE");
    return ERR_OK;
}

static int complain_fault(const struct audit_reader *r, const char *fault, enum err err)
{
    struct missing missing = {.folder = r->folder};
    if (err == ERR_NOT_FOUND &&
        audit_files_each(r->tree.size, false, name_missing, &missing) == ERR_OK &&
        missing.count > 0) {
        fprintf(stderr, "statim audit: %lu files of the log are missing\n", missing.count);
        return 1;
    }
    return complain_err(fault, err);
}

static int check_sealed(const struct audit_reader *r)
{
    struct audit_seal seal;
    enum err err = audit_seal(r->folder, r->tree.size, true, &seal);
    if (err != ERR_OK)
        return complain_err(seal.first_open, err);
    printf("%" PRIu64 " of %" PRIu64 " whole files are sealed\n", seal.sealed, seal.whole);
    return seal.sealed == seal.whole ? 0 : audit_complain(seal.first_open, "is not sealed");
}

static int check_more(struct audit_reader *r, const struct verify_key *key,
                      const struct audit_cli *c)
{
    unsigned years;
    enum err err = audit_retention_get(r->folder, key, r->tree.size, &years);
    if (err == ERR_OK)
        printf("promises to keep entries for %u years\n", years);
    else if (err != ERR_NOT_FOUND)
        return complain_err(AUDIT_RETENTION_FILE, err);
    int status = c->against == NULL ? 0 : check_older(r, key, c->against);
    if (status == 0 && c->sealed != NULL)
        status = check_sealed(r);
    return status;
}

static int run_verify(const struct audit_cli *c)
{
    struct verify_key key;
    struct audit_reader r;
    char fault[TILE_PATH_BYTES] = "";
    char root[SHA256_TEXT_BYTES];
    if (!open_reader(c, &key, &r))
        return 1;
    enum err err = audit_verify(&r, fault);
    int status = err == ERR_OK ? 0 : complain_fault(&r, fault, err);
    if (status == 0) {
        sha256_to_text(&r.tree.root, root);
        printf("%s: %" PRIu64 " entries, root %s%s\n", key.network, r.tree.size, root,
               c->key == NULL ? " (by the key that lies beside the log)" : "");
        status = check_more(&r, &key, c);
    }
    audit_reader_done(&r);
    return status;
}

static const char *seal_trouble(enum err err)
{
    switch ((int)err) {
    case ERR_KEY:
        return "no right to make it immutable (CAP_LINUX_IMMUTABLE)";
    case ERR_UNSUPPORTED:
        return "this file system has no immutable files";
    case ERR_NOT_FOUND:
        return "is GONE";
    default:
        return strerror(errno);
    }
}

/* What is sealed has been verified: nobody can put it right afterwards. */
static int run_seal(const struct audit_cli *c)
{
    struct verify_key key;
    struct audit_reader r;
    struct audit_seal seal;
    char fault[TILE_PATH_BYTES] = "";
    if (!open_reader(c, &key, &r))
        return 1;
    enum err err = audit_verify(&r, fault);
    int status = err == ERR_OK ? 0 : complain_fault(&r, fault, err);
    if (status == 0) {
        err = audit_seal(r.folder, r.tree.size, false, &seal);
        status = err == ERR_OK ? 0 : audit_complain(seal.first_open, seal_trouble(err));
    }
    if (status == 0)
        printf("%" PRIu64 " files sealed, %" PRIu64 " in all\n", seal.changed, seal.sealed);
    audit_reader_done(&r);
    return status;
}

static int print_inclusion(struct audit_reader *r, uint64_t index)
{
    struct merkle_source source = audit_source(r);
    struct merkle_proof proof;
    char text[AUDIT_PROOF_BYTES_MAX];
    size_t size;
    enum err err = merkle_prove_inclusion(&source, index, r->tree.size, &proof);
    if (err == ERR_RANGE)
        return audit_complain("--index", "no such entry is under the checkpoint");
    if (err == ERR_OK)
        err = audit_proof_write(index, &proof, span_of(r->checkpoint.data, r->checkpoint.size),
                                text, sizeof text, &size);
    if (err != ERR_OK)
        return complain_err("proof", err);
    fwrite(text, 1, size, stdout);
    return 0;
}

static int print_consistency(struct audit_reader *r, uint64_t since)
{
    struct merkle_source source = audit_source(r);
    struct merkle_proof proof;
    enum err err = merkle_prove_consistency(&source, since, r->tree.size, &proof);
    if (err == ERR_RANGE)
        return audit_complain("--since", "not a size of this log, from 1 on");
    if (err != ERR_OK)
        return complain_err("proof", err);
    for (unsigned i = 0; i < proof.count; i++) {
        char line[BASE64_ENCODED_BYTES(SHA256_BYTES)];
        size_t size = 0;
        if (base64_encode(span_of(proof.hashes[i].octets, SHA256_BYTES), line, sizeof line,
                          &size) == ERR_OK)
            printf("%.*s\n", (int)size, line);
    }
    return 0;
}

static bool number_of(const char *option, const char *text, uint64_t fallback, uint64_t *ret)
{
    *ret = fallback;
    if (text == NULL || text_decimal(span_text(text), ret) == ERR_OK)
        return true;
    audit_complain(option, "not a number");
    return false;
}

static int run_prove(const struct audit_cli *c)
{
    struct verify_key key;
    struct audit_reader r;
    uint64_t index;
    uint64_t since;
    if (!number_of("--index", c->index, 0, &index) || !number_of("--since", c->since, 0, &since) ||
        !open_reader(c, &key, &r))
        return 1;
    int status = c->index != NULL ? print_inclusion(&r, index) : print_consistency(&r, since);
    audit_reader_done(&r);
    return status;
}

static int run_export(const struct audit_cli *c)
{
    struct verify_key key;
    struct audit_reader r;
    uint64_t from;
    uint64_t until;
    enum audit_export_format format;
    char fault[TILE_PATH_BYTES] = "";
    if (audit_export_format(c->format, &format) != ERR_OK)
        return audit_complain(c->format, "neither ndjson nor avro");
    if (!open_reader(c, &key, &r))
        return 1;
    int status = 1;
    if (number_of("--from", c->from, 0, &from) &&
        number_of("--until", c->until, r.tree.size, &until)) {
        /* What leaves the log is what its root covers. */
        enum err err = audit_verify(&r, fault);
        if (err == ERR_OK) {
            snprintf(fault, sizeof fault, "%s", "export");
            err = audit_export(&r, key.network, format, from, until);
        }
        status = err == ERR_OK ? 0 : complain_err(fault, err);
    }
    audit_reader_done(&r);
    return status;
}

/* The rows of what can follow `statim audit`: name, what runs it, and which options it takes. */
static const struct command {
    const char *name;
    int (*run)(const struct audit_cli *c);
    const char *options; /* letters of the table below */
    const char *needed;
} commands[] = {
    {"init", audit_init, "ko", "ko"},   {"append", audit_append, "k", "k"},
    {"verify", run_verify, "kal", ""},  {"prove", run_prove, "kis", ""},
    {"export", run_export, "kfum", ""}, {"seal", run_seal, "k", ""},
};

static const char **place_of(struct audit_cli *c, int option)
{
    switch (option) {
    case 'k':
        return &c->key;
    case 'o':
        return &c->origin;
    case 'a':
        return &c->against;
    case 'i':
        return &c->index;
    case 's':
        return &c->since;
    case 'f':
        return &c->from;
    case 'u':
        return &c->until;
    case 'm':
        return &c->format;
    case 'l':
        return &c->sealed;
    default:
        return NULL;
    }
}

static bool parse(int argc, char **argv, const struct command *command, struct audit_cli *c)
{
    static const struct option table[] = {
        {"key", required_argument, NULL, 'k'},     {"origin", required_argument, NULL, 'o'},
        {"against", required_argument, NULL, 'a'}, {"index", required_argument, NULL, 'i'},
        {"since", required_argument, NULL, 's'},   {"from", required_argument, NULL, 'f'},
        {"until", required_argument, NULL, 'u'},   {"format", required_argument, NULL, 'm'},
        {"sealed", no_argument, NULL, 'l'},        {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        const char **place = place_of(c, option);
        if (place == NULL || strchr(command->options, option) == NULL)
            return false;
        *place = optarg != NULL ? optarg : "";
    }
    for (const char *needed = command->needed; *needed != '\0'; needed++) {
        const char **place = place_of(c, *needed);
        if (place == NULL || *place == NULL)
            return false;
    }
    int left = argc - optind;
    bool takes_input = command->run == audit_append;
    if (left < 1 || left > (takes_input ? 2 : 1))
        return false;
    c->folder = argv[optind];
    c->input = left == 2 && strcmp(argv[optind + 1], "-") != 0 ? argv[optind + 1] : NULL;
    return command->run != run_prove || (c->index == NULL) != (c->since == NULL);
}

int verb_audit(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++) {
        struct audit_cli c = {0};
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (!parse(argc - 1, argv + 1, &commands[i], &c))
            return VERB_USAGE;
        int status = commands[i].run(&c);
        bool written = fflush(stdout) == 0 && !ferror(stdout);
        return status == 0 && !written ? audit_complain("output", strerror(errno)) : status;
    }
    return VERB_USAGE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/audit_write.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/audit_log.h"
#include "issuer/audit_tiles.h"
#include "issuer/audit_key.h"

/* Read as a whole, so that a bad line takes nothing. */
#define INPUT_BYTES_MAX (64u << 20)

int audit_complain(const char *what, const char *why)
{
    fprintf(stderr, "statim audit: %s: %s\n", what, why);
    return 1;
}

static int complain_err(const char *what, enum err err)
{
    return audit_complain(what, err == ERR_IO ? strerror(errno) : err_text(err));
}

static enum err load_named(const char *path, const char *origin, struct publish_key **ret)
{
    struct buffer pem = {0};
    TRY(file_read(path, INPUT_BYTES_MAX, &pem));
    enum err err = publish_key_from_pem(span_text(origin), span_of(pem.data, pem.size), ret);
    buffer_done(&pem);
    return err;
}

/* A log of this key that an init() before could not finish: its public half is not beside it. */
static bool is_unfinished(const char *folder, const struct publish_key *key)
{
    struct verify_key beside;
    struct audit_tree tree;
    struct buffer note = {0};
    bool missing = audit_verify_key(NULL, folder, &beside) == ERR_NOT_FOUND;
    enum err err = audit_checkpoint_read(folder, publish_key_public(key), &note, &tree);
    buffer_done(&note);
    return missing && err == ERR_OK;
}

int audit_init(const struct audit_cli *c)
{
    struct publish_key *key = NULL;
    if (network_name_check(span_text(c->origin)) != ERR_OK)
        return audit_complain(c->origin, "not a name of letters, digits, dots and hyphens");
    enum err err = audit_key_make(c->key, c->origin);
    if (err == ERR_OK || err == ERR_EXISTS)
        err = load_named(c->key, c->origin, &key);
    if (err != ERR_OK)
        return complain_err(c->key, err);
    err = audit_log_create(c->folder, key);
    if (err == ERR_OK || (err == ERR_EXISTS && is_unfinished(c->folder, key)))
        err = audit_key_publish(key, c->folder);
    char text[VKEY_TEXT_BYTES];
    verify_key_to_text(publish_key_public(key), text);
    publish_key_free(key);
    if (err != ERR_OK)
        return complain_err(c->folder, err);
    printf("%s\n", text);
    return 0;
}

struct batch {
    struct span *entries; /* each from jansson */
    size_t count;
    size_t room;
};

static void batch_done(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        free((void *)(uintptr_t)b->entries[i].data);
    free(b->entries);
}

static bool batch_take(struct batch *b, char *text)
{
    if (b->count == b->room) {
        size_t room = b->room == 0 ? 64 : 2 * b->room;
        struct span *more = reallocarray(b->entries, room, sizeof *more);
        if (more == NULL)
            return false;
        b->entries = more;
        b->room = room;
    }
    b->entries[b->count++] = span_of(text, strlen(text));
    return true;
}

/* NULL: taken; else what is wrong with the line. */
static const char *take_line(struct batch *b, const char *line, size_t size)
{
    json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        return "not a JSON object";
    }
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    if (text == NULL)
        return "out of memory";
    const char *why = NULL;
    if (strlen(text) > AUDIT_ENTRY_BYTES_MAX)
        why = "longer than an entry may be (65,535 octets)";
    else if (!batch_take(b, text))
        why = "out of memory";
    if (why != NULL)
        free(text);
    return why;
}

static int take_lines(struct batch *b, const struct buffer *input, const char *name)
{
    if (input->size == 0)
        return audit_complain(name, "no entry");
    const char *at = (const char *)input->data;
    const char *end = at + input->size;
    for (unsigned long number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline == NULL ? end : newline;
        const char *why = stop == at ? NULL : take_line(b, at, (size_t)(stop - at));
        if (why != NULL) {
            fprintf(stderr, "statim audit: %s: line %lu: %s; nothing was appended\n", name, number,
                    why);
            return 1;
        }
        at = stop + 1;
    }
    return b->count > 0 ? 0 : audit_complain(name, "no entry");
}

static enum err append_all(struct audit_log *log, const struct batch *b, uint64_t *ret_first)
{
    *ret_first = audit_log_size(log);
    for (size_t at = 0; at < b->count;) {
        uint64_t first;
        size_t now = b->count - at < AUDIT_BATCH_MAX ? b->count - at : AUDIT_BATCH_MAX;
        TRY(audit_log_append(log, b->entries + at, now, &first));
        at += now;
    }
    return audit_log_checkpoint(log);
}

static int append_batch(const struct audit_cli *c, const struct batch *b)
{
    struct publish_key *key = NULL;
    struct audit_log *log = NULL;
    uint64_t before = 0;
    enum err err = audit_key_load(c->key, c->folder, &key);
    if (err != ERR_OK)
        return complain_err(c->key, err);
    err = audit_log_open(c->folder, key, &log);
    if (err == ERR_OK)
        err = append_all(log, b, &before);
    if (err == ERR_OK)
        printf("%zu %s from %llu on\n", b->count, b->count == 1 ? "entry" : "entries",
               (unsigned long long)before);
    int status = err == ERR_OK ? 0 : complain_err(c->folder, err);
    if (status != 0 && log != NULL && audit_log_size(log) > before)
        fprintf(stderr, "statim audit: the first %llu of %zu entries are in the log nonetheless\n",
                (unsigned long long)(audit_log_size(log) - before), b->count);
    audit_log_close(log);
    publish_key_free(key);
    return status;
}

int audit_append(const struct audit_cli *c)
{
    struct buffer input = {0};
    struct batch batch = {0};
    const char *name = c->input == NULL ? "/dev/stdin" : c->input;
    FILE *file = fopen(name, "re");
    int status = 0;
    if (file == NULL)
        return audit_complain(name, strerror(errno));
    char block[65536];
    size_t size;
    while (status == 0 && (size = fread(block, 1, sizeof block, file)) > 0)
        if (input.size + size > INPUT_BYTES_MAX ||
            buffer_append(&input, span_of(block, size)) != ERR_OK)
            status = audit_complain(name, "longer than 64 MiB");
    if (status == 0 && ferror(file))
        status = audit_complain(name, strerror(errno));
    fclose(file);
    if (status == 0)
        status = take_lines(&batch, &input, name);
    if (status == 0)
        status = append_batch(c, &batch);
    batch_done(&batch);
    buffer_done(&input);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_retention.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "issuer/audit_event.h"
#include "issuer/audit_verify.h"
#include "lib/textline.h"

#define TITLE           "statim-retention v1"
#define TEXT_BYTES_MAX  64
#define EVENT_BYTES_MAX 512
#define FILE_MODE       0644
#define NO_LEAF         UINT64_MAX

/* The longest promise that a walk over entries has found. */
struct found {
    unsigned years;
    uint64_t leaf;
};

static bool is_text(const json_t *object, enum audit_field field, const char *text)
{
    const char *value = json_string_value(json_object_get(object, audit_field_word(field)));
    return value != NULL && strcmp(value, text) == 0;
}

/* Entries that are not ours to read (no JSON, other events) are passed by. */
static enum err look(void *context, uint64_t index, struct span entry)
{
    struct found *found = context;
    json_t *json = json_loadb((const char *)entry.data, entry.size, JSON_REJECT_DUPLICATES, NULL);
    const char *years = json_string_value(json_object_get(json, audit_field_word(AUDIT_FIELD_NEW)));
    uint64_t number;
    if (years != NULL && is_text(json, AUDIT_FIELD_TYPE, audit_event_word(AUDIT_POLICY_CHANGED)) &&
        is_text(json, AUDIT_FIELD_POLICY, AUDIT_RETENTION_POLICY) &&
        text_decimal(span_text(years), &number) == ERR_OK && number >= found->years &&
        number <= AUDIT_RETENTION_YEARS_MAX)
        *found = (struct found){.years = (unsigned)number, .leaf = index};
    json_decref(json);
    return ERR_OK;
}

/* The file's word where to look; NO_LEAF when it has none: then all entries are looked at. */
static uint64_t hint(const char *folder)
{
    char path[AUDIT_PATH_MAX];
    struct buffer text = {0};
    uint64_t leaf = NO_LEAF;
    if (path_join(path, sizeof path, folder, AUDIT_RETENTION_FILE) != ERR_OK ||
        file_read(path, TEXT_BYTES_MAX, &text) != ERR_OK)
        return NO_LEAF;
    struct span rest = span_of(text.data, text.size);
    struct span line;
    struct span word;
    if (text_line(&rest, &line) == ERR_OK && span_equal(line, span_text(TITLE)) &&
        text_keyword_line(&rest, "leaf", &word, 2) == ERR_OK && rest.size == 0 &&
        text_decimal(word, &leaf) != ERR_OK)
        leaf = NO_LEAF;
    buffer_done(&text);
    return leaf;
}

static enum err find(const char *folder, const struct verify_key *key, uint64_t size, uint64_t leaf,
                     struct found *found)
{
    struct audit_reader r;
    *found = (struct found){.leaf = NO_LEAF};
    TRY(audit_reader_open(folder, key, &r));
    r.tree.size = size; /* the writer's own tree is ahead of the checkpoint */
    enum err err = leaf < size ? audit_each(&r, leaf, leaf + 1, look, found) : ERR_OK;
    if (err == ERR_OK && found->leaf == NO_LEAF)
        err = audit_each(&r, 0, size, look, found);
    audit_reader_done(&r);
    return err;
}

enum err audit_retention_get(const char *folder, const struct verify_key *key, uint64_t size,
                             unsigned *ret_years)
{
    struct found found;
    TRY(find(folder, key, size, NO_LEAF, &found));
    if (found.leaf == NO_LEAF)
        return ERR_NOT_FOUND;
    *ret_years = found.years;
    return ERR_OK;
}

static enum err put_file(const char *folder, uint64_t leaf)
{
    char path[AUDIT_PATH_MAX];
    char text[TEXT_BYTES_MAX];
    int size = snprintf(text, sizeof text, TITLE "\nleaf %" PRIu64 "\n", leaf);
    TRY(path_join(path, sizeof path, folder, AUDIT_RETENTION_FILE));
    return file_publish(path, span_of(text, (size_t)size), FILE_MODE);
}

static enum err put_event(struct audit_log *log, const struct found *before, unsigned years,
                          uint64_t now_s, struct span actor, uint64_t *ret_leaf)
{
    struct audit_event event;
    char old_text[16];
    char new_text[16];
    char entry[EVENT_BYTES_MAX];
    size_t size;
    snprintf(old_text, sizeof old_text, "%u", before->years);
    snprintf(new_text, sizeof new_text, "%u", years);
    audit_event_begin(&event, AUDIT_POLICY_CHANGED, now_s, actor, SPAN_EMPTY);
    audit_event_text(&event, AUDIT_FIELD_POLICY, span_text(AUDIT_RETENTION_POLICY));
    if (before->leaf != NO_LEAF)
        audit_event_text(&event, AUDIT_FIELD_OLD, span_text(old_text));
    audit_event_text(&event, AUDIT_FIELD_NEW, span_text(new_text));
    TRY(audit_event_write(&event, entry, sizeof entry, &size));
    const struct span octets = span_of(entry, size);
    return audit_log_append(log, &octets, 1, ret_leaf);
}

enum err audit_retention_set(struct audit_log *log, const char *folder,
                             const struct verify_key *key, unsigned years, uint64_t now_s,
                             struct span actor)
{
    struct found found;
    if (years == 0 || years > AUDIT_RETENTION_YEARS_MAX)
        return ERR_RANGE;
    TRY(find(folder, key, audit_log_size(log), hint(folder), &found));
    if (found.leaf != NO_LEAF && found.years > years)
        return ERR_CONFLICT;
    if (found.leaf != NO_LEAF && found.years == years)
        return put_file(folder, found.leaf);
    /* First the file: when a crash lets it point to nothing, all entries are looked at. */
    uint64_t leaf = audit_log_size(log);
    TRY(put_file(folder, leaf));
    return put_event(log, &found, years, now_s, actor, &leaf);
}

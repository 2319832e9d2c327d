/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/audit_export.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/audit_avro.h"
#include "lib/base64.h"

static const char *const words[] = {
#define X(name, word) word,
    AUDIT_EXPORT_TABLE(X)
#undef X
};

enum err audit_export_format(const char *word, enum audit_export_format *ret)
{
    if (word == NULL) {
        *ret = AUDIT_EXPORT_NDJSON;
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0) {
            *ret = (enum audit_export_format)i;
            return ERR_OK;
        }
    return ERR_NOT_FOUND;
}

static bool has_lines(struct span text)
{
    return memchr(text.data, '\n', text.size) != NULL || memchr(text.data, '\r', text.size) != NULL;
}

/* An entry that is no JSON, or that has lines, comes in base64, so that each line is JSON. */
static enum err print_entry(void *context, uint64_t index, struct span entry)
{
    (void)context;
    char hash[SHA256_TEXT_BYTES];
    struct sha256 leaf = merkle_leaf(entry);
    sha256_to_text(&leaf, hash);
    printf("{\"index\":%" PRIu64 ",\"leaf_hash\":\"%s\",", index, hash);
    json_t *json = json_loadb((const char *)entry.data, entry.size, JSON_REJECT_DUPLICATES, NULL);
    if (json != NULL && !has_lines(entry)) {
        printf("\"entry\":%.*s}\n", (int)entry.size, (const char *)entry.data);
    } else {
        size_t size = 0;
        char *text = malloc(BASE64_ENCODED_BYTES(entry.size));
        if (text == NULL)
            return ERR_MEMORY;
        enum err err = base64_encode(entry, text, BASE64_ENCODED_BYTES(entry.size), &size);
        if (err == ERR_OK)
            printf("\"entry_base64\":\"%.*s\"}\n", (int)size, text);
        free(text);
        TRY(err);
    }
    json_decref(json);
    return ferror(stdout) ? ERR_IO : ERR_OK;
}

static enum err put_avro(void *context, uint64_t index, struct span entry)
{
    return audit_avro_put(context, index, entry);
}

static enum err export_avro(struct audit_reader *r, const char *log, uint64_t first, uint64_t end)
{
    struct audit_avro *avro = NULL;
    TRY(audit_avro_open(stdout, log, &avro));
    enum err err = audit_each(r, first, end, put_avro, avro);
    enum err closed = audit_avro_close(avro);
    return err != ERR_OK ? err : closed;
}

enum err audit_export(struct audit_reader *r, const char *log, enum audit_export_format format,
                      uint64_t first, uint64_t end)
{
    enum err err = format == AUDIT_EXPORT_AVRO ? export_avro(r, log, first, end)
                                               : audit_each(r, first, end, print_entry, NULL);
    if (err == ERR_OK && fflush(stdout) != 0)
        err = ERR_IO;
    return err;
}

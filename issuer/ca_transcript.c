/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_transcript.h"

#include <stdlib.h>

#include "lib/textline.h"

static bool text_is(const json_t *event, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(event, key));
    return value != NULL && strcmp(value, text) == 0;
}

static enum err line_check(struct span line, const struct ca_transcript_end *end)
{
    char previous[SHA256_TEXT_BYTES];
    json_error_t error;
    json_t *event = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, &error);
    enum err err = ERR_OK;
    sha256_to_text(&end->head, previous);
    if (!json_is_object(event) || !json_is_string(json_object_get(event, "did")) ||
        !json_is_string(json_object_get(event, "time")) ||
        !json_is_string(json_object_get(event, "operator")))
        err = ERR_MALFORMED;
    else if (json_integer_value(json_object_get(event, "line")) !=
                 (json_int_t)(end->line_count + 1) ||
             !text_is(event, "previous", previous))
        err = ERR_CHAIN;
    json_decref(event);
    return err;
}

static enum err next_line(struct span *text, struct ca_transcript_end *end)
{
    struct span line;
    TRY(text_line(text, &line));
    TRY(line_check(line, end));
    end->head = sha256_of(line);
    end->line_count++;
    return ERR_OK;
}

enum err ca_transcript_read(struct span text, const struct sha256 *contains,
                            struct ca_transcript_end *ret, uint64_t *ret_bad_line)
{
    struct ca_transcript_end end = {0};
    bool seen = contains == NULL;
    while (text.size > 0) {
        enum err err = next_line(&text, &end);
        if (err != ERR_OK) {
            *ret_bad_line = end.line_count + 1;
            return err;
        }
        seen |= contains != NULL && sha256_equal(&end.head, contains);
    }
    if (!seen)
        return ERR_HASH;
    *ret = end;
    return ERR_OK;
}

enum err ca_transcript_line(const struct ca_transcript_end *end, json_t *event, char **ret)
{
    char previous[SHA256_TEXT_BYTES];
    sha256_to_text(&end->head, previous);
    if (json_object_set_new(event, "line", json_integer((json_int_t)(end->line_count + 1))) != 0 ||
        json_object_set_new(event, "previous", json_string(previous)) != 0)
        return ERR_MEMORY;
    char *text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
    size_t size = text == NULL ? 0 : strlen(text);
    char *line = text == NULL ? NULL : realloc(text, size + 2);
    if (line == NULL) {
        free(text);
        return ERR_MEMORY;
    }
    memcpy(line + size, "\n", 2);
    *ret = line;
    return ERR_OK;
}

struct sha256 ca_transcript_hash(struct span line)
{
    return sha256_of(span_of(line.data, line.size - 1));
}

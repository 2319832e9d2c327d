/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_avro.h"

#include <avro.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "issuer/audit_event.h"
#include "issuer/audit_log.h"
#include "lib/merkle.h"

/* Of records before compression: several entries of the greatest size. libavro takes no record that
 * is larger than a block. */
#define BLOCK_BYTES (4u * AUDIT_ENTRY_BYTES_MAX)
#define CODEC       "deflate"

/* Members of the entry that have a column of their own, beside `time`: texts, null when absent. */
#define TEXT_COLUMN_TABLE(X)      \
    X(TYPE, "type")               \
    X(ACTOR, "actor")             \
    X(REQUEST, "request")         \
    X(CA, "ca")                   \
    X(SERIAL, "serial")           \
    X(CERTIFICATE, "certificate") \
    X(CUSTOMER, "customer")       \
    X(ORDER, "order")

/* In the order of the schema. */
enum column {
    COLUMN_LOG,
    COLUMN_INDEX,
    COLUMN_LEAF_HASH,
    COLUMN_TIME,
#define X(field, word) COLUMN_##field,
    TEXT_COLUMN_TABLE(X)
#undef X
        COLUMN_ENTRY,
};

enum { BRANCH_NULL, BRANCH_VALUE };

#define COLUMN(name, type) "{\"name\":\"" name "\",\"type\":" type "},"
#define OPTIONAL(type)     "[\"null\",\"" type "\"]"
#define HASH               "{\"type\":\"fixed\",\"name\":\"sha256\",\"size\":32}"

#define SCHEMA_HEAD \
    "{\"type\":\"record\",\"name\":\"entry\",\"namespace\":\"statim.audit\",\"fields\":["
#define SCHEMA_PLACE            \
    COLUMN("log", "\"string\"") \
    COLUMN("index", "\"long\"") COLUMN("leaf_hash", HASH) COLUMN("time", OPTIONAL("long"))
#define SCHEMA_TAIL    "{\"name\":\"entry\",\"type\":\"bytes\"}]}"
#define X(field, word) COLUMN(word, OPTIONAL("string"))
static const char schema_text[] = SCHEMA_HEAD SCHEMA_PLACE TEXT_COLUMN_TABLE(X) SCHEMA_TAIL;
#undef X

static const struct {
    enum column column;
    enum audit_field field;
} text_columns[] = {
#define X(field, word) {COLUMN_##field, AUDIT_FIELD_##field},
    TEXT_COLUMN_TABLE(X)
#undef X
};

/* libavro writes to a stream of ours that takes everything: when its own write fails it cannot be
 * closed any more, and all it has is lost. What became of the octets is told by `err`. */
struct audit_avro {
    const char *log;
    FILE *out;    /* the caller's */
    FILE *stream; /* libavro's */
    enum err err; /* of the first write that failed */
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t row;
    avro_file_writer_t writer;
};

/* What libavro returns: 0, or an errno. */
static enum err err_of(int result)
{
    if (result == 0)
        return ERR_OK;
    return result == ENOMEM ? ERR_MEMORY : ERR_IO;
}

static ssize_t take_octets(void *context, const char *octets, size_t size)
{
    struct audit_avro *a = context;
    if (a->err == ERR_OK && fwrite(octets, 1, size, a->out) != size)
        a->err = ERR_IO;
    return (ssize_t)size;
}

static void release(struct audit_avro *a)
{
    if (a->stream != NULL)
        fclose(a->stream);
    if (a->row.iface != NULL)
        avro_value_decref(&a->row);
    if (a->class != NULL)
        avro_value_iface_decref(a->class);
    if (a->schema != NULL)
        avro_schema_decref(a->schema);
    free(a);
}

static enum err start(struct audit_avro *a)
{
    a->stream = fopencookie(a, "w", (cookie_io_functions_t){.write = take_octets});
    if (a->stream == NULL)
        return ERR_MEMORY;
    if (avro_schema_from_json_length(schema_text, sizeof schema_text - 1, &a->schema) != 0)
        return ERR_UNSUPPORTED;
    a->class = avro_generic_class_from_schema(a->schema);
    if (a->class == NULL || avro_generic_value_new(a->class, &a->row) != 0)
        return ERR_MEMORY;
    return err_of(avro_file_writer_create_with_codec_fp(a->stream, "output", 0, a->schema,
                                                        &a->writer, CODEC, BLOCK_BYTES));
}

enum err audit_avro_open(FILE *out, const char *log, struct audit_avro **ret)
{
    struct audit_avro *a = calloc(1, sizeof *a);
    if (a == NULL)
        return ERR_MEMORY;
    a->log = log;
    a->out = out;
    enum err err = start(a);
    if (err != ERR_OK) {
        release(a);
        return err;
    }
    *ret = a;
    return ERR_OK;
}

static avro_value_t column_of(struct audit_avro *a, enum column column)
{
    avro_value_t value = {0};
    avro_value_get_by_index(&a->row, column, &value, NULL);
    return value;
}

static int put_text(struct audit_avro *a, enum column column, const json_t *text)
{
    avro_value_t value = column_of(a, column);
    avro_value_t branch;
    if (!json_is_string(text))
        return avro_value_set_branch(&value, BRANCH_NULL, &branch);
    int result = avro_value_set_branch(&value, BRANCH_VALUE, &branch);
    return result != 0 ? result : avro_value_set_string(&branch, json_string_value(text));
}

static int put_time(struct audit_avro *a, const json_t *time)
{
    avro_value_t value = column_of(a, COLUMN_TIME);
    avro_value_t branch;
    if (!json_is_integer(time))
        return avro_value_set_branch(&value, BRANCH_NULL, &branch);
    int result = avro_value_set_branch(&value, BRANCH_VALUE, &branch);
    return result != 0 ? result : avro_value_set_long(&branch, json_integer_value(time));
}

static int put_octets(struct audit_avro *a, uint64_t index, struct span entry)
{
    struct sha256 hash = merkle_leaf(entry);
    avro_value_t log = column_of(a, COLUMN_LOG);
    avro_value_t number = column_of(a, COLUMN_INDEX);
    avro_value_t leaf = column_of(a, COLUMN_LEAF_HASH);
    avro_value_t octets = column_of(a, COLUMN_ENTRY);
    int result = avro_value_set_string(&log, a->log);
    if (result == 0)
        result = avro_value_set_long(&number, (int64_t)index);
    if (result == 0)
        result = avro_value_set_fixed(&leaf, hash.octets, sizeof hash.octets);
    /* libavro copies, but does not say so in the type. */
    return result != 0 ? result
                       : avro_value_set_bytes(&octets, (void *)(uintptr_t)entry.data, entry.size);
}

enum err audit_avro_put(struct audit_avro *a, uint64_t index, struct span entry)
{
    json_t *json = json_loadb((const char *)entry.data, entry.size, JSON_REJECT_DUPLICATES, NULL);
    int result = put_octets(a, index, entry);
    if (result == 0)
        result = put_time(a, json_object_get(json, audit_field_word(AUDIT_FIELD_TIME)));
    for (size_t i = 0; result == 0 && i < sizeof text_columns / sizeof text_columns[0]; i++)
        result = put_text(a, text_columns[i].column,
                          json_object_get(json, audit_field_word(text_columns[i].field)));
    json_decref(json);
    if (result == 0)
        result = avro_file_writer_append_value(a->writer, &a->row);
    TRY(err_of(result));
    return a->err;
}

enum err audit_avro_close(struct audit_avro *a)
{
    enum err err = err_of(avro_file_writer_close(a->writer));
    if (fflush(a->stream) != 0 || fflush(a->out) != 0)
        err = ERR_IO;
    if (err == ERR_OK)
        err = a->err;
    release(a);
    return err;
}

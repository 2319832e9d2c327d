/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/config_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <yaml.h>

#define WHERE_BYTES 128
#define WHAT_BYTES  160 /* with a path of 200 and a line number it fits CONFIG_MESSAGE_BYTES */

struct checker {
    const char *path;
    yaml_document_t document;
    struct text_writer *w;
    char where[WHERE_BYTES]; /* "serve.listen[2]", for the message */
    struct text_writer where_writer;
};

__attribute__((format(printf, 3, 4))) static enum err
refuse(struct checker *c, const yaml_node_t *node, const char *format, ...)
{
    char what[WHAT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    text_writer_format(c->w, "%.200s:%zu: %s%s%s", c->path, node->start_mark.line + 1, c->where,
                       c->where[0] ? ": " : "", what);
    return ERR_CONFIG;
}

/* Goes one step down in `where`; returns what to give to step_out(). */
__attribute__((format(printf, 2, 3))) static size_t step_in(struct checker *c, const char *format,
                                                            ...)
{
    char step[64];
    size_t before = c->where_writer.size;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(step, sizeof step, format, arguments);
    va_end(arguments);
    text_writer_format(&c->where_writer, "%s%s", before > 0 && step[0] != '[' ? "." : "", step);
    return before;
}

static void step_out(struct checker *c, size_t before)
{
    c->where_writer.size = before;
    c->where_writer.err = ERR_OK;
    c->where[before] = '\0';
}

static const char *scalar(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static bool is_null(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (node->data.scalar.length == 0 || strcmp(scalar(node), "null") == 0 ||
            strcmp(scalar(node), "~") == 0);
}

/* Decimal digits without a leading zero. */
static bool read_decimal(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *ret = value;
    return true;
}

static enum err check_uint(struct checker *c, const yaml_node_t *node,
                           const cyaml_schema_value_t *schema)
{
    uint64_t value;
    uint64_t type_max = schema->data_size >= 8 ? UINT64_MAX : (1ull << (8 * schema->data_size)) - 1;
    /* CONFIG_FIELD_UINT keeps the bounds here; a plain libcyaml field has zeros. */
    uint64_t min = schema->string.min, max = schema->string.max;
    if (max == 0 || max == CYAML_UNLIMITED)
        max = type_max;
    if (!read_decimal(scalar(node), &value))
        return refuse(c, node, "\"%s\" is not a decimal number", scalar(node));
    if (value < min || value > max)
        return refuse(c, node, "%" PRIu64 " is out of range %" PRIu64 "..%" PRIu64, value, min,
                      max);
    return ERR_OK;
}

static enum err check_bool(struct checker *c, const yaml_node_t *node,
                           const cyaml_schema_value_t *schema)
{
    (void)schema;
    static const char *const words[] = {"true", "false", "yes", "no"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(scalar(node), words[i]) == 0)
            return ERR_OK;
    return refuse(c, node, "\"%s\" is not true, false, yes or no", scalar(node));
}

static enum err check_enum(struct checker *c, const yaml_node_t *node,
                           const cyaml_schema_value_t *schema)
{
    char names[128];
    struct text_writer w;
    text_writer_start(&w, names, sizeof names);
    for (uint32_t i = 0; i < schema->enumeration.count; i++) {
        const char *name = schema->enumeration.strings[i].str;
        if (strcmp(scalar(node), name) == 0)
            return ERR_OK;
        text_writer_format(&w, "%s%s", i > 0 ? ", " : "", name);
    }
    return refuse(c, node, "\"%s\" is none of: %s", scalar(node), names);
}

static enum err check_string(struct checker *c, const yaml_node_t *node,
                             const cyaml_schema_value_t *schema)
{
    size_t size = node->data.scalar.length;
    if (strlen(scalar(node)) != size)
        return refuse(c, node, "a NUL character in the text");
    if (size < schema->string.min)
        return refuse(c, node, "shorter than %" PRIu32 " characters", schema->string.min);
    if (size > schema->string.max)
        return refuse(c, node, "longer than %" PRIu32 " characters", schema->string.max);
    return ERR_OK;
}

static enum err check_value(struct checker *c, const yaml_node_t *node,
                            const cyaml_schema_value_t *schema);

static const cyaml_schema_field_t *find_field(const cyaml_schema_value_t *schema, const char *key)
{
    const cyaml_schema_field_t *field = schema->mapping.fields;
    while (field->key != NULL && strcmp(field->key, key) != 0)
        field++;
    return field->key != NULL ? field : NULL;
}

static const yaml_node_t *find_pair(struct checker *c, const yaml_node_t *node, const char *key,
                                    const yaml_node_pair_t *end)
{
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < end; p++) {
        const yaml_node_t *name = yaml_document_get_node(&c->document, p->key);
        if (name->type == YAML_SCALAR_NODE && strcmp(scalar(name), key) == 0)
            return name;
    }
    return NULL;
}

static enum err check_pair(struct checker *c, const yaml_node_t *mapping,
                           const yaml_node_pair_t *pair, const cyaml_schema_value_t *schema)
{
    const yaml_node_t *name = yaml_document_get_node(&c->document, pair->key);
    if (name->type != YAML_SCALAR_NODE)
        return refuse(c, name, "a key is a plain word");
    const cyaml_schema_field_t *field = find_field(schema, scalar(name));
    if (field == NULL)
        return refuse(c, name, "unknown key \"%s\"", scalar(name));
    if (find_pair(c, mapping, scalar(name), pair) != NULL)
        return refuse(c, name, "the key \"%s\" is given twice", scalar(name));
    size_t before = step_in(c, "%s", field->key);
    TRY(check_value(c, yaml_document_get_node(&c->document, pair->value), &field->value));
    step_out(c, before);
    return ERR_OK;
}

static enum err check_mapping(struct checker *c, const yaml_node_t *node,
                              const cyaml_schema_value_t *schema)
{
    const yaml_node_pair_t *top = node->data.mapping.pairs.top;
    if (node->type != YAML_MAPPING_NODE)
        return refuse(c, node, "expected keys with values");
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < top; p++)
        TRY(check_pair(c, node, p, schema));
    for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key != NULL; field++)
        if (!(field->value.flags & CYAML_FLAG_OPTIONAL) &&
            find_pair(c, node, field->key, top) == NULL)
            return refuse(c, node, "the key \"%s\" is missing", field->key);
    return ERR_OK;
}

static enum err check_sequence(struct checker *c, const yaml_node_t *node,
                               const cyaml_schema_value_t *schema)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return refuse(c, node, "expected a list");
    const yaml_node_item_t *start = node->data.sequence.items.start;
    const yaml_node_item_t *top = node->data.sequence.items.top;
    size_t count = (size_t)(top - start);
    if (count < schema->sequence.min)
        return refuse(c, node, "a list of %zu, at least %" PRIu32, count, schema->sequence.min);
    if (count > schema->sequence.max)
        return refuse(c, node, "a list of %zu, at most %" PRIu32, count, schema->sequence.max);
    for (size_t i = 0; i < count; i++) {
        size_t before = step_in(c, "[%zu]", i + 1);
        TRY(check_value(c, yaml_document_get_node(&c->document, start[i]), schema->sequence.entry));
        step_out(c, before);
    }
    return ERR_OK;
}

static enum err
check_scalar(struct checker *c, const yaml_node_t *node, const cyaml_schema_value_t *schema,
             enum err (*check)(struct checker *, const yaml_node_t *, const cyaml_schema_value_t *))
{
    if (node->type != YAML_SCALAR_NODE)
        return refuse(c, node, "expected a single value");
    return check(c, node, schema);
}

/* As deep as the schema, however the text nests. */
static enum err check_value(struct checker *c, const yaml_node_t *node,
                            const cyaml_schema_value_t *schema)
{
    bool nullable = (schema->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL;
    if (nullable && is_null(node))
        return ERR_OK;
    switch (schema->type) {
    case CYAML_MAPPING:
        return check_mapping(c, node, schema);
    case CYAML_SEQUENCE:
    case CYAML_SEQUENCE_FIXED:
        return check_sequence(c, node, schema);
    case CYAML_UINT:
        return check_scalar(c, node, schema, check_uint);
    case CYAML_BOOL:
        return check_scalar(c, node, schema, check_bool);
    case CYAML_ENUM:
        return check_scalar(c, node, schema, check_enum);
    case CYAML_STRING:
        return check_scalar(c, node, schema, check_string);
    case CYAML_INT:
    case CYAML_FLOAT:
    case CYAML_FLAGS:
    case CYAML_BITFIELD:
    case CYAML_IGNORE:
    case CYAML__TYPE_COUNT:
        break; /* not used by our programs; libcyaml's own checks hold */
    }
    return ERR_OK;
}

static enum err refuse_syntax(const char *path, const yaml_parser_t *parser, struct text_writer *w)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return ERR_MEMORY;
    text_writer_format(w, "%.200s:%zu: %s", path, parser->problem_mark.line + 1,
                       parser->problem ? parser->problem : "not YAML");
    return ERR_CONFIG;
}

/* Loading past the first document, an empty one ends the text. */
static enum err check_single(struct checker *c, yaml_parser_t *parser)
{
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second))
        return refuse_syntax(c->path, parser, c->w);
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    enum err err = root ? refuse(c, root, "a second document") : ERR_OK;
    yaml_document_delete(&second);
    return err;
}

static enum err check_document(struct checker *c, yaml_parser_t *parser,
                               const cyaml_schema_value_t *schema)
{
    const yaml_node_t *root = yaml_document_get_root_node(&c->document);
    if (root == NULL) {
        text_writer_format(c->w, "%.200s:1: the file is empty", c->path);
        return ERR_CONFIG;
    }
    TRY(check_value(c, root, schema));
    return check_single(c, parser);
}

enum err config_check(const char *path, struct span text, const cyaml_schema_value_t *schema,
                      struct text_writer *w)
{
    yaml_parser_t parser;
    struct checker c = {.path = path, .w = w};
    text_writer_start(&c.where_writer, c.where, sizeof c.where);
    if (!yaml_parser_initialize(&parser))
        return ERR_MEMORY;
    yaml_parser_set_input_string(&parser, text.data, text.size);
    enum err err;
    if (yaml_parser_load(&parser, &c.document)) {
        err = check_document(&c, &parser, schema);
        yaml_document_delete(&c.document);
    } else {
        err = refuse_syntax(path, &parser, w);
    }
    yaml_parser_delete(&parser);
    return err;
}

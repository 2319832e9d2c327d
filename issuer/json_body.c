/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/json_body.h"

#include <stdio.h>

#include "lib/check.h"

/* Jansson allows 2048 levels and recurses. What counts here are brackets outside of strings; the
 * rest of the grammar is jansson's. */
static bool is_too_deep(struct span body)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < body.size; i++) {
        uint8_t c = body.data[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > JSON_BODY_DEPTH_MAX)
            return true;
    }
    return false;
}

static bool is_control(uint8_t c)
{
    return c < ' ' || c == 0x7F;
}

static bool octet_is_allowed(enum json_kind kind, uint8_t c)
{
    if (kind == JSON_KIND_LINES)
        return !is_control(c) ? c < 0x80 : c == '\r' || c == '\n';
    return !is_control(c) && (c < 0x80 || kind == JSON_KIND_UTF8);
}

/* NULL: it is; else what it must be. */
static const char *judge_string(const json_t *value, enum json_kind kind, uint64_t min,
                                uint64_t max)
{
    if (!json_is_string(value))
        return "must be a string";
    size_t size = json_string_length(value);
    const char *text = json_string_value(value);
    if (size < min)
        return "is too short";
    if (size > max)
        return "is too long";
    for (size_t i = 0; i < size; i++)
        if (!octet_is_allowed(kind, (uint8_t)text[i]))
            return "has a character that is not allowed";
    return NULL;
}

static const char *judge_texts(const json_t *list, uint64_t min, uint64_t max)
{
    size_t i;
    json_t *item;
    if (!json_is_array(list))
        return "must be a list";
    if (json_array_size(list) > JSON_BODY_LIST_MAX)
        return "has too many items";
    json_array_foreach(list, i, item)
    {
        const char *wrong = judge_string(item, JSON_KIND_TEXT, min, max);
        if (wrong != NULL)
            return json_is_string(item) ? "has an item of a wrong size or character"
                                        : "must be a list of strings";
    }
    return NULL;
}

static const char *judge_object(json_t *object, uint64_t min, uint64_t max)
{
    const char *name;
    json_t *item;
    if (!json_is_object(object))
        return "must be an object";
    if (json_object_size(object) > JSON_BODY_LIST_MAX)
        return "has too many members";
    json_object_foreach(object, name, item)
    {
        const char *wrong = judge_string(item, JSON_KIND_UTF8, min, max);
        if (wrong != NULL)
            return json_is_string(item) ? "has a member of a wrong size or character"
                                        : "must be an object of strings";
    }
    return NULL;
}

static const char *judge_number(const json_t *value, uint64_t min, uint64_t max)
{
    if (!json_is_integer(value))
        return "must be an integer";
    json_int_t number = json_integer_value(value);
    return number < 0 || (uint64_t)number < min || (uint64_t)number > max ? "is out of range"
                                                                          : NULL;
}

static const char *judge(const struct json_field *field, json_t *value)
{
    switch (field->kind) {
    case JSON_KIND_NUMBER:
        return judge_number(value, field->min, field->max);
    case JSON_KIND_FLAG:
        return json_is_boolean(value) ? NULL : "must be true or false";
    case JSON_KIND_TEXTS:
        return judge_texts(value, field->min, field->max);
    case JSON_KIND_OBJECT:
        return judge_object(value, field->min, field->max);
    case JSON_KIND_TEXT:
    case JSON_KIND_UTF8:
    case JSON_KIND_LINES:
        break;
    }
    return judge_string(value, field->kind, field->min, field->max);
}

/* The problem is set at the first error; further ones are added. */
static void add_error(struct problem *why, bool *has_error, const char *field, const char *detail)
{
    if (!*has_error)
        problem_set(why, PROBLEM_FIELD, "%s %s", field, detail);
    *has_error = true;
    problem_add(why, field, "%s", detail);
}

static enum err judge_fields(json_t *root, const struct json_field *fields, struct json_body *ret,
                             struct problem *why)
{
    bool has_error = false;
    size_t known = 0;
    for (size_t i = 0; fields[i].name != NULL; i++) {
        CHECK(i < JSON_BODY_FIELDS_MAX);
        json_t *value = json_object_get(root, fields[i].name);
        known += value != NULL;
        ret->values[i] = json_is_null(value) ? NULL : value;
        const char *wrong = ret->values[i] != NULL ? judge(&fields[i], value)
                            : fields[i].required   ? "is required"
                                                   : NULL;
        if (wrong != NULL)
            add_error(why, &has_error, fields[i].name, wrong);
    }
    const char *name;
    json_t *value;
    if (known < json_object_size(root)) {
        json_object_foreach(root, name, value)
        {
            size_t i = 0;
            while (fields[i].name != NULL && strcmp(fields[i].name, name) != 0)
                i++;
            if (fields[i].name == NULL)
                add_error(why, &has_error, name, "is not known here");
        }
    }
    return has_error ? ERR_MALFORMED : ERR_OK;
}

enum err json_body_read(struct span body, const struct json_field *fields, struct json_body *ret,
                        struct problem *why)
{
    json_error_t error;
    if (is_too_deep(body))
        return problem_set(why, PROBLEM_JSON, "the body nests deeper than %d levels",
                           JSON_BODY_DEPTH_MAX);
    json_t *root = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return problem_set(why, PROBLEM_JSON, "line %d, column %d: %s", error.line, error.column,
                           error.text);
    struct json_body read = {.root = root};
    enum err err = json_is_object(root)
                       ? judge_fields(root, fields, &read, why)
                       : problem_set(why, PROBLEM_JSON, "the body must be an object");
    if (err != ERR_OK) {
        json_decref(root);
        return err;
    }
    *ret = read;
    return ERR_OK;
}

void json_body_done(struct json_body *body)
{
    json_decref(body->root);
    body->root = NULL;
}

static struct span text_of(const json_t *value)
{
    return json_is_string(value) ? span_of(json_string_value(value), json_string_length(value))
                                 : SPAN_EMPTY;
}

struct span json_body_text(const struct json_body *body, size_t field)
{
    return text_of(body->values[field]);
}

const char *json_body_string(const struct json_body *body, size_t field)
{
    return json_string_value(body->values[field]);
}

uint64_t json_body_number(const struct json_body *body, size_t field, uint64_t when_absent)
{
    const json_t *value = body->values[field];
    return value != NULL ? (uint64_t)json_integer_value(value) : when_absent;
}

bool json_body_flag(const struct json_body *body, size_t field, bool when_absent)
{
    const json_t *value = body->values[field];
    return value != NULL ? json_is_true(value) : when_absent;
}

size_t json_body_count(const struct json_body *body, size_t field)
{
    return json_array_size(body->values[field]);
}

struct span json_body_item(const struct json_body *body, size_t field, size_t item)
{
    return text_of(json_array_get(body->values[field], item));
}

struct span json_body_member(const struct json_body *body, size_t field, const char *name)
{
    return text_of(json_object_get(body->values[field], name));
}

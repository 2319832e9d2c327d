/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies of requests, through jansson, against a table of fields. Strict: one object, no name
 * twice, no unknown name, no NUL, bounded depth; what is wrong with several fields is said in one
 * answer. */
#pragma once

#include <jansson.h>

#include "issuer/problem.h"

/* Our bodies are objects of values, lists of values and one object within. */
#define JSON_BODY_DEPTH_MAX  8
#define JSON_BODY_FIELDS_MAX 24
#define JSON_BODY_LIST_MAX   100

enum json_kind {
    JSON_KIND_TEXT,   /* a string of [min, max] octets, printable ASCII */
    JSON_KIND_UTF8,   /* the same of any characters but controls */
    JSON_KIND_LINES,  /* printable ASCII, CR and LF: PEM */
    JSON_KIND_NUMBER, /* an integer of [min, max] */
    JSON_KIND_FLAG,   /* true or false */
    JSON_KIND_TEXTS,  /* a list of at most JSON_BODY_LIST_MAX TEXTs of [min, max] octets each */
    JSON_KIND_OBJECT, /* of UTF8 values of [min, max] octets, at most JSON_BODY_LIST_MAX of them */
};

struct json_field {
    const char *name; /* NULL ends a table */
    enum json_kind kind;
    bool required;
    uint64_t min, max;
};

/* Values in the order of the table. Strings live until json_body_done(). */
struct json_body {
    json_t *root;
    const json_t *values[JSON_BODY_FIELDS_MAX]; /* NULL: absent (null counts as absent) */
};

/** PROBLEM_JSON, PROBLEM_FIELD with an error for each field. */
MUST_CHECK enum err json_body_read(struct span body, const struct json_field *fields,
                                   struct json_body *ret, struct problem *why);
/** Takes a zeroed one. */
void json_body_done(struct json_body *body);

/* What a field holds; absent: SPAN_EMPTY with data NULL, `when_absent`, an empty list. `field` is
 * its row's place in the table. */
struct span json_body_text(const struct json_body *body, size_t field);
/** The same NUL-terminated (no value has a NUL within); NULL: absent. */
const char *json_body_string(const struct json_body *body, size_t field);
uint64_t json_body_number(const struct json_body *body, size_t field, uint64_t when_absent);
bool json_body_flag(const struct json_body *body, size_t field, bool when_absent);
size_t json_body_count(const struct json_body *body, size_t field);
struct span json_body_item(const struct json_body *body, size_t field, size_t item);
/** A member of an OBJECT; data NULL: absent. */
struct span json_body_member(const struct json_body *body, size_t field, const char *name);

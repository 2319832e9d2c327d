/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect_text.h"

#include <string.h>

#define NAME_COLUMNS 24

static void print_name(const char *name, FILE *out)
{
    for (; *name != '\0'; name++)
        fputc(*name == '_' ? ' ' : *name, out);
}

static void print_value(const json_t *value, FILE *out)
{
    if (json_is_string(value))
        fputs(json_string_value(value), out);
    else if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        fprintf(out, "%.1f", json_real_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", out);
    else
        fputc('-', out);
}

static void print_scalar(const char *name, const json_t *value, int indent, FILE *out)
{
    fprintf(out, "%*s", indent, "");
    print_name(name, out);
    int used = indent + (int)strlen(name);
    fprintf(out, "%*s ", used < NAME_COLUMNS ? NAME_COLUMNS - used : 0, "");
    print_value(value, out);
    fputc('\n', out);
}

/* A row of a list is a line of its own: "name value, name value". */
static void print_row(json_t *row, FILE *out)
{
    const char *name;
    json_t *value;
    const char *between = "";
    fputs("  ", out);
    if (!json_is_object(row))
        print_value(row, out);
    json_object_foreach(row, name, value)
    {
        fputs(between, out);
        between = ", ";
        print_name(name, out);
        fputc(' ', out);
        print_value(value, out);
    }
    fputc('\n', out);
}

static void print_object(json_t *object, int indent, FILE *out)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (json_is_object(value)) {
            print_name(name, out);
            fputc('\n', out);
            print_object(value, indent + 2, out);
        } else if (json_is_array(value)) {
            json_t *count = json_integer((json_int_t)json_array_size(value));
            print_scalar(name, count, indent, out);
            json_decref(count);
            for (size_t i = 0; i < json_array_size(value); i++)
                print_row(json_array_get(value, i), out);
        } else {
            print_scalar(name, value, indent, out);
        }
    }
}

void inspect_text_print(json_t *facts, FILE *out)
{
    print_object(facts, 0, out);
}

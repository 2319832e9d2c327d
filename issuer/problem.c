/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/check.h"

static const struct {
    const char *word;
    const char *title;
    uint16_t status;
    enum err err;
} rows[] = {
#define X(name, word, status, err, title) {word, title, status, ERR_##err},
    PROBLEM_TABLE(X)
#undef X
};

/* One line of ASCII, whatever was quoted. */
static void clean(char *text)
{
    for (char *c = text; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

static void put_name(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s", name);
    clean(out);
}

__attribute__((format(printf, 2, 0))) static void print_into(struct problem *problem,
                                                             const char *format, va_list args)
{
    vsnprintf(problem->detail, sizeof problem->detail, format, args);
    clean(problem->detail);
    problem->rule[0] = '\0';
    problem->error_count = 0;
}

enum err problem_set(struct problem *problem, enum problem_type type, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_into(problem, format, args);
    va_end(args);
    problem->type = type;
    return problem_err(type);
}

enum err problem_set_rule(struct problem *problem, enum problem_type type, const char *rule,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_into(problem, format, args);
    va_end(args);
    problem->type = type;
    put_name(problem->rule, sizeof problem->rule, rule);
    return problem_err(type);
}

void problem_add(struct problem *problem, const char *field, const char *format, ...)
{
    if (problem->error_count == PROBLEM_ERRORS_MAX)
        return;
    struct problem_error *error = &problem->errors[problem->error_count++];
    va_list args;
    put_name(error->field, sizeof error->field, field);
    va_start(args, format);
    vsnprintf(error->detail, sizeof error->detail, format, args);
    clean(error->detail);
    va_end(args);
}

const char *problem_word(enum problem_type type)
{
    CHECK((size_t)type < PROBLEM_COUNT);
    return rows[type].word;
}

const char *problem_title(enum problem_type type)
{
    CHECK((size_t)type < PROBLEM_COUNT);
    return rows[type].title;
}

uint16_t problem_status(enum problem_type type)
{
    CHECK((size_t)type < PROBLEM_COUNT);
    return rows[type].status;
}

enum err problem_err(enum problem_type type)
{
    CHECK((size_t)type < PROBLEM_COUNT);
    return rows[type].err;
}

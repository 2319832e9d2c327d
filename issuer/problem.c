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
__attribute__((format(printf, 3, 0))) static void print_line(char *out, size_t size,
                                                             const char *format, va_list args)
{
    vsnprintf(out, size, format, args);
    for (char *c = out; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

__attribute__((format(printf, 2, 0))) static void print_into(struct problem *problem,
                                                             const char *format, va_list args)
{
    print_line(problem->detail, sizeof problem->detail, format, args);
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
    snprintf(problem->rule, sizeof problem->rule, "%s", rule);
    return problem_err(type);
}

void problem_add(struct problem *problem, const char *field, const char *format, ...)
{
    if (problem->error_count == PROBLEM_ERRORS_MAX)
        return;
    struct problem_error *error = &problem->errors[problem->error_count++];
    va_list args;
    snprintf(error->field, sizeof error->field, "%s", field);
    va_start(args, format);
    print_line(error->detail, sizeof error->detail, format, args);
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

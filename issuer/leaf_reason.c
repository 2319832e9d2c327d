/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/leaf_reason.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/check.h"

static const struct {
    enum problem_type type;
    const char *word;
    const char *text;
} rows[LEAF_REASON_COUNT] = {
#define X(name, type, word, text) {PROBLEM_##type, word, text},
    LEAF_REASON_TABLE(X)
#undef X
};

enum err leaf_refuse(struct problem *why, enum leaf_reason reason, const char *format, ...)
{
    char line[PROBLEM_DETAIL_BYTES];
    va_list args;
    CHECK((size_t)reason < LEAF_REASON_COUNT);
    if (format == NULL)
        return problem_set_rule(why, rows[reason].type, rows[reason].word, "%s", rows[reason].text);
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return problem_set_rule(why, rows[reason].type, rows[reason].word, "%s", line);
}

const char *leaf_reason_word(enum leaf_reason reason)
{
    CHECK((size_t)reason < LEAF_REASON_COUNT);
    return rows[reason].word;
}

const char *leaf_reason_text(enum leaf_reason reason)
{
    CHECK((size_t)reason < LEAF_REASON_COUNT);
    return rows[reason].text;
}

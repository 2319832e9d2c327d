/* SPDX-License-Identifier: Apache-2.0 */
/* Whether text is of the Prometheus format (0.0.4) as our pages write it. Include cmocka.h before.
 */
#pragma once

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_FORM_FAMILIES 512

struct metrics_family {
    char name[128];
    char type[16];
};

static inline void metrics_line_match(regex_t *form, const char *line)
{
    if (regexec(form, line, 0, NULL, 0) != 0)
        fail_msg("not a line of metrics: %s", line);
}

/* The family of a sample: that of the last TYPE, whose name it has, with a histogram's endings. */
static inline void metrics_sample_check(const struct metrics_family *family, const char *line)
{
    static const char *const endings[] = {"_bucket", "_sum", "_count"};
    size_t size = strlen(family->name);
    bool fits = strncmp(line, family->name, size) == 0;
    const char *rest = line + size;
    if (fits && strcmp(family->type, "histogram") == 0) {
        fits = false;
        for (size_t i = 0; i < 3; i++)
            if (strncmp(rest, endings[i], strlen(endings[i])) == 0) {
                rest += strlen(endings[i]);
                fits = true;
                break;
            }
    }
    if (!fits || (*rest != '{' && *rest != ' '))
        fail_msg("a sample without its TYPE: %s", line);
    if (strcmp(family->type, "counter") == 0 &&
        (size < 6 || strcmp(family->name + size - 6, "_total") != 0))
        fail_msg("a counter that does not end in _total: %s", line);
}

/* HELP and TYPE of a family come once and before its samples; no sample comes twice. */
static inline void metrics_form_check(const char *text)
{
    static struct metrics_family families[METRICS_FORM_FAMILIES];
    size_t count = 0;
    regex_t sample;
    assert_int_equal(regcomp(&sample,
                             "^[a-zA-Z_:][a-zA-Z0-9_:]*"
                             "(\\{[a-z_]+=\"[^\"\\\\\n]*\"(,[a-z_]+=\"[^\"\\\\\n]*\")*\\})?"
                             " (-?[0-9]+(\\.[0-9]+)?|NaN|[+]Inf)$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    char *copy = strdup(text);
    char *rest = copy;
    assert_true(strlen(text) > 0 && text[strlen(text) - 1] == '\n');
    for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
        struct metrics_family f = {0};
        if (strncmp(line, "# HELP ", 7) == 0)
            continue;
        if (sscanf(line, "# TYPE %127s %15s", f.name, f.type) == 2) {
            for (size_t i = 0; i < count; i++)
                assert_string_not_equal(families[i].name, f.name);
            assert_true(count < METRICS_FORM_FAMILIES);
            families[count++] = f;
            continue;
        }
        metrics_line_match(&sample, line);
        assert_true(count > 0);
        metrics_sample_check(&families[count - 1], line);
        char *value = strrchr(line, ' ');
        *value = '\0';
        char again[512];
        snprintf(again, sizeof again, "\n%s ", line);
        const char *first = strstr(text, again);
        assert_true(first != NULL && strstr(first + 1, again) == NULL);
        *value = ' ';
    }
    free(copy);
    regfree(&sample);
}

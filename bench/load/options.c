/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/option_table.h"
#include "bench/load/url.h"

#define NUMBER_TEXT_MAX 24
#define HELP_COLUMN     32

enum option_how { TEXT, PATH, WORD, COUNT, SEED, REAL, MS, RANGE, FLAG };

struct option_need {
    const char *text;
    double min;
    double max;
};

struct option_row {
    const char *name;
    const char *argument;
    enum option_how how;
    size_t field;
    struct option_need need;
    const char *help;
};

static const struct option_row rows[OPTION_COUNT] = {
#define X(id, name, argument, how, field, need, help) \
    [OPTION_##id] = {name, argument, how, offsetof(struct load_options, field), need, help},
    OPTION_TABLE(X)
#undef X
};

const char *option_name(enum option_id id)
{
    return rows[id].name;
}

__attribute__((format(printf, 2, 3))) static bool say(char why[static OPTIONS_WHY_BYTES],
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, OPTIONS_WHY_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- values ---- */

/* Digits with at most one point: no sign, exponent, blank or hexadecimal. */
static bool read_number(struct span text, double *ret)
{
    char copy[NUMBER_TEXT_MAX + 1];
    unsigned points = 0;
    if (text.size == 0 || text.size > NUMBER_TEXT_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        points += text.data[i] == '.';
        if (text.data[i] != '.' && (text.data[i] < '0' || text.data[i] > '9'))
            return false;
    }
    if (points > 1 || points == text.size)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret = strtod(copy, NULL);
    return true;
}

static bool number_within(struct span text, double min, double max, bool whole, double *ret)
{
    double value = 0;
    if (!read_number(text, &value) || value < min || value > max)
        return false;
    if (whole && memchr(text.data, '.', text.size) != NULL)
        return false;
    *ret = value;
    return true;
}

static bool take_word(const struct option_row *row, const char *text, void *field)
{
    const char *word = row->need.text;
    for (unsigned number = 0;; number++) {
        size_t size = strcspn(word, "|");
        if (span_equal(span_of(word, size), span_text(text))) {
            memcpy(field, &number, sizeof number);
            return true;
        }
        if (word[size] == '\0')
            return false;
        word += size + 1;
    }
}

static bool take_number(const struct option_row *row, const char *text, void *field)
{
    bool whole = row->how == COUNT || row->how == SEED;
    double value = 0;
    if (!number_within(span_text(text), row->need.min, row->need.max, whole, &value))
        return false;
    if (row->how == COUNT)
        *(uint32_t *)field = (uint32_t)value;
    else if (row->how == SEED)
        *(uint64_t *)field = (uint64_t)value;
    else
        *(double *)field = row->how == MS ? value * MILLISECOND_S : value;
    return true;
}

/* FROM:TO[:N] */
static bool take_range(const struct option_row *row, const char *text, struct load_options *o)
{
    const char *to = strchr(text, ':');
    if (to == NULL)
        return false;
    const char *steps = strchr(++to, ':');
    size_t to_size = steps == NULL ? strlen(to) : (size_t)(steps - to);
    if (!number_within(span_of(text, (size_t)(to - text) - 1), RATE_MIN, LOAD_RATE_MAX, false,
                       &o->rate_per_s) ||
        !number_within(span_of(to, to_size), RATE_MIN, LOAD_RATE_MAX, false, &o->rate_to_per_s))
        return false;
    o->mode = (enum load_mode)row->need.max;
    double count = o->mode == LOAD_STEP ? 10 : 20;
    if (steps != NULL && !number_within(span_text(steps + 1), 2, LOAD_STEPS_MAX, true, &count))
        return false;
    o->step_count = (uint32_t)count;
    return o->rate_per_s < o->rate_to_per_s;
}

/* Sent as it is: printable, without blanks. */
static bool take_path(const char *text, struct load_options *o)
{
    if (text[0] != '/' || o->path_count == LOAD_PATHS_MAX || strlen(text) > LOAD_PREFIX_MAX)
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '#')
            return false;
    o->paths[o->path_count++] = text;
    return true;
}

static bool take(enum option_id id, const char *text, struct load_options *o)
{
    const struct option_row *row = &rows[id];
    void *field = (char *)o + row->field;
    switch (row->how) {
    case TEXT:
        *(const char **)field = text;
        return text[0] != '\0';
    case PATH:
        return take_path(text, o);
    case WORD:
        return take_word(row, text, field);
    case COUNT:
    case SEED:
    case REAL:
    case MS:
        return take_number(row, text, field);
    case RANGE:
        return take_range(row, text, o);
    case FLAG:
        if (id == OPTION_CLOSE)
            o->close_share = 1;
        else
            *(bool *)field = true;
        return true;
    }
    return false;
}

static bool say_wanted(const struct option_row *row, const char *text,
                       char why[static OPTIONS_WHY_BYTES])
{
    switch (row->how) {
    case WORD:
        return say(why, "--%s: '%.60s' is none of %s", row->name, text, row->need.text);
    case COUNT:
    case SEED:
        return say(why, "--%s: '%.60s' is not a whole number from %.0f to %.0f", row->name, text,
                   row->need.min, row->need.max);
    case REAL:
    case MS:
        return say(why, "--%s: '%.60s' is not a number from %g to %.0f", row->name, text,
                   row->need.min, row->need.max);
    case RANGE:
        return say(why, "--%s: '%.60s' is not FROM:TO or FROM:TO:N, rates that rise and 2 to %d",
                   row->name, text, LOAD_STEPS_MAX);
    case PATH:
        return say(why,
                   "--%s: '%.60s' is not a path from / on, of %d octets at most, or is one "
                   "of more than %d",
                   row->name, text, LOAD_PREFIX_MAX, LOAD_PATHS_MAX);
    case TEXT:
    case FLAG:
        break;
    }
    return say(why, "--%s: the argument is empty", row->name);
}

/* ---- the line ---- */

struct line {
    int argc;
    char *const *argv;
    int at;
    uint64_t given;
    const char *url;
};

static enum option_id find(struct span name)
{
    unsigned id = 0;
    while (id < OPTION_COUNT && !span_equal(span_text(rows[id].name), name))
        id++;
    return (enum option_id)id;
}

/* --name, --name value or --name=value; the line stands on it. */
static bool read_option(struct line *line, struct load_options *o,
                        char why[static OPTIONS_WHY_BYTES])
{
    const char *word = line->argv[line->at++] + 2;
    size_t size = strcspn(word, "=");
    enum option_id id = find(span_of(word, size));
    if (id == OPTION_COUNT)
        return say(why, "there is no option --%.60s", word);
    const struct option_row *row = &rows[id];
    const char *value = word[size] == '=' ? word + size + 1 : NULL;
    if (row->argument == NULL && value != NULL)
        return say(why, "--%s takes no argument", row->name);
    if (row->argument != NULL && value == NULL) {
        if (line->at == line->argc)
            return say(why, "--%s needs an argument: %s", row->name, row->argument);
        value = line->argv[line->at++];
    }
    if (id != OPTION_PATH && (line->given >> id & 1) != 0)
        return say(why, "--%s is given twice", row->name);
    line->given |= UINT64_C(1) << id;
    return take(id, value, o) || say_wanted(row, value, why);
}

static bool read_url(struct line *line, const char *word, struct load_options *o,
                     char why[static OPTIONS_WHY_BYTES])
{
    if (o->url != NULL)
        return say(why, "'%.60s' is a second URL", word);
    o->url = word;
    const char *wrong = load_url_read(word, o);
    line->at++;
    return wrong == NULL || say(why, "'%.100s' is not a URL: %s", word, wrong);
}

static bool read_words(struct line *line, struct load_options *o,
                       char why[static OPTIONS_WHY_BYTES])
{
    while (line->at < line->argc) {
        const char *word = line->argv[line->at];
        bool good = strncmp(word, "--", 2) == 0 ? read_option(line, o, why)
                    : word[0] == '-'            ? say(why, "there is no option %.60s", word)
                                                : read_url(line, word, o, why);
        if (!good)
            return false;
    }
    return true;
}

/* Whoever asks for help has perhaps not understood the rest. */
static bool line_has(int argc, char *const *argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

enum options_found load_options_read(int argc, char *const *argv, struct load_options *ret,
                                     char why[static OPTIONS_WHY_BYTES])
{
    struct line line = {.argc = argc, .argv = argv, .at = 1};
    struct load_options o = {.verify = LOAD_VERIFY_DER,
                             .seed = 1,
                             .signature_sample = 100,
                             .threads = 1,
                             .duration_s = 10,
                             .warmup_s = 1,
                             .timeout_s = 10,
                             .p99_times = 10,
                             .lag_max_s = 1 * MILLISECOND_S};
    if (line_has(argc, argv, "--help"))
        return OPTIONS_HELP;
    if (line_has(argc, argv, "--version"))
        return OPTIONS_VERSION;
    if (!read_words(&line, &o, why) || !option_rules(line.given, &o, why))
        return OPTIONS_BAD;
    *ret = o;
    return OPTIONS_RUN;
}

void load_options_help(FILE *out)
{
    fprintf(out, "usage: statim-bench URL --issuer FILE --serials FILE [options]\n"
                 "       statim-bench URL --path PATH [options]\n\n");
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option_row *row = &rows[id];
        int size = fprintf(out, "  --%s%s%s", row->name, row->argument != NULL ? " " : "",
                           row->argument != NULL ? row->argument : "");
        fprintf(out, "%*s%s\n", size < HELP_COLUMN ? HELP_COLUMN - size : 1, "", row->help);
    }
    fprintf(out, "\nExit status: 0 a clean result, 1 errors or a server that did not keep up,\n"
                 "2 it could not measure, 3 the generator itself was the limit.\n");
}

const char *load_method_text(enum load_method method)
{
    static const char *const texts[] = {"get", "post", "mix"};
    return texts[method];
}

const char *load_hash_text(enum certid_hash hash)
{
    return hash == CERTID_HASH_SHA256 ? "sha256" : "sha1";
}

const char *load_verify_text(enum load_verify verify)
{
    static const char *const texts[] = {"none", "der", "signature"};
    return texts[verify];
}

const char *load_mode_text(enum load_mode mode)
{
    static const char *const texts[] = {"steady", "step", "ramp"};
    return texts[mode];
}

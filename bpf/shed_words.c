/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_words.h"

#include <string.h>

static const char *const names[SHED_WORD_COUNT] = {
#define X(name, text) [SHED_WORD_##name] = text,
    SHED_WORD_TABLE(X)
#undef X
};

/* What is read so far: each key that is understood is counted, to find those that are not. */
struct reader {
    const json_t *request;
    size_t understood;
    const char *why;
};

static const json_t *take(struct reader *r, const char *key)
{
    const json_t *value = json_object_get(r->request, key);
    r->understood += value != NULL;
    return value;
}

static enum err refuse(struct reader *r, const char *why)
{
    r->why = why;
    return ERR_MALFORMED;
}

static enum err read_kind(struct reader *r, struct shed_word *word)
{
    const char *text = json_string_value(take(r, "do"));
    for (unsigned i = 0; text != NULL && i < SHED_WORD_COUNT; i++) {
        if (strcmp(names[i], text) != 0)
            continue;
        word->kind = (enum shed_word_kind)i;
        return ERR_OK;
    }
    return refuse(r, "do is none of top, stats, allow, deny, level, route");
}

/* A key that takes back: true, or not there. */
static enum err read_back(struct reader *r, const char *key, struct shed_word *word)
{
    const json_t *value = take(r, key);
    if (value != NULL && !json_is_true(value))
        return refuse(r, "remove and auto are true, or left out");
    word->takes_back = value != NULL;
    word->given = word->given || word->takes_back;
    return ERR_OK;
}

static enum err read_prefix(struct reader *r, struct shed_word *word)
{
    const json_t *value = take(r, "prefix");
    TRY(read_back(r, "remove", word));
    if (value == NULL)
        return word->takes_back ? refuse(r, "remove which prefix?") : ERR_OK;
    const char *text = json_string_value(value);
    if (text == NULL)
        return refuse(r, "a prefix is a text");
    word->given = true;
    enum err err = prefix_parse(span_text(text), &word->prefix);
    if (err == ERR_RANGE)
        return refuse(r, "bits are set behind the prefix");
    return err == ERR_OK ? ERR_OK : refuse(r, "not a prefix (192.0.2.0/24, 2001:db8::/32)");
}

static enum err read_level(struct reader *r, struct shed_word *word)
{
    const json_t *value = take(r, "shed_permille");
    TRY(read_back(r, "auto", word));
    if (value == NULL)
        return ERR_OK;
    if (word->takes_back || !json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > CONTROLLER_SHED_ALL_PERMILLE)
        return refuse(r, "shed_permille is a number from 0 to 1000, or auto is true");
    word->given = true;
    word->shed_permille = (uint32_t)json_integer_value(value);
    return ERR_OK;
}

static enum err read_route(struct reader *r, struct shed_word *word)
{
    static const enum route_action actions[] = {ROUTE_ANNOUNCE, ROUTE_DEPREFER, ROUTE_WITHDRAW};
    const json_t *value = take(r, "route");
    TRY(read_back(r, "auto", word));
    if (value == NULL)
        return ERR_OK;
    word->given = true;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        const char *text = json_string_value(value);
        if (word->takes_back || text == NULL || strcmp(text, route_action_label(actions[i])) != 0)
            continue;
        word->route = actions[i];
        return ERR_OK;
    }
    return refuse(r, "a route is announce, deprefer or withdraw, or auto is true");
}

static enum err read_duration(struct reader *r, struct shed_word *word)
{
    const json_t *value = NULL;
    if (!word->given || word->takes_back)
        return ERR_OK;
    value = take(r, "for_s");
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > CONTROL_WORD_MAX_S)
        return refuse(r, "for_s is a number of seconds, at most 30 days of them");
    word->for_s = (uint64_t)json_integer_value(value);
    return ERR_OK;
}

static enum err read_all(struct reader *r, struct shed_word *word)
{
    TRY(read_kind(r, word));
    if (word->kind == SHED_WORD_ALLOW || word->kind == SHED_WORD_DENY)
        TRY(read_prefix(r, word));
    else if (word->kind == SHED_WORD_LEVEL)
        TRY(read_level(r, word));
    else if (word->kind == SHED_WORD_ROUTE)
        TRY(read_route(r, word));
    TRY(read_duration(r, word));
    if (r->understood != json_object_size(r->request))
        return refuse(r, "a key that this request does not have");
    return ERR_OK;
}

enum err shed_word_read(const json_t *request, struct shed_word *ret, const char **ret_why)
{
    struct reader r = {.request = request};
    struct shed_word word = {0};
    enum err err = read_all(&r, &word);
    if (err != ERR_OK) {
        *ret_why = r.why;
        return err;
    }
    *ret = word;
    return ERR_OK;
}

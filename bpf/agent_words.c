/* SPDX-License-Identifier: Apache-2.0 */
/* What operators have said outlives the agent: a file beside the control socket, written at each
 * change, with ends by the wall clock, since the monotonic one begins anew with the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/agent_internal.h"
#include "lib/limit.h"
#include "lib/os/clock.h"
#include "lib/os/file.h"

#define NS_PER_S       1000000000u
#define FILE_BYTES_MAX (1u << 20)
#define FILE_MODE      0600

static void path_of(const struct agent *a, char ret[static PATH_BYTES_MAX])
{
    snprintf(ret, PATH_BYTES_MAX, "%s.words", a->config->control_socket);
}

/* Rounded up, as everywhere: a word ends no earlier than was said. */
static json_t *wall_end(uint64_t until_ns, uint64_t now_ns)
{
    uint64_t left_s = until_ns > now_ns ? (until_ns - now_ns + NS_PER_S - 1) / NS_PER_S : 0;
    return json_integer((json_int_t)(clock_wall_s() + left_s));
}

static json_t *words_of(const struct agent *a, uint64_t now_ns)
{
    char text[PREFIX_TEXT_BYTES];
    json_t *prefixes = json_array(), *all = json_object();
    for (uint32_t i = 0; i < a->said->count; i++) {
        const struct said *s = &a->said->said[i];
        prefix_text(&s->prefix, text);
        json_array_append_new(prefixes,
                              json_pack("{s:s, s:s, s:o}", "do", s->deny ? "deny" : "allow",
                                        "prefix", text, "until", wall_end(s->until_ns, now_ns)));
    }
    json_object_set_new(all, "prefixes", prefixes);
    const struct controller_override *o = &a->override;
    if (o->shed_set && now_ns < o->shed_until_ns)
        json_object_set_new(all, "level",
                            json_pack("{s:I, s:o}", "shed_permille", (json_int_t)o->shed_permille,
                                      "until", wall_end(o->shed_until_ns, now_ns)));
    if (o->route_set && now_ns < o->route_until_ns)
        json_object_set_new(all, "route",
                            json_pack("{s:s, s:o}", "route", route_action_label(o->route), "until",
                                      wall_end(o->route_until_ns, now_ns)));
    return all;
}

void agent_words_keep(struct agent *a, uint64_t now_ns)
{
    char path[PATH_BYTES_MAX];
    json_t *all = words_of(a, now_ns);
    char *text = json_dumps(all, JSON_INDENT(1));
    json_decref(all);
    path_of(a, path);
    enum err err = text == NULL ? ERR_MEMORY : file_publish(path, span_text(text), FILE_MODE);
    free(text);
    if (err != ERR_OK)
        log_error("%s: %s: what operators said ends with this agent", path, err_text(err));
}

/* --- back again --- */

/* The word of an entry, as if it were said now: with "do" and the time that is left. ERR_EXPIRED:
 * it has ended. */
static enum err read_entry(const json_t *entry, const char *kind, struct shed_word *ret)
{
    const char *why;
    const json_t *until = json_object_get(entry, "until");
    if (!json_is_object(entry) || !json_is_integer(until))
        return ERR_MALFORMED;
    json_int_t left_s = json_integer_value(until) - (json_int_t)clock_wall_s();
    if (left_s <= 0)
        return ERR_EXPIRED;
    /* Beyond the most that can be said the clock was set back. */
    left_s = left_s > CONTROL_WORD_MAX_S ? CONTROL_WORD_MAX_S : left_s;
    json_t *request = json_copy((json_t *)(uintptr_t)entry);
    json_object_del(request, "until");
    json_object_set_new(request, "for_s", json_integer(left_s));
    if (kind != NULL)
        json_object_set_new(request, "do", json_string(kind));
    enum err err = request != NULL ? shed_word_read(request, ret, &why) : ERR_MEMORY;
    json_decref(request);
    return err;
}

static enum err take_entry(struct agent *a, const json_t *entry, const char *kind, uint64_t now_ns)
{
    struct shed_word word;
    enum err err = read_entry(entry, kind, &word);
    if (err != ERR_OK)
        return err == ERR_EXPIRED ? ERR_OK : err;
    uint64_t until_ns = now_ns + word.for_s * NS_PER_S;
    struct controller_override *o = &a->override;
    if (word.kind == SHED_WORD_LEVEL && word.given) {
        o->shed_set = true;
        o->shed_permille = word.shed_permille;
        o->shed_until_ns = until_ns;
    } else if (word.kind == SHED_WORD_ROUTE && word.given) {
        o->route_set = true;
        o->route = word.route;
        o->route_until_ns = until_ns;
    } else if (word.given) {
        const struct said said = {word.prefix, word.kind == SHED_WORD_DENY, until_ns};
        return said_put(a->said, &said);
    }
    return ERR_OK;
}

static enum err take_all(struct agent *a, const json_t *all, uint64_t now_ns)
{
    size_t i;
    const json_t *entry;
    enum err err = json_is_object(all) ? ERR_OK : ERR_MALFORMED;
    json_array_foreach(json_object_get(all, "prefixes"), i, entry) if (err == ERR_OK) err =
        take_entry(a, entry, NULL, now_ns);
    if (err == ERR_OK && json_object_get(all, "level") != NULL)
        err = take_entry(a, json_object_get(all, "level"), "level", now_ns);
    if (err == ERR_OK && json_object_get(all, "route") != NULL)
        err = take_entry(a, json_object_get(all, "route"), "route", now_ns);
    return err;
}

void agent_words_recall(struct agent *a, uint64_t now_ns)
{
    char path[PATH_BYTES_MAX];
    json_error_t error;
    struct buffer content = {0};
    path_of(a, path);
    enum err err = file_read(path, FILE_BYTES_MAX, &content);
    if (err == ERR_OK) {
        json_t *all = json_loadb((const char *)content.data, content.size, 0, &error);
        err = take_all(a, all, now_ns);
        json_decref(all);
    }
    buffer_done(&content);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        log_error("%s: %s: what operators said before is not all in force", path, err_text(err));
}

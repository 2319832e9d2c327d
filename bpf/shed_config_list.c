/* SPDX-License-Identifier: Apache-2.0 */
/* Allow and deny lists: from shed.yaml, and from files of one prefix a line. */
#include <inttypes.h>
#include <stdlib.h>

#include "bpf/prefix_lines.h"
#include "bpf/shed_config_file.h"
#include "lib/os/file.h"

/* Twice what fits in the filter: what is given twice is counted once, after the sort. */
#define LIST_ROOM (2 * SHED_RULES_MAX)

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct prefix));
}

/* One prefix to the list of its IP version; `list` is the one of IPv4. */
static enum err add(struct shed_config *config, enum filter_list list, const struct prefix *prefix)
{
    struct shed_list *l = &config->lists[list + (prefix->version == 6)];
    if (l->prefixes == NULL)
        l->prefixes = calloc(LIST_ROOM, sizeof *l->prefixes);
    if (l->prefixes == NULL)
        return ERR_MEMORY;
    if (l->count == LIST_ROOM)
        return ERR_LIMIT;
    l->prefixes[l->count++] = *prefix;
    return ERR_OK;
}

static const char *why(enum err err)
{
    return err == ERR_RANGE   ? "bits are set behind the prefix"
           : err == ERR_LIMIT ? "more prefixes than the filter has room for"
                              : "not a prefix (192.0.2.0/24, 2001:db8::/32)";
}

static enum err add_text(struct shed_config *config, enum filter_list list, struct span text)
{
    struct prefix prefix = {0};
    TRY(prefix_parse(text, &prefix));
    return add(config, list, &prefix);
}

static enum err take_lines(const struct config_place *place, struct shed_config *config,
                           enum filter_list list, const char *path, struct span text)
{
    struct prefix_lines lines = {.left = text};
    struct span content;
    while (prefix_lines_next(&lines, &content)) {
        enum err err = add_text(config, list, content);
        if (err == ERR_MEMORY)
            return err;
        if (err != ERR_OK) {
            const struct config_place there = {path, place->message};
            return config_refuse(&there, "%" PRIu64 ": %.*s: %s", lines.number,
                                 content.size > 64 ? 64 : (int)content.size,
                                 (const char *)content.data, why(err));
        }
    }
    return ERR_OK;
}

static enum err take_file(const struct config_place *place, struct shed_config *config,
                          enum filter_list list, const char *key, const char *path)
{
    struct buffer content = {0};
    enum err err = file_read(path, SHED_LIST_FILE_BYTES_MAX, &content);
    if (err == ERR_OK)
        err = take_lines(place, config, list, path, span_of(content.data, content.size));
    else if (err != ERR_MEMORY)
        err = config_refuse(place, "%s: %.200s: %s", key, path, err_text(err));
    buffer_done(&content);
    return err;
}

/* One of the two lists: as it is written in the configuration, and as it is in files. */
struct source {
    enum filter_list list; /* IPv4's */
    const char *key, *files_key;
    char **texts, **files;
    unsigned texts_count, files_count;
};

static enum err take(const struct config_place *place, struct shed_config *config,
                     const struct source *s)
{
    for (unsigned i = 0; i < s->texts_count; i++) {
        enum err err = add_text(config, s->list, span_text(s->texts[i]));
        if (err == ERR_MEMORY)
            return err;
        if (err != ERR_OK)
            return config_refuse(place, "%s: %s: %s", s->key, s->texts[i], why(err));
    }
    for (unsigned i = 0; i < s->files_count; i++) {
        TRY(config_resolve(place, &s->files[i]));
        TRY(take_file(place, config, s->list, s->files_key, s->files[i]));
    }
    return ERR_OK;
}

static enum err drop_doubles(const struct config_place *place, const char *key, struct shed_list *l)
{
    uint32_t kept = 0;
    if (l->count == 0)
        return ERR_OK;
    qsort(l->prefixes, l->count, sizeof *l->prefixes, compare);
    for (uint32_t i = 0; i < l->count; i++)
        if (kept == 0 || compare(&l->prefixes[kept - 1], &l->prefixes[i]) != 0)
            l->prefixes[kept++] = l->prefixes[i];
    l->count = kept;
    if (kept > SHED_RULES_MAX)
        return config_refuse(place, "%s: %" PRIu32 " prefixes of one IP version, at most %u", key,
                             kept, SHED_RULES_MAX);
    return ERR_OK;
}

enum err shed_config_lists(const struct config_place *place, const struct shed_config_file *file,
                           struct shed_config *config)
{
    const struct source sources[] = {
        {FILTER_ALLOW_V4, "allow", "allow_files", file->allow, file->allow_files, file->allow_count,
         file->allow_files_count},
        {FILTER_DENY_V4, "deny", "deny_files", file->deny, file->deny_files, file->deny_count,
         file->deny_files_count},
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        TRY(take(place, config, &sources[i]));
        for (unsigned version = 0; version < 2; version++)
            TRY(drop_doubles(place, sources[i].key, &config->lists[sources[i].list + version]));
    }
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/revoke_list.h"

#include <stdlib.h>

#include "presigner/line_reader.h"

#define COUNT_FIRST 4096

static enum err make_room(struct revoke_list *list)
{
    if (list->count < list->capacity)
        return ERR_OK;
    if (list->count == REVOKE_LINES_MAX)
        return ERR_LIMIT;
    size_t capacity = list->capacity == 0 ? COUNT_FIRST : 2 * list->capacity;
    struct revoke_entry *entries = reallocarray(list->entries, capacity, sizeof *entries);
    if (entries == NULL)
        return ERR_MEMORY;
    list->entries = entries;
    list->capacity = capacity;
    return ERR_OK;
}

static enum err add(struct revoke_list *list, const struct serial *serial,
                    const struct cert_record *claim, uint64_t line_no)
{
    TRY(make_room(list));
    struct revoke_entry *entry = &list->entries[list->count++];
    *entry = (struct revoke_entry){.item = {.status = claim->status,
                                            .reason = claim->reason,
                                            .revoked_at_s = claim->revoked_at_s},
                                   .line_no = line_no};
    entry->item.serial.size = serial->size;
    memcpy(entry->item.serial.octets, serial->octets, serial->size);
    list->line_count++;
    return ERR_OK;
}

static enum err take_line(struct revoke_list *list, const struct revoke_list_options *options,
                          struct span line, uint64_t line_no)
{
    struct serial serial;
    struct cert_record claim;
    const char *why;
    if (line.size == 0 || (line.size == 1 && line.data[0] == '\r'))
        return ERR_OK;
    if (list->line_count + list->bad_count == 0 && revoke_line_is_header(line))
        return ERR_OK;
    if (revoke_line_read(line, &options->defaults, &serial, &claim, &why) == ERR_OK)
        return add(list, &serial, &claim, line_no);
    list->bad_count++;
    options->bad(options->context, line_no, why);
    return ERR_OK;
}

static enum err read_lines(struct line_reader *reader, const struct revoke_list_options *options,
                           struct revoke_list *list)
{
    for (;;) {
        struct span line;
        enum err err = line_reader_next(reader, &line);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        if (err == ERR_LIMIT) {
            /* What follows cannot be told from the rest of this line. */
            list->bad_count++;
            options->bad(options->context, reader->line_no, "the line is too long");
            return ERR_OK;
        }
        TRY(err);
        TRY(take_line(list, options, line, reader->line_no));
    }
}

static int compare(const void *a, const void *b)
{
    const struct revoke_entry *x = a, *y = b;
    int order = import_item_compare(&x->item, &y->item);
    return order != 0 ? order : (x->line_no > y->line_no) - (x->line_no < y->line_no);
}

static void join(struct revoke_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct revoke_entry *next = &list->entries[i];
        struct revoke_entry *last = kept > 0 ? &list->entries[kept - 1] : NULL;
        if (last == NULL || import_item_compare(&last->item, &next->item) != 0) {
            list->entries[kept++] = *next;
            continue;
        }
        struct cert_record known = import_item_record(&last->item), joined;
        struct cert_record claim = import_item_record(&next->item);
        if (cert_record_join(&known, &claim, &joined)) {
            last->item.reason = joined.reason;
            last->item.revoked_at_s = joined.revoked_at_s;
        }
    }
    list->count = kept;
}

enum err revoke_list_read(int fd, const struct revoke_list_options *options,
                          struct revoke_list *ret)
{
    struct line_reader reader;
    struct revoke_list list = {0};
    TRY(line_reader_start(fd, REVOKE_LINE_BYTES_MAX, &reader));
    enum err err = read_lines(&reader, options, &list);
    line_reader_done(&reader);
    if (err != ERR_OK) {
        revoke_list_done(&list);
        return err;
    }
    if (list.count > 0)
        qsort(list.entries, list.count, sizeof *list.entries, compare);
    join(&list);
    *ret = list;
    return ERR_OK;
}

void revoke_list_done(struct revoke_list *list)
{
    free(list->entries);
    *list = (struct revoke_list){0};
}

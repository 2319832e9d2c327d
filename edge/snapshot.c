/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/snapshot.h"

#include "edge/snapshot_changes.h"
#include "edge/snapshot_forms.h"
#include "edge/snapshot_issuers.h"
#include "edge/snapshot_paths.h"
#include "edge/snapshot_relay.h"
#include "lib/wire.h"

#include <stdlib.h>

static enum err block_first(void *context, const struct side_key *after, struct span *ret_key,
                            struct span *ret_block)
{
    struct MDB_cursor *cursor = context;
    struct span start = span_of(after->octets, after->size);
    TRY(snapshot_cursor_seek(cursor, start, ret_key, ret_block));
    if (span_equal(*ret_key, start))
        return snapshot_cursor_next(cursor, ret_key, ret_block);
    return ERR_OK;
}

static enum err block_next(void *context, struct span *ret_key, struct span *ret_block)
{
    return snapshot_cursor_next(context, ret_key, ret_block);
}

static enum err index_make(struct snapshot_source *source, const struct snapshot *previous,
                           struct snapshot *s)
{
    struct snapshot_changes changes = {.everything = true};
    if (previous != NULL)
        TRY(snapshot_changes_read(source, s->txn, previous->position.commit, s->position.commit,
                                  &changes));
    struct side_build_result result = {0};
    struct MDB_cursor *cursor;
    enum err err = snapshot_cursor_open(source, s->txn, SNAPSHOT_DB_BLOCK, &cursor);
    if (err == ERR_OK) {
        struct side_source blocks = {.context = cursor, .first = block_first, .next = block_next};
        err = side_build(&blocks, changes.everything ? NULL : &previous->index, changes.ranges,
                         changes.range_count, &result);
        snapshot_cursor_close(cursor);
    }
    snapshot_changes_free(&changes);
    if (err != ERR_OK)
        return err;
    s->index = result.index;
    s->chunks_shared = result.chunks_shared;
    s->chunks_built = result.chunks_built;
    return ERR_OK;
}

static enum err template_add(struct snapshot *s, uint32_t *room, struct span wire)
{
    if (s->template_count == SNAPSHOT_TEMPLATES_MAX)
        return ERR_LIMIT;
    if (s->template_count == *room) {
        uint32_t more = *room == 0 ? 16 : 2 * *room;
        struct ocsp_template **templates = realloc(s->templates, more * sizeof *templates);
        if (templates == NULL)
            return ERR_MEMORY;
        s->templates = templates;
        *room = more;
    }
    struct ocsp_template *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_MEMORY;
    s->templates[s->template_count++] = t;
    return template_read(wire, t);
}

static enum err templates_walk(struct snapshot *s, struct MDB_cursor *cursor)
{
    uint32_t room = 0;
    struct span key;
    struct span wire;
    enum err err = snapshot_cursor_seek(cursor, SPAN_EMPTY, &key, &wire);
    while (err == ERR_OK) {
        TRY(template_add(s, &room, wire));
        const struct ocsp_template *t = s->templates[s->template_count - 1];
        if (key.size != STORE_TEMPLATE_KEY_BYTES || be64_load(key.data) != t->issuer_id ||
            be16_load(key.data + 8) != t->template_no)
            return ERR_STORE;
        err = snapshot_cursor_next(cursor, &key, &wire);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err templates_make(struct snapshot_source *source, struct snapshot *s)
{
    struct MDB_cursor *cursor;
    TRY(snapshot_cursor_open(source, s->txn, SNAPSHOT_DB_TEMPLATE, &cursor));
    enum err err = templates_walk(s, cursor);
    snapshot_cursor_close(cursor);
    return err;
}

static enum err snapshot_fill(struct snapshot_source *source, const struct snapshot *previous,
                              struct snapshot *s)
{
    TRY(snapshot_txn_begin(source, &s->txn, &s->position));
    if (previous != NULL && s->position.commit == previous->position.commit &&
        s->position.complete == previous->position.complete)
        return ERR_BUSY;
    TRY(templates_make(source, s));
    TRY(index_make(source, previous, s));
    TRY(snapshot_issuers_make(s));
    TRY(snapshot_paths_make(source, s, previous));
    TRY(snapshot_relay_make(source, s));
    return snapshot_forms_make(s, previous);
}

enum err snapshot_build(struct snapshot_source *source, const struct snapshot *previous,
                        struct snapshot **ret)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_MEMORY;
    enum err err = snapshot_fill(source, previous, s);
    if (err != ERR_OK) {
        snapshot_free(s);
        return err;
    }
    *ret = s;
    return ERR_OK;
}

struct snapshot *snapshot_free(struct snapshot *s)
{
    if (s == NULL)
        return NULL;
    side_index_free(&s->index);
    snapshot_forms_free(s);
    snapshot_paths_free(s);
    snapshot_relay_free(s);
    for (uint32_t i = 0; i < s->template_count; i++)
        free(s->templates[i]);
    free(s->templates);
    snapshot_issuers_free(s);
    if (s->txn != NULL)
        snapshot_txn_end(s->txn);
    free(s);
    return NULL;
}

void snapshot_find_start(const struct snapshot *snapshot, const struct snapshot_issuer *issuer,
                         const struct serial *serial, struct snapshot_lookup *lookup)
{
    lookup->serial = *serial;
    const struct side_group *groups = snapshot->index.groups;
    const struct side_group *group = NULL;
    if (issuer->group_count > 0)
        group = side_group_find(groups + issuer->group_first, issuer->group_count, serial->size);
    side_find_run(group, serial, &lookup->cursor);
}

void snapshot_find_chunk(struct snapshot_lookup *lookup)
{
    side_find_block(&lookup->serial, &lookup->cursor);
}

void snapshot_find_reach(const struct snapshot_lookup *lookup)
{
    side_reach_block(&lookup->cursor);
}

void snapshot_find_approach(struct snapshot_lookup *lookup)
{
    side_find_statement(&lookup->serial, &lookup->cursor);
}

bool snapshot_find_finish(const struct snapshot_lookup *lookup, struct statement *ret)
{
    if (!lookup->cursor.found)
        return false;
    struct block block = block_load(lookup->cursor.block);
    block_statement(&block, lookup->cursor.statement, ret);
    return true;
}

bool snapshot_find(const struct snapshot *snapshot, const struct snapshot_issuer *issuer,
                   const struct serial *serial, struct statement *ret)
{
    struct snapshot_lookup lookup;
    snapshot_find_start(snapshot, issuer, serial, &lookup);
    snapshot_find_chunk(&lookup);
    snapshot_find_reach(&lookup);
    snapshot_find_approach(&lookup);
    return snapshot_find_finish(&lookup, ret);
}

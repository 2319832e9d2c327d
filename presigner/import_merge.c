/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import_merge.h"

#include <stdlib.h>

static const struct import_item *head_of(const struct import_merge *m, uint32_t source)
{
    const struct merge_source *s = &m->sources[source];
    return &s->items[s->next];
}

static bool is_less(const struct import_merge *m, const struct merge_node *a,
                    const struct merge_node *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    int order = import_item_compare(head_of(m, a->source), head_of(m, b->source));
    return order != 0 ? order < 0 : a->source < b->source;
}

/* Puts `node` at `place` or below it. */
static void sift_down(struct import_merge *m, size_t place, struct merge_node node)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= m->heap_count)
            break;
        if (child + 1 < m->heap_count && is_less(m, &m->heap[child + 1], &m->heap[child]))
            child++;
        if (!is_less(m, &m->heap[child], &node))
            break;
        m->heap[place] = m->heap[child];
        place = child;
    }
    m->heap[place] = node;
}

/* ERR_NOT_FOUND: the source is at its end. */
static enum err refill(struct import_merge *m, struct merge_source *s)
{
    if (s->unread_count == 0)
        return ERR_NOT_FOUND;
    size_t count = s->unread_count < m->buffer_count ? (size_t)s->unread_count : m->buffer_count;
    TRY(import_runs_read(m->runs, s->unread_first, count, s->items));
    s->next = 0;
    s->count = count;
    s->unread_first += count;
    s->unread_count -= count;
    return ERR_OK;
}

static enum err sources_start(struct import_merge *m, struct import_item *last, size_t last_count)
{
    size_t run_count = m->runs->count;
    for (size_t i = 0; i < run_count; i++) {
        const struct import_run *run = &m->runs->runs[i];
        m->sources[i] = (struct merge_source){.items = m->buffers + i * m->buffer_count,
                                              .unread_first = run->first,
                                              .unread_count = run->count};
        TRY(refill(m, &m->sources[i]));
    }
    m->sources[run_count] = (struct merge_source){.items = last, .count = last_count};
    size_t source_count = run_count + (last_count > 0 ? 1 : 0);
    for (uint32_t i = 0; i < source_count; i++)
        m->heap[i] = (struct merge_node){.prefix = import_item_prefix(head_of(m, i)), .source = i};
    m->heap_count = source_count;
    for (size_t place = source_count / 2; place-- > 0;)
        sift_down(m, place, m->heap[place]);
    return ERR_OK;
}

static size_t buffer_count_of(size_t run_count)
{
    size_t count = IMPORT_MERGE_BYTES / sizeof(struct import_item) / (run_count + 1);
    if (count > IMPORT_MERGE_COUNT_MAX)
        return IMPORT_MERGE_COUNT_MAX;
    return count < IMPORT_MERGE_COUNT_MIN ? IMPORT_MERGE_COUNT_MIN : count;
}

enum err import_merge_start(const struct import_runs *runs, struct import_item *last,
                            size_t last_count, struct import_merge *ret)
{
    struct import_merge m = {.runs = runs, .buffer_count = buffer_count_of(runs->count)};
    m.sources = calloc(runs->count + 1, sizeof *m.sources);
    m.heap = calloc(runs->count + 1, sizeof *m.heap);
    m.buffers = calloc(runs->count * m.buffer_count + 1, sizeof *m.buffers);
    enum err err = ERR_MEMORY;
    if (m.sources != NULL && m.heap != NULL && m.buffers != NULL)
        err = sources_start(&m, last, last_count);
    if (err != ERR_OK) {
        import_merge_done(&m);
        return err;
    }
    *ret = m;
    return ERR_OK;
}

void import_merge_done(struct import_merge *m)
{
    free(m->sources);
    free(m->heap);
    free(m->buffers);
    *m = (struct import_merge){0};
}

enum err import_merge_next(struct import_merge *m, struct import_item *ret)
{
    if (m->heap_count == 0)
        return ERR_NOT_FOUND;
    struct merge_node node = m->heap[0];
    struct merge_source *s = &m->sources[node.source];
    struct import_item item = s->items[s->next++];
    enum err err = s->next < s->count ? ERR_OK : refill(m, s);
    if (err == ERR_NOT_FOUND) {
        m->heap_count--;
        node = m->heap[m->heap_count];
    } else if (err != ERR_OK) {
        return err;
    } else {
        node.prefix = import_item_prefix(head_of(m, node.source));
    }
    if (m->heap_count > 0)
        sift_down(m, 0, node);
    *ret = item;
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/top.h"

#include <stdlib.h>

static void clear(struct top_window *w)
{
    w->count = 0;
    w->packets = 0;
}

static void turn(struct top *top, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns > top->begin_ns ? now_ns - top->begin_ns : 0;
    if (passed_ns < TOP_WINDOW_NS)
        return;
    if (passed_ns >= 2 * TOP_WINDOW_NS)
        clear(&top->windows[top->now]);
    top->now = 1 - top->now;
    clear(&top->windows[top->now]);
    top->begin_ns = now_ns - passed_ns % TOP_WINDOW_NS;
}

static struct top_row *find(struct top_window *w, const struct prefix *prefix)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (prefix_same(&w->rows[i].prefix, prefix))
            return &w->rows[i];
    return NULL;
}

static struct top_row *smallest(struct top_window *w)
{
    struct top_row *least = &w->rows[0];
    for (uint32_t i = 1; i < w->count; i++)
        if (w->rows[i].packets < least->packets)
            least = &w->rows[i];
    return least;
}

static struct top_row *place(struct top_window *w, const struct prefix *prefix)
{
    struct top_row *row = find(w, prefix);
    if (row != NULL)
        return row;
    if (w->count < TOP_ROWS) {
        row = &w->rows[w->count++];
        *row = (struct top_row){.prefix = *prefix};
        return row;
    }
    row = smallest(w);
    row->prefix = *prefix;
    row->error = row->packets;
    return row;
}

void top_add(struct top *top, const struct prefix *prefix, uint8_t reason, uint64_t packets,
             uint64_t now_ns)
{
    turn(top, now_ns);
    struct top_window *w = &top->windows[top->now];
    struct top_row *row = place(w, prefix);
    row->packets += packets;
    row->reason = reason;
    w->packets += packets;
}

static int most_first(const void *a, const void *b)
{
    const struct top_row *x = a, *y = b;
    return (x->packets < y->packets) - (x->packets > y->packets);
}

static void add_row(struct top_report *report, const struct top_row *row)
{
    for (uint32_t i = 0; i < report->count; i++) {
        struct top_row *there = &report->rows[i];
        if (!prefix_same(&there->prefix, &row->prefix))
            continue;
        there->packets += row->packets;
        there->error += row->error;
        return;
    }
    report->rows[report->count++] = *row;
}

void top_read(struct top *top, uint64_t now_ns, struct top_report *ret)
{
    turn(top, now_ns);
    ret->count = 0;
    ret->packets = 0;
    ret->during_ns = TOP_WINDOW_NS + (now_ns > top->begin_ns ? now_ns - top->begin_ns : 0);
    for (unsigned i = 0; i < 2; i++) {
        const struct top_window *w = &top->windows[i == 0 ? top->now : 1 - top->now];
        ret->packets += w->packets;
        for (uint32_t k = 0; k < w->count; k++)
            add_row(ret, &w->rows[k]);
    }
    qsort(ret->rows, ret->count, sizeof ret->rows[0], most_first);
}

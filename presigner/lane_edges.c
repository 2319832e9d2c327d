/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lane_edges.h"

#include <stdlib.h>

#define NS_PER_S UINT64_C(1000000000)

void lane_edges_start(struct lane_edges *e, struct lane_latencies *latencies)
{
    memset(e, 0, sizeof *e);
    e->latencies = latencies;
}

void lane_edges_published(struct lane_edges *e, uint64_t log_last, uint64_t now_ns)
{
    if (log_last == e->log_last)
        return;
    e->log_last = log_last;
    e->log_last_ns = now_ns;
}

void lane_edges_track(struct lane_edges *e, const struct lane_track *track)
{
    if (e->track_count == LANE_TRACKS_MAX) {
        memmove(e->tracks, e->tracks + 1, (LANE_TRACKS_MAX - 1) * sizeof e->tracks[0]);
        e->track_count--;
    }
    e->tracks[e->track_count++] = *track;
}

/* --- A reading --- */

void lane_edges_begin(struct lane_edges *e)
{
    for (size_t i = 0; i < e->count; i++)
        e->edges[i].present = false;
    e->sorted_count = e->count;
}

static struct span name_of(const struct lane_edge *edge)
{
    return span_text(edge->name);
}

static struct lane_edge *find(struct lane_edges *e, struct span name)
{
    size_t from = 0, to = e->sorted_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = span_compare(name_of(&e->edges[middle]), name);
        if (order == 0)
            return &e->edges[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

/* Clocks of the wall go back at times. */
static uint64_t age_ms(uint64_t wall_ms, uint64_t since_ms)
{
    return wall_ms > since_ms ? wall_ms - since_ms : 0;
}

static void arrive(struct lane_edges *e, uint64_t before, uint64_t number, uint64_t wall_ms)
{
    for (size_t i = 0; i < e->track_count; i++)
        if (e->tracks[i].number > before && e->tracks[i].number <= number)
            lane_latency_add(&e->latencies->each, age_ms(wall_ms, e->tracks[i].commit_ms));
}

static bool same(const struct fast_lane_ack *a, const struct fast_lane_ack *b)
{
    return a->number == b->number && a->wall_ms == b->wall_ms && a->said_ms == b->said_ms;
}

static void add(struct lane_edges *e, struct span name, const struct fast_lane_ack *ack,
                uint64_t now_ns)
{
    if (e->count == LANE_EDGES_MAX) {
        e->ignored++;
        return;
    }
    struct lane_edge *edge = &e->edges[e->count++];
    *edge = (struct lane_edge){
        .ack = *ack, .changed_ns = e->was_read ? now_ns : 0, .since_ns = now_ns, .present = true};
    memcpy(edge->name, name.data, name.size);
}

void lane_edges_see(struct lane_edges *e, struct span name, struct span value, uint64_t now_ns,
                    uint64_t wall_ms)
{
    struct fast_lane_ack ack;
    if (fast_lane_name_check(name) != ERR_OK || fast_lane_ack_read(value, &ack) != ERR_OK) {
        e->ignored++;
        return;
    }
    struct lane_edge *edge = find(e, name);
    if (edge == NULL) {
        add(e, name, &ack, now_ns);
        return;
    }
    edge->present = true;
    if (same(&edge->ack, &ack))
        return;
    arrive(e, edge->ack.number, ack.number, wall_ms);
    edge->ack = ack;
    edge->changed_ns = now_ns;
}

static int by_name(const void *a_, const void *b_)
{
    const struct lane_edge *a = a_;
    const struct lane_edge *b = b_;
    return strcmp(a->name, b->name);
}

static void settle(struct lane_edges *e)
{
    size_t kept = 0;
    qsort(e->edges, e->count, sizeof e->edges[0], by_name);
    for (size_t i = 0; i < e->count; i++) {
        bool again = kept > 0 && by_name(&e->edges[kept - 1], &e->edges[i]) == 0;
        if (e->edges[i].present && !again)
            e->edges[kept++] = e->edges[i];
    }
    e->count = e->sorted_count = kept;
}

/* Entries that all live edges have are followed no longer. */
static void finish_tracks(struct lane_edges *e, uint64_t now_ns, uint64_t wall_ms)
{
    struct lane_summary sum = lane_edges_sum(e, now_ns);
    size_t kept = 0;
    for (size_t i = 0; i < e->track_count; i++) {
        const struct lane_track *track = &e->tracks[i];
        uint64_t age = age_ms(wall_ms, track->commit_ms);
        bool there = sum.live > 0 && track->number <= sum.low_water;
        bool late = age > LANE_TRACK_MS;
        if (there || (late && sum.live > 0))
            lane_latency_add(&e->latencies->all, age);
        if (!there && !late)
            e->tracks[kept++] = *track;
    }
    e->track_count = kept;
}

void lane_edges_end(struct lane_edges *e, uint64_t now_ns, uint64_t wall_ms)
{
    settle(e);
    e->was_read = true;
    finish_tracks(e, now_ns, wall_ms);
}

/* --- What follows from it --- */

bool lane_edge_is_live(const struct lane_edge *edge, uint64_t now_ns)
{
    return edge->changed_ns != 0 && now_ns - edge->changed_ns <= LANE_LIVE_S * NS_PER_S;
}

struct lane_summary lane_edges_sum(const struct lane_edges *e, uint64_t now_ns)
{
    struct lane_summary sum = {0};
    for (size_t i = 0; i < e->count; i++) {
        const struct lane_edge *edge = &e->edges[i];
        if (!lane_edge_is_live(edge, now_ns)) {
            sum.silent++;
            continue;
        }
        sum.live++;
        sum.at_last += edge->ack.number == e->log_last;
        if (sum.slowest == NULL || edge->ack.number < sum.low_water) {
            sum.slowest = edge;
            sum.low_water = edge->ack.number;
        }
    }
    return sum;
}

uint64_t lane_edges_pause_ns(const struct lane_edges *e, uint64_t now_ns)
{
    struct lane_summary sum = lane_edges_sum(e, now_ns);
    bool fresh = now_ns - e->log_last_ns <= LANE_FRESH_NS;
    return sum.at_last < sum.live && fresh ? LANE_READ_SOON_NS : LANE_READ_NS;
}

const struct lane_edge *lane_edges_stale(const struct lane_edges *e, uint64_t forget_s,
                                         uint64_t now_ns, uint64_t wall_ms)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct lane_edge *edge = &e->edges[i];
        uint64_t since_ns = edge->changed_ns != 0 ? edge->changed_ns : edge->since_ns;
        uint64_t silent_s = (now_ns - since_ns) / NS_PER_S;
        bool said_long_ago = age_ms(wall_ms, edge->ack.said_ms) / 1000 > forget_s;
        if (silent_s > forget_s || (silent_s > LANE_LIVE_S && said_long_ago))
            return edge;
    }
    return NULL;
}

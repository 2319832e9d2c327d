/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lane_report.h"

#include <inttypes.h>

#include "lib/textline.h"

#define ROW_WORDS 5

static uint64_t silent_ms(const struct lane_edge *edge, uint64_t now_ns)
{
    uint64_t since_ns = edge->changed_ns != 0 ? edge->changed_ns : edge->since_ns;
    return (now_ns - since_ns) / 1000000;
}

enum err lane_report_write(const struct lane_edges *e, bool redis_up, uint64_t now_ns,
                           uint64_t wall_ms, char *out, size_t out_size, size_t *ret_size)
{
    struct line_writer w = {.out = out, .out_size = out_size};
    text_put_format(&w, "statim edges 1\nwritten %" PRIu64 "\nredis %s\n", wall_ms,
                    redis_up ? "up" : "down");
    text_put_format(&w, "log %" PRIu64 "\nedges %zu\n", e->log_last, e->count);
    for (size_t i = 0; i < e->count; i++) {
        const struct lane_edge *edge = &e->edges[i];
        text_put_format(&w, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", edge->name,
                        edge->ack.number, edge->ack.wall_ms, silent_ms(edge, now_ns),
                        lane_edge_is_live(edge, now_ns) ? "live" : "silent");
    }
    TRY(w.err);
    *ret_size = w.size;
    return ERR_OK;
}

static enum err read_number(struct span *text, const char *keyword, uint64_t *ret)
{
    struct span word;
    TRY(text_keyword_line(text, keyword, &word, 2));
    return text_decimal(word, ret);
}

/* One of two words. */
static enum err read_choice(struct span word, const char *yes, const char *no, bool *ret)
{
    bool is_yes = span_equal(word, span_text(yes));
    if (!is_yes && !span_equal(word, span_text(no)))
        return ERR_MALFORMED;
    *ret = is_yes;
    return ERR_OK;
}

static enum err read_row(struct span *text, struct lane_report_row *ret)
{
    struct span line;
    struct span words[ROW_WORDS];
    struct lane_report_row row = {0};
    TRY(text_line(text, &line));
    TRY(text_words(line, words, ROW_WORDS));
    TRY(fast_lane_name_check(words[0]));
    TRY(text_decimal(words[1], &row.number));
    TRY(text_decimal(words[2], &row.commit_ms));
    TRY(text_decimal(words[3], &row.silent_ms));
    TRY(read_choice(words[4], "live", "silent", &row.live));
    row.name = words[0];
    *ret = row;
    return ERR_OK;
}

static enum err read_start(struct span *text, struct lane_report *r)
{
    struct span words[2];
    TRY(text_keyword_line(text, "statim", words, 3));
    if (!span_equal(words[0], span_text("edges")))
        return ERR_MALFORMED;
    if (!span_equal(words[1], span_text("1")))
        return ERR_UNSUPPORTED;
    TRY(read_number(text, "written", &r->written_ms));
    TRY(text_keyword_line(text, "redis", words, 2));
    TRY(read_choice(words[0], "up", "down", &r->redis_up));
    TRY(read_number(text, "log", &r->log_last));
    TRY(read_number(text, "edges", &r->edge_count));
    return r->edge_count > LANE_EDGES_MAX ? ERR_LIMIT : ERR_OK;
}

enum err lane_report_read(struct span text, struct lane_report *ret)
{
    struct lane_report r = {0};
    struct span before = SPAN_EMPTY;
    TRY(read_start(&text, &r));
    r.rows = text;
    for (uint64_t i = 0; i < r.edge_count; i++) {
        struct lane_report_row row;
        TRY(read_row(&text, &row));
        if (i > 0 && span_compare(before, row.name) >= 0)
            return ERR_ORDER;
        before = row.name;
    }
    if (text.size > 0)
        return ERR_TRAILING;
    *ret = r;
    return ERR_OK;
}

bool lane_report_next(struct span *rest, struct lane_report_row *ret)
{
    return rest->size > 0 && read_row(rest, ret) == ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/index.h"

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/hex.h"
#include "lib/textline.h"
#include "lib/wire.h"

#define INDEX_TITLE        "statim-index v1"
#define INDEX_HEADER_LINES 4
#define ISSUER_DIGITS      16
#define BOUND_DIGITS_MAX   (2 + 2 * SERIAL_BYTES_MAX)
#define TEMPLATE_TEXT_MAX  BASE64_ENCODED_BYTES(TEMPLATE_BYTES_MAX)

/* hex_decode() takes both cases; an index has one. */
static enum err lower_hex(struct span word, uint8_t *out, size_t out_size, size_t *ret_size)
{
    for (size_t i = 0; i < word.size; i++)
        if (word.data[i] >= 'A' && word.data[i] <= 'F')
            return ERR_MALFORMED;
    return hex_decode(word, out, out_size, ret_size);
}

static enum err read_issuer(struct span word, uint64_t *ret)
{
    uint8_t octets[ISSUER_DIGITS / 2];
    size_t size;
    if (word.size != ISSUER_DIGITS)
        return ERR_MALFORMED;
    TRY(lower_hex(word, octets, sizeof octets, &size));
    *ret = be64_load(octets);
    return ERR_OK;
}

static enum err read_bound(struct span word, struct serial *ret)
{
    uint8_t octets[1 + SERIAL_BYTES_MAX];
    size_t size;
    if (word.size < 2 || word.size > BOUND_DIGITS_MAX)
        return ERR_MALFORMED;
    TRY(lower_hex(word, octets, sizeof octets, &size));
    struct serial bound = {.size = octets[0]};
    bool empty = bound.size == SERIAL_BEFORE_ALL.size || bound.size == SERIAL_SIZE_END;
    if (size - 1 != (empty ? 0u : bound.size))
        return ERR_MALFORMED;
    memcpy(bound.octets, octets + 1, size - 1);
    *ret = bound;
    return ERR_OK;
}

static enum err read_template(struct span word, struct ocsp_template *ret)
{
    uint8_t wire[TEMPLATE_BYTES_MAX];
    size_t size;
    if (word.size > TEMPLATE_TEXT_MAX)
        return ERR_LIMIT;
    /* Padding is not left out: there is one way to write a template. */
    if (word.size % 4 != 0 || base64_decode(word, wire, sizeof wire, &size) != ERR_OK)
        return ERR_MALFORMED;
    return template_read(span_of(wire, size), ret);
}

/* The words <statement count> <bytes> <sha256>. */
static enum err read_pack(const struct span words[static 3], struct log_range *range)
{
    TRY(text_decimal(words[0], &range->statement_count));
    TRY(text_decimal(words[1], &range->pack_bytes));
    if (range->pack_bytes > PACK_BYTES_MAX)
        return ERR_LIMIT;
    return sha256_from_text(words[2], &range->pack);
}

static enum err read_range(struct span line, struct log_range *range)
{
    struct span words[7];
    TRY(text_words(line, words, 7));
    TRY(read_issuer(words[1], &range->issuer_id));
    TRY(read_bound(words[2], &range->after));
    TRY(read_bound(words[3], &range->until));
    if (serial_compare(&range->after, &range->until) >= 0)
        return ERR_ORDER;
    return read_pack(words + 4, range);
}

static enum err read_tail(struct span line, struct log_range *tail)
{
    struct span words[5];
    TRY(text_words(line, words, 5));
    TRY(read_issuer(words[1], &tail->issuer_id));
    tail->after = SERIAL_BEFORE_ALL;
    tail->until = SERIAL_AFTER_ALL;
    return read_pack(words + 2, tail);
}

static enum err read_path(struct span line, struct blob_path *path)
{
    struct span words[8];
    TRY(text_words(line, words, 8));
    path->path = words[1];
    path->media_type = words[2];
    TRY(text_decimal(words[3], &path->blob_bytes));
    TRY(sha256_from_text(words[4], &path->blob));
    TRY(text_decimal(words[5], &path->modified_s));
    TRY(text_decimal(words[6], &path->next_s));
    TRY(text_decimal(words[7], &path->expires_s));
    /* A path that is withdrawn is not listed. */
    return path->blob_bytes == 0 ? ERR_MALFORMED : blob_path_check(path);
}

static bool begins(struct span line, const char *keyword)
{
    size_t size = strlen(keyword);
    return line.size >= size && memcmp(line.data, keyword, size) == 0;
}

static enum err read_line(struct span line, struct index_line *ret)
{
    if (begins(line, "range ")) {
        ret->type = INDEX_RANGE;
        return read_range(line, &ret->range);
    }
    if (begins(line, "tail ")) {
        ret->type = INDEX_TAIL;
        return read_tail(line, &ret->range);
    }
    if (begins(line, "path ")) {
        ret->type = INDEX_PATH;
        return read_path(line, &ret->path);
    }
    if (begins(line, "template ")) {
        struct span words[2];
        ret->type = INDEX_TEMPLATE;
        TRY(text_words(line, words, 2));
        return read_template(words[1], &ret->template_);
    }
    return ERR_UNSUPPORTED;
}

/* Order of the lines: what the line before leaves behind. */
struct order {
    enum index_line_type type;
    uint64_t issuer_id;
    uint16_t template_no;
    bool any;            /* there is a line before, of the same type */
    struct serial until; /* of the range before; SERIAL_AFTER_ALL when no range is open */
    struct span path;    /* before */
};

static enum err order_range(struct order *o, const struct log_range *range)
{
    bool open = o->until.size != SERIAL_SIZE_END;
    if (open && range->issuer_id != o->issuer_id)
        return ERR_ORDER;
    if (!open && o->any && range->issuer_id <= o->issuer_id)
        return ERR_ORDER;
    const struct serial start = open ? o->until : SERIAL_BEFORE_ALL;
    if (serial_compare(&range->after, &start) != 0)
        return ERR_ORDER;
    o->issuer_id = range->issuer_id;
    o->until = range->until;
    return ERR_OK;
}

static enum err order_template(struct order *o, const struct ocsp_template *t)
{
    if (o->any && (t->issuer_id < o->issuer_id ||
                   (t->issuer_id == o->issuer_id && t->template_no <= o->template_no)))
        return ERR_ORDER;
    o->issuer_id = t->issuer_id;
    o->template_no = t->template_no;
    return ERR_OK;
}

static enum err order_tail(struct order *o, const struct log_range *tail)
{
    if (o->any && tail->issuer_id < o->issuer_id)
        return ERR_ORDER;
    o->issuer_id = tail->issuer_id;
    return ERR_OK;
}

static enum err order_path(struct order *o, struct span path)
{
    if (o->any && span_compare(path, o->path) <= 0)
        return ERR_ORDER;
    o->path = path;
    return ERR_OK;
}

static enum err order_same(struct order *o, const struct index_line *line)
{
    switch (line->type) {
    case INDEX_TEMPLATE:
        return order_template(o, &line->template_);
    case INDEX_RANGE:
        return order_range(o, &line->range);
    case INDEX_TAIL:
        return order_tail(o, &line->range);
    case INDEX_PATH:
        return order_path(o, line->path.path);
    }
    return ERR_UNSUPPORTED;
}

static enum err order_line(struct order *o, const struct index_line *line)
{
    if (line->type < o->type)
        return ERR_ORDER;
    if (line->type > o->type) {
        if (o->until.size != SERIAL_SIZE_END)
            return ERR_ORDER;
        *o = (struct order){.type = line->type, .until = SERIAL_AFTER_ALL};
    }
    TRY(order_same(o, line));
    o->any = true;
    return ERR_OK;
}

static enum err read_header(struct span *text, struct index_reader *index)
{
    struct span line;
    struct span words[2];
    TRY(text_line(text, &line));
    if (!span_equal(line, span_text(INDEX_TITLE)))
        return ERR_UNSUPPORTED;
    TRY(text_keyword_line(text, "network", words, 2));
    TRY(network_name_check(words[0]));
    memcpy(index->network, words[0].data, words[0].size);
    TRY(text_keyword_line(text, "log", words, 3));
    TRY(text_decimal(words[0], &index->log_number));
    TRY(sha256_from_text(words[1], &index->log_hash));
    TRY(text_keyword_line(text, "time", words, 2));
    return text_decimal(words[0], &index->time_s);
}

static enum err read_end(struct span line, const struct index_reader *index)
{
    struct span words[2];
    uint64_t lines;
    TRY(text_words(line, words, 2));
    TRY(text_decimal(words[1], &lines));
    return lines == INDEX_HEADER_LINES + (uint64_t)index->line_count ? ERR_OK : ERR_CONFLICT;
}

enum err index_open(struct span text, struct index_reader *ret)
{
    if (text.size > INDEX_BYTES_MAX)
        return ERR_LIMIT;
    struct index_reader index = {.network = ""};
    struct order order = {.type = INDEX_TEMPLATE, .until = SERIAL_AFTER_ALL};
    TRY(read_header(&text, &index));
    const uint8_t *start = text.data;
    struct span line;
    for (;;) {
        const uint8_t *at = text.data;
        TRY(text_line(&text, &line));
        if (begins(line, "end ")) {
            index.lines = span_of(start, (size_t)(at - start));
            break;
        }
        struct index_line item;
        TRY(read_line(line, &item));
        TRY(order_line(&order, &item));
        index.line_count++;
    }
    TRY(read_end(line, &index));
    if (order.until.size != SERIAL_SIZE_END)
        return ERR_ORDER;
    if (text.size > 0)
        return ERR_TRAILING;
    *ret = index;
    return ERR_OK;
}

bool index_next(const struct index_reader *index, size_t *cursor, struct index_line *ret)
{
    struct span rest = span_of(index->lines.data + *cursor, index->lines.size - *cursor);
    struct span line;
    if (rest.size == 0)
        return false;
    CHECK(text_line(&rest, &line) == ERR_OK && read_line(line, ret) == ERR_OK);
    *cursor = index->lines.size - rest.size;
    return true;
}

static struct line_writer resume(const struct index_writer *w)
{
    return (struct line_writer){
        .out = w->out, .out_size = w->out_size, .size = w->size, .err = w->err};
}

static void suspend(struct index_writer *w, const struct line_writer *text)
{
    w->size = text->size;
    w->err = text->err;
}

void index_writer_start(struct index_writer *w, struct span network, uint64_t log_number,
                        const struct sha256 *log_hash, uint64_t time_s, char *out, size_t out_size)
{
    char hash[SHA256_TEXT_BYTES];
    sha256_to_text(log_hash, hash);
    *w = (struct index_writer){.out = out, .out_size = out_size};
    struct line_writer text = resume(w);
    text.err = network_name_check(network);
    text_put(&text, span_text(INDEX_TITLE "\nnetwork "));
    text_put(&text, network);
    text_put_format(&text, "\nlog %llu %s\ntime %llu\n", (unsigned long long)log_number, hash,
                    (unsigned long long)time_s);
    suspend(w, &text);
}

void index_writer_template(struct index_writer *w, const struct ocsp_template *t)
{
    uint8_t wire[TEMPLATE_BYTES_MAX];
    char base64[TEMPLATE_TEXT_MAX];
    size_t size = 0;
    size_t digits = 0;
    struct line_writer text = resume(w);
    if (text.err == ERR_OK)
        text.err = template_write(t, wire, sizeof wire, &size);
    if (text.err == ERR_OK)
        text.err = base64_encode(span_of(wire, size), base64, sizeof base64, &digits);
    text_put(&text, span_text("template "));
    text_put(&text, span_of(base64, digits));
    text_put(&text, span_text("\n"));
    suspend(w, &text);
    w->line_count++;
}

static void put_bound(struct line_writer *text, const struct serial *bound)
{
    bool empty = bound->size == 0 || bound->size == SERIAL_SIZE_END;
    if (!empty && bound->size > SERIAL_BYTES_MAX && text->err == ERR_OK)
        text->err = ERR_LIMIT;
    if (text->err != ERR_OK)
        return;
    text_put_format(text, " %02x", bound->size);
    for (size_t i = 0; !empty && i < bound->size; i++)
        text_put_format(text, "%02x", bound->octets[i]);
}

static void put_pack(struct line_writer *text, const struct log_range *range)
{
    char hash[SHA256_TEXT_BYTES];
    sha256_to_text(&range->pack, hash);
    text_put_format(text, " %llu %llu %s\n", (unsigned long long)range->statement_count,
                    (unsigned long long)range->pack_bytes, hash);
}

void index_writer_range(struct index_writer *w, const struct log_range *range)
{
    struct line_writer text = resume(w);
    text_put_format(&text, "range %016llx", (unsigned long long)range->issuer_id);
    put_bound(&text, &range->after);
    put_bound(&text, &range->until);
    put_pack(&text, range);
    suspend(w, &text);
    w->line_count++;
}

void index_writer_tail(struct index_writer *w, const struct log_range *tail)
{
    struct line_writer text = resume(w);
    text_put_format(&text, "tail %016llx", (unsigned long long)tail->issuer_id);
    put_pack(&text, tail);
    suspend(w, &text);
    w->line_count++;
}

void index_writer_path(struct index_writer *w, const struct blob_path *path)
{
    struct line_writer text = resume(w);
    char hash[SHA256_TEXT_BYTES];
    if (text.err == ERR_OK)
        text.err = path->blob_bytes == 0 ? ERR_MALFORMED : blob_path_check(path);
    sha256_to_text(&path->blob, hash);
    text_put(&text, span_text("path "));
    text_put(&text, path->path);
    text_put(&text, span_text(" "));
    text_put(&text, path->media_type);
    text_put_format(&text, " %llu %s %llu %llu %llu\n", (unsigned long long)path->blob_bytes, hash,
                    (unsigned long long)path->modified_s, (unsigned long long)path->next_s,
                    (unsigned long long)path->expires_s);
    suspend(w, &text);
    w->line_count++;
}

enum err index_writer_finish(struct index_writer *w, size_t *ret_size)
{
    struct line_writer text = resume(w);
    text_put_format(&text, "end %llu\n", INDEX_HEADER_LINES + (unsigned long long)w->line_count);
    suspend(w, &text);
    TRY(w->err);
    /* An index that no edge would take must not be published. */
    struct index_reader index;
    TRY(index_open(span_of(w->out, w->size), &index));
    *ret_size = w->size;
    return ERR_OK;
}

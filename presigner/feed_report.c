/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feed_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/crl_read.h"
#include "lib/log_entry.h"

/* Of one item, but for the path. */
#define ITEM_BYTES_MAX 256

/* The report of one log entry in the making. */
struct making {
    struct feed_report *report;
    struct buffer *out;
    uint64_t number;
    enum err err;
};

__attribute__((format(printf, 2, 3))) static enum err append(struct buffer *out, const char *format,
                                                             ...)
{
    char text[ITEM_BYTES_MAX + CRL_SHARD_URL_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof text)
        return ERR_LIMIT;
    return buffer_append(out, span_of(text, (size_t)size));
}

enum err feed_report_seq(uint64_t issuer_id, const struct feed_position *published,
                         struct buffer *ret)
{
    char hash[SHA256_TEXT_BYTES];
    ret->size = 0;
    TRY(append(ret, "{\"ca\":\"%016" PRIx64 "\",\"seq\":%" PRIu64, issuer_id, published->seq));
    if (published->seq == 0)
        return append(ret, "}");
    sha256_to_text(&published->hash, hash);
    return append(ret, ",\"hash\":\"%s\"}", hash);
}

/* --- Items of a log entry --- */

static enum err item_begin(struct making *m, const struct sha256 *hash)
{
    char text[SHA256_TEXT_BYTES];
    bool first = m->out->data[m->out->size - 1] == '[';
    sha256_to_text(hash, text);
    return append(m->out, "%s{\"log_number\":%" PRIu64 ",\"sha256\":\"%s\",", first ? "" : ",",
                  m->number, text);
}

static enum err add_statements(struct making *m, const struct sha256 *hash, uint64_t count)
{
    if (count == 0)
        return ERR_OK;
    TRY(item_begin(m, hash));
    return append(m->out, "\"statements\":%" PRIu64 "}", count);
}

static bool is_own_crl(const struct feed_report *r, const struct blob_path *path)
{
    const char *base = r->issuer->crl.url_base;
    if (base == NULL || path->blob_bytes == 0)
        return false;
    struct span prefix = span_text(crl_url_path(base));
    return path->path.size > prefix.size + 4 && path->path.size < CRL_SHARD_URL_MAX &&
           memcmp(path->path.data, prefix.data, prefix.size) == 0 &&
           path->path.data[prefix.size] == '/' &&
           memcmp(path->path.data + path->path.size - 4, ".crl", 4) == 0;
}

static enum err read_number(const struct blob_path *path, const char *publish_dir, uint64_t *ret)
{
    char name[SHA256_TEXT_BYTES], file[PATH_BYTES_MAX];
    struct buffer der = {0};
    struct crl crl;
    sha256_to_text(&path->blob, name);
    int size = snprintf(file, sizeof file, "%s/blob/%s", publish_dir, name);
    if (size < 0 || (size_t)size >= sizeof file)
        return ERR_LIMIT;
    enum err err = file_read(file, BLOB_BYTES_MAX, &der);
    if (err == ERR_OK)
        err = crl_open(span_of(der.data, der.size), &crl);
    if (err == ERR_OK)
        err = crl_number(crl.number, ret);
    buffer_done(&der);
    return err;
}

static enum err add_crl(struct making *m, const struct blob_path *path)
{
    uint64_t number = 0;
    enum err err = read_number(path, m->report->publish_dir, &number);
    /* Replaced since then and removed. */
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(err);
    TRY(item_begin(m, &path->blob));
    return append(m->out, "\"crl_number\":%" PRIu64 ",\"path\":\"%.*s\"}", number,
                  (int)path->path.size, (const char *)path->path.data);
}

static enum err add_item(struct making *m, const struct log_item *item, uint64_t *statement_count)
{
    uint64_t issuer_id = m->report->issuer_id;
    if (item->type == LOG_STATEMENT && item->issuer_id == issuer_id)
        ++*statement_count;
    if (item->type == LOG_RANGE && item->range.issuer_id == issuer_id)
        return add_statements(m, &item->range.pack, item->range.statement_count);
    if (item->type == LOG_PATH && is_own_crl(m->report, &item->path))
        return add_crl(m, &item->path);
    return ERR_OK;
}

static enum err add_items(struct making *m, struct span wire)
{
    struct log_entry entry;
    struct log_item item;
    struct span network;
    struct sha256 hash = sha256_of(wire);
    uint64_t statement_count = 0;
    size_t cursor = 0;
    TRY(log_entry_parse(wire, &entry, &network));
    while (log_entry_next(&entry, &cursor, &item))
        TRY(add_item(m, &item, &statement_count));
    return add_statements(m, &hash, statement_count);
}

static enum err add_entry(struct feed_report *r, uint64_t number, struct buffer *out)
{
    char path[PATH_BYTES_MAX];
    struct making m = {.report = r, .out = out, .number = number};
    int size = snprintf(path, sizeof path, "%s/log/%" PRIu64, r->publish_dir, number);
    if (size < 0 || (size_t)size >= sizeof path)
        return ERR_LIMIT;
    enum err err = file_read(path, LOG_ENTRY_BYTES_MAX, &r->file);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(err);
    return add_items(&m, span_of(r->file.data, r->file.size));
}

enum err feed_report_signed(struct feed_report *r, const struct feed_position *published,
                            uint64_t told, uint64_t log_last, struct buffer *ret,
                            uint64_t *ret_told)
{
    TRY(feed_report_seq(r->issuer_id, published, ret));
    ret->size--; /* the brace that closes it */
    TRY(append(ret, ",\"signed\":["));
    uint64_t last = told;
    while (last < log_last && last - told < FEED_REPORT_ENTRIES_MAX) {
        size_t before = ret->size;
        TRY(add_entry(r, last + 1, ret));
        /* The end has to fit, too. One entry alone always does: it names 64 files at most. */
        if (ret->size > FEED_REPORT_BYTES_MAX - ITEM_BYTES_MAX && last > told) {
            ret->size = before;
            break;
        }
        last++;
    }
    TRY(append(ret, "],\"log_number\":%" PRIu64 "}", last));
    *ret_told = last;
    return ERR_OK;
}

void feed_report_done(struct feed_report *r)
{
    buffer_done(&r->file);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import.h"

#include "presigner/import_store.h"
#include "presigner/line_reader.h"

struct import {
    struct status_db *db;
    const struct import_options *options;
    struct import_report *report;
    struct line_reader reader;
    struct import_batch batch;
    struct import_runs runs;
    enum import_format format;
    bool has_format;
    uint64_t reported_bytes;
};

static enum err take_shard(const struct import *im, struct import_line *line, const char **why)
{
    const struct import_options *o = im->options;
    if (line->shard.size == 0)
        return ERR_OK;
    if (o->crl_sets == NULL) {
        *why = "a shard or crldp, but the issuer has no crl in presigner.yaml";
        return ERR_UNSUPPORTED;
    }
    if (crl_shard_from_text(o->crl_sets, o->crl_url_base, line->shard, &line->record.shard) ==
        ERR_OK)
        return ERR_OK;
    *why = "no shard or distribution point of this issuer's CRLs";
    return ERR_RANGE;
}

static enum err parse(struct import *im, struct span line, struct import_line *ret)
{
    const char **why = &im->report->why;
    if (im->format == IMPORT_CSV)
        TRY(import_csv_line(line, ret, why));
    else
        TRY(import_index_txt_line(line, ret, why));
    TRY(take_shard(im, ret, why));
    if (ret->record.revoked_at_s > im->options->now_s + IMPORT_FUTURE_MAX_S) {
        *why = "the revocation time is in the future";
        return ERR_RANGE;
    }
    return ERR_OK;
}

/* What must be known before the first line of data; tells whether the line is a header. */
static enum err look_at_first(struct import *im, struct span line, bool *ret_header)
{
    if (!im->has_format) {
        im->format = im->options->has_format ? im->options->format : import_format_guess(line);
        im->has_format = true;
    }
    *ret_header = false;
    if (im->format != IMPORT_CSV)
        return ERR_OK;
    enum err err = import_csv_header(line, &im->report->why);
    *ret_header = err == ERR_OK;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err take_line(struct import *im, struct span line)
{
    struct import_line parsed;
    bool header = false;
    if (line.size == 0 || (line.size == 1 && line.data[0] == '\r'))
        return ERR_OK;
    if (!im->has_format)
        TRY(look_at_first(im, line, &header));
    if (header)
        return ERR_OK;
    TRY(parse(im, line, &parsed));
    import_batch_add(&im->batch, &parsed);
    im->report->cert_count++;
    return ERR_OK;
}

static void tell_progress(const struct import *im, bool storing)
{
    if (im->options->progress == NULL)
        return;
    struct import_progress progress = {
        .storing = storing,
        .read_bytes = im->reader.read_bytes,
        .stored_count = im->report->stored_count,
        .cert_count = im->report->cert_count,
    };
    im->options->progress(im->options->context, &progress);
}

static enum err write_run(struct import *im)
{
    import_batch_sort(&im->batch);
    enum err err =
        import_runs_add(&im->runs, im->options->temporary_dir, im->batch.sorted, im->batch.count);
    if (err == ERR_LIMIT)
        im->report->why = "the file has too many lines for one import";
    else if (err == ERR_DISK_FULL)
        im->report->why = "no room for the temporary file in the state directory";
    im->batch.count = 0;
    return err;
}

static enum err read_line(struct import *im)
{
    struct span line;
    enum err err = line_reader_next(&im->reader, &line);
    if (err == ERR_NOT_FOUND)
        return err;
    if (err == ERR_LIMIT)
        im->report->why = "the line is too long";
    if (err == ERR_OK)
        err = take_line(im, line);
    if (err != ERR_OK)
        im->report->line_no = err == ERR_IO ? 0 : im->reader.line_no;
    return err;
}

static enum err read_lines(struct import *im)
{
    for (;;) {
        /* Before the next line, not after it: the last batch stays in memory, and most files are
         * one batch. */
        if (import_batch_full(&im->batch))
            TRY(write_run(im));
        enum err err = read_line(im);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(err);
        if (im->reader.read_bytes != im->reported_bytes) {
            im->reported_bytes = im->reader.read_bytes;
            tell_progress(im, false);
        }
    }
}

static enum err store_all(struct import *im, struct import_store *store)
{
    for (;;) {
        enum err err = import_store_step(store);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(err);
        im->report->stored_count = store->stored_count;
        im->report->changed_count = store->changed_count;
        im->report->conflicts = store->conflicts;
        tell_progress(im, true);
    }
}

static enum err store_merged(struct import *im, struct import_merge *merge)
{
    const struct import_options *o = im->options;
    struct import_store store;
    TRY(import_store_start(im->db, o->issuer_id, merge,
                           o->step_count ? o->step_count : IMPORT_STEP_COUNT_MAX, &store));
    enum err err = store_all(im, &store);
    import_store_done(&store);
    TRY(err);
    return status_poll_sequence(im->db, &im->report->last_sequence);
}

static enum err store(struct import *im)
{
    struct import_merge merge;
    import_batch_sort(&im->batch);
    TRY(import_merge_start(&im->runs, im->batch.sorted, im->batch.count, &merge));
    enum err err = store_merged(im, &merge);
    import_merge_done(&merge);
    return err;
}

static enum err run(struct import *im)
{
    const struct import_options *o = im->options;
    TRY(import_batch_start(o->batch_count ? o->batch_count : IMPORT_BATCH_COUNT_MAX, &im->batch));
    TRY(read_lines(im));
    return store(im);
}

enum err import_file(struct status_db *db, int fd, const struct import_options *options,
                     struct import_report *report)
{
    struct import im = {.db = db, .options = options, .report = report};
    *report = (struct import_report){0};
    import_runs_start(&im.runs);
    TRY(line_reader_start(fd, IMPORT_LINE_BYTES_MAX, &im.reader));
    enum err err = run(&im);
    import_runs_done(&im.runs);
    import_batch_done(&im.batch);
    line_reader_done(&im.reader);
    return err;
}

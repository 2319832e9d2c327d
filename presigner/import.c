/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import.h"

#include "presigner/import_batch.h"
#include "presigner/line_reader.h"

struct import {
    struct status_db *db;
    const struct import_options *options;
    struct import_report *report;
    struct line_reader reader;
    struct import_batch batch;
    struct status_writer writer;
    MDB_txn *txn; /* NULL until there is something to write */
    enum import_format format;
    bool has_format;
    uint64_t reported_bytes;
};

/* The first batch is parsed before the transaction begins: other writers wait for the writing only,
 * and most files are one batch. */
static enum err write_batch(struct import *im)
{
    if (im->txn == NULL) {
        MDB_txn *txn;
        TRY(status_txn_write(im->db, &txn));
        enum err err = status_writer_begin(im->db, txn, &im->writer);
        if (err != ERR_OK) {
            status_txn_abort(txn);
            return err;
        }
        im->txn = txn;
    }
    return import_batch_apply(&im->batch, &im->writer, im->options->issuer_id,
                              &im->report->changed_count);
}

static enum err parse(struct import *im, struct span line, struct import_line *ret)
{
    const char **why = &im->report->why;
    if (im->format == IMPORT_CSV)
        TRY(import_csv_line(line, ret, why));
    else
        TRY(import_index_txt_line(line, ret, why));
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

static void tell_progress(struct import *im)
{
    if (im->options->progress == NULL || im->reader.read_bytes == im->reported_bytes)
        return;
    im->reported_bytes = im->reader.read_bytes;
    im->options->progress(im->options->context, im->reported_bytes);
}

static enum err read_lines(struct import *im)
{
    for (;;) {
        struct span line;
        enum err err = line_reader_next(&im->reader, &line);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        if (err == ERR_LIMIT)
            im->report->why = "the line is too long";
        if (err == ERR_OK)
            err = take_line(im, line);
        if (err != ERR_OK) {
            im->report->line_no = err == ERR_IO ? 0 : im->reader.line_no;
            return err;
        }
        tell_progress(im);
        if (import_batch_full(&im->batch))
            TRY(write_batch(im));
    }
}

static enum err finish(struct import *im)
{
    if (im->batch.count > 0)
        TRY(write_batch(im));
    if (im->txn == NULL)
        return status_poll_sequence(im->db, &im->report->last_sequence);
    im->report->last_sequence = im->writer.last_sequence;
    TRY(status_writer_end(&im->writer));
    MDB_txn *txn = im->txn;
    im->txn = NULL;
    return status_txn_commit(txn);
}

static enum err run(struct import *im)
{
    const struct import_options *o = im->options;
    TRY(import_batch_start(o->batch_count ? o->batch_count : IMPORT_BATCH_COUNT_MAX, &im->batch));
    TRY(read_lines(im));
    return finish(im);
}

enum err import_file(struct status_db *db, int fd, const struct import_options *options,
                     struct import_report *report)
{
    struct import im = {.db = db, .options = options, .report = report};
    *report = (struct import_report){0};
    TRY(line_reader_start(fd, IMPORT_LINE_BYTES_MAX, &im.reader));
    enum err err = run(&im);
    if (im.txn != NULL) {
        status_writer_drop(&im.writer);
        im.txn = status_txn_abort(im.txn);
    }
    if (err != ERR_OK)
        report->changed_count = 0;
    import_batch_done(&im.batch);
    line_reader_done(&im.reader);
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feed_apply.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/feed_event.h"

/* One answer on its way into the database. */
struct applying {
    struct status_db *db;
    MDB_txn *txn;
    struct status_writer writer;
    uint64_t issuer_id;
    uint64_t seq; /* of the event before the next line */
    struct crl_sets sets;
    struct feed_result result;
    char *why;
};

__attribute__((format(printf, 3, 4))) static enum err refuse(struct applying *a, enum err err,
                                                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(a->why, FEED_WHY_BYTES, format, args);
    va_end(args);
    return err;
}

static enum err check_shard(struct applying *a, const struct feed_event *event)
{
    if (event->shard == CRL_SHARD_NONE || crl_shard_set(&a->sets, event->shard) != NULL)
        return ERR_OK;
    return refuse(a, ERR_CONFIG,
                  "event %" PRIu64 " names CRL %u/%u, which the issuer does not have here: "
                  "`crl` in presigner.yaml differs from the issuer's",
                  event->seq, event->shard >> 16, event->shard & 0xffff);
}

/* What the position has already must be what it was. */
static enum err pass_over(struct applying *a, const struct feed_event *event, struct span line)
{
    struct sha256 hash = sha256_of(line);
    if (event->seq < a->result.position.seq || sha256_equal(&hash, &a->result.position.hash))
        return ERR_OK;
    return refuse(a, ERR_CONFLICT, "event %" PRIu64 " is another than the one that was taken",
                  event->seq);
}

static enum err take(struct applying *a, const struct feed_event *event, struct span line)
{
    struct cert_record claim = {.status = event->status,
                                .reason = event->reason,
                                .revoked_at_s = event->revoked_at_s,
                                .not_after_s = event->not_after_s,
                                .shard = event->shard};
    bool changed = false;
    TRY(check_shard(a, event));
    TRY(status_writer_apply(&a->writer, a->issuer_id, &event->serial, &claim, &changed));
    a->result.event_count++;
    a->result.changed_count += changed;
    a->result.position.seq = event->seq;
    a->result.position.hash = sha256_of(line);
    return ERR_OK;
}

static enum err take_line(struct applying *a, struct span line)
{
    struct feed_event event;
    enum err err = feed_event_read(line, &event);
    if (err != ERR_OK)
        return refuse(a, ERR_MALFORMED, "the line after event %" PRIu64 " is no event: %s", a->seq,
                      err_text(err));
    if (event.seq != a->seq + 1)
        return refuse(a, ERR_CHAIN, "event %" PRIu64 " follows event %" PRIu64, event.seq, a->seq);
    a->seq = event.seq;
    return event.seq <= a->result.position.seq ? pass_over(a, &event, line) : take(a, &event, line);
}

static enum err take_lines(struct applying *a, struct span body)
{
    while (body.size > 0) {
        const uint8_t *end = memchr(body.data, '\n', body.size);
        if (end == NULL)
            return refuse(a, ERR_TRUNCATED, "the answer ends in the line after event %" PRIu64,
                          a->seq);
        size_t size = (size_t)(end - body.data);
        TRY(take_line(a, span_of(body.data, size)));
        body = span_of(end + 1, body.size - size - 1);
    }
    return ERR_OK;
}

static enum err fill(struct applying *a, struct span body)
{
    struct feed_position *position = &a->result.position;
    TRY(feed_position_get(a->db, a->txn, a->issuer_id, position));
    TRY(crl_sets_get(a->db, a->txn, a->issuer_id, &a->sets));
    if (a->seq > position->seq)
        return refuse(a, ERR_CHAIN,
                      "events after %" PRIu64 " were asked for, but the database is at %" PRIu64,
                      a->seq, position->seq);
    TRY(take_lines(a, body));
    position->sequence = a->writer.last_sequence;
    a->result.conflicts = a->writer.conflicts;
    return feed_position_put(a->db, a->txn, a->issuer_id, position);
}

static enum err transact(struct applying *a, struct span body)
{
    TRY(status_writer_begin(a->db, a->txn, &a->writer));
    enum err err = fill(a, body);
    if (err == ERR_OK)
        return status_writer_end(&a->writer);
    status_writer_drop(&a->writer);
    return err;
}

enum err feed_apply(struct status_db *db, uint64_t issuer_id, uint64_t after, struct span body,
                    struct feed_result *ret, char why[static FEED_WHY_BYTES])
{
    struct applying a = {.db = db, .issuer_id = issuer_id, .seq = after, .why = why};
    why[0] = '\0';
    TRY(status_txn_write(db, &a.txn));
    enum err err = transact(&a, body);
    /* Nothing new needs no wait for the disk. */
    if (err != ERR_OK || a.result.event_count == 0)
        status_txn_abort(a.txn);
    else
        err = status_txn_commit(a.txn);
    if (err != ERR_OK && why[0] == '\0')
        snprintf(why, FEED_WHY_BYTES, "%s", err_text(err));
    TRY(err);
    *ret = a.result;
    return ERR_OK;
}

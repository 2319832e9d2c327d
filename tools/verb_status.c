/* SPDX-License-Identifier: Apache-2.0 */
/* statim status: how far a folder is, or what is known of one certificate. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/os/clock.h"
#include "lib/timetext.h"
#include "presigner/publish_db.h"
#include "tools/directory.h"
#include "tools/edges.h"
#include "tools/status_filter.h"
#include "tools/verb.h"

struct cli {
    const char *issuer;
    const char *directory;
    const char *serial; /* NULL: of all */
};

static bool parse_options(int argc, char **argv, struct cli *c)
{
    static const struct option table[] = {{"issuer", required_argument, NULL, 'i'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option != 'i')
            return false;
        c->issuer = optarg;
    }
    if (optind + 1 != argc && optind + 2 != argc)
        return false;
    c->directory = argv[optind];
    c->serial = optind + 2 == argc ? argv[optind + 1] : NULL;
    return true;
}

static void print_time(const char *name, uint32_t time_s)
{
    char text[ISO_TIME_BYTES + 1];
    iso_time_write(time_s, text);
    printf("%-20s %s\n", name, time_s == 0 ? "-" : text);
}

static void print_number(const char *name, uint64_t number)
{
    printf("%-20s %" PRIu64 "\n", name, number);
}

/* A certificate. */

static void print_record(const struct serial *serial, const struct cert_record *r)
{
    char hex[SERIAL_HEX_MAX];
    serial_to_hex(serial, hex);
    printf("%-20s %s\n", "serial", hex);
    printf("%-20s %s\n", "status", r->status == CERT_GOOD ? "good" : "revoked");
    if (r->status == CERT_REVOKED) {
        print_time("revoked at", r->revoked_at_s);
        printf("%-20s %s\n", "reason",
               r->reason == REASON_ABSENT ? "(none)" : reason_text(r->reason));
    }
    print_time("not after", r->not_after_s);
    print_number("sequence", r->sequence);
}

/* Where the newest published statement is: in the tail, else in the pack of its range. */
static enum err show_place(const struct directory *d, MDB_txn *txn,
                           const struct publish_db *publish, const struct serial *serial)
{
    struct range_record range;
    struct tail_record tail;
    char pack[SHA256_TEXT_BYTES];
    enum err err = publish_db_tail_get(publish, txn, d->issuer_id, serial, &tail);
    if (err == ERR_OK) {
        printf("%-20s in log entry %" PRIu64 "\n", "published", tail.log_number);
        print_time("this update", tail.statement.facts.this_update_s);
        print_time("next update", tail.statement.facts.next_update_s);
    }
    if (err != ERR_NOT_FOUND)
        return err;
    TRY(publish_db_range_of(publish, txn, d->issuer_id, serial, &range));
    sha256_to_text(&range.pack, pack);
    printf("%-20s %s%s\n", "published", sha256_is_zero(&range.pack) ? "not yet" : "in pack ",
           sha256_is_zero(&range.pack) ? "" : pack);
    return ERR_OK;
}

static enum err show_published(const struct directory *d, MDB_txn *txn, const struct serial *serial,
                               const struct cert_record *record)
{
    struct publish_db publish = publish_db_of(d->db);
    struct publish_state state = {0};
    TRY(publish_db_state_get(&publish, txn, &state));
    bool published = record->sequence <= state.published_sequence ||
                     (record->status == CERT_REVOKED && record->sequence <= state.urgent_sequence);
    enum err err = published ? show_place(d, txn, &publish, serial) : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) {
        printf("%-20s %s\n", "published", "not yet");
        return ERR_OK;
    }
    return err;
}

static enum err show_certificate(const struct directory *d, MDB_txn *txn, const char *text)
{
    struct serial serial;
    struct cert_record record;
    if (serial_from_hex(span_text(text), &serial) != ERR_OK) {
        directory_complain(d, "%s: not a serial number in hexadecimal", text);
        return ERR_MALFORMED;
    }
    enum err err = status_get(d->db, txn, d->issuer_id, &serial, &record);
    if (err == ERR_NOT_FOUND)
        directory_complain(d, "%s: issuer %s has no such certificate", text, d->issuer->name);
    TRY(err);
    print_record(&serial, &record);
    return show_published(d, txn, &serial, &record);
}

/* The folder. */

struct range_sums {
    uint64_t ranges;
    uint64_t dirty;
    uint64_t bytes;
    uint32_t oldest_this_update_s;
};

static enum err sum_ranges(const struct directory *d, MDB_txn *txn, struct range_sums *ret)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    struct range_sums sums = {0};
    enum err err = status_db_err(mdb_cursor_open(txn, d->db->dbi[STATUS_RANGE], &cursor));
    if (err != ERR_OK)
        return err;
    int code;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct range_record r;
        err = range_record_read(span_of(key.mv_data, key.mv_size),
                                span_of(value.mv_data, value.mv_size), &r);
        if (err != ERR_OK)
            break;
        sums.ranges++;
        sums.dirty += (r.flags & RANGE_DIRTY) != 0;
        sums.bytes += r.pack_bytes;
        if (r.this_update_min_s != 0 &&
            (sums.oldest_this_update_s == 0 || r.this_update_min_s < sums.oldest_this_update_s))
            sums.oldest_this_update_s = r.this_update_min_s;
    }
    mdb_cursor_close(cursor);
    TRY(err);
    if (code != MDB_NOTFOUND)
        return status_db_err(code);
    *ret = sums;
    return ERR_OK;
}

static enum err show_issuer(const struct directory *d, MDB_txn *txn, const char *name,
                            uint64_t issuer_id)
{
    struct status_counts counts;
    TRY(status_counts(d->db, txn, issuer_id, &counts));
    printf("%-20s %s: %" PRIu64 " good, %" PRIu64 " revoked\n", "issuer", name, counts.good,
           counts.revoked);
    return ERR_OK;
}

static enum err show_folder(const struct directory *d, MDB_txn *txn)
{
    struct publish_db publish = publish_db_of(d->db);
    struct publish_state state = {0};
    struct range_sums sums = {0};
    uint64_t sequence = 0;
    TRY(show_issuer(d, txn, d->issuer->name, d->issuer_id));
    TRY(status_last_sequence(d->db, txn, &sequence));
    TRY(publish_db_state_get(&publish, txn, &state));
    TRY(sum_ranges(d, txn, &sums));
    printf("%-20s %s\n", "network", d->config->network);
    print_number("sequence", sequence);
    print_number("published sequence", state.published_sequence);
    print_number("log number", state.log_last);
    print_number("index at log number", state.index.log_number);
    print_number("ranges", sums.ranges);
    print_number("ranges to re-sign", sums.dirty);
    print_number("bytes in packs", sums.bytes);
    print_time("oldest this update", sums.oldest_this_update_s);
    TRY(status_filter_show(d->db, txn));
    return ERR_OK;
}

int verb_status(int argc, char **argv)
{
    struct cli c = {0};
    struct directory d;
    MDB_txn *txn = NULL;
    if (!parse_options(argc, argv, &c))
        return VERB_USAGE;
    if (!directory_open_status("status", c.directory, c.issuer, &d))
        return 1;
    enum err err = status_txn_read(d.db, &txn);
    if (err == ERR_OK)
        err = c.serial ? show_certificate(&d, txn, c.serial) : show_folder(&d, txn);
    status_txn_abort(txn);
    if (err == ERR_OK && c.serial == NULL)
        edges_show(&d, clock_wall_ms());
    if (err != ERR_OK && err != ERR_NOT_FOUND && err != ERR_MALFORMED)
        directory_complain(&d, "%s", err_text(err));
    directory_close(&d);
    return err == ERR_OK ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* statim revoke: one certificate or a list of them, for good. They are accepted when the command
 * returns; a running presigner publishes one within a second. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/os/clock.h"
#include "lib/timetext.h"
#include "presigner/import.h"
#include "presigner/status_writer.h"
#include "tools/directory.h"
#include "tools/revoke_from.h"
#include "tools/verb.h"
#include "tools/wait.h"

struct cli {
    const char *issuer;
    const char *directory;
    const char *serial;
    const char *reason;
    const char *at;
    const char *from; /* NULL: one serial */
    bool dry_run;
    struct wait_options wait;
};

static bool take_option(int option, struct cli *c)
{
    switch (option) {
    case 'i':
        c->issuer = optarg;
        return true;
    case 'r':
        c->reason = optarg;
        return true;
    case 'a':
        c->at = optarg;
        return true;
    case 'f':
        c->from = optarg;
        return true;
    case 'd':
        c->dry_run = true;
        return true;
    default:
        return wait_option(option, optarg, &c->wait);
    }
}

static bool parse_options(int argc, char **argv, struct cli *c)
{
    static const struct option table[] = {{"issuer", required_argument, NULL, 'i'},
                                          {"reason", required_argument, NULL, 'r'},
                                          {"at", required_argument, NULL, 'a'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"dry-run", no_argument, NULL, 'd'},
#define X(name, value) {name, required_argument, NULL, value},
                                          WAIT_OPTION_TABLE(X)
#undef X
                                              {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
        if (!take_option(option, c))
            return false;
    int names = c->from == NULL ? 2 : 1;
    if (optind + names != argc || (c->dry_run && c->from == NULL))
        return false;
    c->directory = argv[optind];
    c->serial = c->from == NULL ? argv[optind + 1] : NULL;
    return true;
}

static bool bad(const char *what, const char *why)
{
    fprintf(stderr, "statim revoke: %s: %s\n", what, why);
    return false;
}

static bool read_claim(const struct cli *c, struct cert_record *claim)
{
    uint64_t now_s = clock_wall_s(), at_s = now_s;
    enum reason reason = REASON_ABSENT;
    if (c->reason != NULL && reason_from_text(span_text(c->reason), &reason) != ERR_OK)
        return bad(c->reason, "not a reason of RFC 5280, such as keyCompromise or superseded");
    if (reason == REASON_REMOVE_FROM_CRL)
        return bad(c->reason, "not the reason of a revocation");
    if (c->at != NULL && human_time_read(span_text(c->at), &at_s) != ERR_OK)
        return bad(c->at, "not a time, such as 2026-11-24T19:30:00Z");
    if (at_s > now_s + IMPORT_FUTURE_MAX_S || at_s > TIME_S_MAX)
        return bad(c->at != NULL ? c->at : "now", "in the future");
    *claim = (struct cert_record){
        .status = CERT_REVOKED, .reason = (uint8_t)reason, .revoked_at_s = (uint32_t)at_s};
    return true;
}

static enum err apply(const struct directory *d, MDB_txn *txn, const struct serial *serial,
                      const struct cert_record *claim, bool *ret_changed, struct cert_record *ret)
{
    struct status_writer w;
    struct cert_record known;
    /* Only what was issued can be revoked: a mistyped serial must not pass. */
    TRY(status_get(d->db, txn, d->issuer_id, serial, &known));
    TRY(status_writer_begin(d->db, txn, &w));
    enum err err = status_writer_apply(&w, d->issuer_id, serial, claim, ret_changed);
    if (err != ERR_OK) {
        status_writer_drop(&w);
        return err;
    }
    TRY(status_writer_end(&w));
    /* Before the commit: behind it nothing may fail, for it is done. */
    return status_get(d->db, txn, d->issuer_id, serial, ret);
}

static enum err commit(const struct directory *d, const struct serial *serial,
                       const struct cert_record *claim, bool *ret_changed, struct cert_record *ret)
{
    MDB_txn *txn;
    TRY(status_txn_write(d->db, &txn));
    enum err err = apply(d, txn, serial, claim, ret_changed, ret);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    return status_txn_commit(txn);
}

static void report(const struct serial *serial, const struct cert_record *record, bool changed)
{
    char hex[SERIAL_HEX_MAX], at[ISO_TIME_BYTES + 1];
    serial_to_hex(serial, hex);
    iso_time_write(record->revoked_at_s, at);
    const char *reason =
        record->reason == REASON_ABSENT ? "no reason" : reason_text(record->reason);
    printf("%s: revoked at %s, %s, sequence %" PRIu64 "%s\n", hex, at, reason, record->sequence,
           changed ? "" : " (it was already)");
}

static int revoke(const struct directory *d, const struct cli *c, const struct cert_record *claim)
{
    bool changed = false;
    struct cert_record record;
    struct serial serial;
    if (serial_from_hex(span_text(c->serial), &serial) != ERR_OK) {
        (void)bad(c->serial, "not a serial number in hexadecimal");
        return 1;
    }
    enum err err = commit(d, &serial, claim, &changed, &record);
    if (err == ERR_NOT_FOUND)
        directory_complain(d, "%s: issuer %s has no such certificate; import it first", c->serial,
                           d->issuer->name);
    else if (err != ERR_OK)
        directory_complain(d, "%s: %s", c->serial, err_text(err));
    if (err != ERR_OK)
        return 1;
    report(&serial, &record, changed);
    const struct wait_goal goal = {
        .kind = WAIT_ONE, .sequence = record.sequence, .serial = &serial};
    return wait_for(d, &c->wait, &goal);
}

static int revoke_list(const struct directory *d, const struct cli *c,
                       const struct cert_record *claim)
{
    const struct revoke_from_options options = {.file = c->from,
                                                .claim = claim,
                                                .now_s = clock_wall_s(),
                                                .dry_run = c->dry_run,
                                                .wait = &c->wait};
    return revoke_from(d, &options);
}

int verb_revoke(int argc, char **argv)
{
    struct cli c = {.wait = WAIT_OPTIONS_DEFAULT};
    struct cert_record claim;
    struct directory d;
    if (!parse_options(argc, argv, &c))
        return VERB_USAGE;
    if (!read_claim(&c, &claim))
        return 1;
    if (!directory_open_status("revoke", c.directory, c.issuer, &d))
        return 1;
    int status = 1;
    if (wait_possible(&d, &c.wait))
        status = c.from != NULL ? revoke_list(&d, &c, &claim) : revoke(&d, &c, &claim);
    directory_close(&d);
    return status;
}

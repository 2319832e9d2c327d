/* SPDX-License-Identifier: Apache-2.0 */
/* statim filter-query: what a filter says of certificates. Exit 0: none is revoked, 1: one is, 2:
 * the filter says nothing of one, or cannot be read. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clubcard_read.h"
#include "lib/hex.h"
#include "lib/timetext.h"
#include "presigner/filter_block.h"
#include "tools/filter_source.h"
#include "tools/pki.h"
#include "tools/verb.h"

#define SERIALS_MAX 1024

struct cli {
    const char *source;
    const char *issuer;
    const char *log; /* NULL: any log of the coverage */
    const char *issued;
    const char *serials[SERIALS_MAX];
    size_t serial_count;
};

struct query {
    struct buffer wire;
    struct clubcard card;
    struct sha256 block;
    struct sha256 log;
    bool has_log;
    uint64_t issued_ms;
    /* What the filter says of all serials, looked up once: a filter of anybody's may be long. */
    bool is_covered;
    bool is_enrolled;
    struct clubcard_block issuer; /* when enrolled */
};

static bool take_option(int option, struct cli *c)
{
    switch (option) {
    case 'i':
        c->issuer = optarg;
        return true;
    case 'l':
        c->log = optarg;
        return true;
    case 't':
        c->issued = optarg;
        return true;
    case 's':
        if (c->serial_count == SERIALS_MAX)
            return false;
        c->serials[c->serial_count++] = optarg;
        return true;
    default:
        return false;
    }
}

static bool parse_options(int argc, char **argv, struct cli *c)
{
    static const struct option table[] = {{"issuer", required_argument, NULL, 'i'},
                                          {"serial", required_argument, NULL, 's'},
                                          {"log", required_argument, NULL, 'l'},
                                          {"issued", required_argument, NULL, 't'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
        if (!take_option(option, c))
            return false;
    c->source = optind < argc ? argv[optind] : NULL;
    return optind + 1 == argc && c->issuer != NULL && c->serial_count > 0;
}

static enum err complain(const char *what, const char *why, enum err err)
{
    fprintf(stderr, "statim filter-query: %s: %s\n", what, why);
    return err;
}

static enum err open_filter(const char *source, struct query *q)
{
    char why[FILTER_WHY_BYTES] = "";
    enum err err = filter_source_get(source, &q->wire, why);
    if (err != ERR_OK)
        return complain(source, why, err);
    err = clubcard_open(span_of(q->wire.data, q->wire.size), &q->card);
    return err == ERR_OK ? ERR_OK : complain(source, err_text(err), err);
}

static enum err open_issuer(const char *path, struct query *q)
{
    X509 *certificate = NULL;
    enum err err = pki_certificate_read(path, &certificate);
    if (err == ERR_OK)
        err = filter_block_of(certificate, &q->block);
    X509_free(certificate);
    return err == ERR_OK ? ERR_OK : complain(path, err_text(err), err);
}

static enum err open_times(const struct cli *c, struct query *q)
{
    size_t size = 0;
    uint64_t issued_s = 0;
    if (c->issued != NULL && human_time_read(span_text(c->issued), &issued_s) != ERR_OK)
        return complain(c->issued, "not a time like 2026-07-01T00:00:00Z", ERR_MALFORMED);
    q->issued_ms = issued_s * 1000;
    q->has_log = c->log != NULL;
    if (q->has_log &&
        (hex_decode(span_text(c->log), q->log.octets, SHA256_BYTES, &size) != ERR_OK ||
         size != SHA256_BYTES))
        return complain(c->log, "not a log id of 64 hexadecimal digits", ERR_MALFORMED);
    return ERR_OK;
}

static bool covered(const struct query *q)
{
    struct clubcard_cursor cursor = clubcard_coverage_first(&q->card);
    struct clubcard_coverage coverage;
    if (q->has_log)
        return clubcard_covers(&q->card, &q->log, q->issued_ms);
    while (clubcard_coverage_next(&cursor, &coverage))
        if (clubcard_covers(&q->card, &coverage.log_id, q->issued_ms))
            return true;
    return false;
}

static void look_up(struct query *q)
{
    q->is_covered = covered(q);
    q->is_enrolled = clubcard_block_find(&q->card, &q->block, &q->issuer) == ERR_OK;
}

static enum clubcard_answer ask(const struct query *q, const struct serial *serial)
{
    struct span octets = span_of(serial->octets, serial->size);
    bool revoked = false;
    if (!q->is_covered)
        return CLUBCARD_NOT_COVERED;
    if (!q->is_enrolled)
        return CLUBCARD_NOT_ENROLLED;
    /* A serial of ours is never longer than one of a filter. */
    if (clubcard_ask(&q->card, &q->issuer, octets, &revoked) != ERR_OK)
        return CLUBCARD_NOT_COVERED;
    return revoked ? CLUBCARD_REVOKED : CLUBCARD_NOT_REVOKED;
}

static int say_all(const struct cli *c, const struct query *q)
{
    bool revoked = false, unsaid = false;
    for (size_t i = 0; i < c->serial_count; i++) {
        struct serial serial;
        char text[SERIAL_HEX_MAX];
        if (serial_from_hex(span_text(c->serials[i]), &serial) != ERR_OK) {
            (void)complain(c->serials[i], "not a serial number in hexadecimal", ERR_MALFORMED);
            return VERB_UNABLE;
        }
        enum clubcard_answer answer = ask(q, &serial);
        serial_to_hex(&serial, text);
        printf("%s %s\n", text, clubcard_answer_text(answer));
        revoked = revoked || answer == CLUBCARD_REVOKED;
        unsaid = unsaid || answer == CLUBCARD_NOT_COVERED || answer == CLUBCARD_NOT_ENROLLED;
    }
    return unsaid ? VERB_UNABLE : revoked ? 1 : 0;
}

int verb_filter_query(int argc, char **argv)
{
    struct cli c = {0};
    struct query q = {0};
    if (!parse_options(argc, argv, &c))
        return VERB_USAGE;
    enum err err = open_times(&c, &q);
    if (err == ERR_OK)
        err = open_issuer(c.issuer, &q);
    if (err == ERR_OK)
        err = open_filter(c.source, &q);
    if (err == ERR_OK)
        look_up(&q);
    int status = err == ERR_OK ? say_all(&c, &q) : VERB_UNABLE;
    buffer_done(&q.wire);
    return status;
}

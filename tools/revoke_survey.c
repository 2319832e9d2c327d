/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/revoke_survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "presigner/publish_batch.h"
#include "presigner/publish_db.h"
#include "presigner/revoked_index.h"

/* Signatures a second of one processor with a P-256 key in memory: a guess that is told as one. */
#define GUESS_SIGNATURES_PER_S 20000u

struct walk {
    const struct directory *d;
    MDB_txn *txn;
    uint64_t now_s;
    struct publish_db publish;
    struct crl_sets sets;
    uint32_t *shards; /* of the changes, in key order */
    size_t shard_count;
    struct range_record range; /* of the change before */
    bool has_range;
    uint64_t range_new; /* tail statements it gets */
};

static unsigned reason_row(uint8_t reason)
{
    return reason == REASON_ABSENT || reason >= SURVEY_REASONS - 1 ? SURVEY_REASONS - 1 : reason;
}

static void end_range(struct walk *w, struct revoke_survey *s)
{
    if (!w->has_range || w->range_new == 0)
        return;
    s->range_count++;
    if (w->range.tail_count + w->range_new > range_tail_limit(&w->range)) {
        s->dirty_count++;
        s->dirty_statements += w->range.statement_count;
    }
}

static enum err note_range(struct walk *w, struct revoke_survey *s, const struct serial *serial)
{
    if (!w->has_range || serial_compare(serial, &w->range.until) > 0) {
        end_range(w, s);
        enum err err = publish_db_range_of(&w->publish, w->txn, w->d->issuer_id, serial, &w->range);
        w->has_range = err == ERR_OK;
        w->range_new = 0;
        if (err != ERR_OK) /* nothing was ever published */
            return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    w->range_new++;
    return ERR_OK;
}

static enum err note_change(struct walk *w, struct revoke_survey *s, const struct serial *serial,
                            const struct cert_record *joined)
{
    uint32_t shard = joined->shard;
    if (shard == CRL_SHARD_NONE && w->sets.count > 0)
        shard = crl_shard_of(&w->sets.sets[0], serial);
    const struct crl_set *set = crl_shard_set(&w->sets, shard);
    if (set != NULL && !set->full)
        w->shards[w->shard_count++] = shard;
    s->change_count++;
    if (cert_expired(joined, w->d->config->grace_after_expiry_s, w->now_s))
        return ERR_OK;
    s->statement_count++;
    return note_range(w, s, serial);
}

static enum err note_known(struct walk *w, struct revoke_survey *s, const struct import_item *item,
                           const struct cert_record *known)
{
    struct cert_record joined, claim = import_item_record(item);
    s->items[s->item_count++] = *item;
    s->known_count++;
    s->expired_count += cert_expired(known, w->d->config->grace_after_expiry_s, w->now_s);
    if (known->status == CERT_GOOD)
        s->good_count++;
    else
        s->revoked_count[reason_row(known->reason)]++;
    return cert_record_join(known, &claim, &joined) ? note_change(w, s, &item->serial, &joined)
                                                    : ERR_OK;
}

static int compare_shards(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static uint64_t distinct_shards(struct walk *w)
{
    uint64_t count = 0;
    if (w->shard_count > 0)
        qsort(w->shards, w->shard_count, sizeof *w->shards, compare_shards);
    for (size_t i = 0; i < w->shard_count; i++)
        count += i == 0 || w->shards[i] != w->shards[i - 1];
    for (size_t i = 0; i < w->sets.count; i++)
        if (w->sets.sets[i].full)
            return count + 1; /* the full CRL has the certificates of all sets */
    return count;
}

static enum err walk_list(struct walk *w, const struct revoke_list *list,
                          void (*unknown)(const struct directory *d,
                                          const struct revoke_entry *entry),
                          struct revoke_survey *s)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct revoke_entry *entry = &list->entries[i];
        struct cert_record known;
        enum err err = status_get(w->d->db, w->txn, w->d->issuer_id, &entry->item.serial, &known);
        if (err == ERR_NOT_FOUND) {
            s->unknown_count++;
            unknown(w->d, entry);
            continue;
        }
        TRY(err);
        TRY(note_known(w, s, &entry->item, &known));
    }
    end_range(w, s);
    s->shard_count = s->change_count > 0 ? distinct_shards(w) : 0;
    return ERR_OK;
}

static enum err count_tail(const struct walk *w, struct revoke_survey *s)
{
    MDB_stat stat;
    TRY(status_db_err(mdb_stat(w->txn, w->publish.tail, &stat)));
    s->tail_count = stat.ms_entries;
    return ERR_OK;
}

static enum err survey(struct walk *w, const struct revoke_list *list,
                       void (*unknown)(const struct directory *d, const struct revoke_entry *entry),
                       struct revoke_survey *s)
{
    TRY(status_txn_read(w->d->db, &w->txn));
    w->publish = publish_db_of(w->d->db);
    enum err err = crl_sets_get(w->d->db, w->txn, w->d->issuer_id, &w->sets);
    if (err == ERR_OK)
        err = count_tail(w, s);
    if (err == ERR_OK)
        err = walk_list(w, list, unknown, s);
    status_txn_abort(w->txn);
    return err;
}

enum err
revoke_survey_make(const struct directory *d, const struct revoke_list *list, uint64_t now_s,
                   void (*unknown)(const struct directory *d, const struct revoke_entry *entry),
                   struct revoke_survey *ret)
{
    struct revoke_survey s = {.items = calloc(list->count + 1, sizeof *s.items)};
    struct walk w = {.d = d, .now_s = now_s, .shards = calloc(list->count + 1, sizeof *w.shards)};
    enum err err = s.items != NULL && w.shards != NULL ? survey(&w, list, unknown, &s) : ERR_MEMORY;
    free(w.shards);
    if (err != ERR_OK) {
        revoke_survey_done(&s);
        return err;
    }
    *ret = s;
    return ERR_OK;
}

void revoke_survey_done(struct revoke_survey *survey)
{
    free(survey->items);
    survey->items = NULL;
}

static void line(const char *name, uint64_t count)
{
    printf("%-24s %" PRIu64 "\n", name, count);
}

static void print_revoked(const struct revoke_survey *s)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < SURVEY_REASONS; i++)
        sum += s->revoked_count[i];
    line("revoked already", sum);
    for (unsigned i = 0; i < SURVEY_REASONS; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "  %s",
                       i == SURVEY_REASONS - 1 ? "(no reason)" : reason_text((uint8_t)i));
        if (s->revoked_count[i] > 0)
            line(name, s->revoked_count[i]);
    }
}

/* Beyond tail_max the ranges with the longest tails are signed anew, after the revocations. */
static void print_tail(const struct directory *d, const struct revoke_survey *s)
{
    uint64_t tail = s->tail_count + s->statement_count;
    printf("%-24s %" PRIu64, "outside of packs then", tail);
    if (tail > d->config->tail_max)
        printf(", above tail_max (%" PRIu64 "): ranges are signed anew in the background",
               d->config->tail_max);
    putchar('\n');
}

void revoke_survey_print(const struct directory *d, const struct revoke_list *list,
                         const struct revoke_survey *s)
{
    uint64_t signatures = s->statement_count + s->dirty_statements;
    line("lines", list->line_count);
    line("certificates", list->count);
    line("unknown", s->unknown_count);
    line("expired", s->expired_count);
    line("good", s->good_count);
    print_revoked(s);
    line("to change", s->change_count);
    line("statements to sign", s->statement_count);
    line("CRLs to make", s->shard_count);
    line("ranges touched", s->range_count);
    line("ranges to sign anew", s->dirty_count);
    print_tail(d, s);
    if (s->change_count > 0)
        printf("%-24s statements in the log after about %" PRIu64 " s (at %u signatures/s), CRLs "
               "%" PRIu64 " s later, %" PRIu64 " signatures in all\n",
               "estimate", s->statement_count / GUESS_SIGNATURES_PER_S + 1, GUESS_SIGNATURES_PER_S,
               d->issuer->crl.url_base != NULL ? d->issuer->crl.debounce_s : 0, signatures);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A follower of a publication in its plainest form: a sorted array of statements. Reads files as an
 * edge would, with lib's readers only, and fails the test at anything an edge would refuse. */
#pragma once

#include "lib/digest.h"
#include "lib/head.h"
#include "lib/index.h"
#include "lib/os/file.h"
#include "lib/pack.h"
#include "sign_fixture.h"

struct follower_statement {
    uint64_t issuer_id;
    struct serial serial;
    struct facts facts;
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t signature_size;
};

struct follower {
    const char *directory;
    const struct verify_key *key;
    struct follower_statement *statements;
    size_t count;
    size_t capacity;
    struct ocsp_template templates[16];
    struct template_verifier *verifiers[16];
    size_t template_count;
    uint64_t log_number;
    struct sha256 log_hash;
    struct head head;
    bool started;
};

#define FOLLOW(condition)                                                  \
    do {                                                                   \
        if (!(condition)) {                                                \
            print_error("follower: %s (line %d)\n", #condition, __LINE__); \
            fail();                                                        \
        }                                                                  \
    } while (0)

static inline void follower_read(const struct follower *f, const char *folder, const char *name,
                                 struct buffer *b)
{
    char path[2 * FIXTURE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s%s%s", f->directory, folder, name[0] == '\0' ? "" : "/",
             name);
    enum err err = file_read(path, 64u << 20, b);
    if (err != ERR_OK)
        print_error("%s: %s\n", path, err_text(err));
    FOLLOW(err == ERR_OK);
}

static inline void follower_read_hash(const struct follower *f, const char *folder,
                                      const struct sha256 *hash, struct buffer *b)
{
    char name[SHA256_TEXT_BYTES];
    sha256_to_text(hash, name);
    follower_read(f, folder, name, b);
    struct sha256 found = sha256_of(span_of(b->data, b->size));
    FOLLOW(sha256_equal(&found, hash));
}

static inline int follower_compare(uint64_t issuer, const struct serial *serial,
                                   const struct follower_statement *s)
{
    if (issuer != s->issuer_id)
        return issuer < s->issuer_id ? -1 : 1;
    return serial_compare(serial, &s->serial);
}

/* The first statement that is not below the key. */
static inline size_t follower_find(const struct follower *f, uint64_t issuer,
                                   const struct serial *serial)
{
    size_t low = 0;
    size_t high = f->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (follower_compare(issuer, serial, &f->statements[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline const struct follower_statement *
follower_get(const struct follower *f, uint64_t issuer, const struct serial *serial)
{
    size_t i = follower_find(f, issuer, serial);
    return i < f->count && follower_compare(issuer, serial, &f->statements[i]) == 0
               ? &f->statements[i]
               : NULL;
}

static inline void follower_put(struct follower *f, uint64_t issuer, const struct statement *s)
{
    size_t i = follower_find(f, issuer, &s->serial);
    if (i == f->count || follower_compare(issuer, &s->serial, &f->statements[i]) != 0) {
        if (f->count == f->capacity) {
            f->capacity = f->capacity * 2 + 1024;
            f->statements = realloc(f->statements, f->capacity * sizeof *f->statements);
            FOLLOW(f->statements != NULL);
        }
        memmove(&f->statements[i + 1], &f->statements[i], (f->count - i) * sizeof *f->statements);
        f->count++;
    }
    struct follower_statement *at = &f->statements[i];
    *at = (struct follower_statement){.issuer_id = issuer,
                                      .serial = s->serial,
                                      .facts = s->facts,
                                      .signature_size = s->signature.size};
    memcpy(at->signature, s->signature.data, s->signature.size);
}

static inline void follower_remove(struct follower *f, uint64_t issuer, const struct serial *after,
                                   const struct serial *until)
{
    size_t from = follower_find(f, issuer, after);
    if (from < f->count && follower_compare(issuer, after, &f->statements[from]) == 0)
        from++;
    size_t to = follower_find(f, issuer, until);
    if (to < f->count && follower_compare(issuer, until, &f->statements[to]) == 0)
        to++;
    if (f->count > to)
        memmove(&f->statements[from], &f->statements[to], (f->count - to) * sizeof *f->statements);
    f->count -= to - from;
}

static inline void follower_template(struct follower *f, struct span wire)
{
    struct ocsp_template t;
    FOLLOW(template_read(wire, &t) == ERR_OK);
    for (size_t i = 0; i < f->template_count; i++)
        if (f->templates[i].issuer_id == t.issuer_id &&
            f->templates[i].template_no == t.template_no) {
            FOLLOW(memcmp(f->templates[i].name_sha256, t.name_sha256, 32) == 0);
            FOLLOW(f->templates[i].certid_set == t.certid_set);
            return;
        }
    FOLLOW(f->template_count < 16);
    f->templates[f->template_count] = t;
    FOLLOW(template_verifier_new(&t, &f->verifiers[f->template_count]) == ERR_OK);
    f->template_count++;
}

/* A statement is only taken when its template is known already. */
static inline size_t follower_template_of(const struct follower *f, uint64_t issuer, uint16_t no)
{
    for (size_t i = 0; i < f->template_count; i++)
        if (f->templates[i].issuer_id == issuer && f->templates[i].template_no == no)
            return i;
    FOLLOW(f->template_count > UINT16_MAX); /* the template is not known */
    return 0;
}

static inline void follower_pack(struct follower *f, const struct log_range *range,
                                 enum pack_kind kind)
{
    struct buffer b = {0};
    struct pack_reader pack;
    struct span wire;
    size_t cursor = 0;
    follower_read_hash(f, "pack", &range->pack, &b);
    FOLLOW(b.size == range->pack_bytes);
    FOLLOW(pack_open(span_of(b.data, b.size), &pack) == ERR_OK);
    FOLLOW(pack.info.kind == kind && pack.info.issuer_id == range->issuer_id);
    FOLLOW(pack.info.statement_count == range->statement_count);
    while (pack_next_template(&pack, &cursor, &wire))
        follower_template(f, wire);
    if (kind == PACK_RANGE) {
        FOLLOW(serial_compare(&pack.info.after, &range->after) == 0);
        FOLLOW(serial_compare(&pack.info.until, &range->until) == 0);
        follower_remove(f, range->issuer_id, &range->after, &range->until);
    }
    cursor = 0;
    while (pack_next_block(&pack, &cursor, &wire)) {
        struct block block = block_load(wire.data);
        for (uint32_t i = 0; i < block.count; i++) {
            struct statement s;
            block_statement(&block, i, &s);
            follower_put(f, range->issuer_id, &s);
        }
    }
    buffer_done(&b);
}

static inline void follower_index(struct follower *f)
{
    struct buffer b = {0};
    struct index_reader index;
    struct index_line line;
    size_t cursor = 0;
    follower_read_hash(f, "index", &f->head.index_hash, &b);
    FOLLOW(b.size == f->head.index_bytes);
    FOLLOW(index_open(span_of(b.data, b.size), &index) == ERR_OK);
    FOLLOW(index.log_number == f->head.index_log);
    while (index_next(&index, &cursor, &line)) {
        if (line.type == INDEX_TEMPLATE) {
            uint8_t wire[TEMPLATE_BYTES_MAX];
            size_t size = 0;
            FOLLOW(template_write(&line.template_, wire, sizeof wire, &size) == ERR_OK);
            follower_template(f, span_of(wire, size));
        } else if (line.type != INDEX_PATH) {
            follower_pack(f, &line.range, line.type == INDEX_RANGE ? PACK_RANGE : PACK_TAIL);
        }
    }
    f->log_number = index.log_number;
    f->log_hash = index.log_hash;
    buffer_done(&b);
}

static inline void follower_entry(struct follower *f, uint64_t number)
{
    char name[24];
    struct buffer b = {0};
    struct log_entry entry;
    struct log_item item;
    size_t cursor = 0;
    snprintf(name, sizeof name, "%llu", (unsigned long long)number);
    follower_read(f, "log", name, &b);
    FOLLOW(log_entry_open(f->key, span_of(b.data, b.size), &entry) == ERR_OK);
    FOLLOW(entry.number == number && entry.item_count > 0);
    FOLLOW(sha256_equal(&entry.previous, &f->log_hash));
    while (log_entry_next(&entry, &cursor, &item)) {
        if (item.type == LOG_TEMPLATE)
            follower_template(f, item.template_wire);
        else if (item.type == LOG_STATEMENT)
            follower_put(f, item.issuer_id, &item.statement);
        else if (item.type == LOG_RANGE)
            follower_pack(f, &item.range, PACK_RANGE);
    }
    f->log_number = number;
    f->log_hash = sha256_of(span_of(b.data, b.size));
    buffer_done(&b);
}

/* Catches up with the head: by the index when it starts, then by the log. */
static inline void follower_step(struct follower *f)
{
    struct buffer b = {0};
    follower_read(f, "head", "", &b);
    FOLLOW(head_open(f->key, span_of(b.data, b.size), &f->head) == ERR_OK);
    buffer_done(&b);
    if (!f->started)
        follower_index(f);
    f->started = true;
    FOLLOW(f->head.log_last >= f->log_number && f->head.log_first <= f->log_number + 1);
    while (f->log_number < f->head.log_last)
        follower_entry(f, f->log_number + 1);
    FOLLOW(sha256_equal(&f->log_hash, &f->head.log_hash));
}

static inline void follower_verify_all(const struct follower *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct follower_statement *at = &f->statements[i];
        struct statement s = {.serial = at->serial,
                              .facts = at->facts,
                              .signature = span_of(at->signature, at->signature_size)};
        size_t t = follower_template_of(f, at->issuer_id, at->facts.template_no);
        FOLLOW(template_verify(f->verifiers[t], &s) == ERR_OK);
    }
}

static inline void follower_done(struct follower *f)
{
    for (size_t i = 0; i < f->template_count; i++)
        template_verifier_free(f->verifiers[i]);
    free(f->statements);
    free(f);
}

static inline struct follower *follower_new(const char *directory, const struct verify_key *key)
{
    struct follower *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->directory = directory;
    f->key = key;
    return f;
}

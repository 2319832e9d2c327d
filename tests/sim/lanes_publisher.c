/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/lanes_publisher.h"

#include <stdio.h>

#include "lib/head.h"
#include "lib/index.h"
#include "lib/pack.h"
#include "tests/sim/sim_publisher.h"
#include "tests/unit/format_fixture.h"

#define FILE_ROOM 65536

static struct span copy_of(struct span octets)
{
    uint8_t *copy = malloc(octets.size > 0 ? octets.size : 1);
    CHECK(copy != NULL);
    if (octets.size > 0)
        memcpy(copy, octets.data, octets.size);
    return span_of(copy, octets.size);
}

static void free_octets(struct span octets)
{
    free((void *)(uintptr_t)octets.data);
}

static struct statement statement_of(const struct lanes_publication *p, uint32_t which,
                                     enum lanes_status status)
{
    static const uint8_t signature[64] = {1};
    struct statement s = {.serial = {.size = 2, .octets = {1, (uint8_t)which}},
                          .facts = fixture_facts(1, (uint32_t)p->now_s, status == LANES_REVOKED),
                          .signature = span_of(signature, sizeof signature)};
    s.facts.template_no = 1;
    return s;
}

static void change(struct lanes_publication *p, struct log_writer *w, struct lanes_state *state)
{
    for (uint32_t n = 1 + sim_below(&p->random, 3); n > 0; n--) {
        uint32_t which = sim_below(&p->random, LANES_SERIALS);
        if (state->status[which] != LANES_REVOKED)
            state->status[which] = sim_below(&p->random, 3) == 0 ? LANES_REVOKED : LANES_GOOD;
        struct statement s = statement_of(p, which, state->status[which]);
        log_writer_statement(w, LANES_ISSUER, &s);
    }
}

static void name_blob(struct lanes_publication *p, struct log_writer *w, struct lanes_entry *e)
{
    snprintf((char *)e->blob_octets, sizeof e->blob_octets, "blob %u", p->entry_count);
    struct span blob = span_of(e->blob_octets, sizeof e->blob_octets);
    e->blob = sha256_of(blob);
    struct blob_path path = {.path = span_text("/crl/1.crl"),
                             .blob = e->blob,
                             .blob_bytes = blob.size,
                             .media_type = span_text("application/pkix-crl"),
                             .modified_s = p->now_s};
    log_writer_path(w, &path);
}

static const struct lanes_entry *last_entry(const struct lanes_publication *p)
{
    return p->now.log_last == 0 ? NULL : &p->entries[p->now.chain[p->now.log_last]];
}

static void publish_entry(struct lanes_publication *p, struct sim_stream *stream, bool with_blob)
{
    static uint8_t out[FILE_ROOM];
    const struct lanes_entry *before = last_entry(p);
    struct lanes_entry *e = &p->entries[p->entry_count];
    struct sha256 previous = before == NULL ? (struct sha256){0} : before->hash;
    struct log_writer w;
    size_t size;
    CHECK(lanes_has_room(p));
    *e = (struct lanes_entry){.number = p->now.log_last + 1};
    if (before != NULL)
        e->after = before->after;
    log_writer_start(&w, span_text(SIM_NETWORK), e->number, p->now_s, &previous, out, sizeof out);
    if (before == NULL) {
        struct ocsp_template t = fixture_template(LANES_ISSUER, 1, SIG_ECDSA_P256_SHA256);
        log_writer_template(&w, &t);
    }
    change(p, &w, &e->after);
    if (with_blob && sim_below(&p->random, 5) == 0)
        name_blob(p, &w, e);
    CHECK(log_writer_finish(&w, sim_publish_key(), &size) == ERR_OK);
    e->octets = copy_of(span_of(out, size));
    e->hash = sha256_of(e->octets);
    p->now.log_last++;
    p->now.chain[p->now.log_last] = p->entry_count++;
    if (stream != NULL)
        sim_stream_add(stream, e->number, e->octets);
}

static void write_pack(struct lanes_publication *p, struct lanes_index *index,
                       struct log_range *range)
{
    static uint8_t out[FILE_ROOM];
    static struct pack_writer w;
    struct ocsp_template t = fixture_template(LANES_ISSUER, 1, SIG_ECDSA_P256_SHA256);
    const struct ocsp_template *templates[] = {&t};
    struct pack_info info = {.issuer_id = LANES_ISSUER,
                             .kind = PACK_RANGE,
                             .after = SERIAL_BEFORE_ALL,
                             .until = SERIAL_AFTER_ALL};
    size_t size;
    pack_writer_start(&w, &info, templates, 1, out, sizeof out);
    for (uint32_t i = 0; i < LANES_SERIALS; i++) {
        if (index->state.status[i] == LANES_UNKNOWN)
            continue;
        struct statement s = statement_of(p, i, (enum lanes_status)index->state.status[i]);
        pack_writer_add(&w, &s);
    }
    CHECK(pack_writer_finish(&w, &info, &size) == ERR_OK);
    index->pack = copy_of(span_of(out, size));
    index->pack_hash = sha256_of(index->pack);
    *range = (struct log_range){.issuer_id = LANES_ISSUER,
                                .after = SERIAL_BEFORE_ALL,
                                .until = SERIAL_AFTER_ALL,
                                .pack = index->pack_hash,
                                .pack_bytes = size,
                                .statement_count = info.statement_count};
}

static void publish_index(struct lanes_publication *p)
{
    static char out[FILE_ROOM];
    const struct lanes_entry *last = last_entry(p);
    struct lanes_index *index = &p->indexes[p->index_count];
    struct log_range range;
    struct index_writer w;
    size_t size;
    CHECK(last != NULL);
    *index =
        (struct lanes_index){.number = last->number, .log_hash = last->hash, .state = last->after};
    write_pack(p, index, &range);
    index_writer_start(&w, span_text(SIM_NETWORK), last->number, &last->hash, p->now_s, out,
                       sizeof out);
    struct ocsp_template t = fixture_template(LANES_ISSUER, 1, SIG_ECDSA_P256_SHA256);
    index_writer_template(&w, &t);
    index_writer_range(&w, &range);
    CHECK(index_writer_finish(&w, &size) == ERR_OK);
    index->octets = copy_of(span_of(out, size));
    index->hash = sha256_of(index->octets);
    p->now.index = ++p->index_count;
}

void lanes_publish_head(struct lanes_publication *p)
{
    const struct lanes_entry *last = last_entry(p);
    const struct lanes_index *index = p->now.index > 0 ? &p->indexes[p->now.index - 1] : NULL;
    CHECK(last != NULL);
    struct head head = {.log_first = p->now.log_first,
                        .log_last = p->now.log_last,
                        .log_hash = last->hash,
                        .time_s = p->now_s,
                        .valid_until_s = p->now_s + LANES_VALID_S};
    if (index != NULL) {
        head.index_log = index->number;
        head.index_hash = index->hash;
        head.index_bytes = index->octets.size;
    }
    snprintf(head.network, sizeof head.network, "%s", SIM_NETWORK);
    char out[HEAD_BYTES_MAX];
    size_t size;
    CHECK(p->head_count < 2 * LANES_ENTRIES_MAX);
    CHECK(head_write(sim_publish_key(), &head, out, sizeof out, &size) == ERR_OK);
    p->heads[p->head_count++] = (struct lanes_head){.octets = copy_of(span_of(out, size)),
                                                    .entry_count = p->entry_count,
                                                    .log_first = p->now.log_first};
}

void lanes_publish(struct lanes_publication *p, struct sim_stream *stream, bool with_blob)
{
    publish_entry(p, stream, with_blob);
    if (sim_below(&p->random, 6) == 0)
        publish_index(p);
    if (p->now.index > 0 && sim_below(&p->random, 10) == 0)
        p->now.log_first = p->indexes[p->now.index - 1].number + 1;
    if (!p->has_backup || sim_below(&p->random, 15) == 0) {
        p->backup = p->now;
        p->has_backup = true;
    }
    lanes_publish_head(p);
}

void lanes_fork(struct lanes_publication *p)
{
    if (!p->has_backup || !lanes_has_room(p))
        return;
    p->now = p->backup;
    p->forks++;
    publish_entry(p, NULL, false);
    publish_index(p);
    lanes_publish_head(p);
}

bool lanes_has_room(const struct lanes_publication *p)
{
    return p->entry_count + 1 < LANES_ENTRIES_MAX && p->index_count + 2 < LANES_ENTRIES_MAX &&
           p->head_count + 2 < 2 * LANES_ENTRIES_MAX;
}

const struct lanes_entry *lanes_entry_of(const struct lanes_publication *p,
                                         const struct sha256 *hash)
{
    for (uint32_t i = p->entry_count; i > 0; i--)
        if (sha256_equal(&p->entries[i - 1].hash, hash))
            return &p->entries[i - 1];
    return NULL;
}

const struct lanes_entry *lanes_entry_of_blob(const struct lanes_publication *p,
                                              const struct sha256 *blob)
{
    for (uint32_t i = p->entry_count; i > 0; i--)
        if (sha256_equal(&p->entries[i - 1].blob, blob))
            return &p->entries[i - 1];
    return NULL;
}

const struct lanes_index *lanes_index_of(const struct lanes_publication *p,
                                         const struct sha256 *hash)
{
    for (uint32_t i = 0; i < p->index_count; i++)
        if (sha256_equal(&p->indexes[i].hash, hash))
            return &p->indexes[i];
    return NULL;
}

const struct lanes_index *lanes_index_of_pack(const struct lanes_publication *p,
                                              const struct sha256 *pack_hash)
{
    for (uint32_t i = p->index_count; i > 0; i--)
        if (sha256_equal(&p->indexes[i - 1].pack_hash, pack_hash))
            return &p->indexes[i - 1];
    return NULL;
}

void lanes_start(struct lanes_publication *p, uint64_t seed, uint64_t now_s)
{
    *p = (struct lanes_publication){.random = seed, .now_s = now_s, .now = {.log_first = 1}};
    publish_entry(p, NULL, false);
    lanes_publish_head(p);
}

void lanes_done(struct lanes_publication *p)
{
    for (uint32_t i = 0; i < p->entry_count; i++)
        free_octets(p->entries[i].octets);
    for (uint32_t i = 0; i < p->index_count; i++) {
        free_octets(p->indexes[i].octets);
        free_octets(p->indexes[i].pack);
    }
    for (uint32_t i = 0; i < p->head_count; i++)
        free_octets(p->heads[i].octets);
}

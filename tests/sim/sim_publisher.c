/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_publisher.h"

#include <inttypes.h>

#include "tests/sim/sim_keys.h"

#define FILE_ROOM   (1u << 20)
#define SERIAL_POOL 150
#define TEMPLATES   SIM_TEMPLATES

static uint64_t issuer_id(uint32_t issuer)
{
    return sim_signer(issuer, 0)->t.issuer_id;
}

static void put_file(struct sim_publication *p, const char *name, struct span content)
{
    uint32_t i = 0;
    while (i < p->file_count && strcmp(p->files[i].name, name) != 0)
        i++;
    CHECK(i < SIM_FILES_MAX);
    struct sim_file *file = &p->files[i];
    if (i == p->file_count)
        p->file_count++;
    else
        free((void *)(uintptr_t)file->content.data);
    snprintf(file->name, sizeof file->name, "%s", name);
    file->content = span_of(model_octets(content.data, content.size), content.size);
    file->gone = false;
}

struct sha256 sim_put_named(struct sim_publication *p, const char *folder, struct span content)
{
    struct sha256 hash = sha256_of(content);
    char text[SHA256_TEXT_BYTES];
    char name[SIM_NAME_BYTES];
    sha256_to_text(&hash, text);
    snprintf(name, sizeof name, "%s/%s", folder, text);
    put_file(p, name, content);
    return hash;
}

struct span sim_file(const struct sim_publication *p, const char *name)
{
    for (uint32_t i = 0; i < p->file_count; i++)
        if (strcmp(p->files[i].name, name) == 0 && !p->files[i].gone)
            return p->files[i].content;
    return SPAN_EMPTY;
}

static uint64_t statement_digest(uint64_t issuer, const struct statement *s)
{
    uint8_t octets[KEY_BYTES_MAX + FACTS_BYTES + SIGNATURE_BYTES_MAX];
    size_t size = key_write(issuer, &s->serial, octets);
    facts_write(&s->facts, octets + size);
    size += FACTS_BYTES;
    memcpy(octets + size, s->signature.data, s->signature.size);
    struct sha256 hash = sha256_of(span_of(octets, size + s->signature.size));
    uint64_t digest;
    memcpy(&digest, hash.octets, sizeof digest);
    return digest;
}

static void note_genuine(struct sim_publication *p, uint64_t issuer, const struct statement *s)
{
    if (p->genuine_count == p->genuine_room) {
        p->genuine_room = p->genuine_room == 0 ? 256 : 2 * p->genuine_room;
        p->genuine = realloc(p->genuine, p->genuine_room * sizeof *p->genuine);
        CHECK(p->genuine != NULL);
    }
    p->genuine[p->genuine_count++] = statement_digest(issuer, s);
}

bool sim_is_genuine(const struct sim_publication *p, uint64_t issuer,
                    const struct statement *statement)
{
    uint64_t digest = statement_digest(issuer, statement);
    for (size_t i = 0; i < p->genuine_count; i++)
        if (p->genuine[i] == digest)
            return true;
    return false;
}

/* Few serials, so that they come again; two sizes. */
static struct serial any_serial(struct sim_publication *p)
{
    uint64_t state = sim_below(&p->random, SERIAL_POOL);
    struct serial s = {.size = state % 3 == 0 ? 8 : 16};
    for (uint8_t i = 0; i < s.size; i++)
        s.octets[i] = (uint8_t)sim_random(&state);
    s.octets[0] = (uint8_t)((s.octets[0] & 0x7f) | 1);
    return s;
}

static struct statement sign(struct sim_publication *p, uint32_t issuer,
                             const struct serial *serial, bool revoked, bool newest,
                             uint8_t signature[static SIGNATURE_BYTES_MAX])
{
    uint16_t no = (uint16_t)(1 + sim_below(&p->random, p->state.template_count[issuer]));
    if (newest)
        no = p->state.template_count[issuer];
    uint32_t now = (uint32_t)p->now_s;
    struct statement s = {.serial = *serial,
                          .facts = {.template_no = no,
                                    .status = revoked ? CERT_REVOKED : CERT_GOOD,
                                    .reason = revoked ? REASON_SUPERSEDED : REASON_ABSENT,
                                    .revoked_at_s = revoked ? now - 1 : 0,
                                    .this_update_s = now,
                                    .next_update_s = now + 604800}};
    s.signature = fixture_sign(sim_signer(issuer, no - 1u), serial, &s.facts, now, signature);
    note_genuine(p, issuer_id(issuer), &s);
    return s;
}

static bool is_revoked(const struct model *m, uint64_t issuer, const struct serial *serial)
{
    size_t at = model_at(m, issuer, serial);
    return at < m->count && model_order(&m->items[at], issuer, serial) == 0 &&
           m->items[at].facts.status == CERT_REVOKED;
}

static void add_statement(struct sim_publication *p, struct log_writer *w, uint32_t issuer)
{
    uint8_t signature[SIGNATURE_BYTES_MAX];
    uint64_t id = issuer_id(issuer);
    struct serial serial = any_serial(p);
    bool revoked = is_revoked(&p->state.content, id, &serial) || sim_below(&p->random, 4) == 0;
    struct statement s = sign(p, issuer, &serial, revoked, true, signature);
    log_writer_statement(w, id, &s);
    model_put(&p->state.content, id, &s);
    model_put(&p->state.tail, id, &s);
}

static size_t write_pack(struct sim_publication *p, uint32_t issuer, const struct pack_info *info,
                         const struct model *from, struct log_range *ret)
{
    static uint8_t out[FILE_ROOM];
    static struct pack_writer w;
    const struct ocsp_template *templates[TEMPLATES];
    uint16_t count = p->state.template_count[issuer];
    for (uint16_t i = 0; i < count; i++)
        templates[i] = &sim_signer(issuer, i)->t;
    pack_writer_start(&w, info, templates, count, out, sizeof out);
    for (size_t i = 0; i < from->count; i++) {
        const struct model_item *item = &from->items[i];
        if (item->issuer_id != info->issuer_id ||
            serial_compare(&item->serial, &info->after) <= 0 ||
            serial_compare(&item->serial, &info->until) > 0)
            continue;
        struct statement s = model_statement(item);
        pack_writer_add(&w, &s);
    }
    struct pack_info done;
    size_t size;
    CHECK(pack_writer_finish(&w, &done, &size) == ERR_OK);
    *ret = (struct log_range){.issuer_id = info->issuer_id,
                              .after = info->after,
                              .until = info->until,
                              .pack = sim_put_named(p, "pack", span_of(out, size)),
                              .pack_bytes = size,
                              .statement_count = done.statement_count};
    return size;
}

/* Signs a range anew, drops a few statements as expired, and names the pack in the entry. */
static void renew_range(struct sim_publication *p, struct log_writer *w, uint32_t issuer,
                        struct log_range *range)
{
    struct sim_state *st = &p->state;
    uint64_t id = range->issuer_id;
    for (size_t i = 0; i < st->content.count; i++) {
        struct model_item *item = &st->content.items[i];
        if (item->issuer_id != id || serial_compare(&item->serial, &range->after) <= 0 ||
            serial_compare(&item->serial, &range->until) > 0)
            continue;
        struct serial serial = item->serial;
        if (sim_below(&p->random, 20) == 0) {
            struct serial before = serial;
            before.octets[before.size - 1]--; /* never 0: a serial ends in a random octet or 1 */
            if (serial.octets[serial.size - 1] != 0) {
                model_remove(&st->content, id, &before, &serial);
                i--;
            }
            continue;
        }
        uint8_t signature[SIGNATURE_BYTES_MAX];
        struct statement s =
            sign(p, issuer, &serial, item->facts.status == CERT_REVOKED, false, signature);
        model_put(&st->content, id, &s);
    }
    model_remove(&st->tail, id, &range->after, &range->until);
    struct pack_info info = {
        .issuer_id = id, .kind = PACK_RANGE, .after = range->after, .until = range->until};
    write_pack(p, issuer, &info, &st->content, range);
    log_writer_range(w, range);
}

static uint32_t issuer_of(uint64_t id)
{
    uint32_t i = 0;
    while (issuer_id(i) != id)
        i++;
    return i;
}

static void split_range(struct sim_publication *p, struct log_writer *w, uint32_t at)
{
    struct sim_state *st = &p->state;
    struct serial middle = any_serial(p);
    struct log_range *range = &st->ranges[at];
    if (st->range_count == SIM_RANGES_MAX || serial_compare(&middle, &range->after) <= 0 ||
        serial_compare(&middle, &range->until) >= 0)
        return;
    memmove(range + 1, range, (st->range_count - at) * sizeof *range);
    st->range_count++;
    range[0].until = middle;
    range[1].after = middle;
    uint32_t issuer = issuer_of(range->issuer_id);
    renew_range(p, w, issuer, &range[0]);
    renew_range(p, w, issuer, &range[1]);
}

static void first_items(struct sim_publication *p, struct log_writer *w)
{
    struct sim_state *st = &p->state;
    for (uint32_t i = 0; i < SIM_ISSUERS; i++) {
        st->template_count[i] = 1;
        log_writer_template(w, &sim_signer(i, 0)->t);
        st->ranges[i] = (struct log_range){
            .issuer_id = issuer_id(i), .after = SERIAL_BEFORE_ALL, .until = SERIAL_AFTER_ALL};
        st->range_count++;
        renew_range(p, w, i, &st->ranges[i]);
    }
}

static void any_items(struct sim_publication *p, struct log_writer *w)
{
    struct sim_state *st = &p->state;
    uint32_t issuer = sim_below(&p->random, SIM_ISSUERS);
    if (st->template_count[issuer] < TEMPLATES && sim_below(&p->random, 10) == 0)
        log_writer_template(w, &sim_signer(issuer, st->template_count[issuer]++)->t);
    for (uint32_t n = sim_below(&p->random, 6); n > 0; n--)
        add_statement(p, w, sim_below(&p->random, SIM_ISSUERS));
    if (sim_below(&p->random, 3) == 0) {
        struct log_range *range = &st->ranges[sim_below(&p->random, st->range_count)];
        renew_range(p, w, issuer_of(range->issuer_id), range);
    }
    if (sim_below(&p->random, 8) == 0)
        split_range(p, w, sim_below(&p->random, st->range_count));
    if (sim_below(&p->random, 3) == 0)
        add_statement(p, w, issuer);
    if (sim_below(&p->random, 3) == 0)
        sim_paths_change(p, w);
}

static void remember(struct sim_publication *p)
{
    p->past = realloc(p->past, (p->past_count + 1) * sizeof *p->past);
    CHECK(p->past != NULL);
    p->past[p->past_count++] = (struct sim_past){.log_hash = p->state.log_hash,
                                                 .log_number = p->state.log_last,
                                                 .content = model_copy(&p->state.content),
                                                 .paths = p->state.paths};
}

static void log_name(uint64_t number, char ret[static SIM_NAME_BYTES])
{
    snprintf(ret, SIM_NAME_BYTES, "log/%" PRIu64, number);
}

static void publish_entry(struct sim_publication *p)
{
    static uint8_t out[FILE_ROOM];
    struct sim_state *st = &p->state;
    struct log_writer w;
    log_writer_start(&w, span_text(SIM_NETWORK), st->log_last + 1, p->now_s, &st->log_hash, out,
                     sizeof out);
    if (st->log_last == 0)
        first_items(p, &w);
    else
        any_items(p, &w);
    size_t size;
    CHECK(log_writer_finish(&w, sim_publish_key(), &size) == ERR_OK);
    char name[SIM_NAME_BYTES];
    log_name(++st->log_last, name);
    put_file(p, name, span_of(out, size));
    st->log_hash = sha256_of(span_of(out, size));
    remember(p);
}

static bool has_tail(const struct model *tail, uint64_t id)
{
    for (size_t i = 0; i < tail->count; i++)
        if (tail->items[i].issuer_id == id)
            return true;
    return false;
}

static void publish_index(struct sim_publication *p)
{
    static char out[FILE_ROOM];
    struct sim_state *st = &p->state;
    struct index_writer w;
    index_writer_start(&w, span_text(SIM_NETWORK), st->log_last, &st->log_hash, p->now_s, out,
                       sizeof out);
    for (uint32_t i = 0; i < SIM_ISSUERS; i++)
        for (uint16_t k = 0; k < st->template_count[i]; k++)
            index_writer_template(&w, &sim_signer(i, k)->t);
    for (uint32_t i = 0; i < st->range_count; i++)
        index_writer_range(&w, &st->ranges[i]);
    for (uint32_t i = 0; i < SIM_ISSUERS; i++) {
        if (!has_tail(&st->tail, issuer_id(i)))
            continue;
        struct pack_info info = {.issuer_id = issuer_id(i),
                                 .kind = PACK_TAIL,
                                 .after = SERIAL_BEFORE_ALL,
                                 .until = SERIAL_AFTER_ALL};
        struct log_range tail;
        write_pack(p, i, &info, &st->tail, &tail);
        index_writer_tail(&w, &tail);
    }
    sim_paths_index(p, &w);
    CHECK(index_writer_finish(&w, &st->index_bytes) == ERR_OK);
    st->index_log = st->log_last;
    st->index_paths = st->paths;
    st->index_hash = sim_put_named(p, "index", span_of(out, st->index_bytes));
}

/* Old entries go, and so does everything that neither the index nor an entry names. */
static void trim(struct sim_publication *p)
{
    struct sim_state *st = &p->state;
    uint64_t until = st->index_log;
    while (st->log_first <= until) {
        char name[SIM_NAME_BYTES];
        log_name(st->log_first++, name);
        for (uint32_t i = 0; i < p->file_count; i++)
            if (strcmp(p->files[i].name, name) == 0)
                p->files[i].gone = true;
    }
    sim_paths_trim(p);
}

/* A superseded index and its packs go some time. */
static void collect_garbage(struct sim_publication *p)
{
    char text[SHA256_TEXT_BYTES];
    sha256_to_text(&p->state.index_hash, text);
    for (uint32_t i = 0; i < p->file_count; i++)
        if (strncmp(p->files[i].name, "index/", 6) == 0 && strcmp(p->files[i].name + 6, text) != 0)
            p->files[i].gone = true;
}

void sim_publish_head(struct sim_publication *p)
{
    struct sim_state *st = &p->state;
    struct head head = {.log_first = st->log_first,
                        .log_last = st->log_last,
                        .log_hash = st->log_hash,
                        .time_s = p->now_s,
                        .valid_until_s = p->now_s + SIM_HEAD_VALID_S,
                        .index_log = st->index_log,
                        .index_hash = st->index_hash,
                        .index_bytes = st->index_bytes};
    snprintf(head.network, sizeof head.network, "%s", SIM_NETWORK);
    if (p->head_count > 0)
        head.previous = sha256_of(p->heads[p->head_count - 1]);
    char out[HEAD_BYTES_MAX];
    size_t size;
    CHECK(head_write(sim_publish_key(), &head, out, sizeof out, &size) == ERR_OK);
    CHECK(p->head_count < SIM_FILES_MAX);
    p->heads[p->head_count++] = span_of(model_octets(out, size), size);
}

static struct sim_state state_copy(const struct sim_state *from)
{
    struct sim_state copy = *from;
    copy.content = model_copy(&from->content);
    copy.tail = model_copy(&from->tail);
    return copy;
}

static void state_done(struct sim_state *st)
{
    model_done(&st->content);
    model_done(&st->tail);
}

void sim_publish(struct sim_publication *p)
{
    publish_entry(p);
    if (sim_below(&p->random, 6) == 0)
        publish_index(p);
    if (sim_below(&p->random, 8) == 0)
        trim(p);
    if (sim_below(&p->random, 8) == 0)
        collect_garbage(p);
    if (sim_below(&p->random, 20) == 0) {
        if (p->has_backup)
            state_done(&p->backup);
        p->backup = state_copy(&p->state);
        p->has_backup = true;
    }
    sim_publish_head(p);
}

void sim_fork(struct sim_publication *p)
{
    if (!p->has_backup)
        return;
    /* As many entries as before, or one more. */
    uint64_t number = p->state.log_last + sim_below(&p->random, 2);
    state_done(&p->state);
    p->state = state_copy(&p->backup);
    p->forks++;
    sim_paths_restore(p);
    /* The old index's files may be gone, and so may entries before it. */
    publish_index(p);
    trim(p);
    while (p->state.log_last < number)
        publish_entry(p);
    sim_publish_head(p);
}

const struct sim_past *sim_past(const struct sim_publication *p, const struct sha256 *log_hash)
{
    for (uint32_t i = p->past_count; i > 0; i--)
        if (sha256_equal(&p->past[i - 1].log_hash, log_hash))
            return &p->past[i - 1];
    return NULL;
}

struct sim_publication *sim_publication_new(uint64_t seed, uint64_t now_s)
{
    struct sim_publication *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->random = seed;
    p->now_s = now_s;
    p->state.log_first = 1;
    remember(p); /* before all entries: hash zero, nothing */
    publish_entry(p);
    if (sim_below(&p->random, 2) == 0)
        publish_index(p);
    sim_publish_head(p);
    return p;
}

void sim_publication_free(struct sim_publication *p)
{
    for (uint32_t i = 0; i < p->file_count; i++)
        free((void *)(uintptr_t)p->files[i].content.data);
    for (uint32_t i = 0; i < p->head_count; i++)
        free((void *)(uintptr_t)p->heads[i].data);
    for (uint32_t i = 0; i < p->past_count; i++)
        model_done(&p->past[i].content);
    free(p->past);
    free(p->genuine);
    state_done(&p->state);
    if (p->has_backup)
        state_done(&p->backup);
    free(p);
}

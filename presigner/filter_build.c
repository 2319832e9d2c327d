/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/filter_build.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/limit.h"
#include "lib/random.h"
#include "lib/ribbon.h"

/* Rows are read this far beyond the last bit that is solved for. */
#define TAIL_BITS  (CLUBCARD_ROW_BITS - 1)
#define GUARD_BITS (CLUBCARD_ROW_BITS + 64)
/* Certificates between two looks at whether to stop. */
#define STOP_COUNT 65536

const char *filter_refusal_text(enum filter_refusal refusal)
{
    static const char *const texts[] = {"",
#define X(name, word, text) text,
                                        FILTER_REFUSAL_TABLE(X)
#undef X
    };
    return refusal < FILTER_REFUSAL_COUNT ? texts[refusal] : "?";
}

/* One issuer in the making. */
struct part {
    const struct filter_source *source;
    struct clubcard_block block;
    uint64_t held_count; /* what the filters hold: the smaller part */
    uint64_t end;        /* of its bits in the approximate filter */
    uint64_t pass_from;  /* those that pass it, in the other spool */
    uint64_t pass_until;
    uint64_t pass_count;
    struct buffer exceptions;
};

/* Bits that are solved for from the end on, issuer by issuer: a row may reach into the bits of the
 * issuer behind it, which must be known by then. */
struct field {
    uint64_t *columns[FILTER_RANK_MAX];
    size_t column_count;
    size_t word_count; /* of each */
    uint64_t end;      /* bits that may be solved for */
    uint64_t at;       /* the first bit that is in use */
};

struct build {
    const struct filter_request *request;
    struct part *parts;
    struct part **by_rank; /* the highest first */
    struct field approx;
    struct field exact;
    struct filter_spool *passing;
    uint64_t *system; /* memory of one ribbon */
    size_t system_bytes;
    uint64_t memory_bytes;
    enum filter_refusal refusal;
};

static enum err refuse(struct build *b, enum filter_refusal refusal)
{
    b->refusal = refusal;
    return ERR_CONFLICT;
}

/* --- Walking certificates --- */

struct walk {
    const struct build *build;
    struct filter_spool *spool;
    const struct part *part;
    unsigned until_look;
    struct serial serial;
    struct clubcard_key key;
    bool held;
};

static enum err walk_start(const struct build *b, struct filter_spool *spool,
                           const struct part *part, uint64_t from, uint64_t until, struct walk *ret)
{
    *ret = (struct walk){.build = b, .spool = spool, .part = part, .until_look = 1};
    return filter_spool_seek(spool, from, until);
}

/* ERR_NOT_FOUND at the end. */
static enum err walk_next(struct walk *w)
{
    bool revoked;
    if (--w->until_look == 0) {
        w->until_look = STOP_COUNT;
        if (__atomic_load_n(w->build->request->stop, __ATOMIC_RELAXED) != 0)
            return ERR_STOPPED;
    }
    TRY(filter_spool_next(w->spool, &w->serial, &revoked));
    w->held = revoked != w->part->block.inverted;
    return ERR_OK;
}

static enum err walk_key(struct walk *w)
{
    return clubcard_key_make(&w->part->block.id, span_of(w->serial.octets, w->serial.size),
                             &w->key);
}

static enum err end_of(enum err err)
{
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* --- Memory --- */

static enum err take_memory(struct build *b, uint64_t bytes)
{
    b->memory_bytes += bytes;
    return b->memory_bytes > b->request->memory_max_bytes ? refuse(b, FILTER_REFUSED_MEMORY)
                                                          : ERR_OK;
}

static enum err system_reserve(struct build *b, uint32_t m)
{
    size_t bytes = ribbon_bytes(m);
    if (bytes <= b->system_bytes)
        return ERR_OK;
    TRY(take_memory(b, bytes - b->system_bytes));
    free(b->system);
    b->system_bytes = 0;
    b->system = malloc(bytes);
    if (b->system == NULL)
        return ERR_MEMORY;
    b->system_bytes = bytes;
    return ERR_OK;
}

static enum err field_make(struct build *b, struct field *f, size_t column_count, uint64_t bits)
{
    f->word_count = (bits + TAIL_BITS + GUARD_BITS) / 64 + 1;
    f->at = f->end = bits;
    TRY(take_memory(b, column_count * f->word_count * 8));
    for (; f->column_count < column_count; f->column_count++) {
        f->columns[f->column_count] = calloc(f->word_count, 8);
        if (f->columns[f->column_count] == NULL)
            return ERR_MEMORY;
    }
    return ERR_OK;
}

/* --- Plan --- */

/* The rank for which rank * held + the others that pass is least. */
static uint8_t best_rank(uint64_t held, uint64_t others)
{
    uint8_t best = 0;
    uint64_t least = UINT64_MAX;
    for (uint8_t rank = 0; rank <= FILTER_RANK_MAX && held > 0; rank++) {
        uint64_t bits = rank * held + (others >> rank);
        if (bits < least) {
            least = bits;
            best = rank;
        }
    }
    return best;
}

static uint32_t starts_for(uint64_t count)
{
    return (uint32_t)(count + count / FILTER_SPARE_PART);
}

static int by_rank(const void *a, const void *b)
{
    const struct part *x = *(struct part *const *)a;
    const struct part *y = *(struct part *const *)b;
    if (x->block.approx_rank != y->block.approx_rank)
        return x->block.approx_rank > y->block.approx_rank ? -1 : 1;
    return memcmp(x->block.id.octets, y->block.id.octets, SHA256_BYTES);
}

static enum err plan_part(const struct filter_source *source, struct part *ret)
{
    uint64_t others = source->known_count - source->revoked_count;
    CHECK(source->revoked_count <= source->known_count);
    if (source->known_count > FILTER_CERTS_MAX)
        return ERR_LIMIT;
    bool inverted = source->revoked_count > others;
    uint64_t held = inverted ? others : source->revoked_count;
    *ret = (struct part){.source = source, .held_count = held};
    ret->block = (struct clubcard_block){.id = source->block, .inverted = inverted};
    ret->block.approx_rank = best_rank(held, source->known_count - held);
    /* Without a rank nothing is asked of the approximate filter, but m 0 would mean that the block
     * holds nothing. */
    ret->block.approx_m = ret->block.approx_rank > 0 ? starts_for(held) : held > 0;
    return ERR_OK;
}

static enum err plan(struct build *b)
{
    size_t count = b->request->source_count;
    uint64_t bits = 0;
    b->parts = calloc(count + 1, sizeof *b->parts);
    b->by_rank = calloc(count + 1, sizeof *b->by_rank);
    if (b->parts == NULL || b->by_rank == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        TRY(plan_part(&b->request->sources[i], &b->parts[i]));
        b->by_rank[i] = &b->parts[i];
        if (b->parts[i].block.approx_rank > 0)
            bits += (uint64_t)b->parts[i].block.approx_m + TAIL_BITS;
    }
    qsort(b->by_rank, count, sizeof(struct part *), by_rank);
    return field_make(b, &b->approx, count == 0 ? 0 : b->by_rank[0]->block.approx_rank, bits);
}

/* --- The approximate filter --- */

/* Bits that no row determines must be as good as random, or others than the held ones would pass
 * too. The seed is of what the filter is made of. */
static void randomize(struct build *b)
{
    struct sha256 seed = {0};
    for (size_t i = 0; i < b->request->source_count; i++) {
        uint8_t octets[2 * SHA256_BYTES + 16];
        const struct filter_source *source = &b->request->sources[i];
        memcpy(octets, seed.octets, SHA256_BYTES);
        memcpy(octets + SHA256_BYTES, source->block.octets, SHA256_BYTES);
        be64_store(octets + 2 * (size_t)SHA256_BYTES, source->known_count);
        be64_store(octets + 2 * (size_t)SHA256_BYTES + 8, source->revoked_count);
        seed = sha256_of(span_of(octets, sizeof octets));
    }
    uint64_t state = be64_load(seed.octets);
    for (size_t i = 0; i < b->approx.column_count; i++)
        for (size_t j = 0; j < b->approx.word_count; j++)
            b->approx.columns[i][j] = random_next(&state);
}

static enum err approx_part(struct build *b, struct part *part)
{
    struct ribbon ribbon;
    struct walk w;
    enum err err;
    TRY(system_reserve(b, part->block.approx_m));
    ribbon_start(&ribbon, b->system, part->block.approx_m);
    TRY(walk_start(b, b->request->spool, part, part->source->from, part->source->until, &w));
    while ((err = walk_next(&w)) == ERR_OK) {
        if (!w.held)
            continue;
        TRY(walk_key(&w));
        CHECK(ribbon_add(&ribbon, &w.key, false));
    }
    TRY(end_of(err));
    part->end = b->approx.at;
    b->approx.at -= ribbon.row_count;
    for (uint8_t i = 0; i < part->block.approx_rank; i++)
        ribbon_solve(&ribbon, b->approx.columns[i], b->approx.at);
    part->block.approx_offset = (uint32_t)b->approx.at;
    return ERR_OK;
}

static enum err approx_all(struct build *b)
{
    randomize(b);
    for (size_t i = b->request->source_count; i-- > 0;)
        if (b->by_rank[i]->block.approx_rank > 0)
            TRY(approx_part(b, b->by_rank[i]));
    return ERR_OK;
}

static bool passes(const struct build *b, const struct part *part, const struct clubcard_key *key)
{
    uint64_t start = part->block.approx_offset + clubcard_key_start(key, part->block.approx_m);
    for (uint8_t i = 0; i < part->block.approx_rank; i++)
        if (ribbon_dot(b->approx.columns[i], start, key->a))
            return false;
    return true;
}

/* Who passes goes into the other spool. */
static enum err pass_part(struct build *b, struct part *part)
{
    struct walk w;
    enum err err;
    part->pass_from = filter_spool_end(b->passing);
    TRY(walk_start(b, b->request->spool, part, part->source->from, part->source->until, &w));
    while ((err = walk_next(&w)) == ERR_OK) {
        TRY(walk_key(&w));
        if (!passes(b, part, &w.key))
            continue;
        part->pass_count++;
        TRY(filter_spool_put(b->passing, &w.serial, w.held != part->block.inverted));
    }
    part->pass_until = filter_spool_end(b->passing);
    return end_of(err);
}

/* --- The exact filter --- */

static enum err except(struct part *part, const struct serial *serial)
{
    if (part->block.exception_count == FILTER_EXCEPTIONS_MAX)
        return ERR_OK; /* all are counted elsewhere */
    part->block.exception_count++;
    TRY(buffer_append(&part->exceptions, span_of(&serial->size, 1)));
    return buffer_append(&part->exceptions, span_of(serial->octets, serial->size));
}

/* Those that are held first: their right sides are zero, so only others can contradict. */
static enum err exact_add(struct build *b, struct part *part, bool held, struct ribbon *ribbon,
                          uint64_t *ret_contradictions)
{
    struct walk w;
    enum err err;
    TRY(walk_start(b, b->passing, part, part->pass_from, part->pass_until, &w));
    while ((err = walk_next(&w)) == ERR_OK) {
        if (w.held != held)
            continue;
        TRY(walk_key(&w));
        if (ribbon_add(ribbon, &w.key, !held))
            continue;
        CHECK(!held);
        ++*ret_contradictions;
        TRY(except(part, &w.serial));
    }
    return end_of(err);
}

static enum err exact_try(struct build *b, struct part *part, struct ribbon *ribbon,
                          uint64_t *ret_contradictions)
{
    *ret_contradictions = 0;
    part->block.exception_count = 0;
    part->exceptions.size = 0;
    TRY(system_reserve(b, part->block.exact_m));
    ribbon_start(ribbon, b->system, part->block.exact_m);
    TRY(exact_add(b, part, true, ribbon, ret_contradictions));
    return exact_add(b, part, false, ribbon, ret_contradictions);
}

/* How many starts it may come to have. */
static uint64_t exact_starts_max(uint64_t count)
{
    return starts_for(count) + FILTER_ATTEMPTS_MAX * (count / FILTER_SPARE_PART + 1);
}

static enum err exact_part(struct build *b, struct part *part)
{
    struct ribbon ribbon;
    uint64_t contradictions = 0;
    part->block.exact_m = starts_for(part->pass_count);
    for (unsigned attempt = 1;; attempt++) {
        TRY(exact_try(b, part, &ribbon, &contradictions));
        if (contradictions <= FILTER_EXCEPTIONS_MANY || attempt == FILTER_ATTEMPTS_MAX)
            break;
        part->block.exact_m += (uint32_t)(part->pass_count / FILTER_SPARE_PART + 1);
    }
    if (contradictions > FILTER_EXCEPTIONS_MAX)
        return refuse(b, FILTER_REFUSED_EXCEPTIONS);
    b->exact.at -= ribbon.row_count;
    ribbon_solve(&ribbon, b->exact.columns[0], b->exact.at);
    part->block.exact_offset = (uint32_t)b->exact.at;
    part->block.exceptions = span_of(part->exceptions.data, part->exceptions.size);
    return ERR_OK;
}

static enum err exact_all(struct build *b)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < b->request->source_count; i++)
        if (b->parts[i].held_count > 0) {
            TRY(pass_part(b, &b->parts[i]));
            bits += exact_starts_max(b->parts[i].pass_count) + TAIL_BITS;
        }
    TRY(field_make(b, &b->exact, 1, bits));
    for (size_t i = b->request->source_count; i-- > 0;)
        if (b->parts[i].held_count > 0)
            TRY(exact_part(b, &b->parts[i]));
    return ERR_OK;
}

/* --- The octets --- */

/* A field began somewhere in its memory; in the file it begins with its first word in use. */
static struct clubcard_column column_of(const struct field *f, const uint64_t *words, uint64_t end)
{
    uint64_t first = f->at / 64;
    uint64_t last = (end + 63) / 64;
    return (struct clubcard_column){.words = words + first,
                                    .count = (uint32_t)(last > first ? last - first : 0)};
}

static void columns_cut(const struct build *b, struct clubcard_column ret[static FILTER_RANK_MAX])
{
    /* The parts of a column are those of a rank above its number; the last of them ends it. */
    for (size_t i = 0; i < b->approx.column_count; i++) {
        uint64_t end = b->approx.at;
        for (size_t j = 0; j < b->request->source_count; j++)
            if (b->by_rank[j]->block.approx_rank > i)
                end = b->by_rank[j]->end + TAIL_BITS;
        ret[i] = column_of(&b->approx, b->approx.columns[i], end);
    }
}

static enum err write_out(struct build *b, struct filter_made *made)
{
    struct clubcard_column columns[FILTER_RANK_MAX];
    size_t count = b->request->source_count;
    struct clubcard_block *blocks = calloc(count + 1, sizeof *blocks);
    if (blocks == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = b->parts[i].block;
        if (blocks[i].approx_rank > 0)
            blocks[i].approx_offset -= (uint32_t)(b->approx.at / 64 * 64);
        if (b->parts[i].held_count > 0)
            blocks[i].exact_offset -= (uint32_t)(b->exact.at / 64 * 64);
    }
    columns_cut(b, columns);
    struct clubcard_parts parts = {
        .coverage = &b->request->coverage,
        .coverage_count = 1,
        .blocks = blocks,
        .block_count = (uint32_t)count,
        .columns = columns,
        .column_count = (uint8_t)b->approx.column_count,
        .exact = column_of(&b->exact, b->exact.columns[0], b->exact.end),
    };
    size_t size = clubcard_size(&parts);
    enum err err = size > BLOB_BYTES_MAX ? refuse(b, FILTER_REFUSED_SIZE) : take_memory(b, size);
    if (err == ERR_OK)
        err = buffer_reserve(&made->wire, size);
    if (err == ERR_OK)
        err = clubcard_write(&parts, made->wire.data, size, &made->wire.size);
    free(blocks);
    return err;
}

/* --- All of it --- */

static enum err build_all(struct build *b, struct filter_made *made)
{
    TRY(plan(b));
    TRY(filter_spool_open(b->request->work_folder, "filter-passing", &b->passing));
    TRY(approx_all(b));
    TRY(exact_all(b));
    TRY(write_out(b, made));
    const struct filter_request *r = b->request;
    enum err err = filter_check(r->spool, r->sources, r->source_count, r->stop,
                                span_of(made->wire.data, made->wire.size));
    if (err == ERR_OK || err == ERR_STOPPED || err == ERR_IO || err == ERR_DISK_FULL)
        return err;
    return refuse(b, FILTER_REFUSED_ANSWER);
}

static void build_done(struct build *b)
{
    for (size_t i = 0; b->parts != NULL && i < b->request->source_count; i++)
        buffer_done(&b->parts[i].exceptions);
    for (size_t i = 0; i < b->approx.column_count; i++)
        free(b->approx.columns[i]);
    for (size_t i = 0; i < b->exact.column_count; i++)
        free(b->exact.columns[i]);
    filter_spool_close(b->passing);
    free(b->parts);
    free(b->by_rank);
    free(b->system);
}

enum err filter_build(const struct filter_request *request, struct filter_made *ret,
                      enum filter_refusal *ret_refusal)
{
    struct build b = {.request = request};
    struct filter_made made = {0};
    enum err err = build_all(&b, &made);
    made.memory_bytes = b.memory_bytes;
    for (size_t i = 0; i < request->source_count && err == ERR_OK; i++) {
        made.known_count += request->sources[i].known_count;
        made.revoked_count += request->sources[i].revoked_count;
        made.exception_count += b.parts[i].block.exception_count;
    }
    build_done(&b);
    if (err != ERR_OK) {
        buffer_done(&made.wire);
        *ret_refusal = err == ERR_CONFLICT ? b.refusal : FILTER_ACCEPTED;
        return err;
    }
    *ret = made;
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_stream.h"

#include "lib/check.h"
#include "tests/sim/sim_forge.h"
#include "tests/sim/sim_publisher.h"

static bool chance(struct sim_stream *s, uint32_t one_in)
{
    return s->faults && sim_below(&s->random, one_in) == 0;
}

/* The oldest are trimmed. */
static void drop_first(struct sim_stream *s, uint32_t count)
{
    s->count -= count;
    memmove(s->list, s->list + count, s->count * sizeof s->list[0]);
}

void sim_stream_add(struct sim_stream *s, uint64_t number, struct span octets)
{
    if (s->count > 0 && number <= s->list[s->count - 1].number)
        s->count = 0;
    if (chance(s, 12)) {
        s->faults_made++;
        return; /* lost on the way to Redis */
    }
    if (s->count == SIM_STREAM_MAX)
        drop_first(s, 1);
    if (chance(s, 30))
        drop_first(s, sim_below(&s->random, s->count + 1));
    s->list[s->count++] = (struct sim_stream_entry){.number = number, .octets = octets};
    if (chance(s, 60))
        s->count = 0; /* restarted empty */
}

static void fill(struct buffer *out, struct span octets)
{
    /* A fresh place each time, so that a span that was borrowed too long shows. */
    buffer_done(out);
    CHECK(buffer_append(out, octets) == ERR_OK);
}

enum fault {
    ANOTHER,
    AGAIN,
    CUT,
    FLIP,
    LONGER,
    WRONG_KEY,
    MISLABELLED,
    ANNOUNCED,
    GARBAGE,
    FAULT_COUNT
};

/* `honest` is what a good server would give, NULL: nothing. */
static void spoil(struct sim_stream *s, const struct sim_stream_entry *honest, uint64_t after,
                  struct buffer *out, struct sync_event *e)
{
    static const uint8_t more[100];
    const struct sim_stream_entry *any =
        s->count > 0 ? &s->list[sim_below(&s->random, s->count)] : honest;
    enum fault fault = (enum fault)sim_below(&s->random, FAULT_COUNT);
    s->faults_made++;
    e->number = after + 1;
    if (fault == ANNOUNCED) {
        buffer_done(out);
        return;
    }
    if (fault == GARBAGE || any == NULL) {
        fill(out, span_of(more, 1 + sim_below(&s->random, 99)));
        return;
    }
    fill(out, honest != NULL ? honest->octets : any->octets);
    switch ((int)fault) {
    case ANOTHER: /* later or older, under its own number */
        fill(out, any->octets);
        e->number = any->number;
        return;
    case AGAIN: /* of a question that was asked before */
        fill(out, any->octets);
        e->number = any->number;
        e->after = any->number > 0 ? any->number - 1 : 0;
        return;
    case CUT:
        out->size = sim_below(&s->random, (uint32_t)out->size);
        return;
    case FLIP:
        out->data[sim_below(&s->random, (uint32_t)out->size)] ^=
            (uint8_t)(1u << sim_below(&s->random, 8));
        return;
    case LONGER:
        CHECK(buffer_append(out, span_of(more, 1 + sim_below(&s->random, 99))) == ERR_OK);
        return;
    case WRONG_KEY:
        sim_sign_wrong(SYNC_FETCH_LOG, out);
        return;
    default: /* MISLABELLED: another entry under the number that is waited for */
        fill(out, any->octets);
        return;
    }
}

bool sim_stream_next(struct sim_stream *s, uint64_t after, struct buffer *out,
                     struct sync_event *ret)
{
    if (chance(s, 200))
        s->down = !s->down;
    if (s->down && (s->faults || sim_below(&s->random, 50) > 0))
        return false;
    s->down = false;
    const struct sim_stream_entry *honest = NULL;
    for (uint32_t i = 0; i < s->count && honest == NULL; i++)
        if (s->list[i].number > after)
            honest = &s->list[i];
    *ret = (struct sync_event){.type = SYNC_LANE, .after = after};
    if (chance(s, 5)) {
        spoil(s, honest, after, out, ret);
    } else if (honest != NULL) {
        ret->number = honest->number;
        fill(out, honest->octets);
    } else {
        return false;
    }
    ret->bytes = span_of(out->data, out->size);
    return true;
}

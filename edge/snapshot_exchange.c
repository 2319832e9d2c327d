/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/snapshot_exchange.h"

#include "lib/check.h"

void snapshot_exchange_start(struct snapshot_exchange *x, uint32_t worker_count)
{
    CHECK(worker_count > 0 && worker_count <= SNAPSHOT_WORKERS_MAX);
    memset(x, 0, sizeof *x);
    x->worker_count = worker_count;
}

/* Holds the current one, which was `s` a moment ago, in a field of the worker's slot. */
static struct snapshot *hold_current(struct snapshot_exchange *x, struct snapshot **held,
                                     struct snapshot *s)
{
    for (;;) {
        /* The store must be visible before current is read again: else the builder could look at
         * the slot between the two and free what we are about to use. */
        __atomic_store_n(held, s, __ATOMIC_SEQ_CST);
        struct snapshot *again = __atomic_load_n(&x->current, __ATOMIC_SEQ_CST);
        if (again == s)
            return s;
        s = again;
    }
}

const struct snapshot *snapshot_take(struct snapshot_exchange *x, uint32_t worker_no)
{
    struct snapshot **held = &x->slots[worker_no].held;
    struct snapshot *s = __atomic_load_n(&x->current, __ATOMIC_ACQUIRE);
    /* The usual turn: still the one this worker holds, nothing to write. */
    if (s == __atomic_load_n(held, __ATOMIC_RELAXED))
        return s;
    return hold_current(x, held, s);
}

const struct snapshot *snapshot_offer(struct snapshot_exchange *x, uint32_t worker_no)
{
    struct snapshot_slot *slot = &x->slots[worker_no];
    struct snapshot *s = __atomic_load_n(&x->current, __ATOMIC_ACQUIRE);
    if (s == __atomic_load_n(&slot->held, __ATOMIC_RELAXED))
        return NULL;
    return hold_current(x, &slot->offered, s);
}

const struct snapshot *snapshot_accept(struct snapshot_exchange *x, uint32_t worker_no)
{
    struct snapshot_slot *slot = &x->slots[worker_no];
    struct snapshot *s = __atomic_load_n(&slot->offered, __ATOMIC_RELAXED);
    CHECK(s != NULL);
    /* Held twice for a moment, and never by neither. */
    __atomic_store_n(&slot->held, s, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot->offered, NULL, __ATOMIC_RELEASE);
    return s;
}

void snapshot_leave(struct snapshot_exchange *x, uint32_t worker_no)
{
    __atomic_store_n(&x->slots[worker_no].held, NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&x->slots[worker_no].offered, NULL, __ATOMIC_RELEASE);
}

static bool is_held(const struct snapshot_exchange *x, const struct snapshot *s)
{
    /* `offered` first: what passes from there to `held` between the two looks is seen in one. */
    for (uint32_t i = 0; i < x->worker_count; i++)
        if (__atomic_load_n(&x->slots[i].offered, __ATOMIC_SEQ_CST) == s ||
            __atomic_load_n(&x->slots[i].held, __ATOMIC_SEQ_CST) == s)
            return true;
    return false;
}

uint32_t snapshot_reclaim(struct snapshot_exchange *x)
{
    struct snapshot **link = &x->retired;
    while (*link != NULL) {
        struct snapshot *s = *link;
        if (is_held(x, s)) {
            link = &s->retired;
            continue;
        }
        *link = s->retired;
        x->retired_count--;
        snapshot_free(s);
    }
    return x->retired_count;
}

bool snapshot_publish_blocked(struct snapshot_exchange *x)
{
    return snapshot_reclaim(x) >= SNAPSHOT_RETIRED_MAX;
}

enum err snapshot_publish(struct snapshot_exchange *x, struct snapshot *snapshot)
{
    if (snapshot_publish_blocked(x)) {
        x->refused_count++;
        return ERR_BUSY;
    }
    struct snapshot *old = x->current;
    __atomic_store_n(&x->current, snapshot, __ATOMIC_SEQ_CST);
    x->published_count++;
    if (old != NULL) {
        old->retired = x->retired;
        x->retired = old;
        x->retired_count++;
    }
    snapshot_reclaim(x);
    return ERR_OK;
}

const struct snapshot *snapshot_current(const struct snapshot_exchange *x)
{
    return x->current;
}

void snapshot_exchange_stop(struct snapshot_exchange *x)
{
    for (uint32_t i = 0; i < x->worker_count; i++)
        snapshot_leave(x, i);
    CHECK(snapshot_reclaim(x) == 0);
    snapshot_free(x->current);
    x->current = NULL;
}

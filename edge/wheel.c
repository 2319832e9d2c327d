/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/wheel.h"

#include <stdlib.h>

#include "lib/check.h"

#define NOWHERE UINT64_MAX

enum err wheel_start(struct wheel *wheel, uint32_t slot_count, uint64_t now_ns)
{
    *wheel = (struct wheel){.slot_count = slot_count, .now_tick = now_ns / WHEEL_TICK_NS};
    wheel->links = malloc(slot_count * sizeof *wheel->links);
    if (wheel->links == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < slot_count; i++)
        wheel->links[i].tick = NOWHERE;
    for (uint32_t i = 0; i < WHEEL_BUCKET_COUNT; i++)
        wheel->heads[i] = WHEEL_NONE;
    return ERR_OK;
}

void wheel_stop(struct wheel *wheel)
{
    free(wheel->links);
    wheel->links = NULL;
}

static void insert(struct wheel *wheel, uint32_t slot, uint64_t tick)
{
    struct wheel_link *link = &wheel->links[slot];
    uint32_t *head = &wheel->heads[tick % WHEEL_BUCKET_COUNT];
    *link = (struct wheel_link){.next = *head, .previous = WHEEL_NONE, .tick = tick};
    if (*head != WHEEL_NONE)
        wheel->links[*head].previous = slot;
    *head = slot;
}

void wheel_remove(struct wheel *wheel, uint32_t slot)
{
    CHECK(slot < wheel->slot_count);
    struct wheel_link *link = &wheel->links[slot];
    if (link->tick == NOWHERE)
        return;
    if (link->previous != WHEEL_NONE)
        wheel->links[link->previous].next = link->next;
    else
        wheel->heads[link->tick % WHEEL_BUCKET_COUNT] = link->next;
    if (link->next != WHEEL_NONE)
        wheel->links[link->next].previous = link->previous;
    link->tick = NOWHERE;
}

void wheel_want(struct wheel *wheel, uint32_t slot, uint64_t deadline_ns)
{
    CHECK(slot < wheel->slot_count);
    if (deadline_ns == UINT64_MAX)
        return;
    /* Rounded up: never before the deadline, so that who looks finds it passed. */
    uint64_t tick = deadline_ns / WHEEL_TICK_NS + 1;
    if (tick >= wheel->links[slot].tick && wheel->links[slot].tick != NOWHERE)
        return;
    if (tick <= wheel->now_tick)
        tick = wheel->now_tick + 1;
    if (tick >= wheel->now_tick + WHEEL_BUCKET_COUNT)
        tick = wheel->now_tick + WHEEL_BUCKET_COUNT - 1;
    wheel_remove(wheel, slot);
    insert(wheel, slot, tick);
}

uint32_t wheel_next_due(struct wheel *wheel, uint64_t now_ns)
{
    uint64_t tick = now_ns / WHEEL_TICK_NS;
    while (wheel->now_tick < tick) {
        uint32_t slot = wheel->heads[(wheel->now_tick + 1) % WHEEL_BUCKET_COUNT];
        if (slot != WHEEL_NONE) {
            wheel_remove(wheel, slot);
            return slot;
        }
        wheel->now_tick++;
    }
    return WHEEL_NONE;
}

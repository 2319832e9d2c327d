/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/side_index.h"

#include "lib/prefetch.h"

#include <endian.h>

/* Among the 49 statements of a full block a guess misses by two or three, serials of 16 octets. */
#define NEAR_BYTES 64

uint64_t side_prefix(const uint8_t *octets, size_t size, size_t common_size)
{
    size_t left = size - common_size;
    uint64_t value = 0;
    if (left >= sizeof value) {
        memcpy(&value, octets + common_size, sizeof value);
        return be64toh(value);
    }
    for (size_t i = 0; i < sizeof value; i++)
        value = value << 8 | (i < left ? octets[common_size + i] : 0u);
    return value;
}

const struct side_group *side_group_find(const struct side_group *groups, uint32_t group_count,
                                         uint8_t serial_size)
{
    for (uint32_t i = 0; i < group_count; i++)
        if (groups[i].serial_size == serial_size)
            return &groups[i];
    return NULL;
}

/* First run in [low, high) whose prefix is not below `prefix`, else high. */
static uint32_t run_lower(const struct side_run *runs, uint32_t low, uint32_t high, uint64_t prefix)
{
    uint32_t count = high - low;
    while (count > 0) {
        uint32_t half = (count + 1) / 2;
        low += runs[low + half - 1].prefix < prefix ? half : 0; /* a conditional move */
        count -= half;
    }
    return low;
}

/* Compares the last serial of an entry's block: reads the block. */
static int entry_compare(const struct side_entry *entry, const struct serial *serial)
{
    struct serial last;
    block_last_serial(side_entry_block(entry), &last);
    return serial_compare(&last, serial);
}

/* Runs from `low` on whose prefix equals the serial's: settled by whole serials. */
static uint32_t run_among_equals(const struct side_group *group, uint32_t low, uint64_t prefix,
                                 const struct serial *serial)
{
    uint32_t high = prefix == UINT64_MAX
                        ? group->run_count
                        : run_lower(group->runs, low, group->run_count, prefix + 1);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct side_run *run = &group->runs[middle];
        const struct side_entry *last =
            &group->chunks[run->chunk]->entries[run->first + run->count - 1];
        if (entry_compare(last, serial) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first run that does not end below the serial. */
static uint32_t run_find(const struct side_group *group, const struct serial *serial)
{
    int order = memcmp(serial->octets, group->common, group->common_size);
    if (order != 0)
        return order < 0 ? 0 : group->run_count;
    uint64_t prefix = side_prefix(serial->octets, serial->size, group->common_size);
    uint64_t top = prefix >> group->radix_shift;
    uint32_t run = run_lower(group->runs, group->radix[top], group->radix[top + 1], prefix);
    if (run < group->run_count && group->runs[run].prefix == prefix)
        run = run_among_equals(group, run, prefix, serial);
    return run;
}

void side_find_run(const struct side_group *group, const struct serial *serial,
                   struct side_cursor *cursor)
{
    *cursor = (struct side_cursor){0};
    if (group == NULL)
        return;
    uint32_t number = run_find(group, serial);
    if (number == group->run_count)
        return;
    const struct side_run *run = &group->runs[number];
    cursor->chunk = group->chunks[run->chunk];
    cursor->first = run->first;
    cursor->count = run->count;
    cursor->stride_bytes = group->stride_bytes;
    const struct side_entry *entries = cursor->chunk->entries + run->first;
    prefetch(cursor->chunk, 1);
    prefetch(entries - 1, (run->count + 1u) * sizeof *entries); /* and the left neighbour */
}

/* Entries of the run from `low` on whose prefix equals the serial's: settled by whole serials. */
static uint32_t entry_among_equals(const struct side_cursor *cursor, uint32_t low, uint64_t prefix,
                                   const struct serial *serial)
{
    const struct side_entry *entries = cursor->chunk->entries + cursor->first;
    uint32_t high = low;
    while (high < cursor->count && entries[high].prefix == prefix)
        high++;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry_compare(&entries[middle], serial) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where between two neighbours of the index a serial should be. In whole numbers and without
 * branches: which way they go could not be foreseen. */
static uint32_t part_between(uint64_t low, uint64_t high, uint64_t prefix)
{
    if (prefix <= low || high <= low)
        return 0;
    int shift = __builtin_clzll(high - low);
    uint64_t part = ((prefix - low) << shift) >> 32;
    uint64_t whole = ((high - low) << shift) >> 32;
    uint32_t guess = (uint32_t)(part * SIDE_PARTS / whole);
    return guess < SIDE_PARTS ? guess : SIDE_PARTS - 1;
}

/* The octets of the block around the guess; the block itself has not been read yet. Most have one
 * row of facts. */
static void guess_octets(struct side_cursor *cursor, const struct side_entry *entry,
                         size_t serial_size)
{
    size_t start = BLOCK_HEADER_BYTES + BLOCK_FACTS_BYTES;
    size_t count = (side_entry_bytes(entry) - start) / (serial_size + cursor->stride_bytes);
    size_t guess = start + count * cursor->part / SIDE_PARTS * serial_size;
    cursor->near_first = (uint32_t)(guess < NEAR_BYTES ? 0 : guess - NEAR_BYTES);
    cursor->near_end = (uint32_t)(guess + serial_size + NEAR_BYTES);
}

void side_find_block(const struct serial *serial, struct side_cursor *cursor)
{
    const struct side_chunk *chunk = cursor->chunk;
    if (chunk == NULL)
        return;
    const struct side_entry *entries = chunk->entries + cursor->first;
    uint32_t place = 0;
    /* Not above the chunk's last serial, so its leading octets are not above the common ones. */
    if (memcmp(serial->octets, chunk->last.octets, chunk->common_size) == 0) {
        uint64_t prefix = side_prefix(serial->octets, serial->size, chunk->common_size);
        for (uint32_t i = 0; i < cursor->count; i++)
            place += entries[i].prefix < prefix;
        if (place < cursor->count && entries[place].prefix == prefix)
            place = entry_among_equals(cursor, place, prefix, serial);
        if (place == cursor->count)
            return;
        bool has_left = cursor->first + place > 0;
        cursor->common_size = has_left ? chunk->common_size : 0;
        uint64_t low = has_left ? (entries + place)[-1].prefix : 0;
        cursor->part = part_between(low, entries[place].prefix, prefix);
    }
    cursor->block = side_entry_block(&entries[place]);
    guess_octets(cursor, &entries[place], serial->size);
}

void side_reach_block(const struct side_cursor *cursor)
{
    if (cursor->block == NULL)
        return;
    prefetch(cursor->block, BLOCK_HEADER_BYTES);
    prefetch(cursor->block + cursor->near_first, cursor->near_end - cursor->near_first);
}

void side_find_statement(const struct serial *serial, struct side_cursor *cursor)
{
    if (cursor->block == NULL)
        return;
    struct block block = block_load(cursor->block);
    /* The last one is the right neighbour itself: half a place to the left of the middle. */
    uint32_t guess = (2 * cursor->part * block.count / SIDE_PARTS + 1) / 2;
    guess -= guess > 0;
    cursor->found = block_find_near(&block, serial, guess, cursor->common_size, &cursor->statement);
    if (cursor->found)
        block_prefetch_body(&block, cursor->statement);
}

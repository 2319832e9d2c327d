/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/side_index.h"

#include <endian.h>

/* Entries in one cache line, and how often a search doubles its step away from the guess before it
 * halves what is left instead. */
#define STEP_ENTRIES 4
#define STEPS_MAX    3

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

/* First place in [low, high) whose prefix is not below `prefix`, else high. */
static uint32_t directory_lower(const struct side_directory_entry *directory, uint32_t low,
                                uint32_t high, uint64_t prefix)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (directory[middle].prefix < prefix)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Chunks from `low` on whose prefix equals the serial's: settled by whole serials. */
static uint32_t directory_among_equals(const struct side_group *group, uint32_t low,
                                       uint64_t prefix, const struct serial *serial)
{
    uint32_t high = prefix == UINT64_MAX
                        ? group->chunk_count
                        : directory_lower(group->directory, low, group->chunk_count, prefix + 1);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (serial_compare(&group->directory[middle].chunk->last, serial) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where in a chunk of `count` entries a serial between two neighbours of the directory should be.
 */
static uint32_t interpolate(uint64_t low, uint64_t high, uint64_t prefix, uint32_t count)
{
    if (prefix <= low || high <= low)
        return 0;
    double part = (double)(prefix - low) / (double)(high - low);
    uint32_t guess = (uint32_t)(part * (double)count);
    return guess < count ? guess : count - 1;
}

void side_find_chunk(const struct side_group *group, const struct serial *serial,
                     struct side_cursor *cursor)
{
    *cursor = (struct side_cursor){0};
    if (group == NULL || group->chunk_count == 0)
        return;
    int order = memcmp(serial->octets, group->common, group->common_size);
    if (order > 0)
        return;
    uint32_t place = 0;
    uint64_t prefix = 0;
    if (order == 0) {
        prefix = side_prefix(serial->octets, serial->size, group->common_size);
        uint64_t top = prefix >> group->radix_shift;
        place = directory_lower(group->directory, group->radix[top], group->radix[top + 1], prefix);
        if (place < group->chunk_count && group->directory[place].prefix == prefix)
            place = directory_among_equals(group, place, prefix, serial);
        if (place == group->chunk_count)
            return;
    }
    const struct side_directory_entry *entry = &group->directory[place];
    uint64_t low = place > 0 ? entry[-1].prefix : 0;
    cursor->chunk = entry->chunk;
    cursor->guess = interpolate(low, entry->prefix, prefix, entry->count);
    __builtin_prefetch(entry->chunk);
    __builtin_prefetch(&entry->chunk->entries[cursor->guess]);
}

/* First entry in [low, high) whose prefix is not below `prefix`, else high: halving. */
static uint32_t entry_halve(const struct side_chunk *chunk, uint32_t low, uint32_t high,
                            uint64_t prefix)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chunk->entries[middle].prefix < prefix)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same over the whole chunk, starting near the guess. */
static uint32_t entry_lower(const struct side_chunk *chunk, uint32_t guess, uint64_t prefix)
{
    uint32_t low = 0;
    uint32_t high = chunk->count;
    uint32_t step = STEP_ENTRIES;
    if (guess >= high)
        guess = high - 1;
    for (int i = 0; i < STEPS_MAX && low < high; i++, step *= 2) {
        if (chunk->entries[guess].prefix < prefix) {
            low = guess + 1;
            if (high - guess <= step)
                break;
            guess += step;
        } else {
            high = guess;
            if (guess < low + step)
                break;
            guess -= step;
        }
    }
    return entry_halve(chunk, low, high, prefix);
}

/* Entries from `low` on whose prefix equals the serial's: settled by whole serials. */
static uint32_t entry_among_equals(const struct side_chunk *chunk, uint32_t low, uint64_t prefix,
                                   const struct serial *serial)
{
    uint32_t high =
        prefix == UINT64_MAX ? chunk->count : entry_halve(chunk, low, chunk->count, prefix + 1);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct serial last;
        block_last_serial(chunk->entries[middle].block, &last);
        if (serial_compare(&last, serial) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void side_find_block(const struct serial *serial, struct side_cursor *cursor)
{
    const struct side_chunk *chunk = cursor->chunk;
    cursor->block = NULL;
    if (chunk == NULL)
        return;
    uint32_t place = 0;
    cursor->part = 0;
    /* Not above the chunk's last serial, so its leading octets are not above the common ones. */
    if (memcmp(serial->octets, chunk->last.octets, chunk->common_size) == 0) {
        uint64_t prefix = side_prefix(serial->octets, serial->size, chunk->common_size);
        place = entry_lower(chunk, cursor->guess, prefix);
        if (place < chunk->count && chunk->entries[place].prefix == prefix)
            place = entry_among_equals(chunk, place, prefix, serial);
        if (place == chunk->count)
            return;
        uint64_t low = place > 0 ? chunk->entries[place - 1].prefix : 0;
        cursor->part = interpolate(low, chunk->entries[place].prefix, prefix, SIDE_PARTS);
    }
    cursor->block = chunk->entries[place].block;
    __builtin_prefetch(cursor->block);
    __builtin_prefetch(cursor->block + 64);
}

void side_approach(const struct side_cursor *cursor)
{
    if (cursor->block == NULL)
        return;
    struct block block = block_load(cursor->block);
    uint32_t place = cursor->part * block.count / SIDE_PARTS;
    const uint8_t *body = block.bodies + (size_t)place * block.stride_bytes;
    __builtin_prefetch(block.serials + (size_t)place * block.serial_size);
    __builtin_prefetch(body);
    __builtin_prefetch(body + 64);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which key ranges one write transaction has changed, for the change record of
 * edge/store_format.h. Every key of a block that was put or deleted lies in one of the ranges. */
#pragma once

#include "edge/store_format.h"

struct store_change_range {
    uint8_t after[KEY_BYTES_MAX]; /* exclusive */
    uint8_t until[KEY_BYTES_MAX]; /* inclusive */
    uint8_t after_size;
    uint8_t until_size;
};

struct store_changes {
    uint32_t count;
    bool everything; /* more than the table holds */
    struct store_change_range ranges[STORE_CHANGE_RANGES_MAX];
};

#define STORE_CHANGES_EVERYTHING 0xffff
#define STORE_CHANGES_BYTES_MAX  (2 + STORE_CHANGE_RANGES_MAX * 2 * (1 + KEY_BYTES_MAX))

void store_changes_reset(struct store_changes *c);
/** (after, until] of one issuer. Joined with the range before when they touch. */
void store_changes_add(struct store_changes *c, uint64_t issuer_id, const struct serial *after,
                       const struct serial *until);
/** The record's value; returns its size. */
size_t store_changes_write(const struct store_changes *c,
                           uint8_t ret[static STORE_CHANGES_BYTES_MAX]);

/** The largest serial (or bound) below this one. */
struct serial serial_before(const struct serial *serial);

/* SPDX-License-Identifier: Apache-2.0 */
/* Times near today as text, with the days' part ready-made: a server writes the same few days in
 * every answer. What it writes is what lib/timetext.h would. */
#pragma once

#include "lib/timetext.h"

/* Statements live for days or weeks. Other times are written by lib/timetext.h. */
#define DAY_TEXT_BEFORE 16
#define DAY_TEXT_DAYS   64

struct day_text {
    uint8_t generalized[8]; /* YYYYMMDD */
    uint8_t imf[16];        /* "Sun, 06 Nov 1994" */
};

/* A GeneralizedTime as two words, as they are in memory: octets 0 to 7 and 7 to 14. Written to
 * several places it stays in registers, and what was just stored is not loaded across. */
struct generalized_time {
    uint64_t first;
    uint64_t last;
};

static inline void generalized_time_put(const struct generalized_time *time,
                                        uint8_t to[static GENERALIZED_TIME_BYTES])
{
    memcpy(to, &time->first, 8);
    memcpy(to + 7, &time->last, 8);
}

struct day_table {
    uint32_t first_day; /* since 1970 */
    uint32_t day_count; /* 0 at first: every time is written by lib/timetext.h */
    struct day_text days[DAY_TEXT_DAYS];
};

/** Cheap when the day is the one it already has. Zero-initialise before the first call. */
void day_table_set(struct day_table *table, uint64_t now_s);

/** As generalized_time_write() and imf_fixdate_write(). */
struct generalized_time day_table_generalized(const struct day_table *table, uint32_t time_s);
void day_table_imf(const struct day_table *table, uint32_t time_s,
                   uint8_t ret[static IMF_FIXDATE_BYTES]);

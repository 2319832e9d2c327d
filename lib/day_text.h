/* SPDX-License-Identifier: Apache-2.0 */
/* Times near today as text, with the days' part ready-made: a server writes the same few days in
 * every answer. What it writes is what lib/timetext.h would. */
#pragma once

#include "lib/timetext.h"

/* Statements live for days or weeks. Other times are written by lib/timetext.h. */
#define DAY_TEXT_BEFORE 16
#define DAY_TEXT_DAYS   64

#define DAY_TEXT_GENERALIZED_BYTES 8  /* YYYYMMDD */
#define DAY_TEXT_IMF_BYTES         17 /* "Sun, 06 Nov 1994 " */

struct day_text {
    uint8_t generalized[DAY_TEXT_GENERALIZED_BYTES];
    uint8_t imf[DAY_TEXT_IMF_BYTES];
};

struct day_table {
    uint32_t first_day; /* since 1970 */
    uint32_t day_count; /* 0 at first: every time is written by lib/timetext.h */
    struct day_text days[DAY_TEXT_DAYS];
};

/** Cheap when the day is the one it already has. Zero-initialise before the first call. */
void day_table_set(struct day_table *table, uint64_t now_s);

/** As generalized_time_write() and imf_fixdate_write(). */
void day_table_generalized(const struct day_table *table, uint32_t time_s,
                           uint8_t ret[static GENERALIZED_TIME_BYTES]);
void day_table_imf(const struct day_table *table, uint32_t time_s,
                   uint8_t ret[static IMF_FIXDATE_BYTES]);

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/day_text.h"

#include "lib/digits.h"
#include "lib/limit.h"

#define DAY_S 86400u

static void day_text_make(uint64_t day, struct day_text *ret)
{
    uint8_t generalized[GENERALIZED_TIME_BYTES];
    uint8_t imf[IMF_FIXDATE_BYTES];
    generalized_time_write(day * DAY_S, generalized);
    imf_fixdate_write(day * DAY_S, imf);
    memcpy(ret->generalized, generalized, sizeof ret->generalized);
    memcpy(ret->imf, imf, sizeof ret->imf);
}

void day_table_set(struct day_table *table, uint64_t now_s)
{
    uint64_t today = now_s < TIME_S_MAX ? now_s / DAY_S : TIME_S_MAX / DAY_S;
    uint32_t first = today > DAY_TEXT_BEFORE ? (uint32_t)today - DAY_TEXT_BEFORE : 0;
    if (table->day_count > 0 && table->first_day == first)
        return;
    table->first_day = first;
    table->day_count = DAY_TEXT_DAYS;
    for (uint32_t i = 0; i < DAY_TEXT_DAYS; i++)
        day_text_make(first + i, &table->days[i]);
}

/* NULL: not in the table. */
static const struct day_text *day_of(const struct day_table *table, uint32_t time_s)
{
    uint32_t place = time_s / DAY_S - table->first_day;
    return place < table->day_count ? &table->days[place] : NULL;
}

void day_table_generalized(const struct day_table *table, uint32_t time_s,
                           uint8_t ret[static GENERALIZED_TIME_BYTES])
{
    const struct day_text *day = day_of(table, time_s);
    if (day == NULL) {
        generalized_time_write(time_s, ret);
        return;
    }
    uint8_t clock[8];
    digits_store(clock, digits_of_clock(time_s % DAY_S));
    clock[6] = 'Z';
    memcpy(ret, day->generalized, sizeof day->generalized);
    memcpy(ret + sizeof day->generalized, clock, 7);
}

void day_table_imf(const struct day_table *table, uint32_t time_s,
                   uint8_t ret[static IMF_FIXDATE_BYTES])
{
    const struct day_text *day = day_of(table, time_s);
    if (day == NULL) {
        imf_fixdate_write(time_s, ret);
        return;
    }
    uint64_t clock = digits_of_clock(time_s % DAY_S);
    uint8_t *at = ret + sizeof day->imf;
    memcpy(ret, day->imf, sizeof day->imf);
    digits_store(at, (clock & 0xffff) | UINT64_C(0x3a) << 16 | (clock >> 16 & 0xffff) << 24 |
                         UINT64_C(0x3a) << 40 | (clock >> 32 & 0xffff) << 48);
    memcpy(at + 8, " GMT", 4);
}

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

static struct generalized_time generalized_far(uint32_t time_s)
{
    uint8_t text[GENERALIZED_TIME_BYTES];
    struct generalized_time ret;
    generalized_time_write(time_s, text);
    memcpy(&ret.first, text, 8);
    memcpy(&ret.last, text + 7, 8);
    return ret;
}

struct generalized_time day_table_generalized(const struct day_table *table, uint32_t time_s)
{
    const struct day_text *day = day_of(table, time_s);
    if (day == NULL)
        return generalized_far(time_s);
    uint64_t first;
    memcpy(&first, day->generalized, sizeof first);
    uint64_t clock = digits_of_clock(time_s % DAY_S);
    uint64_t last = le64toh(first) >> 56 | clock << 16 >> 8 | (uint64_t)'Z' << 56;
    return (struct generalized_time){.first = first, .last = htole64(last)};
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
    memcpy(ret, day->imf, sizeof day->imf);
    ret[16] = ' ';
    digits_store(ret + 17, (clock & 0xffff) | (uint64_t)':' << 16 | (clock >> 16 & 0xffff) << 24 |
                               (uint64_t)':' << 40 | (clock >> 32 & 0xffff) << 48);
    memcpy(ret + 25, " GMT", 4);
}

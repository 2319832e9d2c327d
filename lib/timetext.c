/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/timetext.h"

#include "lib/digits.h"

#define DAY_S          86400u
#define DAYS_400_YEARS 146097u
#define DAYS_100_YEARS 36524u
#define DAYS_4_YEARS   1461u
/* From 0000-03-01, where the counting by years that begin in March starts, to 1970-01-01. */
#define DAYS_TO_1970 719468u
/* 9999-12-31T23:59:59Z: later times do not fit four digits of a year. */
#define SECONDS_MAX UINT64_C(253402300799)

/* Years begin in March here, so that the leap day is the last of its year; 153 days are five
 * months of 31 and 30 days in turn. */
static void date_from_days(uint32_t days, struct civil_time *ret)
{
    days += DAYS_TO_1970;
    uint32_t era = days / DAYS_400_YEARS, day = days % DAYS_400_YEARS;
    uint32_t year =
        (day - day / (DAYS_4_YEARS - 1) + day / DAYS_100_YEARS - day / (DAYS_400_YEARS - 1)) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint32_t month = (5 * day + 2) / 153; /* 0 is March */
    ret->day = (uint8_t)(day - (153 * month + 2) / 5 + 1);
    ret->month = (uint8_t)(month < 10 ? month + 3 : month - 9);
    ret->year = era * 400 + year + (month >= 10);
}

static uint32_t days_from_date(const struct civil_time *civil)
{
    bool before_march = civil->month <= 2;
    uint32_t year = civil->year - before_march;
    uint32_t month = before_march ? civil->month + 9u : civil->month - 3u;
    uint32_t day = (153 * month + 2) / 5 + civil->day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day - DAYS_TO_1970;
}

struct civil_time civil_from_seconds(uint64_t time_s)
{
    if (time_s > SECONDS_MAX)
        time_s = SECONDS_MAX;
    uint32_t days = (uint32_t)(time_s / DAY_S), second = (uint32_t)(time_s % DAY_S);
    struct civil_time civil = {
        .hour = (uint8_t)(second / 3600),
        .minute = (uint8_t)(second / 60 % 60),
        .second = (uint8_t)(second % 60),
        .weekday = (uint8_t)((days + 4) % 7), /* 1970-01-01 was a Thursday */
    };
    date_from_days(days, &civil);
    return civil;
}

enum err civil_to_seconds(const struct civil_time *civil, uint64_t *ret_time_s)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (civil->year < 1970 || civil->year > 9999 || civil->month < 1 || civil->month > 12)
        return ERR_RANGE;
    bool leap = civil->year % 4 == 0 && (civil->year % 100 != 0 || civil->year % 400 == 0);
    uint32_t days = month_days[civil->month - 1] + (leap && civil->month == 2 ? 1u : 0u);
    if (civil->day < 1 || civil->day > days)
        return ERR_RANGE;
    if (civil->hour > 23 || civil->minute > 59 || civil->second > 59)
        return ERR_RANGE;
    *ret_time_s = (uint64_t)days_from_date(civil) * DAY_S + civil->hour * 3600u +
                  civil->minute * 60u + civil->second;
    return ERR_OK;
}

/* ---- writing ---- */

static const char weekdays[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                     "Thursday", "Friday", "Saturday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static uint8_t *put_2(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)('0' + value / 10);
    at[1] = (uint8_t)('0' + value % 10);
    return at + 2;
}

static uint8_t *put_text(uint8_t *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

static uint8_t *put_clock(uint8_t *at, const struct civil_time *c)
{
    at = put_2(at, c->hour);
    *at++ = ':';
    at = put_2(at, c->minute);
    *at++ = ':';
    return put_2(at, c->second);
}

void generalized_time_write(uint64_t time_s, uint8_t ret[static GENERALIZED_TIME_BYTES])
{
    struct civil_time c = civil_from_seconds(time_s);
    uint64_t clock = c.hour | (uint64_t)c.minute << 16 | (uint64_t)c.second << 32;
    uint8_t text[16];
    digits_store(text, digits_of_pairs(c.year / 100 | (uint64_t)(c.year % 100) << 16 |
                                       (uint64_t)c.month << 32 | (uint64_t)c.day << 48));
    digits_store(text + 8, digits_of_pairs(clock));
    text[GENERALIZED_TIME_BYTES - 1] = 'Z';
    memcpy(ret, text, GENERALIZED_TIME_BYTES);
}

void imf_fixdate_write(uint64_t time_s, uint8_t ret[static IMF_FIXDATE_BYTES])
{
    struct civil_time c = civil_from_seconds(time_s);
    uint8_t *at = put_text(ret, weekdays[c.weekday], 3);
    at = put_text(at, ", ", 2);
    at = put_2(at, c.day);
    *at++ = ' ';
    at = put_text(at, months[c.month - 1], 3);
    *at++ = ' ';
    at = put_2(at, c.year / 100);
    at = put_2(at, c.year % 100);
    *at++ = ' ';
    at = put_clock(at, &c);
    put_text(at, " GMT", 4);
}

void iso_time_write(uint64_t time_s, char ret[static ISO_TIME_BYTES + 1])
{
    struct civil_time c = civil_from_seconds(time_s);
    uint8_t text[ISO_TIME_BYTES];
    uint8_t *at = put_2(text, c.year / 100);
    at = put_2(at, c.year % 100);
    *at++ = '-';
    at = put_2(at, c.month);
    *at++ = '-';
    at = put_2(at, c.day);
    *at++ = 'T';
    at = put_clock(at, &c);
    *at = 'Z';
    memcpy(ret, text, sizeof text);
    ret[ISO_TIME_BYTES] = '\0';
}

/* ---- reading: a pattern names what stands where ----
 *
 * Y four digits of a year, y two; m month, d day (two digits), e day with a leading blank or digit,
 * H M S two digits each; N month name, W short weekday, L long weekday; anything else is itself. */

struct text_reader {
    struct span rest;
    bool bad;
};

static uint32_t take_digits(struct text_reader *r, size_t count)
{
    uint32_t value = 0;
    if (r->rest.size < count) {
        r->bad = true;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t c = r->rest.data[i];
        if (c < '0' || c > '9')
            r->bad = true;
        value = value * 10 + (uint32_t)(c - '0');
    }
    r->rest = span_of(r->rest.data + count, r->rest.size - count);
    return value;
}

static bool skip_text(struct text_reader *r, const char *text, size_t size)
{
    if (r->rest.size < size || memcmp(r->rest.data, text, size) != 0)
        return false;
    r->rest = span_of(r->rest.data + size, r->rest.size - size);
    return true;
}

static uint8_t take_month_name(struct text_reader *r)
{
    for (uint8_t i = 0; i < 12; i++)
        if (skip_text(r, months[i], 3))
            return (uint8_t)(i + 1);
    r->bad = true;
    return 0;
}

static uint8_t take_weekday(struct text_reader *r, bool is_long)
{
    for (uint8_t i = 0; i < 7; i++)
        if (skip_text(r, weekdays[i], is_long ? strlen(weekdays[i]) : 3))
            return i;
    r->bad = true;
    return 0;
}

static uint8_t take_blank_padded(struct text_reader *r)
{
    return (uint8_t)(skip_text(r, " ", 1) ? take_digits(r, 1) : take_digits(r, 2));
}

static void take_field(struct text_reader *r, char field, struct civil_time *c)
{
    switch (field) {
    case 'Y':
        c->year = take_digits(r, 4);
        break;
    case 'y':
        c->year = take_digits(r, 2);
        break;
    case 'm':
        c->month = (uint8_t)take_digits(r, 2);
        break;
    case 'd':
        c->day = (uint8_t)take_digits(r, 2);
        break;
    case 'e':
        c->day = take_blank_padded(r);
        break;
    case 'H':
        c->hour = (uint8_t)take_digits(r, 2);
        break;
    case 'M':
        c->minute = (uint8_t)take_digits(r, 2);
        break;
    case 'S':
        c->second = (uint8_t)take_digits(r, 2);
        break;
    case 'N':
        c->month = take_month_name(r);
        break;
    case 'W':
    case 'L':
        c->weekday = take_weekday(r, field == 'L');
        break;
    default:
        if (!skip_text(r, &field, 1))
            r->bad = true;
    }
}

/* The upper-case letters of "GMT" would be fields: '$' stands for them. */
static bool match(struct span text, const char *pattern, struct civil_time *ret)
{
    struct text_reader r = {.rest = text};
    struct civil_time c = {0};
    for (; *pattern != '\0' && !r.bad; pattern++) {
        if (*pattern == '$')
            r.bad = !skip_text(&r, "GMT", 3);
        else
            take_field(&r, *pattern, &c);
    }
    if (r.bad || r.rest.size != 0)
        return false;
    *ret = c;
    return true;
}

enum err generalized_time_read(struct span text, uint64_t *ret_time_s)
{
    struct civil_time c;
    return match(text, "YmdHMSZ", &c) ? civil_to_seconds(&c, ret_time_s) : ERR_MALFORMED;
}

enum err asn1_time_read(struct span text, uint64_t *ret_time_s)
{
    struct civil_time c;
    if (!match(text, "ymdHMSZ", &c))
        return generalized_time_read(text, ret_time_s);
    c.year += c.year < 50 ? 2000 : 1900; /* RFC 5280 4.1.2.5.1 */
    return civil_to_seconds(&c, ret_time_s);
}

/* A date whose weekday is another one is not that date: it is refused. */
static enum err to_seconds_on_weekday(const struct civil_time *c, uint64_t *ret_time_s)
{
    uint64_t time_s;
    TRY(civil_to_seconds(c, &time_s));
    if (civil_from_seconds(time_s).weekday != c->weekday)
        return ERR_MALFORMED;
    *ret_time_s = time_s;
    return ERR_OK;
}

#define IMF_FIXDATE_PATTERN "W, d N Y H:M:S $"

enum err imf_fixdate_read(struct span text, uint64_t *ret_time_s)
{
    struct civil_time c;
    if (!match(text, IMF_FIXDATE_PATTERN, &c))
        return ERR_MALFORMED;
    return to_seconds_on_weekday(&c, ret_time_s);
}

/* RFC 9110 5.6.7: a two-digit year more than 50 years ahead is of the past century. */
static uint32_t full_year(uint32_t two_digits, uint64_t now_s)
{
    uint32_t now = civil_from_seconds(now_s).year;
    uint32_t year = now - now % 100 + two_digits;
    return year > now + 50 ? year - 100 : year;
}

enum err http_date_read(struct span text, uint64_t now_s, uint64_t *ret_time_s)
{
    struct civil_time c;
    if (match(text, "L, d-N-y H:M:S $", &c))
        c.year = full_year(c.year, now_s);
    else if (!match(text, IMF_FIXDATE_PATTERN, &c) && !match(text, "W N e H:M:S Y", &c))
        return ERR_MALFORMED;
    return to_seconds_on_weekday(&c, ret_time_s);
}

static enum err decimal_read(struct span text, uint64_t *ret)
{
    uint64_t value = 0;
    if (text.size == 0)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c < '0' || c > '9')
            return ERR_MALFORMED;
        value = value * 10 + (uint64_t)(c - '0');
        if (value > SECONDS_MAX)
            return ERR_RANGE;
    }
    *ret = value;
    return ERR_OK;
}

enum err human_time_read(struct span text, uint64_t *ret_time_s)
{
    /* RFC 3339 has T and Z in either case. */
    static const char *const patterns[] = {"Y-m-dTH:M:SZ", "Y-m-dtH:M:Sz", "Y-m-d H:M:S", "Y-m-d"};
    struct civil_time c;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        if (match(text, patterns[i], &c))
            return civil_to_seconds(&c, ret_time_s);
    return decimal_read(text, ret_time_s);
}

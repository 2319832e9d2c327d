/* SPDX-License-Identifier: Apache-2.0 */
/* Digits of numbers, several in one word. The first digit is the lowest octet of the word. */
#pragma once

#include "lib/span.h"

#include <endian.h>

#define DIGITS_ZERO UINT64_C(0x3030303030303030)

/** Four numbers below 100, one in each 16 bits from the lowest up, as their eight digits. */
static inline uint64_t digits_of_pairs(uint64_t numbers)
{
    /* 103 / 1024 is near enough to a tenth. */
    uint64_t tens = numbers * 103 >> 10 & UINT64_C(0x000f000f000f000f);
    /* In each 16 bits: tens + 256 * (number - 10 * tens). */
    return (numbers << 8) - 2559 * tens + DIGITS_ZERO;
}

/** A number below 100,000,000 with its leading zeros. */
static inline uint64_t digits_of_number(uint32_t number)
{
    uint64_t high = number / 10000, low = number % 10000;
    return digits_of_pairs(high / 100 | high % 100 << 16 | low / 100 << 32 | low % 100 << 48);
}

/** HHMMSS of a second of the day, in the lower six octets; two zeros above. */
static inline uint64_t digits_of_clock(uint32_t second)
{
    uint64_t minutes = second / 60, hour = minutes / 60;
    return digits_of_pairs(hour | (minutes - 60 * hour) << 16 | (second - 60 * minutes) << 32);
}

static inline void digits_store(uint8_t to[static 8], uint64_t digits)
{
    digits = htole64(digits);
    memcpy(to, &digits, sizeof digits);
}

#define DIGITS_DECIMAL_ROOM 16

/** Writes a number without leading zeros and returns where it ends. Octets behind it, up to
 *  DIGITS_DECIMAL_ROOM from its start, may be written too. */
static inline uint8_t *digits_put_decimal(uint8_t to[static DIGITS_DECIMAL_ROOM], uint32_t number)
{
    uint32_t above = 0;
    if (number >= 100000000) {
        above = number / 100000000;
        number %= 100000000;
        if (above >= 10)
            *to++ = (uint8_t)('0' + above / 10);
        *to++ = (uint8_t)('0' + above % 10);
    }
    uint64_t digits =
        number < 10000
            ? digits_of_pairs((uint64_t)(number / 100) << 32 | (uint64_t)(number % 100) << 48)
            : digits_of_number(number);
    /* The highest octet's lowest bit keeps the last digit of zero. */
    uint64_t values = (digits - DIGITS_ZERO) | UINT64_C(1) << 56;
    unsigned zeros = above > 0 ? 0 : (unsigned)__builtin_ctzll(values) / 8;
    digits_store(to, digits >> 8 * zeros);
    return to + (8 - zeros);
}

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

/** HHMMSS of a second of the day, in the lower six octets. */
static inline uint64_t digits_of_clock(uint32_t second)
{
    uint64_t hour = second / 3600, minute = second / 60 % 60;
    return digits_of_pairs(hour | minute << 16 | (uint64_t)(second % 60) << 32);
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
    uint32_t above = number / 100000000;
    uint64_t digits = digits_of_number(number % 100000000);
    unsigned zeros = 0;
    if (above >= 10)
        *to++ = (uint8_t)('0' + above / 10);
    if (above > 0)
        *to++ = (uint8_t)('0' + above % 10);
    else /* the lowest bit keeps the last digit of zero */
        zeros = (unsigned)__builtin_ctzll((digits - DIGITS_ZERO) | UINT64_C(1) << 56) / 8;
    digits_store(to, digits >> 8 * zeros);
    return to + (8 - zeros);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Times as text. Proleptic Gregorian, UTC, no locale, no time zone database, no allocation. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

struct civil_time {
    uint32_t year;                                     /* 1970..9999 */
    uint8_t month, day, hour, minute, second, weekday; /* month and day from 1; 0 = Sunday */
};

struct civil_time civil_from_seconds(uint64_t time_s);
/** ERR_RANGE: no such date, or before 1970. A leap second (60) is refused. */
MUST_CHECK enum err civil_to_seconds(const struct civil_time *civil, uint64_t *ret_time_s);

#define GENERALIZED_TIME_BYTES 15 /* YYYYMMDDHHMMSSZ, RFC 5280 4.1.2.5.2 */
void generalized_time_write(uint64_t time_s, uint8_t ret[static GENERALIZED_TIME_BYTES]);
MUST_CHECK enum err generalized_time_read(struct span text, uint64_t *ret_time_s);

/** YYMMDDHHMMSSZ (RFC 5280 4.1.2.5.1) or YYYYMMDDHHMMSSZ, as in index.txt. */
MUST_CHECK enum err asn1_time_read(struct span text, uint64_t *ret_time_s);

#define IMF_FIXDATE_BYTES 29 /* Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110 5.6.7 */
void imf_fixdate_write(uint64_t time_s, uint8_t ret[static IMF_FIXDATE_BYTES]);
MUST_CHECK enum err imf_fixdate_read(struct span text, uint64_t *ret_time_s);
/** All three HTTP-date forms a recipient must accept. `now_s` settles the century of RFC 850. */
MUST_CHECK enum err http_date_read(struct span text, uint64_t now_s, uint64_t *ret_time_s);

#define ISO_TIME_BYTES 20 /* 2026-11-24T19:30:00Z, RFC 3339 */
void iso_time_write(uint64_t time_s, char ret[static ISO_TIME_BYTES + 1]);
/** RFC 3339 with Z, "YYYY-MM-DD HH:MM:SS" (taken as UTC), "YYYY-MM-DD", or decimal seconds. */
MUST_CHECK enum err human_time_read(struct span text, uint64_t *ret_time_s);

/* SPDX-License-Identifier: Apache-2.0 */
/* What the import formats share: fields of a line and the rules of a record. Each function gives
 * words for people in *why on failure. */
#pragma once

#include "presigner/import_line.h"

/** Splits at `separator` into exactly `count` fields. ERR_MALFORMED. */
MUST_CHECK enum err import_split(struct span line, uint8_t separator, struct span *fields,
                                 size_t count);
/** Drops one carriage return at the end. */
struct span import_trim(struct span line);
MUST_CHECK enum err import_serial(struct span text, struct serial *ret, const char **why);
/** Sets status, reason and time. Refuses removeFromCRL and times past TIME_S_MAX. */
MUST_CHECK enum err import_revoked(uint64_t revoked_at_s, enum reason reason,
                                   struct cert_record *record, const char **why);
/** notAfter, cut to TIME_S_MAX. */
uint32_t import_not_after(uint64_t time_s);

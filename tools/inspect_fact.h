/* SPDX-License-Identifier: Apache-2.0 */
/* Puts what a file says into a JSON object: one function a type, so that a time or a serial looks
 * the same everywhere. Without memory the program ends: there is nothing to report it with. */
#pragma once

#include <jansson.h>

#include "lib/digest.h"
#include "lib/log_entry.h"

void fact_text(json_t *object, const char *name, const char *text);
/** A number that JSON readers cannot hold as one (2^63 and above) becomes text. */
void fact_number(json_t *object, const char *name, uint64_t number);
void fact_ratio(json_t *object, const char *name, double ratio);
void fact_flag(json_t *object, const char *name, bool flag);
/** "2026-11-24T19:30:00Z"; null for 0, the number when no such year exists. */
void fact_time(json_t *object, const char *name, uint64_t time_s);
/** Lower-case hex; null when all zero. */
void fact_hash(json_t *object, const char *name, const struct sha256 *hash);
void fact_octets(json_t *object, const char *name, struct span octets);
void fact_issuer(json_t *object, uint64_t issuer_id);
/** Hex as in `statim status`; the bounds are "before all" and "after all". */
void fact_serial(json_t *object, const char *name, const struct serial *serial);

/** status, reason, times, template number; not the serial. */
void fact_facts(json_t *object, const struct facts *facts);
void fact_template(json_t *object, const struct ocsp_template *t);
/** A range or, without bounds, a tail pack. */
void fact_range(json_t *object, const struct log_range *range, bool has_bounds);
void fact_path(json_t *object, const struct blob_path *path);

/** An empty list or object under that name; borrowed from `object`. */
json_t *fact_list(json_t *object, const char *name);
json_t *fact_group(json_t *object, const char *name);
/** One more object in a list; borrowed from it. */
json_t *fact_row(json_t *list);
void fact_row_text(json_t *list, const char *text);

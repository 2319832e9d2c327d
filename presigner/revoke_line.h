/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a list of revocations -> what it claims. Pure.
 *
 *   serial[,reason[,time]]
 *
 * An optional first line is exactly "serial", "serial,reason" or "serial,reason,time". serial:
 * hexadecimal. reason: as for `statim revoke`; empty: the list's own. time: as everywhere
 * (human_time_read()); empty: the list's own. A carriage return before the end of the line is
 * dropped. */
#pragma once

#include "presigner/cert_record.h"

#define REVOKE_LINE_BYTES_MAX 1024

/* For lines that do not say. */
struct revoke_defaults {
    enum reason reason;
    uint64_t at_s;
    uint64_t at_max_s; /* no later than this */
};

bool revoke_line_is_header(struct span line);
/** The line without its \n, not empty. `ret_claim` is valid, revoked, and has no notAfter, shard or
 *  sequence. On failure *ret_why says in words what is wrong (a static string). ERR_MALFORMED,
 *  ERR_LIMIT, ERR_RANGE. */
MUST_CHECK enum err revoke_line_read(struct span line, const struct revoke_defaults *defaults,
                                     struct serial *ret_serial, struct cert_record *ret_claim,
                                     const char **ret_why);

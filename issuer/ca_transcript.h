/* SPDX-License-Identifier: Apache-2.0 */
/* The transcript of a ceremony: one JSON object a line, sorted keys, each with its number ("line")
 * and the SHA-256 of the line before it without its \n ("previous", 64 zeros in the first). A line
 * that is changed, removed or put in breaks the chain; lines removed at the end show only to who
 * kept the hash of the last one, which is why every step prints it.
 *
 * Pure: text in, text out. */
#pragma once

#include <jansson.h>

#include "lib/digest.h"

#define CA_TRANSCRIPT_BYTES_MAX (16u << 20)

struct ca_transcript_end {
    uint64_t line_count;
    struct sha256 head; /* of the last line; zeros when there is none */
};

/** Reads the chain. ERR_CHAIN, ERR_MALFORMED, ERR_TRUNCATED with the number of the bad line in
 *  `*ret_bad_line`; ERR_HASH: it does not contain a line of the hash `contains` (NULL: not asked).
 */
MUST_CHECK enum err ca_transcript_read(struct span text, const struct sha256 *contains,
                                       struct ca_transcript_end *ret, uint64_t *ret_bad_line);
/** The next line, with its \n, from what it says; `event` is changed ("line" and "previous" are
 *  set). The caller frees it. ERR_MEMORY. */
MUST_CHECK enum err ca_transcript_line(const struct ca_transcript_end *end, json_t *event,
                                       char **ret);
/** The hash by which the next line names this one, which ends in \n. */
struct sha256 ca_transcript_hash(struct span line);

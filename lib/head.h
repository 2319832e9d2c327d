/* SPDX-License-Identifier: Apache-2.0 */
/* Head: the signed note that says how far the publication is (docs/formats.md, "Head"). The text:
 *
 *   statim-head v1
 *   network <name>
 *   log <first> <last> <sha256 of the last entry>
 *   time <seconds>
 *   valid-until <seconds>
 *   index <log number> <bytes> <sha256>
 *   previous <sha256 of the previous head>
 *
 * A head without an index has number, bytes and hash 0. Numbers that contradict one another
 * (ERR_RANGE): log_first above log_last + 1; a hash without a log entry or an entry without a hash;
 * the same for the index; an index after log_last, or one that the log does not go on from
 * (log_first above index_log + 1); valid-until before time. */
#pragma once

#include "lib/digest.h"
#include "lib/note.h"

struct head {
    char network[NETWORK_NAME_MAX + 1];
    uint64_t log_first;     /* oldest log entry that is still served; last + 1 when none */
    uint64_t log_last;      /* newest; 0 when the log is empty */
    struct sha256 log_hash; /* of the newest log entry's octets; zero when the log is empty */
    uint64_t time_s;
    uint64_t valid_until_s;
    uint64_t index_log; /* the index stands for the state after this log entry */
    struct sha256 index_hash;
    uint64_t index_bytes;
    struct sha256 previous; /* SHA-256 of the previous head's whole note; zero for the first */
};

/** Text, signed. ERR_NO_SPACE, ERR_CRYPTO, ERR_RANGE (contradicting numbers), ERR_NETWORK (name
 *  differs from the key's). */
MUST_CHECK enum err head_write(const struct publish_key *key, const struct head *head, char *out,
                               size_t out_size, size_t *ret_size);
/** Verifies the signature, then reads the text. Lines are exactly those of the format, in order.
 *  Errors of note_open, ERR_MALFORMED, ERR_NETWORK (name differs from the key's), ERR_RANGE.
 *  Validity in time and replay are the caller's: head_check(). */
MUST_CHECK enum err head_open(const struct verify_key *key, struct span note, struct head *ret);

/** The two halves of head_write() and head_open() without the signature: the text alone, for tools
 *  and tests. head_text_read() checks no name against a key. */
MUST_CHECK enum err head_text_write(const struct head *head, char *out, size_t out_size,
                                    size_t *ret_size);
MUST_CHECK enum err head_text_read(struct span text, struct head *ret);

/** What a follower that has applied up to `log_applied` (its entry's hash given) makes of a head.
 *  ERR_EXPIRED (now past valid_until), ERR_FUTURE (time more than HEAD_SKEW_S ahead), ERR_REPLAY
 *  (log_last below log_applied), ERR_CHAIN (same number, other hash), ERR_OK. */
#define HEAD_SKEW_S 300
MUST_CHECK enum err head_check(const struct head *head, uint64_t log_applied,
                               const struct sha256 *log_applied_hash, uint64_t now_s);

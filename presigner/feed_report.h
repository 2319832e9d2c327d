/* SPDX-License-Identifier: Apache-2.0 */
/* What the presigner tells an issuer of (docs/formats.md, "Feed"): how far its events are published
 * and, for its audit log, which statements and CRLs were signed for it. The latter is read from the
 * log entries, as edges see them. */
#pragma once

#include "lib/os/file.h"
#include "presigner/config.h"
#include "presigner/feed_position.h"

/* What the issuer takes in one body (issuer/https.h). */
#define FEED_REPORT_BYTES_MAX 50000
/* Log entries read for one report. */
#define FEED_REPORT_ENTRIES_MAX 64

struct feed_report {
    const char *publish_dir;
    const struct issuer_config *issuer;
    uint64_t issuer_id;
    struct buffer file; /* room for what is read */
};

/** A body that says: events up to this one are published. */
MUST_CHECK enum err feed_report_seq(uint64_t issuer_id, const struct feed_position *published,
                                    struct buffer *ret);
/** The same with what the log entries after `told` up to `log_last` have of this issuer, as far as
 * they fit: `*ret_told` is the last of them. Entries that are gone are passed over. ERR_MEMORY,
 * ERR_IO and whatever is wrong with a log entry or a CRL. */
MUST_CHECK enum err feed_report_signed(struct feed_report *r, const struct feed_position *published,
                                       uint64_t told, uint64_t log_last, struct buffer *ret,
                                       uint64_t *ret_told);
void feed_report_done(struct feed_report *r);

/* SPDX-License-Identifier: Apache-2.0 */
/* The making of one filter in a thread of its own, behind all others: signing and publication do
 * not wait for it. It reads the status database, and writes the blob's file, which nobody refers to
 * yet. */
#pragma once

#include "lib/limit.h"
#include "presigner/filter_build.h"
#include "presigner/filter_options.h"
#include "presigner/status_db.h"

struct filter_job_issuer {
    uint64_t issuer_id;
    struct sha256 block; /* SHA-256 of its SubjectPublicKeyInfo */
};

/** What the filter that is published is; all zero: none is. */
struct filter_job_before {
    struct sha256 blob;
    uint64_t covers_sequence;
    uint64_t covered_until_s;
};

struct filter_job_order {
    struct status_db *status;
    const char *state_dir; /* for the spools */
    const char *blob_dir;
    const struct filter_job_issuer *issuers; /* ascending by block */
    size_t issuer_count;
    struct sha256 log_id;
    enum filter_reasons reasons;
    uint64_t grace_s;
    uint64_t now_s;
    uint64_t memory_max_bytes;
    struct filter_job_before before;
};

struct filter_job_result {
    struct filter_made made;
    enum filter_refusal refusal;
    struct sha256 blob; /* the same as before: nothing has changed */
    uint64_t covers_sequence;
    uint64_t covered_until_s;
    uint64_t first_expiry_s;
    uint64_t duration_ms;
};

struct filter_job;

/** The log id of a network's filters: SHA-256 of "statim filter " and the name. No log has it. */
struct sha256 filter_log_id(struct span network);

/** Starts; what the order points to stays until the end. ERR_MEMORY. */
MUST_CHECK enum err filter_job_start(const struct filter_job_order *order, struct filter_job **ret);
bool filter_job_ended(const struct filter_job *job);
/** Asks it to end soon: ERR_STOPPED. */
void filter_job_stop(struct filter_job *job);
/** Waits for its end, frees it, and gives what came of it. `ret` is set in every case; the octets
 *  of a filter are the caller's. Errors of filter_build(), filter_read_issuer() and files. */
MUST_CHECK enum err filter_job_end(struct filter_job *job, struct filter_job_result *ret);

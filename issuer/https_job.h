/* SPDX-License-Identifier: Apache-2.0 */
/* One request between the loop and the workers: the loop fills it and gives it to the pool; from
 * then on it belongs to a worker until it comes back done, with an answer or parked. */
#pragma once

#include <sys/queue.h>

#include "issuer/https.h"

/* Guarded by the pool. */
enum https_job_state { HTTPS_JOB_IDLE, HTTPS_JOB_QUEUED, HTTPS_JOB_TAKEN };

struct https_job {
    TAILQ_ENTRY(https_job) link;
    enum https_job_state state;
    uint32_t listener;
    const struct https_route *route;
    struct https_request request;
    struct https_peer peer;
    struct https_actor actor;
    struct https_slot slot;
    char request_id[HTTPS_REQUEST_ID_BYTES];
    bool authorized; /* `actor` holds for the calls to come */
    bool is_head, keep_alive;
    /* What the worker hands back. */
    bool parked;
    bool failed; /* out of memory: there is not even an answer */
    uint16_t status;
    struct buffer answer; /* head and body */
    uint64_t park_until_ns;
    uint64_t ring_count; /* of the server, before the handler was called */
};

TAILQ_HEAD(https_job_list, https_job);

/** Makes a new request id, and forgets what an earlier request on the connection left. */
void https_job_start(struct https_job *job);
/** Drops the handler's state and the answer. */
void https_job_end(struct https_job *job);

/** What a worker does: `authorize`, handler, answer. */
void https_job_run(const struct https_options *options, void *worker, struct https_job *job);

/** The answer to a refusal of the server's own; `allow` is for 405, else NULL. */
void https_job_refuse(struct https_job *job, const struct problem *why, const char *allow);

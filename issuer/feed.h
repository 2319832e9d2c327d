/* SPDX-License-Identifier: Apache-2.0 */
/* The feed: handlers for the presigner, on the internal listener with the role `feed` only
 * (docs/formats.md, "Feed"). The server's context is a struct issuer, the worker's a struct
 * issuer_worker.
 *
 * GET /v1/events?ca=ID&after=SEQ[&limit=N][&wait=S][&hash=H]
 *   Lines of lib/feed_event.h, those after SEQ, at most N (1000). None yet: the request is parked
 * up to S seconds (poll_wait_max_s at most) and answered without lines then. H is the SHA-256 of
 * the line of event SEQ: with another history, as after a restore of either side, PROBLEM_POSITION
 *   and nothing else, as for an SEQ beyond the last event.
 *
 * POST /v1/events/published {"ca", "seq"[, "hash"][, "signed", "log_number"]}
 *   All events up to seq are signed and in the presigner's log: who waits for that is woken,
 *   before anything is written. `hash` is H of event seq, and judged like it. `signed` lists what
 * was signed in log entries up to log_number; each becomes a leaf of the audit log, at least once.
 * Only with it the seq is stored, too: after a start the presigner tells it anew. */
#pragma once

#include "issuer/https.h"

/* Statements and CRLs of one POST. */
#define FEED_SIGNED_MAX 512

enum https_done feed_events(void *server, void *worker, const struct https_request *request,
                            struct https_response *response);
enum https_done feed_published(void *server, void *worker, const struct https_request *request,
                               struct https_response *response);

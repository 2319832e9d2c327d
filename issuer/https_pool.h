/* SPDX-License-Identifier: Apache-2.0 */
/* Worker threads, and the queues between them and the loop. A queue a listener, taken in turn, so
 * that a crowd at one door does not hold up the other. */
#pragma once

#include "issuer/https_job.h"

struct https_pool;

/** Starts the threads and waits until each is ready. `wake_fd` (an eventfd) gets a one when a job
 *  is done. Options stay borrowed. ERR_IO, ERR_MEMORY, or what worker_start() returned. */
MUST_CHECK enum err https_pool_start(const struct https_options *options, int wake_fd,
                                     struct https_pool **ret);
/** Gives a job away. `ring_count` is read by the worker just before the handler is called. */
void https_pool_push(struct https_pool *pool, struct https_job *job);
/** Takes a job back that no worker has taken yet; false: one has. */
bool https_pool_withdraw(struct https_pool *pool, struct https_job *job);
/** Moves the jobs that are done to the end of `ret`. */
void https_pool_done(struct https_pool *pool, struct https_job_list *ret);
/** See https_server_ring(); the loop compares a job's count with this one. */
void https_pool_ring(struct https_pool *pool);
uint64_t https_pool_rings(const struct https_pool *pool);
/** How many jobs wait, and how many workers have one. */
void https_pool_load(struct https_pool *pool, uint64_t *ret_queued, uint64_t *ret_busy);
/** Joins the threads after the jobs they have; what still waits stays undone. Takes NULL. */
void https_pool_stop(struct https_pool *pool);

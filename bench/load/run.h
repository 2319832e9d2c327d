/* SPDX-License-Identifier: Apache-2.0 */
/* One stretch of load against a server: threads with an io_uring each, open or closed loop. */
#pragma once

#include "bench/load/options.h"
#include "bench/load/result.h"

/* Everything that is prepared once: requests encoded, issuer read, Zipf table made. */
struct load_target;

/** Reads the serials and the issuer, encodes all requests. Says what is wrong on standard error.
 *  ERR_NOT_FOUND, ERR_MALFORMED, ERR_LIMIT, ERR_MEMORY. */
MUST_CHECK enum err load_target_new(const struct load_options *options, struct load_target **ret);
struct load_target *load_target_free(struct load_target *target);
/** How many different requests there are, and how much memory they take. */
void load_target_size(const struct load_target *target, uint64_t *ret_count, uint64_t *ret_bytes);

/* Called about once a second from the calling thread while the stretch runs; `so_far` has the
 * seconds that are complete and the ends. Returning false ends the stretch early. */
typedef bool load_progress(void *context, const struct load_result *so_far);

/** Runs warm-up and stretch. `rate_per_s` 0: closed loop over options->connections. The result is
 *  set only on ERR_OK and freed by load_result_done(). ERR_IO, ERR_MEMORY, ERR_UNSUPPORTED (the
 *  kernel lacks what the generator needs). */
MUST_CHECK enum err load_run(const struct load_options *options, struct load_target *target,
                             double rate_per_s, load_progress *progress, void *context,
                             struct load_result *ret);
void load_result_done(struct load_result *result);

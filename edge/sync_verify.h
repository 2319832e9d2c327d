/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the signatures of statements under their templates, all or a sample. Keeps the verifiers
 * of the templates seen last: making one costs as much as several checks. */
#pragma once

#include "edge/sync_config.h"
#include "edge/sync_counters.h"
#include "lib/pack.h"

#define SYNC_VERIFIERS_MAX 16

struct sync_verifier {
    uint8_t wire[TEMPLATE_BYTES_MAX]; /* of the template; compared whole */
    size_t wire_size;
    struct template_verifier *verifier; /* NULL: free */
};

struct sync_verifiers {
    struct sync_verifier *slots;
    uint32_t next; /* to be replaced */
    uint64_t random;
    uint64_t *counters; /* borrowed */
};

/** ERR_MEMORY. */
MUST_CHECK enum err sync_verifiers_start(struct sync_verifiers *v, uint64_t seed,
                                         uint64_t *counters);
void sync_verifiers_stop(struct sync_verifiers *v);

/** Whether the next of many is in the sample. */
bool sync_verify_chosen(struct sync_verifiers *v, enum sync_verify mode);
/** One signature. Errors of template_verifier_new() and template_verify(). */
MUST_CHECK enum err sync_verify_one(struct sync_verifiers *v, const struct ocsp_template *t,
                                    const struct statement *statement);
/** The chosen signatures of an opened pack, under the templates that it carries. */
MUST_CHECK enum err sync_verify_pack(struct sync_verifiers *v, enum sync_verify mode,
                                     const struct pack_reader *pack);

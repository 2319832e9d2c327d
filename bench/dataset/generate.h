/* SPDX-License-Identifier: Apache-2.0 */
/* The first generation of a data set, and each further one. */
#pragma once

#include "bench/dataset/publication.h"
#include "bench/dataset/serial_plan.h"

struct generate_issuer {
    const struct ocsp_template *template_;
    const struct serial_plan *plan;
    double revoked_share;
};

/** Writes all packs of an issuer. Issuers ascending by their id. Errors of pack_writer_finish() and
 *  of publication_pack(), ERR_MEMORY. */
MUST_CHECK enum err generate_packs(struct publication *p, const struct generate_issuer *issuer);

/** A further generation: the same statements with newer times and other signatures, each pack in a
 *  log entry. Afterwards the generation before is removed: an edge that stood at its end follows
 *  the log, others take the index. Gives the number of statements. Errors of reading; ERR_FUTURE:
 *  more turns within DRAW_BACKDATE_S than it has seconds; ERR_UNSUPPORTED: a publication with tail
 *  packs, which no data set has. */
MUST_CHECK enum err generate_turn(const char *folder, const struct publish_key *key,
                                  uint64_t *ret_count);

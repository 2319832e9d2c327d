/* SPDX-License-Identifier: Apache-2.0 */
/* The response forms of a snapshot (lib/ocsp_form.h): for each template, one set for each serial
 * size that its issuer has statements of. A template that the previous snapshot has too shares its
 * forms: a new snapshot makes only what is new. Counts belong to the builder thread. */
#pragma once

#include "edge/snapshot.h"

/* A set takes about 6 KB (P-256, both CertIDs) and 0.1 ms to make: this bounds them to 24 MB. What
 * comes after is answered by the encoder. */
#define SNAPSHOT_FORMS_MAX 4096

/** Fills forms; templates, index and issuers are there. `previous` may be NULL. ERR_MEMORY. */
MUST_CHECK enum err snapshot_forms_make(struct snapshot *s, const struct snapshot *previous);
void snapshot_forms_free(struct snapshot *s);

/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer without listeners in a folder of its own: a root, an intermediate, an audit log,
 * SQLite, and what a test asks of it. It can be closed and opened again as a program is. */
#pragma once

#include <openssl/x509.h>

#include "issuer/foundation.h"
#include "issuer/issue.h"
#include "issuer/registry_serial.h"
#include "tests/unit/scratch.h"

#define WORLD_CUSTOMER "acme"
#define WORLD_DOMAIN   "example.com" /* validated, with what is below it */
#define WORLD_PATH     (SCRATCH_BYTES + 32)

struct issue_world {
    char folder[SCRATCH_BYTES];
    struct issuing_config *config;
    struct foundation foundation;
    struct issuer_worker worker;
    bool is_open;
};

/** Makes the folder: keys, certificates, audit log, issuer.yaml. `extra`: lines of YAML to add. */
void issue_world_make(struct issue_world *w, const char *extra);
/** As the program starts. `f` gets its probe and clocks before. */
MUST_CHECK enum err issue_world_open(struct issue_world *w);
/** As the program ends; does nothing when it is not open. */
void issue_world_close(struct issue_world *w);
void issue_world_remove(struct issue_world *w);

/** A new key for P-256, and a request with it for these names (comma between); PEM, to be freed
 * with buffer_done(). */
struct buffer issue_world_csr(EVP_PKEY *key, const char *names);
/** Records a validation of a domain, that counts for names below. */
void issue_world_validate(struct issue_world *w, const char *domain);
/** Asks for a certificate by profile `dv`. */
MUST_CHECK enum err issue_world_ask(struct issue_world *w, struct span csr, const char *order_id,
                                    struct issue_result *ret, struct problem *why);
/** Verifies the audit log from its folder and calls `each` for its entries. */
void issue_world_audit(struct issue_world *w,
                       enum err (*each)(void *context, uint64_t index, struct span entry),
                       void *context);

/* SPDX-License-Identifier: Apache-2.0 */
/* What the issuer shows on its admin address: /metrics and /healthz. The admin thread has a
 * registry connection of its own; what it asks there is kept for a while, so that scrapes cost the
 * database little. When the database does not answer, everything else is shown nonetheless. */
#pragma once

#include "issuer/issuer.h"
#include "lib/os/admin.h"

/* Certificates that end soon are looked for this often: it reads an index. */
#define ISSUER_PAGES_EXPIRING_S 60
/* The audit log has waited this long for a checkpoint: not healthy. */
#define ISSUER_PAGES_UNSIGNED_S 30

struct issuer_pages;
/** The issuer stays borrowed; its registry has to be migrated. Errors of registry_open(),
 * ERR_MEMORY. */
MUST_CHECK enum err issuer_pages_open(struct issuer *issuer, struct issuer_pages **ret);
/** After admin_stop(). Takes NULL, returns NULL. */
struct issuer_pages *issuer_pages_close(struct issuer_pages *pages);

/** For admin_start(), with a struct issuer_pages as context. /healthz is 200 when the issuer can
 * issue: the audit log and the registry take writes, and the certificates of listeners and CAs are
 * valid. */
extern const struct admin_page issuer_admin_pages[];

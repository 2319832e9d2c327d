/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers that are published no longer (`retired_issuers` in presigner.yaml). An issuer that is
 * only left out of the configuration keeps what is published of it, so that a mistake takes nothing
 * back.
 *
 * To say it in the log, the whole key space of the issuer is replaced by an empty range pack: edges
 * of every version drop its statements. Its ranges and its tail go from the publication's
 * databases, and so from the next index. Its templates stay, for their numbers; its certificates
 * stay in the status database: taken out of the list and configured again, it is signed anew. */
#pragma once

#include "presigner/publish_core.h"

/** After template_set_open(). Nothing happens where it was done before. Warns of issuers that are
 *  published but neither configured nor retired. ERR_CONFIG (retired and configured), errors of the
 *  certificate's file, ERR_DISK_FULL, ERR_IO, ERR_STORE, ERR_MEMORY; what is wrong is logged. */
MUST_CHECK enum err publish_withdraw(struct publisher *p);

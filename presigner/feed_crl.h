/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the CRLs that an issuer's new certificates name are those that are published here.
 * Nothing else compares the two configurations before a certificate has been handed out that names
 * a CRL which nobody makes. */
#pragma once

#include "presigner/status_db.h"

/** `url` is that of the last shard; empty: certificates name none. `url_base` as in presigner.yaml,
 *  NULL without CRLs. Errors of status_txn_read() and crl_sets_get(). */
MUST_CHECK enum err feed_crl_is_ours(struct status_db *db, uint64_t issuer_id, const char *url_base,
                                     const char *url, bool *ret);

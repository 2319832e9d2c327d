/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs of one issuer that are due together: made, judged, and published in one log entry. */
#pragma once

#include "presigner/publish_crl_core.h"

/** Some of those that are due, and not always the same first. What is refused leaves the one
 *  before; it is counted, logged, and tried again after CRL_RETRY_S. */
MUST_CHECK enum err publish_crl_batch(struct publisher *p, struct crl_issuer *ci, bool *ret_worked);

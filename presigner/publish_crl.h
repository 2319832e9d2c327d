/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs and CA certificates: what is due is made, judged (lib/crl_gate.h), and published as blobs at
 * the paths of their URLs. What is refused leaves the one before, and is tried again. */
#pragma once

#include "presigner/publish_core.h"

/** Opens the issuers that have CRLs. What is wrong is logged. */
MUST_CHECK enum err publish_crl_open(struct publisher *p);
void publish_crl_close(struct publisher *p);
/** One bounded piece: some of the revoked index, or some of the CRLs that are due. `ret_waits` is
 * set when one of them waits for the next second. */
MUST_CHECK enum err publish_crl_step(struct publisher *p, bool *ret_worked, bool *ret_waits);

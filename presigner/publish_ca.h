/* SPDX-License-Identifier: Apache-2.0 */
/* CA certificates of issuers that have CRLs, as blobs at the paths that caIssuers URLs name. */
#pragma once

#include "presigner/publish_crl_core.h"

/** Those that are not at their paths yet, once in the life of a publisher. */
MUST_CHECK enum err publish_ca_step(struct publisher *p, bool *ret_worked);

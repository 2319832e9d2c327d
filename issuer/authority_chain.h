/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a CA as files. For authority.c. */
#pragma once

#include "issuer/authority.h"

/** Reads the CA's certificate and its chain: `der`, `certificate`, `ca` and `chain_pem` of the
 * authority, whose `config` is set. What is wrong is logged. Errors of authority_set_load(). */
MUST_CHECK enum err authority_read(struct authority *authority, uint64_t now_s);

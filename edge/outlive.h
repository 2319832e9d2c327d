/* SPDX-License-Identifier: Apache-2.0 */
/* Statements whose nextUpdate is beyond the end of the responder certificate that signed them: from
 * that end on clients refuse them (RFC 6960 3.2), although they look fresh. A presigner never makes
 * one. They are counted and told of, not refused: until that end they are true, and one may be the
 * revocation that is waited for. */
#pragma once

#include "lib/pack.h"

/** notAfter of the template's responder certificate; UINT64_MAX when the CA signs, 0 when it cannot
 *  be read. */
uint64_t outlive_signer_end_s(const struct ocsp_template *t);
/** Those of an opened pack. */
uint64_t outlive_count(const struct pack_reader *pack);

/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that must not be certified (again): compromised, weak, or asked for. See registry.h for what
 * holds for every function. */
#pragma once

#include "issuer/registry.h"

/** No certificate for this key again. `*ret_new` is false when it was blocked already. Waits for
 * the transactions that have admitted the key: their certificates are seen by who looks after the
 * commit. */
MUST_CHECK enum err registry_key_block(struct registry *r, const struct sha256 *spki_sha256,
                                       struct span source, uint64_t at_s, bool *ret_new);
MUST_CHECK enum err registry_key_blocked(struct registry *r, const struct sha256 *spki_sha256,
                                         bool *ret);
/** For who stores a certificate with this key: whether it is blocked, and that stays so until the
 * transaction ends. Early in the transaction, as registry_key_block() is. */
MUST_CHECK enum err registry_key_admit(struct registry *r, const struct sha256 *spki_sha256,
                                       bool *ret_blocked);

/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the issuer, or a responder that it has certified, has signed an OCSP answer: through
 * OpenSSL, so that the judge shares no code with the judged. */
#pragma once

#include "tools/ocsp_reply.h"

struct signature_judge;

/** ERR_MEMORY. Borrows the issuer. */
MUST_CHECK enum err signature_judge_new(const struct ocsp_issuer *issuer,
                                        struct signature_judge **ret);
/** Takes NULL. */
struct signature_judge *signature_judge_free(struct signature_judge *judge);
/** False as well for what is no successful OCSPResponse. Any thread. */
bool signature_judge_accepts(const struct signature_judge *judge, struct span der);

/* SPDX-License-Identifier: Apache-2.0 */
/* The issuers as configured: certificates, templates, keys. */
#pragma once

#include "presigner/publish_core.h"

/** Reads each issuer's certificates, gives its template a number (the newest one's when nothing has
 *  changed, else the next), opens its key and checks that it fits. Publishes what is new: templates
 *  in one log entry, and an empty range for an issuer that is not known yet: dirty when it has
 *  certificates already. Logs what is wrong. */
MUST_CHECK enum err template_set_open(struct publisher *p);
/** The same without a state: certificates and keys are as they should be. */
MUST_CHECK enum err template_set_check(struct publisher *p);
/** The issuer that a CA certificate makes. Errors of its file (logged), ERR_UNSUPPORTED. */
MUST_CHECK enum err template_set_issuer_id(const char *ca_certificate, uint64_t *ret);
void template_set_close(struct publisher *p);

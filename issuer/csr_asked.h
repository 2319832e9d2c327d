/* SPDX-License-Identifier: Apache-2.0 */
/* What a request asks for: its subject and its attributes. Of csr.c. */
#pragma once

#include "issuer/csr.h"

struct csr_asked {
    struct span attributes; /* content of [0] */
};

/** Reads csr->subject: a Name (RFC 5280 4.1.2.4) of which only the common name is looked at. */
MUST_CHECK enum err csr_subject_read(struct csr *csr, struct problem *why);
/** Reads the attributes, of which only the asked extensions (RFC 2985 5.4.2) are looked into. */
MUST_CHECK enum err csr_asked_read(const struct csr_asked *asked, struct csr *csr,
                                   struct problem *why);

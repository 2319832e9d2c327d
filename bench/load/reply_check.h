/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an OCSP answer is one to the question asked: its structure in strict DER down to the last
 * octet, the CertID, the times. Not the signature (signature_check.h). Pure. */
#pragma once

#include "lib/certid.h"
#include "lib/span.h"

/* The content octets of the CertID asked for: everything before the serial's octets is common to
 * all requests of one hash and serial size. */
#define QUESTION_PREFIX_MAX 96

struct reply_question {
    struct certid certid;
    struct span certid_prefix; /* as certid_put() writes it, up to the serial's octets */
};

enum reply_verdict {
    REPLY_GOOD,
    REPLY_REVOKED,
    REPLY_UNKNOWN,
    REPLY_OCSP_ERROR,   /* a status but successful */
    REPLY_NOT_DER,      /* not an OCSPResponse with a BasicOCSPResponse */
    REPLY_WRONG_SERIAL, /* about other certificates only */
    REPLY_NOT_FRESH,
};

/** sent_s and received_s: the wall clock then. Fresh is what was so at some time between. A missing
 *  nextUpdate never passes (RFC 6960 4.2.2.1). */
enum reply_verdict reply_check(struct span der, const struct reply_question *question,
                               uint64_t sent_s, uint64_t received_s);

/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of a statement: what a signature vouches for, without the CertIDs (those are in the
 * template) and without the serial. */
#pragma once

#include "lib/serial.h"

enum cert_status { CERT_GOOD = 0, CERT_REVOKED = 1 };

/* RFC 5280 5.3.1 CRLReason. 7 is not used. */
#define REASON_TABLE(X)                                  \
    X(UNSPECIFIED, 0, "unspecified")                     \
    X(KEY_COMPROMISE, 1, "keyCompromise")                \
    X(CA_COMPROMISE, 2, "cACompromise")                  \
    X(AFFILIATION_CHANGED, 3, "affiliationChanged")      \
    X(SUPERSEDED, 4, "superseded")                       \
    X(CESSATION_OF_OPERATION, 5, "cessationOfOperation") \
    X(CERTIFICATE_HOLD, 6, "certificateHold")            \
    X(REMOVE_FROM_CRL, 8, "removeFromCRL")               \
    X(PRIVILEGE_WITHDRAWN, 9, "privilegeWithdrawn")      \
    X(AA_COMPROMISE, 10, "aACompromise")

enum reason {
#define X(name, number, text) REASON_##name = number,
    REASON_TABLE(X)
#undef X
        REASON_ABSENT = 255 /* revoked without a reason; also every good certificate */
};

/** "keyCompromise" (any case) or a decimal number -> reason; ERR_MALFORMED otherwise. */
MUST_CHECK enum err reason_from_text(struct span text, enum reason *ret);
/** The RFC's name; "" for REASON_ABSENT; never NULL. */
const char *reason_text(uint8_t reason);
/** Whether the number is one of the table or REASON_ABSENT. */
bool reason_valid(uint8_t reason);

#define FACTS_BYTES 16

struct facts {
    uint16_t template_no;   /* under which template of the issuer it was signed */
    uint8_t status;         /* enum cert_status */
    uint8_t reason;         /* enum reason */
    uint32_t revoked_at_s;  /* 0 when good */
    uint32_t this_update_s; /* producedAt is the same second */
    uint32_t next_update_s;
};

/** Wire form, FACTS_BYTES octets: template_no 2, status 1, reason 1, revoked_at 4, this_update 4,
 *  next_update 4. */
void facts_write(const struct facts *facts, uint8_t ret[static FACTS_BYTES]);
/** Reads and validates: known status and reason, good has neither time nor reason, this_update
 *  before next_update. ERR_MALFORMED otherwise. */
MUST_CHECK enum err facts_read(const uint8_t wire[static FACTS_BYTES], struct facts *ret);
/** Same without validation, for octets that were validated when stored. */
struct facts facts_load(const uint8_t wire[static FACTS_BYTES]);

/** A statement: facts and signature for one serial. `signature` is in stored form (sig_alg.h) and
 *  borrowed. */
struct statement {
    struct serial serial;
    struct facts facts;
    struct span signature;
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and their names. Rows are never changed. See registry.h for what holds for every
 * function. */
#pragma once

#include "issuer/registry_serial.h"

enum registry_certificate_kind { REGISTRY_PRECERT = 1, REGISTRY_FINAL = 2 };

struct registry_certificate {
    struct sha256 id; /* of the DER */
    uint64_t issuer_id;
    struct serial serial;
    enum registry_certificate_kind kind;
    struct span profile;
    struct span customer;
    struct span order_id;
    uint64_t not_before_s;
    uint64_t not_after_s;
    uint32_t shard;
    struct sha256 spki_sha256;
    struct sha256 tbs_sha256;
    uint64_t stored_at_s;
    struct span der; /* empty in the rows of a search */
    /* What became of it; read only. */
    uint64_t issued_seq;   /* its event; 0: none yet */
    bool revoked;          /* by the last row of registry_revocations() */
    uint8_t reason;        /* enum reason; REASON_ABSENT when not revoked, or without one */
    uint64_t revoked_at_s; /* 0: not revoked */
};

typedef enum err (*registry_certificate_row)(void *context, const struct registry_certificate *row);
typedef enum err (*registry_name_row)(void *context, struct span name);

/** Stores a certificate with the names it is for. A final one takes its serial from SIGNING to
 * ISSUED. The event is the caller's next step (registry_event_issued()): late in the transaction,
 * for all others of this CA wait from there to the commit.
 * ERR_CONFLICT: the serial is not in state SIGNING; or notAfter, shard or, for a final one without
 * a precertificate, tbs_sha256 differ from what was reserved. ERR_EXISTS: it has one of this kind.
 * ERR_NOT_FOUND: the serial was never reserved. */
MUST_CHECK enum err registry_certificate_store(struct registry *r,
                                               const struct registry_certificate *certificate,
                                               const struct span *names, size_t name_count);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err registry_certificate_by_id(struct registry *r, const struct sha256 *id,
                                               struct registry_certificate *ret);
MUST_CHECK enum err registry_certificate_by_serial(struct registry *r, uint64_t issuer_id,
                                                   const struct serial *serial,
                                                   enum registry_certificate_kind kind,
                                                   struct registry_certificate *ret);
/** Its names, in the order of their octets from the last label on. */
MUST_CHECK enum err registry_certificate_names(struct registry *r, uint64_t issuer_id,
                                               const struct serial *serial, registry_name_row row,
                                               void *context);
/** Certificates with this key, newest first, at most `limit`: what a compromised key is in. */
MUST_CHECK enum err registry_certificates_of_key(struct registry *r,
                                                 const struct sha256 *spki_sha256, size_t limit,
                                                 registry_certificate_row row, void *context);

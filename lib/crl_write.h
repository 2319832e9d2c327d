/* SPDX-License-Identifier: Apache-2.0 */
/* Deterministic CertificateList encoder (RFC 5280 5.1, CA/B Baseline Requirements 7.2).
 *
 * Always version 2, with authorityKeyIdentifier (keyIdentifier alone) and cRLNumber; with a
 * critical issuingDistributionPoint when the CRL is partitioned or limited to a kind of
 * certificate; with a critical deltaCRLIndicator when it is a delta CRL, and with freshestCRL when
 * it is a complete one that has delta CRLs. Times through 2049 are UTCTime, later ones
 * GeneralizedTime. An empty list is left out. A reason is written unless it is REASON_ABSENT or
 * REASON_UNSPECIFIED. */
#pragma once

#include "lib/facts.h"
#include "lib/serial.h"
#include "lib/sig_alg.h"

/* Entries of one CRL: a guard, not an aim. */
#define CRL_ENTRIES_MAX 4000000u
/* An entry of a 20-octet serial with a reason and a GeneralizedTime. */
#define CRL_ENTRY_BYTES_MAX 64u
#define CRL_URL_BYTES_MAX   1024u
#define CRL_NAME_BYTES_MAX  4096u
/* All of a CRL but its entries: header, issuer, extensions, signature. */
#define CRL_FRAME_BYTES_MAX \
    (CRL_NAME_BYTES_MAX + 2 * CRL_URL_BYTES_MAX + SIGNATURE_BYTES_MAX + 512u)

struct crl_entry {
    struct serial serial;
    uint8_t reason; /* enum reason */
    uint32_t revoked_at_s;
};

/* Which certificates a CRL is about: at most one "only" flag (RFC 5280 5.2.5). */
enum crl_scope { CRL_ALL_CERTS, CRL_USER_CERTS, CRL_CA_CERTS };

struct crl_fields {
    struct span issuer; /* the CA's subject Name in DER, octet for octet */
    struct span key_id; /* the CA's subjectKeyIdentifier */
    enum sig_alg alg;
    uint64_t this_update_s;
    uint64_t next_update_s;
    uint64_t number;      /* cRLNumber */
    uint64_t base_number; /* of a delta CRL; 0: complete */
    struct span url; /* distribution point of a partition, as in the certificates; may be empty */
    struct span freshest_url; /* where its delta CRLs are; empty: there are none */
    enum crl_scope scope;
};

/** Room that is enough for the whole CRL. */
static inline size_t crl_bytes_max(size_t entry_count)
{
    return CRL_FRAME_BYTES_MAX + entry_count * CRL_ENTRY_BYTES_MAX;
}

/** The TBSCertList: what is signed. Entries in the order given. ERR_NO_SPACE; ERR_LIMIT (too many
 *  entries, too long a name or URL); ERR_MALFORMED (no issuer or key id, times not in order or past
 *  9999, a reason that a CRL cannot have, base_number not below number, freshest_url in a delta
 * CRL, unknown algorithm). */
MUST_CHECK enum err crl_tbs_encode(const struct crl_fields *fields, const struct crl_entry *entries,
                                   size_t entry_count, uint8_t *out, size_t out_size,
                                   size_t *ret_size);
/** The whole CertificateList around a to-be-signed part. `signature` in stored form. ERR_NO_SPACE,
 *  ERR_MALFORMED. `out` and `tbs` must not overlap. */
MUST_CHECK enum err crl_encode(struct span tbs, enum sig_alg alg, struct span signature,
                               uint8_t *out, size_t out_size, size_t *ret_size);

/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer that has CRLs: its CA's name and key, its sets, and the state of each of its CRLs. */
#pragma once

#include <openssl/types.h>

#include "presigner/crl_delta.h"
#include "presigner/crl_schedule.h"
#include "presigner/publish_core.h"
#include "presigner/revoked_index.h"

#define KEY_ID_BYTES_MAX 64

struct crl_slot {
    uint32_t shard;
    struct crl_schedule schedule;
    struct crl_record record; /* when schedule.published */
    struct crl_delta delta;   /* number 0: none */
    enum crl_scope scope;     /* as configured, but of an older set as its CRLs have it */
};

struct crl_issuer {
    struct publish_issuer *issuer;
    const struct crl_config *config;
    struct signer *own;           /* when a delegated responder signs the statements */
    struct signer_worker *worker; /* of the CA's key */
    enum sig_alg alg;
    EVP_PKEY *key;       /* public */
    struct buffer der;   /* the certificate */
    struct span subject; /* in it, as the gates expect it: found without the library that */
    struct buffer name;  /* this comes from, as CRLs have it */
    uint8_t key_id[KEY_ID_BYTES_MAX];
    size_t key_id_size;
    uint64_t not_before_s;
    uint64_t not_after_s;
    struct crl_sets sets;
    struct serial index_after; /* while the revoked index is made */
    struct crl_slot *slots;    /* ascending by shard; the full CRL last */
    size_t slot_count;
    size_t next_slot; /* where the search for due ones begins */
};

/** Opens key and certificate, records the current set, reads what was published. What is wrong is
 *  logged. Failed or not, the structure must be closed. */
MUST_CHECK enum err crl_issuer_open(struct publisher *p, struct publish_issuer *issuer,
                                    struct crl_issuer *ret);
void crl_issuer_close(struct crl_issuer *ci);
/** NULL when there is no such CRL. */
struct crl_slot *crl_issuer_slot(struct crl_issuer *ci, uint32_t shard);
/** For crl_expectation.verify: under the certificate's key. The context is the crl_issuer. */
bool crl_issuer_verify(void *context, struct span tbs, struct span signature);

/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher whose first issuer has CRLs, on a clock that stands still. */
#pragma once

#include "presigner/crl_record.h"
#include "presigner/crl_schedule.h"
#include "presigner/publish_crl_core.h"
#include "presigner/revoked_index.h"
#include "publish_fixture.h"

static inline void use_crls(struct world *w)
{
    world_make(w);
    w->issuers[0].has_ca_key = true;
    w->issuers[0].ca_key = w->issuers[0].signer;
    w->issuers[0].crl = (struct crl_config){.url_base = "http://crl.test/7",
                                            .scope = CRL_USER_CERTS,
                                            .partitioned = true,
                                            .shards = 3,
                                            .shard_set = 1,
                                            .validity_s = 7 * DAY_S,
                                            .interval_s = DAY_S,
                                            .debounce_s = 10,
                                            .size_max_bytes = 10000000};
}

static inline void work(struct world *w)
{
    enum publish_outcome outcome = PUBLISH_WORKED;
    while (outcome == PUBLISH_WORKED)
        assert_int_equal(publisher_step(w->publisher, &outcome), ERR_OK);
}

static inline void next_second(struct world *w, uint64_t seconds)
{
    world_now_s += seconds;
    work(w);
}

static inline struct crl_record record(struct world *w, uint16_t place)
{
    MDB_txn *txn = NULL;
    struct crl_record r;
    assert_int_equal(status_txn_read(w->status, &txn), ERR_OK);
    assert_int_equal(
        crl_record_get(&w->publisher->db, txn, w->issuer_id[0], crl_shard_pack(1, place), &r),
        ERR_OK);
    status_txn_abort(txn);
    return r;
}

static inline bool is_at(struct world *w, uint16_t place, const struct sha256 *blob)
{
    struct crl_record r = record(w, place);
    return sha256_equal(&r.blob, blob);
}

static inline uint64_t counted(const struct world *w, enum presigner_counter counter)
{
    return w->publisher->counters[counter];
}

static inline void revoke_some(struct world *w, uint32_t first, uint32_t count)
{
    struct cert_record claim = {.status = CERT_REVOKED,
                                .reason = REASON_SUPERSEDED,
                                .revoked_at_s = (uint32_t)world_now_s,
                                .not_after_s = (uint32_t)world_now_s + 90 * DAY_S};
    world_claim(w, 0, first, count, &claim);
}

/* The issuer with CRLs, as the publisher has it. */
static inline struct crl_issuer *crl_issuer_here(struct world *w)
{
    return &w->publisher->crls->issuers[0];
}

/* The CRL at that place is due now. */
static inline void make_due(struct world *w, uint16_t place)
{
    struct crl_slot *slot = crl_issuer_slot(crl_issuer_here(w), crl_shard_pack(1, place));
    assert_non_null(slot);
    slot->schedule.next_planned_s = world_now_s;
    slot->schedule.retry_s = 0;
    w->publisher->crls->look = true;
}

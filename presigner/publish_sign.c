/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_sign.h"

#include "lib/os/clock.h"
#include "lib/os/log.h"

#define NS_PER_S 1000000000u
/* Octets of a log entry beside its statements, and of a statement beside its signature. */
#define ENTRY_OVERHEAD_BYTES     65536u
#define STATEMENT_OVERHEAD_BYTES 80u

/* To say that nothing is said is left to saying nothing (RFC 5280 5.3.1, BR 7.2.2). */
static uint8_t reason_of(uint8_t reason)
{
    return reason == REASON_UNSPECIFIED ? REASON_ABSENT : reason;
}

enum err publish_facts(const struct publish_issuer *issuer, const struct cert_record *record,
                       uint64_t now_s, struct facts *ret)
{
    struct facts facts = {.template_no = issuer->template_.template_no,
                          .status = record->status,
                          .reason = reason_of(record->reason),
                          .revoked_at_s = record->revoked_at_s};
    TRY(schedule_times(&issuer->policy, now_s, &facts.this_update_s, &facts.next_update_s));
    *ret = facts;
    return ERR_OK;
}

bool publish_issuer_able(const struct publish_issuer *issuer, uint64_t now_s)
{
    uint32_t this_update_s;
    uint32_t next_update_s;
    return now_s >= issuer->blocked_until_s &&
           schedule_times(&issuer->policy, now_s, &this_update_s, &next_update_s) == ERR_OK;
}

void publish_sign_start(struct publisher *p, struct publish_issuer *issuer,
                        const struct sign_item *items, size_t count, bool each, uint8_t *signatures,
                        struct publish_sign_run *ret)
{
    *ret = (struct publish_sign_run){
        .issuer = issuer, .start_ns = clock_monotonic_ns(), .count = count};
    sign_pool_start(p->pool, issuer->source, items, count, each, signatures);
}

static void totals_note(struct publisher *p)
{
    struct sign_totals totals;
    sign_pool_totals(p->pool, &totals);
    publish_gauge(p, COUNT_signatures, totals.signatures);
    publish_gauge(p, COUNT_signatures_verified, totals.verified);
    publish_gauge(p, COUNT_verify_failures, totals.verify_failures);
    publish_gauge(p, COUNT_sign_failures, totals.sign_failures);
}

enum err publish_sign_wait(struct publisher *p, const struct publish_sign_run *run)
{
    enum err err = sign_pool_wait(p->pool);
    uint64_t took_ns = clock_monotonic_ns() - run->start_ns + 1;
    totals_note(p);
    if (err != ERR_OK) {
        run->issuer->blocked_until_s = p->clock_s() + KEY_RETRY_S;
        log_error("issuer %s: signing failed: %s", run->issuer->config->name, err_text(err));
        return err;
    }
    /* Short runs say more about waking threads than about signing. */
    if (run->count >= SIGN_CHUNK_MIN) {
        p->sign_rate = (uint64_t)run->count * NS_PER_S / took_ns + 1;
        publish_gauge(p, COUNT_signatures_per_second, p->sign_rate);
    }
    return ERR_OK;
}

enum err publish_sign(struct publisher *p, struct publish_issuer *issuer,
                      const struct sign_item *items, size_t count, uint8_t *signatures)
{
    struct publish_sign_run run;
    if (count == 0)
        return ERR_OK;
    publish_sign_start(p, issuer, items, count, true, signatures, &run);
    return publish_sign_wait(p, &run);
}

static size_t clamp(uint64_t n, uint64_t low, uint64_t high)
{
    return (size_t)(n < low ? low : n > high ? high : n);
}

size_t publish_sign_chunk(const struct publisher *p)
{
    return clamp(p->sign_rate * (SIGN_CHUNK_NS / 1000000u) / 1000u, SIGN_CHUNK_MIN, SIGN_CHUNK_MAX);
}

size_t publish_entry_count(const struct publisher *p)
{
    size_t signature_size = 0;
    for (size_t i = 0; i < p->issuer_count; i++) {
        size_t size = sign_source_signature_size(p->issuers[i].source);
        signature_size = size > signature_size ? size : signature_size;
    }
    size_t by_size =
        (LOG_ENTRY_BYTES_MAX - ENTRY_OVERHEAD_BYTES) / (STATEMENT_OVERHEAD_BYTES + signature_size);
    size_t by_rate = clamp(p->sign_rate / 2, SIGN_CHUNK_MIN, ENTRY_COUNT_MAX);
    return by_size < by_rate ? by_size : by_rate;
}

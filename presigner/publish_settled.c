/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_settled.h"

void publish_settled_open(struct publisher *p)
{
    for (size_t i = 0; i < p->issuer_count; i++)
        publish_settled_defer(&p->issuers[i], 1, p->state.urgent_sequence);
}

void publish_settled_defer(struct publish_issuer *issuer, uint64_t first, uint64_t last)
{
    if (last == 0)
        return;
    if (issuer->deferred_first == 0 || first < issuer->deferred_first)
        issuer->deferred_first = first;
    if (last > issuer->deferred_last)
        issuer->deferred_last = last;
}

void publish_settled_scanned(struct publish_issuer *issuer, uint64_t sequence)
{
    if (sequence < issuer->deferred_last)
        return;
    issuer->deferred_first = issuer->deferred_last = 0;
}

uint64_t publisher_settled(const struct publisher *p, uint64_t issuer_id, uint64_t *ret_log_last)
{
    /* A head that is not out yet names nothing of the newest entry. */
    bool out = p->head.time_s != 0 && p->head.log_last == p->state.log_last;
    *ret_log_last = p->head.log_last;
    for (size_t i = 0; out && i < p->issuer_count; i++) {
        const struct publish_issuer *issuer = &p->issuers[i];
        if (issuer->template_.issuer_id == issuer_id)
            return issuer->deferred_first > 0 ? issuer->deferred_first - 1
                                              : p->state.published_sequence;
    }
    return 0;
}

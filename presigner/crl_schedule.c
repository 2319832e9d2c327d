/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/crl_schedule.h"

#include "lib/digest.h"
#include "lib/wire.h"

bool crl_schedule_due(const struct crl_schedule *s, uint64_t debounce_s, uint64_t now_s)
{
    if (now_s < s->retry_s && s->retry_s - now_s <= CRL_RETRY_S)
        return false;
    /* From the future: the clock was ahead. */
    if (!s->published || now_s >= s->next_planned_s || now_s < s->this_update_s)
        return true;
    return s->dirty && (now_s >= s->dirty_since_s + debounce_s || now_s < s->dirty_since_s);
}

bool crl_schedule_is_twin(const struct crl_schedule *s, uint64_t now_s)
{
    return s->published && s->this_update_s == now_s;
}

uint64_t crl_schedule_planned(struct span shard_key, uint64_t interval_s, uint64_t now_s)
{
    struct sha256 hash = sha256_of(shard_key);
    uint64_t slot_s = be64_load(hash.octets) % interval_s;
    uint64_t since_s = (now_s % interval_s + interval_s - slot_s) % interval_s;
    return now_s - since_s + interval_s;
}

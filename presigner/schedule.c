/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/schedule.h"

#include "lib/check.h"
#include "lib/limit.h"

enum err schedule_times(const struct schedule_policy *policy, uint64_t now_s,
                        uint32_t *ret_this_update_s, uint32_t *ret_next_update_s)
{
    if (now_s < policy->backdate_s || now_s > TIME_S_MAX || policy->validity_s > TIME_S_MAX)
        return ERR_RANGE;
    uint64_t this_update_s = now_s - policy->backdate_s;
    uint64_t next_update_s = this_update_s + policy->validity_s;
    if (next_update_s > policy->responder_not_after_s)
        next_update_s = policy->responder_not_after_s;
    if (next_update_s <= now_s)
        return ERR_EXPIRED;
    if (next_update_s > TIME_S_MAX)
        return ERR_RANGE;
    *ret_this_update_s = (uint32_t)this_update_s;
    *ret_next_update_s = (uint32_t)next_update_s;
    return ERR_OK;
}

static uint64_t period_of(const struct schedule_policy *policy)
{
    CHECK(policy->refresh_s > policy->backdate_s && policy->validity_s > policy->refresh_s);
    return policy->refresh_s - policy->backdate_s;
}

/* FNV-1a, then the finalizer of MurmurHash3: serials in sequence must not share a slot. */
static uint64_t hash_of(struct span key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.size; i++)
        h = (h ^ key.data[i]) * 0x100000001b3u;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

uint64_t schedule_slot(const struct schedule_policy *policy, struct span until_key)
{
    return hash_of(until_key) % period_of(policy);
}

uint64_t schedule_due(const struct schedule_policy *policy, uint64_t slot_s, uint32_t this_update_s,
                      uint32_t next_update_s)
{
    if (this_update_s == 0)
        return 0;
    uint64_t period_s = period_of(policy);
    uint64_t signed_s = this_update_s + policy->backdate_s;
    uint64_t since_slot_s = (signed_s % period_s + period_s - slot_s % period_s) % period_s;
    uint64_t due_s = signed_s + period_s - since_slot_s;
    uint64_t rest_s = policy->validity_s - policy->refresh_s;
    bool can_do_better = policy->responder_not_after_s > next_update_s;
    if (can_do_better && due_s + rest_s > next_update_s)
        due_s = next_update_s > rest_s ? next_update_s - rest_s : 0;
    return due_s;
}

void schedule_backlog_add(struct schedule_backlog *backlog, uint32_t this_update_s, uint64_t due_s,
                          uint64_t now_s)
{
    backlog->range_count++;
    if (this_update_s == 0)
        return;
    if (backlog->oldest_this_update_s == 0 || this_update_s < backlog->oldest_this_update_s)
        backlog->oldest_this_update_s = this_update_s;
    if (due_s > now_s) {
        if (backlog->next_due_s == 0 || due_s < backlog->next_due_s)
            backlog->next_due_s = due_s;
        return;
    }
    backlog->due_count++;
    /* Due since 1970 would be a range to sign at once: as late as its statements are old. */
    uint64_t since_s = due_s > this_update_s ? due_s : this_update_s;
    if (now_s > since_s && now_s - since_s > backlog->late_s)
        backlog->late_s = now_s - since_s;
}

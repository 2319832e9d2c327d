/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/cert_record.h"

#include "lib/wire.h"

void cert_record_write(const struct cert_record *record, uint8_t ret[static CERT_RECORD_BYTES])
{
    ret[0] = CERT_RECORD_VERSION;
    ret[1] = record->status;
    ret[2] = record->reason;
    be32_store(ret + 3, record->revoked_at_s);
    be32_store(ret + 7, record->not_after_s);
    be64_store(ret + 11, record->sequence);
    be32_store(ret + 19, record->shard);
}

bool cert_record_valid(const struct cert_record *record)
{
    if (record->status == CERT_GOOD)
        return record->reason == REASON_ABSENT && record->revoked_at_s == 0;
    return record->status == CERT_REVOKED && reason_valid(record->reason);
}

enum err cert_record_read(struct span value, struct cert_record *ret)
{
    if (value.size == 0)
        return ERR_TRUNCATED;
    if (value.data[0] != CERT_RECORD_VERSION)
        return ERR_UNSUPPORTED;
    if (value.size != CERT_RECORD_BYTES)
        return value.size < CERT_RECORD_BYTES ? ERR_TRUNCATED : ERR_TRAILING;
    struct cert_record record = {
        .status = value.data[1],
        .reason = value.data[2],
        .revoked_at_s = be32_load(value.data + 3),
        .not_after_s = be32_load(value.data + 7),
        .sequence = be64_load(value.data + 11),
        .shard = be32_load(value.data + 19),
    };
    if (!cert_record_valid(&record))
        return ERR_MALFORMED;
    *ret = record;
    return ERR_OK;
}

static void join_revocation(const struct cert_record *claimed, struct cert_record *joined)
{
    if (joined->status == CERT_GOOD) {
        joined->status = CERT_REVOKED;
        joined->reason = claimed->reason;
        joined->revoked_at_s = claimed->revoked_at_s;
    } else if (claimed->reason == REASON_KEY_COMPROMISE &&
               joined->reason != REASON_KEY_COMPROMISE) {
        joined->reason = REASON_KEY_COMPROMISE;
        if (claimed->revoked_at_s < joined->revoked_at_s)
            joined->revoked_at_s = claimed->revoked_at_s;
    }
}

bool cert_record_join(const struct cert_record *known, const struct cert_record *claimed,
                      struct cert_record *ret)
{
    if (known == NULL) {
        *ret = *claimed;
        return true;
    }
    struct cert_record joined = *known;
    if (claimed->status == CERT_REVOKED)
        join_revocation(claimed, &joined);
    if (claimed->not_after_s > joined.not_after_s)
        joined.not_after_s = claimed->not_after_s;
    if (joined.shard == 0)
        joined.shard = claimed->shard;
    bool changed = joined.status != known->status || joined.reason != known->reason ||
                   joined.revoked_at_s != known->revoked_at_s ||
                   joined.not_after_s != known->not_after_s || joined.shard != known->shard;
    *ret = joined;
    return changed;
}

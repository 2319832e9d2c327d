/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/feed_line.h"

#include "lib/limit.h"

static struct feed_event event_of(const struct registry_event *row)
{
    return (struct feed_event){
        .seq = row->seq,
        .status = row->type == REGISTRY_EVENT_REVOKED ? CERT_REVOKED : CERT_GOOD,
        .reason = row->reason,
        .serial = row->serial,
        .not_after_s = row->not_after_s > TIME_S_MAX ? TIME_S_MAX : (uint32_t)row->not_after_s,
        .shard = row->shard,
        .revoked_at_s = row->revoked_at_s > TIME_S_MAX ? TIME_S_MAX : (uint32_t)row->revoked_at_s,
        .time_s = row->at_s,
    };
}

enum err feed_line_write(const struct registry_event *row, uint8_t ret[static FEED_LINE_BYTES_MAX],
                         size_t *ret_size)
{
    struct feed_event event = event_of(row);
    return feed_event_write(&event, ret, ret_size);
}

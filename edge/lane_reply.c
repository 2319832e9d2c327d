/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/lane_reply.h"

#include "lib/fast_lane.h"

static bool is_array(const redisReply *r, size_t count)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == count;
}

/* Empty when it is no string. */
static struct span string_of(const redisReply *r)
{
    if (r == NULL || r->type != REDIS_REPLY_STRING)
        return SPAN_EMPTY;
    return span_of(r->str, r->len);
}

/* One stream, ours, with its entries. */
static const redisReply *entries_of(const redisReply *reply, struct span key)
{
    if (!is_array(reply, 1) || !is_array(reply->element[0], 2))
        return NULL;
    const redisReply *stream = reply->element[0];
    const redisReply *entries = stream->element[1];
    if (!span_equal(string_of(stream->element[0]), key) || entries == NULL ||
        entries->type != REDIS_REPLY_ARRAY)
        return NULL;
    return entries;
}

enum err lane_reply_open(redisReply *reply, struct span key, struct lane_reply *ret)
{
    if (reply->type == REDIS_REPLY_NIL) {
        freeReplyObject(reply);
        return ERR_NOT_FOUND;
    }
    const redisReply *entries = entries_of(reply, key);
    if (entries == NULL) {
        freeReplyObject(reply);
        return ERR_MALFORMED;
    }
    *ret = (struct lane_reply){.reply = reply, .entries = entries};
    return ERR_OK;
}

static enum err read_field(const redisReply *fields, struct span *ret_octets)
{
    struct span name = string_of(fields->element[0]);
    struct span value = string_of(fields->element[1]);
    uint64_t bytes;
    if (span_equal(name, span_text(FAST_LANE_FIELD_ENTRY))) {
        if (value.size == 0 || value.size > FAST_LANE_ENTRY_BYTES_MAX)
            return ERR_MALFORMED;
        *ret_octets = value;
        return ERR_OK;
    }
    if (!span_equal(name, span_text(FAST_LANE_FIELD_SIZE)) ||
        fast_lane_size_read(value, &bytes) != ERR_OK)
        return ERR_MALFORMED;
    *ret_octets = SPAN_EMPTY;
    return ERR_OK;
}

enum err lane_reply_next(struct lane_reply *r, struct lane_entry *ret)
{
    struct lane_entry entry;
    if (r->reply == NULL || r->next >= r->entries->elements)
        return ERR_NOT_FOUND;
    const redisReply *e = r->entries->element[r->next++];
    if (!is_array(e, 2) || !is_array(e->element[1], 2))
        return ERR_MALFORMED;
    TRY(fast_lane_id_read(string_of(e->element[0]), &entry.number));
    TRY(read_field(e->element[1], &entry.octets));
    *ret = entry;
    return ERR_OK;
}

void lane_reply_done(struct lane_reply *r)
{
    if (r->reply != NULL)
        freeReplyObject(r->reply);
    *r = (struct lane_reply){0};
}

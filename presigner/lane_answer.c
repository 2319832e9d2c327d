/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lane_answer.h"

static bool says(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, word, strlen(word)) == 0;
}

static bool is_array(const redisReply *reply, size_t count)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == count;
}

static bool is_string(const redisReply *reply, struct span *ret)
{
    if (reply->type != REDIS_REPLY_STRING)
        return false;
    *ret = span_of(reply->str, reply->len);
    return true;
}

/* [[id, [field, value]]]; false: not of that form. An entry may have any fields. */
static bool open_entry(const redisReply *reply, struct span *ret_id, const redisReply **ret_fields)
{
    if (!is_array(reply, 1) || !is_array(reply->element[0], 2))
        return false;
    const redisReply *entry = reply->element[0];
    *ret_fields = entry->element[1];
    return is_string(entry->element[0], ret_id) && entry->element[1]->type == REDIS_REPLY_ARRAY;
}

static bool read_value(const redisReply *fields, struct lane_last *last)
{
    struct span name, value;
    if (!is_array(fields, 2) || !is_string(fields->element[0], &name) ||
        !is_string(fields->element[1], &value))
        return false;
    if (span_equal(name, span_text(FAST_LANE_FIELD_ENTRY))) {
        last->whole = true;
        last->entry = value;
        return value.size <= FAST_LANE_ENTRY_BYTES_MAX;
    }
    return span_equal(name, span_text(FAST_LANE_FIELD_SIZE)) &&
           fast_lane_size_read(value, &last->bytes) == ERR_OK;
}

bool lane_answer_is_foreign(const redisReply *reply)
{
    return says(reply, "WRONGTYPE ");
}

enum lane_answer lane_answer_last(const redisReply *reply, struct lane_last *ret)
{
    struct lane_last last = {0};
    struct span id;
    const redisReply *fields = NULL;
    if (lane_answer_is_foreign(reply))
        return LANE_ANSWER_FOREIGN;
    if (is_array(reply, 0))
        return LANE_ANSWER_EMPTY;
    if (!open_entry(reply, &id, &fields))
        return LANE_ANSWER_WRONG;
    if (fast_lane_id_read(id, &last.number) != ERR_OK || !read_value(fields, &last))
        return LANE_ANSWER_FOREIGN;
    *ret = last;
    return LANE_ANSWER_ENTRY;
}

bool lane_last_is_of(const struct lane_last *last, struct span entry)
{
    return last->whole ? span_equal(last->entry, entry) : last->bytes == entry.size;
}

bool lane_answer_refuses_add(const redisReply *reply)
{
    return says(reply, "ERR The ID specified") || lane_answer_is_foreign(reply);
}

bool lane_answer_pair(const redisReply *reply, size_t i, struct span *ret_name,
                      struct span *ret_value)
{
    if (reply->type != REDIS_REPLY_ARRAY || i >= reply->elements / 2)
        return false;
    return is_string(reply->element[2 * i], ret_name) &&
           is_string(reply->element[2 * i + 1], ret_value);
}

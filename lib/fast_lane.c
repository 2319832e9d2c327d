/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/fast_lane.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/check.h"
#include "lib/textline.h"

/* The braces keep all keys of a network on one node of a cluster. */
static void key_write(const char *network, const char *what, char ret[static FAST_LANE_KEY_BYTES])
{
    int size = snprintf(ret, FAST_LANE_KEY_BYTES, "statim:{%s}:%s", network, what);
    CHECK(size > 0 && size < FAST_LANE_KEY_BYTES);
}

void fast_lane_log_key(const char *network, char ret[static FAST_LANE_KEY_BYTES])
{
    key_write(network, "log", ret);
}

void fast_lane_edges_key(const char *network, char ret[static FAST_LANE_KEY_BYTES])
{
    key_write(network, "edges", ret);
}

void fast_lane_id_write(uint64_t number, char ret[static FAST_LANE_ID_BYTES])
{
    snprintf(ret, FAST_LANE_ID_BYTES, "%" PRIu64 "-0", number);
}

enum err fast_lane_id_read(struct span id, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (id.size < 3 || id.data[id.size - 2] != '-' || id.data[id.size - 1] != '0')
        return ERR_MALFORMED;
    TRY(text_decimal(span_of(id.data, id.size - 2), &number));
    if (number == 0)
        return ERR_MALFORMED;
    *ret_number = number;
    return ERR_OK;
}

enum err fast_lane_size_read(struct span value, uint64_t *ret_bytes)
{
    uint64_t bytes = 0;
    TRY(text_decimal(value, &bytes));
    if (bytes <= FAST_LANE_ENTRY_BYTES_MAX)
        return ERR_RANGE;
    if (bytes > LOG_ENTRY_BYTES_MAX)
        return ERR_LIMIT;
    *ret_bytes = bytes;
    return ERR_OK;
}

static bool is_name_octet(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

enum err fast_lane_name_check(struct span name)
{
    if (name.size == 0 || name.size > FAST_LANE_NAME_BYTES_MAX)
        return ERR_MALFORMED;
    for (size_t i = 0; i < name.size; i++)
        if (!is_name_octet(name.data[i]))
            return ERR_MALFORMED;
    return ERR_OK;
}

void fast_lane_ack_write(const struct fast_lane_ack *ack, char ret[static FAST_LANE_ACK_BYTES])
{
    snprintf(ret, FAST_LANE_ACK_BYTES, "%" PRIu64 " %" PRIu64 " %" PRIu64, ack->number,
             ack->wall_ms, ack->said_ms);
}

enum err fast_lane_ack_read(struct span value, struct fast_lane_ack *ret)
{
    struct span words[3];
    struct fast_lane_ack ack = {0};
    TRY(text_words(value, words, 3));
    TRY(text_decimal(words[0], &ack.number));
    TRY(text_decimal(words[1], &ack.wall_ms));
    TRY(text_decimal(words[2], &ack.said_ms));
    *ret = ack;
    return ERR_OK;
}

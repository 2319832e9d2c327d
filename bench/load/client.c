/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/client.h"

#include "lib/check.h"

struct client_hold *client_reset(struct client *c)
{
    struct client_hold *hold = c->hold;
    c->hold = NULL;
    c->passing = false;
    c->body_left = 0;
    return hold;
}

static enum client_fed pass_over(struct client *c, size_t size, struct client_answer *ret)
{
    if (size > c->body_left)
        return CLIENT_BROKEN;
    c->body_left -= size;
    if (c->body_left > 0)
        return CLIENT_MORE;
    *ret = (struct client_answer){.status = c->status, .keep_alive = c->keep_alive};
    return CLIENT_ANSWER;
}

static enum client_fed start_passing(struct client *c, const struct reply_head *head, size_t size,
                                     struct client_answer *ret)
{
    c->passing = true;
    c->status = head->status;
    c->keep_alive = head->keep_alive;
    c->body_left = head->body_size;
    return pass_over(c, size - head->head_size, ret);
}

static enum client_fed keep(struct client *c, struct span octets, struct client_hold **spare)
{
    if (c->hold == NULL) {
        CHECK(*spare != NULL);
        c->hold = *spare;
        c->hold->size = 0;
        *spare = NULL;
    }
    if (octets.size > 0)
        memcpy(c->hold->octets + c->hold->size, octets.data, octets.size);
    c->hold->size += octets.size;
    return CLIENT_MORE;
}

/* All octets of the answer up to here, in one piece. */
static enum client_fed look(struct client *c, struct span all, bool want_body,
                            struct client_answer *ret)
{
    struct reply_head head;
    enum reply_found found = reply_head_parse(all, &head);
    if (found != REPLY_HEAD)
        return found == REPLY_BAD ? CLIENT_BROKEN : CLIENT_MORE;
    size_t have = all.size - head.head_size;
    if (have > head.body_size)
        return CLIENT_BROKEN;
    if (!want_body || head.body_size > CLIENT_BODY_MAX)
        return start_passing(c, &head, all.size, ret);
    if (have < head.body_size)
        return CLIENT_MORE;
    *ret = (struct client_answer){.status = head.status,
                                  .keep_alive = head.keep_alive,
                                  .body = span_of(all.data + head.head_size, have)};
    return CLIENT_ANSWER;
}

enum client_fed client_feed(struct client *c, struct span octets, bool want_body,
                            struct client_hold **spare, struct client_answer *ret)
{
    if (c->passing)
        return pass_over(c, octets.size, ret);
    if (c->hold == NULL) {
        enum client_fed fed = look(c, octets, want_body, ret);
        if (fed != CLIENT_MORE || c->passing)
            return fed;
        if (octets.size > CLIENT_HOLD_BYTES)
            return CLIENT_BROKEN;
        return keep(c, octets, spare);
    }
    /* What is held is at most a head and a body of the longest kind, or it would have ended. */
    if (octets.size > CLIENT_HOLD_BYTES - c->hold->size)
        return CLIENT_BROKEN;
    (void)keep(c, octets, spare);
    return look(c, span_of(c->hold->octets, c->hold->size), want_body, ret);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_client.h"

#include "lib/check.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_request.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t below(struct sim_world *world, uint32_t n)
{
    return fixture_random_below(&world->random, n);
}

void sim_world_start(struct sim_world *world, uint64_t seed)
{
    *world = (struct sim_world){.random = fixture_random_of(seed), .now_s = SIM_NOW_S};
    world->templates[0] = fixture_template(0, 1, CERTID_BOTH, 900);
    world->templates[1] = fixture_template(1, 1, CERTID_BOTH, 900); /* not in the snapshot */
    for (uint32_t i = 0; i < SIM_STATEMENTS; i++) {
        bool revoked = below(world, 4) == 0;
        struct facts facts = {.template_no = 1,
                              .status = revoked ? CERT_REVOKED : CERT_GOOD,
                              .reason = revoked ? REASON_SUPERSEDED : REASON_ABSENT,
                              .revoked_at_s = revoked ? SIM_NOW_S - 5 : 0,
                              .this_update_s = SIM_NOW_S - 200 + below(world, 300)};
        facts.next_update_s = facts.this_update_s + 100 + below(world, 2000);
        world->statements[i] =
            fixture_statement(&world->random, world->templates[0].issuer_id, 16, facts);
    }
    fixture_statements_sort(world->statements, SIM_STATEMENTS);
    edge_fixture_start(&world->fixture, world->templates, 1, world->statements, SIM_STATEMENTS);
    sim_files_start(world);
}

void sim_world_stop(struct sim_world *world)
{
    sim_files_stop(world);
    edge_fixture_stop(&world->fixture);
}

void sim_client_start(struct sim_client *c, struct sim_world *world)
{
    c->stream_size = 0;
    c->delivered = 0;
    c->request_count = 0;
    c->response_count = 0;
    c->received_size = 0;
    c->final_seen = false;
    c->timed_out_seen = false;
    c->opened_s = world->now_s;
    c->is_garbage = below(world, 6) == 0;
    c->is_fat = below(world, 8) == 0;
    c->is_pipelined = c->is_fat || below(world, 2) == 0;
    /* Only many requests in a row fill an output buffer. */
    uint32_t requests = c->is_fat ? SIM_REQUESTS_MAX : 1 + below(world, 14);
    for (uint32_t i = 0; i < requests; i++)
        sim_request_append(c, world);
    if (!c->is_garbage)
        return;
    for (uint32_t i = 1 + below(world, 20); i > 0; i--)
        c->stream[below(world, (uint32_t)c->stream_size)] = (uint8_t)below(world, 256);
    c->is_pipelined = true;
}

size_t sim_client_ready_bytes(const struct sim_client *c)
{
    size_t until = c->stream_size;
    if (!c->is_pipelined && c->response_count < c->request_count)
        until = c->ends[c->response_count];
    return until > c->delivered ? until - c->delivered : 0;
}

/* What the edge must have said in the second of the answer. */
static enum outcome expected_outcome(const struct sim_world *world, const struct sim_expect *e,
                                     uint64_t made_s)
{
    if (e->is_file)
        return sim_files_outcome(world, e, made_s);
    if (e->needs_ready && !world->ready[made_s - SIM_NOW_S])
        return OUTCOME_NOT_READY;
    if (e->statement == NULL || e->outcome == OUTCOME_UNKNOWN_ISSUER)
        return e->outcome;
    const struct facts *facts = &e->statement->facts;
    if (facts->this_update_s > made_s)
        return OUTCOME_FUTURE;
    if (facts->next_update_s <= made_s)
        return OUTCOME_STALE;
    if (e->if_none_match)
        return OUTCOME_NOT_MODIFIED;
    return facts->status == CERT_REVOKED ? OUTCOME_REVOKED : OUTCOME_GOOD;
}

struct sim_response {
    unsigned status;
    bool closes;
    uint64_t made_s;
    size_t length; /* Content-Length */
    struct span head;
};

static struct span field_of(struct span head, const char *name)
{
    char mark[64];
    int size = snprintf(mark, sizeof mark, "\r\n%s: ", name);
    const uint8_t *at = memmem(head.data, head.size, mark, (size_t)size);
    if (at == NULL)
        return SPAN_EMPTY;
    at += size;
    const uint8_t *end = memmem(at, (size_t)(head.data + head.size - at), "\r\n", 2);
    return span_of(at, (size_t)(end - at));
}

/* false: the head is not complete. */
static bool head_read(struct span octets, struct sim_response *ret)
{
    const uint8_t *end = memmem(octets.data, octets.size, "\r\n\r\n", 4);
    if (end == NULL)
        return false;
    *ret = (struct sim_response){.head = span_of(octets.data, (size_t)(end + 4 - octets.data))};
    char start[16] = {0};
    memcpy(start, octets.data, 15);
    CHECK(sscanf(start, "HTTP/1.1 %3u ", &ret->status) == 1);
    ret->closes = span_equal(field_of(ret->head, "Connection"), span_text("close"));
    struct span length = field_of(ret->head, "Content-Length");
    for (size_t i = 0; i < length.size; i++)
        ret->length = ret->length * 10 + (size_t)(length.data[i] - '0');
    if (ret->status != 100) {
        enum err err = imf_fixdate_read(field_of(ret->head, "Date"), &ret->made_s);
        CHECK(err == ERR_OK);
    }
    return true;
}

static void check_statement(const struct sim_world *world, const struct sim_expect *e,
                            const struct sim_response *r, struct span body)
{
    uint8_t der[OCSP_RESPONSE_BYTES_MAX];
    size_t size = 0;
    const struct fixture_statement *s = e->statement;
    enum err err =
        ocsp_response_encode(&world->templates[0], &s->serial, &s->facts, s->facts.this_update_s,
                             span_of(s->signature, 64), der, sizeof der, &size);
    CHECK(err == ERR_OK && r->length == size);
    CHECK(e->is_head || span_equal(body, span_of(der, size)));
}

/* The age a cache may keep it never reaches past nextUpdate. */
static void check_age(const struct sim_expect *e, const struct sim_response *r)
{
    struct span control = field_of(r->head, "Cache-Control");
    char text[64] = {0};
    unsigned age_s;
    memcpy(text, control.data, control.size < 63 ? control.size : 63);
    CHECK(sscanf(text, "max-age=%u,", &age_s) == 1);
    CHECK(r->made_s + age_s <= e->statement->facts.next_update_s);
}

static void check_file(const struct sim_world *world, const struct sim_expect *e,
                       enum outcome outcome, const struct sim_response *r, struct span body)
{
    struct span expected = sim_files_body(world, e, outcome, r->made_s);
    CHECK(r->length == expected.size);
    CHECK(e->is_head || span_equal(body, expected));
}

static void check_response(struct sim_client *c, const struct sim_world *world,
                           const struct sim_response *r, struct span body)
{
    CHECK(!c->final_seen);
    CHECK(r->made_s >= c->opened_s && r->made_s <= world->now_s);
    c->final_seen = r->closes;
    if (r->status == 408) {
        CHECK(r->closes);
        c->timed_out_seen = true;
        return;
    }
    uint32_t number = c->response_count++;
    if (c->is_garbage)
        return;
    CHECK(number < c->request_count);
    const struct sim_expect *e = &c->expects[number];
    enum outcome outcome = expected_outcome(world, e, r->made_s);
    const struct outcome_info *info = outcome_info(outcome);
    CHECK(r->status == info->http_status);
    CHECK(!e->closes || r->closes);
    if (outcome == OUTCOME_GOOD || outcome == OUTCOME_REVOKED)
        check_statement(world, e, r, body);
    else if (outcome == OUTCOME_FILE || outcome == OUTCOME_FILE_PART)
        check_file(world, e, outcome, r, body);
    else if (info->ocsp_status != OUTCOME_NO_OCSP && !e->is_head)
        CHECK(span_equal(body, ocsp_error_response((enum ocsp_response_status)info->ocsp_status)));
    if (outcome <= OUTCOME_NOT_MODIFIED)
        check_age(e, r);
    else if (outcome < OUTCOME_FILE)
        CHECK(field_of(r->head, "ETag").size == 0);
}

/* Takes one response from the start; returns its size, 0 when it is not complete. */
static size_t take_response(struct sim_client *c, const struct sim_world *world, struct span octets)
{
    struct sim_response r;
    if (!head_read(octets, &r))
        return 0;
    const struct sim_expect *e =
        c->response_count < c->request_count ? &c->expects[c->response_count] : NULL;
    if (r.status == 100) {
        CHECK(c->is_garbage || (e != NULL && e->continues));
        return r.head.size;
    }
    bool has_body = r.status != 304 && !(e != NULL && e->is_head && r.status != 408);
    size_t body_size = has_body ? r.length : 0;
    if (octets.size - r.head.size < body_size)
        return 0;
    check_response(c, world, &r, span_of(octets.data + r.head.size, body_size));
    return r.head.size + body_size;
}

void sim_client_receive(struct sim_client *c, const struct sim_world *world, struct span octets)
{
    CHECK(octets.size <= sizeof c->received - c->received_size);
    memcpy(c->received + c->received_size, octets.data, octets.size);
    c->received_size += octets.size;
    size_t done = 0;
    size_t size;
    while ((size = take_response(c, world, span_of(c->received + done, c->received_size - done))) >
           0)
        done += size;
    c->received_size -= done;
    memmove(c->received, c->received + done, c->received_size);
}

static uint32_t whole_requests(const struct sim_client *c)
{
    uint32_t n = 0;
    while (n < c->request_count && c->ends[n] <= c->delivered)
        n++;
    return n;
}

void sim_client_end(const struct sim_client *c, enum conn_end end, uint32_t requests_max)
{
    if (c->is_garbage)
        return;
    uint32_t whole = whole_requests(c);
    switch (end) {
    case CONN_END_CLIENT:
    case CONN_END_CLIENT_EARLY:
        CHECK(c->response_count == whole && c->received_size == 0);
        break;
    case CONN_END_IDLE:
    case CONN_END_REQUEST_TIMEOUT:
        /* What arrived after the time was up has not been read. */
        CHECK(c->response_count <= whole && c->received_size == 0);
        break;
    case CONN_END_ASKED:
    case CONN_END_HTTP_ERROR:
        CHECK(c->final_seen && c->expects[c->response_count - 1].closes);
        break;
    case CONN_END_REQUESTS_MAX:
        CHECK(c->final_seen && c->response_count == requests_max);
        break;
    case CONN_END_SEND_TIMEOUT:
    case CONN_END_RECEIVE_ERROR:
    case CONN_END_SEND_ERROR:
    case CONN_END_NO_INPUT_BUFFER:
    case CONN_END_NO_OUTPUT_BUFFER:
    case CONN_END_OVERRUN:
    case CONN_END_FILE_TIMEOUT:
    case CONN_END_FILE_GONE:
    case CONN_END_STOPPED:
    case CONN_END_SHELL:
    case CONN_END_COUNT:
    default:
        CHECK(c->response_count <= c->request_count);
    }
}

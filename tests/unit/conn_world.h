/* SPDX-License-Identifier: Apache-2.0 */
/* For test_conn.c: one connection, the shell around it, and a client that keeps what it receives.
 */
#pragma once

#include "edge/conn_batch.h"
#include "tests/fixture/edge_fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_S     1800000000u
#define SECOND_NS UINT64_C(1000000000)
#define GET_404   "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST_HEAD "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"

static struct {
    struct edge_fixture fixture;
    struct conn_config config;
    struct answer_config answer;
    struct buffer_pool inputs;
    struct buffer_pool outputs;
    uint64_t counters[SERVE_COUNTER_COUNT];
    struct conn_env env;
    struct conn conn;
    char sent[65536]; /* all octets given to the shell, and taken by the client */
    size_t sent_size;
    struct span flight;
    bool closed;
    bool lingers;
    bool pause_seen;
    bool resume_seen;
} t;

static int setup(void **state)
{
    (void)state;
    struct ocsp_template template_ = fixture_template(0, 1, CERTID_BOTH, 60);
    memset(&t, 0, sizeof t);
    edge_fixture_start(&t.fixture, &template_, 1, NULL, 0);
    t.config = (struct conn_config){.idle_timeout_ns = 60 * SECOND_NS,
                                    .header_timeout_ns = 10 * SECOND_NS,
                                    .body_timeout_ns = 15 * SECOND_NS,
                                    .send_timeout_ns = 20 * SECOND_NS};
    assert_int_equal(answer_config_set(&t.answer, "/"), ERR_OK);
    assert_int_equal(buffer_pool_start(&t.inputs, 2, CONN_INPUT_BYTES), ERR_OK);
    assert_int_equal(buffer_pool_start(&t.outputs, 2, CONN_OUTPUT_BYTES), ERR_OK);
    t.env = (struct conn_env){.config = &t.config,
                              .answer = &t.answer,
                              .snapshot = t.fixture.snapshot,
                              .inputs = &t.inputs,
                              .outputs = &t.outputs,
                              .counters = t.counters,
                              .now_ns = SECOND_NS};
    answer_clock_set(&t.env.clock, NOW_S);
    conn_open(&t.conn, &t.env);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!t.closed)
        assert_true(conn_failed(&t.conn, &t.env, CONN_END_SHELL).close);
    conn_release(&t.conn, &t.env);
    assert_int_equal(t.inputs.free_count, 2);
    assert_int_equal(t.outputs.free_count, 2);
    uint64_t outcomes = 0;
    uint64_t ends = 0;
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        outcomes += t.counters[serve_counter_outcome((enum outcome)i)];
    for (unsigned i = 0; i < CONN_END_COUNT; i++)
        ends += t.counters[serve_counter_end((enum conn_end)i)];
    assert_int_equal(outcomes, t.counters[SERVE_REQUESTS]);
    assert_int_equal(ends, 1);
    buffer_pool_stop(&t.inputs);
    buffer_pool_stop(&t.outputs);
    edge_fixture_stop(&t.fixture);
    return 0;
}

static void apply(struct conn_actions actions)
{
    assert_false(t.closed);
    if (actions.send.size > 0) {
        assert_int_equal(t.flight.size, 0);
        t.flight = actions.send;
    }
    t.closed = actions.close;
    t.lingers = actions.linger;
    t.pause_seen |= actions.pause;
    t.resume_seen |= actions.resume;
}

static void take(size_t size)
{
    assert_true(size <= t.flight.size);
    memcpy(t.sent + t.sent_size, t.flight.data, size);
    t.sent_size += size;
    t.flight = SPAN_EMPTY;
    apply(conn_sent(&t.conn, &t.env, size));
}

static void take_all(void)
{
    while (!t.closed && t.flight.size > 0)
        take(t.flight.size);
}

static void receive_octets(const void *data, size_t size)
{
    apply(conn_received(&t.conn, &t.env, span_of(data, size)));
}

static void receive(const char *text)
{
    receive_octets(text, strlen(text));
}

static void pass(uint64_t seconds)
{
    t.env.now_ns += seconds * SECOND_NS;
    if (!t.closed && t.conn.deadline_ns <= t.env.now_ns)
        apply(conn_tick(&t.conn, &t.env));
}

static inline unsigned responses(const char *status)
{
    char mark[32];
    unsigned n = 0;
    int size = snprintf(mark, sizeof mark, "HTTP/1.1 %s ", status);
    const char *at = t.sent;
    while ((at = memmem(at, (size_t)(t.sent + t.sent_size - at), mark, (size_t)size)) != NULL) {
        n++;
        at += size;
    }
    return n;
}

static void expect_end(enum conn_end end)
{
    take_all();
    assert_true(t.closed);
    for (unsigned i = 0; i < CONN_END_COUNT; i++)
        if (t.counters[serve_counter_end((enum conn_end)i)] != (i == end))
            fail_msg("ended as %s", conn_end_label((enum conn_end)t.conn.end));
}

static uint64_t outcomes(enum outcome outcome)
{
    return t.counters[serve_counter_outcome(outcome)];
}

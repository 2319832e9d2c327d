/* SPDX-License-Identifier: Apache-2.0 */
/* A client's octets through the whole serving core: connection, HTTP, OCSP, snapshot, answer. The
 * first octet says how the rest is cut into receives, the second how much each send takes and
 * whether requests go through a batch. */
#include "edge/conn_batch.h"
#include "lib/check.h"
#include "tests/fixture/edge_fixture.h"

#include <stdlib.h>

#define NOW_S 1800000000u
/* Serials 1 to this, so that a fuzzer can hit them. */
#define STATEMENTS 100

static struct {
    struct edge_fixture fixture;
    struct conn_config config;
    struct answer_config answer;
    struct buffer_pool inputs;
    struct buffer_pool outputs;
    uint64_t counters[SERVE_COUNTER_COUNT];
    struct conn_env env;
} world;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "/a", larger than an output buffer, and "/b", small. */
static void add_files(void)
{
    static uint8_t blobs[2][3 * CONN_OUTPUT_BYTES];
    struct path_table **table = &world.fixture.snapshot->paths;
    enum err err = path_table_new(2, 2, table);
    CHECK(err == ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        memset(blobs[i], 'a' + (int)i, sizeof blobs[i]);
        struct span blob = span_of(blobs[i], i == 0 ? sizeof blobs[i] : 100);
        struct blob_path about = {.path = span_text(i == 0 ? "/a" : "/b"),
                                  .blob = sha256_of(blob),
                                  .blob_bytes = blob.size,
                                  .media_type = span_text("application/pkix-crl"),
                                  .modified_s = NOW_S - 100,
                                  .next_s = NOW_S + 10,
                                  .expires_s = NOW_S + 100};
        path_table_add_blob(*table, &about.blob, blob);
        err = path_table_add_file(*table, &about);
        CHECK(err == ERR_OK);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static struct fixture_statement statements[STATEMENTS];
    struct fixture_random r = fixture_random_of(1);
    struct ocsp_template t = fixture_template(0, 1, CERTID_BOTH, 3600);
    for (uint8_t i = 0; i < STATEMENTS; i++) {
        bool revoked = i % 3 == 0;
        struct facts facts = {.template_no = 1,
                              .status = revoked ? CERT_REVOKED : CERT_GOOD,
                              .reason = revoked ? REASON_KEY_COMPROMISE : REASON_ABSENT,
                              .revoked_at_s = revoked ? 1 : 0,
                              .this_update_s = NOW_S - 50 + i,
                              .next_update_s = NOW_S + 100 - 2 * (uint32_t)i};
        if (facts.next_update_s <= facts.this_update_s)
            facts.next_update_s = facts.this_update_s + 1;
        statements[i] = fixture_statement(&r, t.issuer_id, 1, facts);
        statements[i].serial.octets[0] = (uint8_t)(i + 1);
    }
    edge_fixture_start(&world.fixture, &t, 1, statements, STATEMENTS);
    add_files();
    world.config = (struct conn_config){.idle_timeout_ns = 9,
                                        .header_timeout_ns = 5,
                                        .body_timeout_ns = 5,
                                        .send_timeout_ns = 7,
                                        .requests_max = 20};
    enum err err = answer_config_set(&world.answer, "/");
    CHECK(err == ERR_OK);
    err = buffer_pool_start(&world.inputs, 1, CONN_INPUT_BYTES);
    CHECK(err == ERR_OK);
    err = buffer_pool_start(&world.outputs, 1, CONN_OUTPUT_BYTES);
    CHECK(err == ERR_OK);
    world.env = (struct conn_env){.config = &world.config,
                                  .answer = &world.answer,
                                  .snapshot = world.fixture.snapshot,
                                  .inputs = &world.inputs,
                                  .outputs = &world.outputs,
                                  .counters = world.counters};
    answer_clock_set(&world.env.clock, NOW_S);
    return 0;
}

static void check_end(struct conn *conn)
{
    uint64_t outcomes = 0;
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        outcomes += world.counters[serve_counter_outcome((enum outcome)i)];
    CHECK(outcomes == world.counters[SERVE_REQUESTS]);
    conn_release(conn, &world.env);
    CHECK(world.inputs.free_count == 1 && world.outputs.free_count == 1);
}

/* The client takes some of what is sent; the rest of the send is given again. */
static struct conn_actions take(struct conn *conn, struct conn_actions actions, size_t portion)
{
    while (!actions.close && actions.send.size > 0) {
        CHECK(conn->output_sent > 0 || actions.send_file ||
              memcmp(actions.send.data, "HTTP/1.1 ", 9) == 0);
        size_t size = actions.send.size < portion ? actions.send.size : portion;
        actions = conn_sent(conn, &world.env, size);
    }
    return actions;
}

static void keep(void *kept, uint64_t tag, struct conn_actions actions)
{
    (void)tag;
    *(struct conn_actions *)kept = actions;
}

static struct conn_actions receive(struct conn *conn, struct span octets, bool batched)
{
    static struct conn_batch batch;
    struct conn_actions actions;
    if (!batched || !conn_batch_add(&batch, &world.env, conn, octets, 0))
        return conn_received(conn, &world.env, octets);
    conn_batch_answer(&batch, &world.env, keep, &actions);
    return actions;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t cut = 1 + (data[0] < 128 ? data[0] : (size_t)data[0] * 64);
    size_t portion = 1 + 16 * (size_t)data[1];
    /* An odd second octet lets a send wait for the next receive. */
    bool is_slow = data[1] % 2 == 1;
    struct conn conn;
    struct conn_actions actions = {0};
    conn_open(&conn, &world.env);
    for (size_t at = 2; at < size && !actions.close; at += cut) {
        size_t part = size - at < cut ? size - at : cut;
        if (conn.output_flight > 0) {
            actions = conn_sent(&conn, &world.env, conn.output_flight);
            if (actions.close)
                break;
        }
        /* Its own allocation, so that a read past the end is seen. */
        uint8_t *octets = malloc(part);
        CHECK(octets != NULL);
        memcpy(octets, data + at, part);
        actions = receive(&conn, span_of(octets, part), data[1] % 4 < 2);
        free(octets);
        if (!is_slow)
            actions = take(&conn, actions, portion);
    }
    if (!actions.close) {
        world.env.now_ns = conn.deadline_ns;
        actions = take(&conn, conn_tick(&conn, &world.env), portion);
    }
    if (!actions.close)
        actions = conn_failed(&conn, &world.env, CONN_END_SHELL);
    CHECK(actions.close);
    check_end(&conn);
    return 0;
}

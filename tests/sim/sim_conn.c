/* SPDX-License-Identifier: Apache-2.0 */
/* Simulation of the edge's connections: a worker's shell with a virtual clock and injected faults
 * around the real core. Usage: sim_conn [--seeds N] [--first S] [--seed S]
 *
 * After every step: the outcomes add up to the requests; every connection is open or has ended for
 * one reason; every pool buffer is free or held by one connection; no deadline has been missed and
 * none is missing. What is sent is checked by the client's model (sim_client.c). Nothing is
 * allocated. */
#include "edge/conn_batch.h"
#include "lib/check.h"
#include "tests/sim/sim_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS       12
#define STEPS         4000
#define SECOND_NS     UINT64_C(1000000000)
#define STRAY_REPEATS 3
/* Octets in one receive buffer, and receives in one turn of the shell's loop. */
#define RECEIVE_BYTES 4096
#define TURN_MAX      (2 * CONN_BATCH_MAX)

/* The linker gives the core's calls to the allocator to these (--wrap). */
static bool allocation_forbidden;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    CHECK(!allocation_forbidden);
    return __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size)
{
    CHECK(!allocation_forbidden);
    return __real_calloc(count, size);
}
void *__wrap_realloc(void *memory, size_t size)
{
    CHECK(!allocation_forbidden);
    return __real_realloc(memory, size);
}

struct lane {
    struct conn conn;
    struct sim_client client;
    bool live;    /* opened and not yet released */
    bool closing; /* close was given */
    bool paused;
    bool eof_given;
    bool gone_soon; /* the client closes its side once all is sent */
    bool batched;   /* `receive` waits in the batch */
    bool linked;    /* its descriptor closes behind the flight, and nothing is received */
    uint8_t receive[RECEIVE_BYTES];
    struct span flight;
    uint8_t flight_copy[CONN_PIECE_BYTES];
};

/* Over all seeds: batches of several requests, closes that were to wait for the client, and those
 * that did not wait for the last octets. */
static uint64_t batches;
static uint64_t lingered;
static uint64_t linked;

struct sim {
    struct sim_world world;
    struct lane lanes[CLIENTS];
    struct conn_env env;
    struct conn_batch batch;
    struct conn_config config;
    struct answer_config answer;
    struct buffer_pool inputs;
    struct buffer_pool outputs;
    uint64_t counters[SERVE_COUNTER_COUNT];
    uint64_t released;
};

static uint32_t below(struct sim *sim, uint32_t n)
{
    return fixture_random_below(&sim->world.random, n);
}

/* A close must not take the last answer away from a client that is seen to send more. */
static void check_linger(const struct lane *lane, struct conn_actions actions)
{
    const struct sim_client *c = &lane->client;
    bool sends = c->response_count > 0 && c->delivered > c->ends[c->response_count - 1];
    bool answered = c->response_count > 0 || c->timed_out_seen;
    CHECK(!actions.linger || (actions.close && answered && !lane->eof_given));
    if (!actions.close || c->is_garbage || lane->eof_given || !c->final_seen || c->timed_out_seen)
        return;
    enum conn_end end = (enum conn_end)lane->conn.end;
    /* Of one that was paused, octets may be on their way. */
    if (end == CONN_END_ASKED)
        CHECK(actions.linger == (sends || lane->conn.paused));
    else if (end == CONN_END_HTTP_ERROR || end == CONN_END_REQUESTS_MAX)
        CHECK(actions.linger);
}

static void apply(struct lane *lane, struct conn_actions actions)
{
    CHECK(!lane->closing);
    CHECK(!actions.send_last || actions.send.size > 0);
    CHECK(!(actions.close && actions.send.size > 0) && !(actions.pause && actions.resume));
    check_linger(lane, actions);
    if (actions.send.size > 0) {
        CHECK(lane->flight.size == 0 && actions.send.size <= CONN_PIECE_BYTES);
        CHECK(actions.send_file || actions.send.size <= CONN_OUTPUT_BYTES);
        lane->flight = actions.send;
        memcpy(lane->flight_copy, actions.send.data, actions.send.size);
        /* Now and then, as the shell does when it has no receive armed. */
        lane->linked = actions.send_last && lane->flight.size % 2 == 0;
        linked += lane->linked;
    }
    if (actions.pause) {
        CHECK(!lane->paused);
        lane->paused = true;
    }
    if (actions.resume) {
        CHECK(lane->paused);
        lane->paused = false;
    }
    lane->closing = actions.close;
    lingered += actions.linger;
}

static void step_open(struct sim *sim, struct lane *lane)
{
    sim_client_start(&lane->client, &sim->world);
    lane->live = true;
    lane->closing = false;
    lane->paused = false;
    lane->eof_given = false;
    lane->linked = false;
    lane->gone_soon = below(sim, 2) == 0;
    lane->flight = SPAN_EMPTY;
    conn_open(&lane->conn, &sim->env);
}

static void step_release(struct sim *sim, struct lane *lane)
{
    /* The kernel may read from the buffer until its operation has ended. */
    CHECK(span_equal(lane->flight, span_of(lane->flight_copy, lane->flight.size)));
    sim_client_end(&lane->client, (enum conn_end)lane->conn.end, sim->config.requests_max);
    conn_release(&lane->conn, &sim->env);
    lane->live = false;
    sim->released++;
}

/* What the client sends next, in the lane's receive buffer. */
static struct span next_octets(struct sim *sim, struct lane *lane, bool whole)
{
    struct sim_client *c = &lane->client;
    size_t ready = sim_client_ready_bytes(c);
    if (ready == 0 || lane->eof_given || lane->linked)
        return SPAN_EMPTY;
    static const uint32_t sizes[] = {1, 3, 40, 300, RECEIVE_BYTES, RECEIVE_BYTES};
    size_t size = 1 + below(sim, sizes[below(sim, 6)]);
    if (size > ready || (whole && ready <= RECEIVE_BYTES))
        size = ready;
    memcpy(lane->receive, c->stream + c->delivered, size);
    c->delivered += size;
    return span_of(lane->receive, size);
}

/* The buffer is the kernel's again: what still looks there sees something else. */
static void taken(struct lane *lane, struct conn_actions actions)
{
    memset(lane->receive, 0xdd, sizeof lane->receive);
    apply(lane, actions);
}

static void deliver(struct sim *sim, struct lane *lane)
{
    struct span octets = next_octets(sim, lane, false);
    if (octets.size > 0)
        taken(lane, conn_received(&lane->conn, &sim->env, octets));
}

static void answered(void *context, uint64_t tag, struct conn_actions actions)
{
    struct sim *sim = context;
    struct lane *lane = &sim->lanes[tag];
    CHECK(lane->batched);
    lane->batched = false;
    taken(lane, actions);
}

static void answer_batch(struct sim *sim)
{
    batches += sim->batch.count > 1;
    conn_batch_answer(&sim->batch, &sim->env, answered, sim);
}

static void deliver_batched(struct sim *sim, struct lane *lane)
{
    if (lane->batched || conn_batch_full(&sim->batch))
        answer_batch(sim);
    if (!lane->live || lane->closing || (lane->paused && !lane->client.is_fat))
        return;
    struct span octets = next_octets(sim, lane, below(sim, 2) == 0);
    struct conn before = lane->conn;
    uint64_t requests = sim->counters[SERVE_REQUESTS];
    if (octets.size == 0)
        return;
    lane->batched =
        conn_batch_add(&sim->batch, &sim->env, &lane->conn, octets, (uint64_t)(lane - sim->lanes));
    CHECK(memcmp(&before, &lane->conn, sizeof before) == 0);
    CHECK(sim->counters[SERVE_REQUESTS] == requests);
    if (!lane->batched)
        taken(lane, conn_received(&lane->conn, &sim->env, octets));
}

/* One turn of the shell's loop in which many connections have something. */
static void step_turn(struct sim *sim)
{
    for (uint32_t i = 1 + below(sim, TURN_MAX); i > 0; i--)
        deliver_batched(sim, &sim->lanes[below(sim, CLIENTS)]);
    answer_batch(sim);
}

static void step_receive(struct sim *sim, struct lane *lane)
{
    uint32_t repeats = 1;
    /* After a pause some buffers may already be filled. */
    if (lane->paused && !lane->client.is_fat && below(sim, 10) != 0)
        return;
    if (below(sim, 4) == 0)
        repeats += below(sim, STRAY_REPEATS);
    for (; repeats > 0 && !lane->closing; repeats--)
        deliver(sim, lane);
    if (!lane->closing && !lane->eof_given && !lane->linked && lane->gone_soon &&
        lane->client.delivered == lane->client.stream_size && below(sim, 3) == 0) {
        lane->eof_given = true;
        apply(lane, conn_eof(&lane->conn, &sim->env));
    }
}

static void step_sent(struct sim *sim, struct lane *lane)
{
    /* One that sends much and reads little fills its buffers. */
    if (lane->flight.size == 0 || (lane->client.is_fat && below(sim, 12) != 0))
        return;
    CHECK(memcmp(lane->flight.data, lane->flight_copy, lane->flight.size) == 0);
    size_t size = lane->flight.size;
    if (below(sim, 4) == 0)
        size = 1 + below(sim, (uint32_t)size);
    sim_client_receive(&lane->client, &sim->world, span_of(lane->flight_copy, size));
    bool closed = lane->linked && size == lane->flight.size;
    uint64_t before = lingered;
    lane->flight = SPAN_EMPTY;
    lane->linked = false; /* when some are left it was in vain */
    apply(lane, conn_sent(&lane->conn, &sim->env, size));
    CHECK(!closed || (lane->closing && lingered == before));
}

static void step_fault(struct sim *sim, struct lane *lane)
{
    switch (below(sim, 8)) {
    case 0:
        apply(lane, conn_failed(&lane->conn, &sim->env, CONN_END_RECEIVE_ERROR));
        break;
    case 1:
        if (lane->flight.size > 0)
            apply(lane, conn_failed(&lane->conn, &sim->env, CONN_END_SEND_ERROR));
        break;
    case 2:
        if (lane->linked)
            break;
        lane->eof_given = true; /* in the middle of whatever it sends */
        apply(lane, conn_eof(&lane->conn, &sim->env));
        break;
    case 3:
        apply(lane, conn_stop(&lane->conn, &sim->env));
        break;
    default:
        break;
    }
}

/* The shell takes another snapshot; transfers go on where they can. */
static void renew(struct sim *sim, const struct snapshot *next)
{
    for (struct lane *lane = sim->lanes; lane < sim->lanes + CLIENTS; lane++)
        if (lane->live && !lane->closing && conn_has_file(&lane->conn))
            apply(lane, conn_renew(&lane->conn, &sim->env, next));
    sim->env.snapshot = next;
}

static void step_clock(struct sim *sim)
{
    static const uint64_t steps_ns[] = {1000000, 50000000, 900000000, 3 * SECOND_NS, 9 * SECOND_NS};
    struct sim_world *world = &sim->world;
    sim->env.now_ns += 1 + steps_ns[below(sim, 5)];
    uint64_t now_s = SIM_NOW_S + sim->env.now_ns / SECOND_NS;
    CHECK(now_s - SIM_NOW_S < SIM_SECONDS_MAX);
    if (now_s != world->now_s) {
        /* A snapshot comes and goes with the second, so that the model knows what there was. */
        bool ready = below(sim, 20) != 0;
        world->now_s = now_s;
        world->ready[now_s - SIM_NOW_S] = ready;
        uint32_t table = below(sim, SIM_TABLES);
        world->table[now_s - SIM_NOW_S] = (uint8_t)table;
        renew(sim, ready ? &world->snapshots[table] : NULL);
        answer_clock_set(&sim->env.clock, now_s);
    }
    for (struct lane *lane = sim->lanes; lane < sim->lanes + CLIENTS; lane++)
        if (lane->live && !lane->closing && lane->conn.deadline_ns <= sim->env.now_ns)
            apply(lane, conn_tick(&lane->conn, &sim->env));
}

static void step(struct sim *sim)
{
    struct lane *lane = &sim->lanes[below(sim, CLIENTS)];
    uint32_t dice = below(sim, 100);
    if (dice < 1 || (dice == 1 && below(sim, 2) == 0))
        step_clock(sim);
    else if (!lane->live)
        step_open(sim, lane);
    else if (lane->closing)
        step_release(sim, lane);
    else if (dice < 15)
        step_turn(sim);
    else if (dice < 60)
        step_receive(sim, lane);
    else if (dice < 98)
        step_sent(sim, lane);
    else
        step_fault(sim, lane);
}

static void check_lane(const struct sim *sim, const struct lane *lane)
{
    const struct conn_config *config = &sim->config;
    uint64_t longest_ns = config->idle_timeout_ns;
    if (lane->closing)
        return;
    CHECK(lane->conn.deadline_ns > sim->env.now_ns);
    CHECK(lane->conn.deadline_ns <= sim->env.now_ns + longest_ns);
    CHECK((lane->flight.size > 0) == (lane->conn.output_flight > 0));
}

static void check(const struct sim *sim)
{
    uint64_t outcomes = 0;
    uint64_t ends = 0;
    uint64_t open = 0;
    uint32_t inputs = 0;
    uint32_t outputs = 0;
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        outcomes += sim->counters[serve_counter_outcome((enum outcome)i)];
    for (unsigned i = 0; i < CONN_END_COUNT; i++)
        ends += sim->counters[serve_counter_end((enum conn_end)i)];
    for (const struct lane *lane = sim->lanes; lane < sim->lanes + CLIENTS; lane++) {
        if (!lane->live)
            continue;
        open += !lane->closing;
        inputs += lane->conn.input != NULL;
        outputs += lane->conn.output != NULL;
        check_lane(sim, lane);
    }
    CHECK(outcomes == sim->counters[SERVE_REQUESTS]);
    CHECK(ends + open == sim->counters[SERVE_OPENED]);
    CHECK(inputs + sim->inputs.free_count == sim->inputs.count);
    CHECK(outputs + sim->outputs.free_count == sim->outputs.count);
}

static void start(struct sim *sim, uint64_t seed)
{
    memset(sim, 0, sizeof *sim);
    sim_world_start(&sim->world, seed);
    sim->config = (struct conn_config){.idle_timeout_ns = 60 * SECOND_NS,
                                       .header_timeout_ns = 10 * SECOND_NS,
                                       .body_timeout_ns = 15 * SECOND_NS,
                                       .send_timeout_ns = 20 * SECOND_NS,
                                       .requests_max = below(sim, 3) == 0 ? 5 : 0};
    /* Sometimes too few buffers for all. */
    uint32_t buffers = below(sim, 3) != 0 ? CLIENTS : 8;
    enum err err = buffer_pool_start(&sim->inputs, buffers, CONN_INPUT_BYTES);
    CHECK(err == ERR_OK);
    err = buffer_pool_start(&sim->outputs, buffers, CONN_OUTPUT_BYTES);
    CHECK(err == ERR_OK);
    err = answer_config_set(&sim->answer, "/");
    CHECK(err == ERR_OK);
    sim->world.ready[0] = true;
    sim->env = (struct conn_env){.config = &sim->config,
                                 .answer = &sim->answer,
                                 .snapshot = &sim->world.snapshots[0],
                                 .inputs = &sim->inputs,
                                 .outputs = &sim->outputs,
                                 .counters = sim->counters};
    answer_clock_set(&sim->env.clock, SIM_NOW_S);
}

static void stop(struct sim *sim)
{
    for (struct lane *lane = sim->lanes; lane < sim->lanes + CLIENTS; lane++) {
        if (lane->live && !lane->closing)
            apply(lane, conn_failed(&lane->conn, &sim->env, CONN_END_SHELL));
        if (lane->live)
            step_release(sim, lane);
    }
    check(sim);
    CHECK(sim->released == sim->counters[SERVE_OPENED]);
    CHECK(sim->inputs.free_count == sim->inputs.count);
    CHECK(sim->outputs.free_count == sim->outputs.count);
    buffer_pool_stop(&sim->inputs);
    buffer_pool_stop(&sim->outputs);
    sim_world_stop(&sim->world);
}

static void run(struct sim *sim, uint64_t seed, uint64_t totals[static SERVE_COUNTER_COUNT])
{
    start(sim, seed);
    allocation_forbidden = true;
    for (uint32_t i = 0; i < STEPS; i++) {
        step(sim);
        check(sim);
    }
    allocation_forbidden = false;
    stop(sim);
    for (unsigned i = 0; i < SERVE_COUNTER_COUNT; i++)
        totals[i] += sim->counters[i];
}

/* A simulation that never gets somewhere proves nothing about it. */
static int report(uint64_t seeds, const uint64_t totals[static SERVE_COUNTER_COUNT])
{
    int unseen = 0;
    printf("%llu seeds, %llu requests, %llu connections\n", (unsigned long long)seeds,
           (unsigned long long)totals[SERVE_REQUESTS], (unsigned long long)totals[SERVE_OPENED]);
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        uint64_t n = totals[serve_counter_outcome((enum outcome)i)];
        printf("  %-20s %llu\n", outcome_info((enum outcome)i)->label, (unsigned long long)n);
        unseen += n == 0 && i != OUTCOME_MULTIPLE;
    }
    for (unsigned i = 0; i < CONN_END_COUNT; i++) {
        uint64_t n = totals[serve_counter_end((enum conn_end)i)];
        printf("  %-20s %llu\n", conn_end_label((enum conn_end)i), (unsigned long long)n);
        unseen += n == 0 && i != CONN_END_FILE_TIMEOUT; /* more time than a run has */
    }
    printf("  %-20s %llu\n", "pauses", (unsigned long long)totals[SERVE_PAUSES]);
    printf("  %-20s %llu\n", "batches", (unsigned long long)batches);
    printf("  %-20s %llu\n", "lingered", (unsigned long long)lingered);
    printf("  %-20s %llu\n", "linked", (unsigned long long)linked);
    unseen += (totals[SERVE_PAUSES] == 0) + (batches == 0) + (lingered == 0) + (linked == 0);
    if (unseen > 0 && seeds >= 100) {
        fprintf(stderr, "%d rows were never reached\n", unseen);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static uint64_t totals[SERVE_COUNTER_COUNT];
    static struct sim sim;
    uint64_t first = 1;
    uint64_t seeds = 100;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seeds") == 0)
            seeds = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--first") == 0)
            first = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            first = strtoull(argv[i + 1], NULL, 10), seeds = 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        /* A failed check aborts: the seed must be known by then. */
        fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
        run(&sim, seed, totals);
    }
    fprintf(stderr, "\r");
    return report(seeds, totals);
}

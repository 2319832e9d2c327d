/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated client of one connection: what it sends, and what it may receive for it. */
#pragma once

#include "edge/conn.h"
#include "tests/fixture/edge_fixture.h"

#define SIM_NOW_S        1800000000u
#define SIM_SECONDS_MAX  65536
#define SIM_STATEMENTS   64
#define SIM_REQUESTS_MAX 40
#define SIM_FILES        4
#define SIM_TABLES       2
/* From then on file 0 is past its time. */
#define SIM_FILE_EXPIRES_S 60
#define SIM_STREAM_MAX     (SIM_REQUESTS_MAX * 13000)

enum sim_file_how {
    SIM_FILE_WHOLE,
    SIM_FILE_PART,
    SIM_FILE_BEHIND,
    SIM_FILE_KNOWN,
    SIM_FILE_OTHER,
    SIM_FILE_DELETE,
    SIM_FILE_HOW_COUNT
};

/** What all clients of one run share. */
struct sim_world {
    struct fixture_random random;
    struct edge_fixture fixture;
    struct ocsp_template templates[2];
    struct fixture_statement statements[SIM_STATEMENTS]; /* sorted */
    bool ready[SIM_SECONDS_MAX];    /* whether there was a snapshot, by second since SIM_NOW_S */
    uint8_t table[SIM_SECONDS_MAX]; /* which snapshot it was */
    struct snapshot snapshots[SIM_TABLES]; /* the fixture's, each with other files */
    struct span blobs[SIM_FILES];
    struct sha256 blob_hashes[SIM_FILES];
    uint64_t now_s;
};

struct sim_expect {
    const struct fixture_statement *statement; /* NULL: not a known one */
    enum outcome outcome;                      /* when not decided by the statement */
    enum certid_hash hash;
    bool needs_ready; /* without a snapshot the outcome is NOT_READY */
    bool is_head;
    bool if_none_match;
    bool closes;
    bool is_file;
    uint32_t file;
    uint32_t file_how; /* enum sim_file_how */
    bool continues;    /* may be answered with 100 first */
};

struct sim_client {
    uint8_t stream[SIM_STREAM_MAX];
    size_t stream_size;
    size_t delivered;
    size_t ends[SIM_REQUESTS_MAX]; /* where each request ends in the stream */
    struct sim_expect expects[SIM_REQUESTS_MAX];
    uint32_t request_count;
    uint32_t response_count;
    bool is_garbage; /* its stream was damaged: answers only need to be well-formed */
    bool is_pipelined;
    bool is_fat;         /* long heads, sent whatever the edge says */
    bool final_seen;     /* an answer said "Connection: close" */
    bool timed_out_seen; /* 408 */
    uint64_t opened_s;
    uint8_t received[(1u << 20) + 4 * CONN_OUTPUT_BYTES];
    size_t received_size;
};

void sim_world_start(struct sim_world *world, uint64_t seed);
void sim_world_stop(struct sim_world *world);

/** A new client with a random stream. */
void sim_client_start(struct sim_client *client, struct sim_world *world);
/** Octets from the edge; checks every response that is complete. */
void sim_client_receive(struct sim_client *client, const struct sim_world *world,
                        struct span octets);
/** The most octets the client would send now: one that does not pipeline waits for its answer. */
size_t sim_client_ready_bytes(const struct sim_client *client);
/** The connection is over: what must have been answered has been. */
void sim_client_end(const struct sim_client *client, enum conn_end end, uint32_t requests_max);

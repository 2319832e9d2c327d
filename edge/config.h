/* SPDX-License-Identifier: Apache-2.0 */
/* edge.yaml. Paths in it are relative to its own folder. */
#pragma once

#include "edge/answer.h"
#include "edge/sync_config.h"
#include "lib/os/address.h"
#include "lib/os/config.h"
#include "lib/os/log.h"

#define EDGE_LISTEN_MAX  64
#define EDGE_WORKERS_MAX 256

/* key, default, min, max, what it is. The connection limits are per worker, but for the source
 * limit, which all workers share. */
#define EDGE_NUMBER_TABLE(X)                                                                      \
    X(workers, 0, 0, EDGE_WORKERS_MAX, "serving threads; 0: one a processor")                     \
    X(connections_max, 20000, 1, 1000000, "connections one worker holds")                         \
    X(connections_per_source_max, 1000, 0, 1000000, "connections of one source network; 0: any")  \
    X(source_v4_prefix_bits, 32, 1, 32, "what counts as one source in IPv4")                      \
    X(source_v6_prefix_bits, 56, 1, 64, "what counts as one source in IPv6")                      \
    X(requests_per_connection_max, 0, 0, UINT32_MAX, "then the connection is closed; 0: any")     \
    X(idle_timeout_s, 60, 1, 86400, "between two requests of a connection, and before the first") \
    X(header_timeout_s, 10, 1, 3600, "from a request's first octet to the end of its head")       \
    X(body_timeout_s, 10, 1, 3600, "from the end of the head to the end of the body")             \
    X(send_timeout_s, 20, 1, 3600, "a client takes nothing of an answer for this long")           \
    X(drain_timeout_s, 15, 0, 3600, "what a graceful stop waits for connections to finish")       \
    X(receive_buffers, 1024, 64, 32768, "receive buffers of one worker, a power of two")          \
    X(input_buffers, 1024, 16, 65536, "requests in parts that one worker holds at a time")        \
    X(output_buffers, 2048, 16, 65536, "connections of one worker that are being answered")       \
    X(head_age_max_s, 1800, 1, 30 * 86400, "older news from the publication is unhealthy")        \
    X(stale_permille_max, 10, 0, 1000, "more answers past their nextUpdate are unhealthy")        \
    X(map_bytes, SYNC_MAP_BYTES_DEFAULT, 1u << 20, CYAML_UNLIMITED,                               \
      "how far the store may grow (a sparse file)")                                               \
    X(poll_ms, SYNC_POLL_MS_DEFAULT, 10, 3600 * 1000, "how often the head is asked for")          \
    X(index_when_behind, SYNC_INDEX_WHEN_BEHIND_DEFAULT, 1, UINT32_MAX,                           \
      "log entries behind the head after which the index is faster")                              \
    X(connect_timeout_s, SYNC_CONNECT_TIMEOUT_S_DEFAULT, 1, 600, "to connect to an origin")       \
    X(stall_timeout_s, SYNC_STALL_TIMEOUT_S_DEFAULT, 1, 3600, "a transfer without progress")

struct edge_config {
    struct sync_config sync;
    struct answer_config answer;
    struct address listen[2 * EDGE_LISTEN_MAX]; /* those of clients, then those for relaying */
    unsigned listen_count;
    unsigned relay_listen_count;
    bool has_admin;
    struct address admin;
    const char *user; /* serve runs as; NULL: as who started it */
    enum log_level log_level;
#define X(name, fallback, min, max, text) uint64_t name;
    EDGE_NUMBER_TABLE(X)
#undef X
    void *file; /* owns the strings */
};

/** Reads and checks. On failure ERR_CONFIG (or ERR_NOT_FOUND, ERR_IO, ERR_MEMORY) and one readable
 *  line in `message`. */
MUST_CHECK enum err edge_config_load(const char *path, struct edge_config **ret,
                                     char message[static CONFIG_MESSAGE_BYTES]);
/** Takes NULL, returns NULL. */
struct edge_config *edge_config_free(struct edge_config *config);
/** The number table for people: key, default, least value, what it is. */
void edge_config_help(void);

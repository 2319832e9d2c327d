/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer's HTTPS server: what handlers and the program see of it.
 *
 * One event-loop thread reads whole requests and writes answers over non-blocking TLS; worker
 * threads run handlers. So a slow client holds a connection, never a worker, and every phase of a
 * connection has a deadline. A handler that has to wait for something PARKS its request: the loop
 * keeps it without a worker and has it called again after https_server_ring(), each second, at the
 * time the handler named, and once more when the server stops.
 *
 * Heads are read by lib/http_request.h. Bodies need Content-Length (no chunks). One request at a
 * time a connection; what a client sends ahead waits in its buffer. Paths are compared as sent,
 * never decoded or normalised. A request reaches a handler only by a route of the listener it came
 * in by, and only when the listener's `authorize` gave its caller one of the route's roles. What is
 * refused is answered with a problem document (issuer/problem.h). Every answer carries Request-Id.
 *
 * TLS 1.2 and 1.3, no renegotiation, no session tickets, no early data; ALPN "http/1.1" or none. */
#pragma once

#include "issuer/problem.h"
#include "lib/digest.h"
#include "lib/http_request.h"
#include "lib/metrics.h"
#include "lib/os/address.h"
#include "lib/os/file.h"

/* Boulder has this limit: a request for a certificate with a hundred names is far below. */
#define HTTPS_BODY_BYTES_MAX    50000
#define HTTPS_PARAMS_MAX        2
#define HTTPS_REQUEST_ID_BYTES  33 /* 32 hex digits, NUL */
#define HTTPS_COMMON_NAME_BYTES 65 /* RFC 5280: 64 characters */
#define HTTPS_ACTOR_BYTES       80
#define HTTPS_CUSTOMER_BYTES    65
#define HTTPS_PERSON_BYTES      65
#define HTTPS_LOCATION_BYTES    256
#define HTTPS_LINK_BYTES        600
#define HTTPS_LISTENERS_MAX     2
#define HTTPS_WORKERS_MAX       64
/* However long a handler wants to wait: later it is told `last_call`. */
#define HTTPS_PARK_S_MAX 120

/* Who is at the other end, by TLS alone. */
struct https_peer {
    bool has_certificate;                      /* verified against the listener's client CA */
    char common_name[HTTPS_COMMON_NAME_BYTES]; /* of the certificate: its only CN when that is plain
                                                  visible ASCII, else empty */
    struct sha256 fingerprint;                 /* of the certificate's DER */
    uint64_t not_after_s; /* of the certificate: a connection may outlive it, its rights do not */
    struct address address;
};

/* What `authorize` makes of it. `roles` are bits that the routes and `authorize` agree on. */
struct https_actor {
    uint32_t roles;
    char name[HTTPS_ACTOR_BYTES];    /* for audit events: "key:...", "cert:..." */
    char person[HTTPS_PERSON_BYTES]; /* whose key or certificate it is: an operator, a presigner */
    char customer[HTTPS_CUSTOMER_BYTES]; /* whose orders and certificates; empty: not a customer */
};

/* What a handler keeps between the calls for a parked request. `drop` (NULL without a state) is
 * called once with it when the request is answered or given up, on a worker or the loop. */
struct https_slot {
    void *state;
    void (*drop)(void *state);
};

/* All spans live until the answer is given, also while the request is parked. */
struct https_request {
    enum http_method method; /* HEAD comes as GET: the server leaves the body out */
    struct span path;
    struct span params[HTTPS_PARAMS_MAX]; /* what stood for {...} in the route's pattern */
    struct span query;                    /* without "?"; see issuer/https_query.h */
    struct span content_type;
    struct span head; /* for https_field() */
    struct span body;
    const struct https_peer *peer;
    const struct https_actor *actor;
    const char *request_id;
    struct https_slot *slot;
    uint32_t park_count;      /* 0 at the first call */
    uint64_t parked_since_ns; /* monotonic: of the first call */
    bool last_call;           /* HTTPS_PARKED is no longer an answer: it becomes 503 */
};

/* Zeroed before each call, except that `status` is 200. The server frees the body. */
struct https_response {
    uint16_t status;
    const char *content_type; /* static; NULL without a body */
    struct buffer body;
    char location[HTTPS_LOCATION_BYTES]; /* empty: no Location */
    char link[HTTPS_LINK_BYTES];         /* empty: no Link */
    uint32_t retry_after_s;              /* 0: no Retry-After */
    uint64_t park_until_ns;              /* HTTPS_PARKED: call again then at the latest; 0: only
                                            each second and after a ring */
};

enum https_done { HTTPS_ANSWERED, HTTPS_PARKED };

/** Runs on a worker. `server` and `worker` are the contexts of https_options. */
typedef enum https_done (*https_handler)(void *server, void *worker,
                                         const struct https_request *request,
                                         struct https_response *response);

/* Rows with the same pattern stand together; the one with a NULL pattern ends the table. */
struct https_route {
    enum http_method method; /* GET (HEAD too) or POST */
    const char *pattern;     /* "/v1/certificate/{id}/chain": "{...}" is one segment of letters,
                                digits and "-._~" */
    https_handler handler;
    uint32_t roles;           /* any of these is enough; 0: open to everybody */
    uint32_t body_bytes_max;  /* 0: no body; at most HTTPS_BODY_BYTES_MAX */
    const char *content_type; /* of the body, without parameters; else 415. NULL: any */
};

/** Runs on a worker before the handler of a route that has roles. Sets `ret` or refuses with a
 *  problem: UNAUTHORIZED when nobody is recognised (the answer asks for a Bearer key, RFC 6750),
 *  REGISTRY when it cannot tell. Whether the roles suffice is the server's judgement. */
typedef enum err (*https_authorize)(void *server, void *worker, const struct https_request *request,
                                    struct https_actor *ret, struct problem *why);

/* PEM files. */
struct https_tls {
    const char *certificate; /* the chain, leaf first */
    const char *key;
    const char *client_ca; /* NULL: no client certificates; else none without one gets in */
};

struct https_listener {
    const char *name; /* for logs: "public", "internal" */
    struct address address;
    struct https_tls tls;
    const struct https_route *routes;
    https_authorize authorize;
    uint32_t connections_max;
    uint32_t connections_per_source_max; /* a source: an IPv4 address, an IPv6 /64; 0: no limit */
};

/* How long a connection may stay in a phase. The body's includes its transfer, not the head's. */
#define HTTPS_DEADLINE_TABLE(X) \
    X(handshake, 10000)         \
    X(idle, 60000)              \
    X(head, 10000)              \
    X(body, 20000)              \
    X(queue, 10000)             \
    X(write, 30000)

struct https_deadlines {
#define X(name, default_ms) uint32_t name##_ms;
    HTTPS_DEADLINE_TABLE(X)
#undef X
};
extern const struct https_deadlines https_deadlines_usual;

/* All of it stays borrowed until https_server_stop(). */
struct https_options {
    const struct https_listener *listeners;
    uint32_t listener_count;
    uint32_t worker_count; /* 0: two a processor; at most HTTPS_WORKERS_MAX */
    struct https_deadlines deadlines;
    void *server; /* for handlers; they share it */
    /* In the worker's own thread, before its first and after its last request; may both be NULL.
     * When a worker cannot start, the server does not. */
    enum err (*worker_start)(void *server, uint32_t index, void **ret_worker);
    void (*worker_stop)(void *server, void *worker);
};

#define HTTPS_ERROR_BYTES 256
struct https_error {
    char text[HTTPS_ERROR_BYTES]; /* one line for the operator */
};

struct https_server;

/** Binds, reads certificates and keys, starts the threads. ERR_IO, ERR_KEY (a file is not usable),
 *  ERR_CRYPTO, ERR_MEMORY, or what worker_start() returned; `ret_error` says what, always. */
MUST_CHECK enum err https_server_start(const struct https_options *options,
                                       struct https_server **ret, struct https_error *ret_error);
/** The bound address, for port 0. */
void https_server_address(const struct https_server *server, uint32_t listener,
                          struct address *ret);
/** Has every parked request called again. Any thread, any number of times; cheap. */
void https_server_ring(struct https_server *server);
/** Reads the listener's files again, or those of `tls` when it is not NULL (borrowed from then on).
 *  On failure the listener goes on with what it has. Connections that live keep the certificate
 * that they were shown; those whose client certificate does not count any more by the new client CA
 * are closed, parked requests with them, and what a worker has is still answered. Any thread.
 * ERR_KEY, ERR_CRYPTO. */
MUST_CHECK enum err https_server_reload(struct https_server *server, uint32_t listener,
                                        const struct https_tls *tls, struct https_error *ret_error);
/** When the listener's own certificate expires. */
uint64_t https_server_not_after_s(struct https_server *server, uint32_t listener);
/** No new connections; idle ones are closed, requests under way and parked ones (their last call)
 *  are answered, for `wait_ms` at most; joins all threads. Takes NULL, returns NULL. */
struct https_server *https_server_stop(struct https_server *server, uint32_t wait_ms);

/* For /metrics. Connections, requests and answers of all listeners together. */
#define HTTPS_COUNTER_TABLE(X)                                                            \
    X(connections, GAUGE, "Connections that are open")                                    \
    X(parked, GAUGE, "Requests that wait without a worker")                               \
    X(queued, GAUGE, "Requests that wait for a worker")                                   \
    X(busy, GAUGE, "Requests that a worker has")                                          \
    X(accepted, COUNTER, "Connections accepted")                                          \
    X(source_refused, COUNTER, "Connections closed because their source had too many")    \
    X(evicted, COUNTER, "Idle connections closed to make room for new ones")              \
    X(handshakes, COUNTER, "TLS handshakes completed")                                    \
    X(handshake_failures, COUNTER, "TLS handshakes that failed")                          \
    X(distrusted, COUNTER, "Connections closed after a reload took their client CA away") \
    X(requests, COUNTER, "Requests read")                                                 \
    X(answers_ok, COUNTER, "Answers with a status below 400")                             \
    X(answers_refused, COUNTER, "Answers with a status from 400 to 499")                  \
    X(answers_failed, COUNTER, "Answers with a status from 500 on")                       \
    X(late_handshake, COUNTER, "Connections closed: the handshake took too long")         \
    X(late_idle, COUNTER, "Connections closed: nothing came")                             \
    X(late_head, COUNTER, "Requests refused: the head took too long")                     \
    X(late_body, COUNTER, "Requests refused: the body took too long")                     \
    X(late_queue, COUNTER, "Requests refused: no worker in time")                         \
    X(late_write, COUNTER, "Connections closed: the answer was not taken in time")

enum https_counter {
#define X(name, kind, help) HTTPS_COUNTER_##name,
    HTTPS_COUNTER_TABLE(X)
#undef X
        HTTPS_COUNTER_COUNT
};
extern const struct metric_row https_counter_rows[HTTPS_COUNTER_COUNT];
/** Any thread. */
uint64_t https_server_counter(const struct https_server *server, enum https_counter counter);

/* For handlers. */

/** The value of the first field with this name (any case), without spaces around it. false: none.
 *  `ret_repeated` (may be NULL): whether there are more. */
bool https_field(struct span head, const char *name, struct span *ret, bool *ret_repeated);
/** Makes the response the problem's document, with its status. */
void https_answer_problem(const struct https_request *request, const struct problem *problem,
                          struct https_response *response);
/** Appends to the body; out of memory: false, and the response became a 500. */
bool https_answer_body(struct https_response *response, const char *content_type, struct span body);

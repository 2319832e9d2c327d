/* SPDX-License-Identifier: Apache-2.0 */
/* The server's threads: many clients, rings, reloads, readers of counters and a stop, all at once.
 * What it says on the wire is judged by tests/system/test_issuer_https.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <signal.h>

#include <cmocka.h>

#include "issuer/https.h"
#include "lib/os/clock.h"
#include "tests/unit/https_client.h"
#include "tests/unit/scratch.h"

#define CLIENTS             6
#define REQUESTS_EACH       24
#define REQUESTS_CONNECTION 8
#define PARKED              3
#define STOP_MS             30000

struct world {
    struct https_server *server;
    struct address address;
    SSL_CTX *client;
    uint64_t started, stopped, dropped, answered; /* atomic */
    enum err start_err;                           /* of the second worker */
    bool is_done;                                 /* atomic */
};

static uint64_t add(uint64_t *counter)
{
    return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static enum err worker_start(void *server, uint32_t index, void **ret_worker)
{
    struct world *w = server;
    if (index == 1 && w->start_err != ERR_OK)
        return w->start_err;
    *ret_worker = calloc(1, 1);
    add(&w->started);
    return ERR_OK;
}

static void worker_stop(void *server, void *worker)
{
    add(&((struct world *)server)->stopped);
    free(worker);
}

static enum https_done echo(void *server, void *worker, const struct https_request *request,
                            struct https_response *response)
{
    struct world *w = server;
    assert_non_null(worker);
    add(&w->answered);
    https_answer_body(response, "text/plain", request->params[0]);
    if (request->body.size > 0)
        https_answer_body(response, "text/plain", request->body);
    https_server_ring(w->server); /* for those who are parked */
    return HTTPS_ANSWERED;
}

static void drop(void *state)
{
    struct world **w = state;
    add(&(*w)->dropped);
    free(state);
}

static enum https_done wait_for_last_call(void *server, void *worker,
                                          const struct https_request *request,
                                          struct https_response *response)
{
    (void)worker;
    if (request->slot->state == NULL) {
        struct world **state = malloc(sizeof *state);
        *state = server;
        *request->slot = (struct https_slot){.state = state, .drop = drop};
    }
    if (!request->last_call)
        return HTTPS_PARKED;
    https_answer_body(response, "text/plain", span_text("last"));
    return HTTPS_ANSWERED;
}

static const struct https_route routes[] = {
    {HTTP_GET, "/echo/{word}", echo, 0, 0, NULL},
    {HTTP_POST, "/echo/{word}", echo, 0, 1000, NULL},
    {HTTP_GET, "/wait", wait_for_last_call, 0, 0, NULL},
    {HTTP_GET, NULL, NULL, 0, 0, NULL},
};

static char folder[SCRATCH_BYTES], certificate[SCRATCH_BYTES + 16], key[SCRATCH_BYTES + 16];

static int make_files(void **state)
{
    (void)state;
    scratch_make(folder);
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    https_client_make_files(certificate, key);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    scratch_remove(folder);
    return 0;
}

/* `listener` and `options` live as long as the server. */
static enum err start(struct world *w, struct https_listener *listener,
                      struct https_options *options, struct https_error *error)
{
    *listener = (struct https_listener){
        .name = "test", .tls = {certificate, key, NULL}, .routes = routes, .connections_max = 64};
    assert_int_equal(address_from_text(span_text("127.0.0.1:0"), &listener->address), ERR_OK);
    *options = (struct https_options){.listeners = listener,
                                      .listener_count = 1,
                                      .worker_count = 3,
                                      .deadlines = https_deadlines_usual,
                                      .server = w,
                                      .worker_start = worker_start,
                                      .worker_stop = worker_stop};
    TRY(https_server_start(options, &w->server, error));
    https_server_address(w->server, 0, &w->address);
    return ERR_OK;
}

static void ask(struct https_client *c, unsigned number)
{
    char text[512], expected[64];
    if (number % 2 == 0)
        snprintf(text, sizeof text, "GET /echo/%u HTTP/1.1\r\nHost: a\r\n\r\n", number);
    else
        snprintf(text, sizeof text,
                 "POST /echo/%u HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", number);
    snprintf(expected, sizeof expected, "\r\n\r\n%u%s", number, number % 2 == 0 ? "" : "abc");
    https_client_send(c, text);
    CHECK(https_client_receive(c, text, sizeof text));
    CHECK(strstr(text, expected) != NULL);
}

struct asker {
    struct world *world;
    unsigned first;
    pthread_t thread;
};

static void *run_asker(void *argument)
{
    struct asker *a = argument;
    for (unsigned i = 0; i < REQUESTS_EACH; i += REQUESTS_CONNECTION) {
        struct https_client c = https_client_open(a->world->client, &a->world->address);
        for (unsigned j = 0; j < REQUESTS_CONNECTION; j++)
            ask(&c, a->first + i + j);
        https_client_close(&c);
    }
    return NULL;
}

static void *run_reloader(void *argument)
{
    struct world *w = argument;
    struct https_error error;
    while (!__atomic_load_n(&w->is_done, __ATOMIC_ACQUIRE)) {
        CHECK(https_server_reload(w->server, 0, NULL, &error) == ERR_OK);
        CHECK(https_server_not_after_s(w->server, 0) > clock_wall_s());
        for (enum https_counter i = 0; i < HTTPS_COUNTER_COUNT; i++)
            (void)https_server_counter(w->server, i);
    }
    return NULL;
}

static void wait_for(const struct https_server *server, enum https_counter counter, uint64_t value)
{
    uint64_t end_ns = clock_monotonic_ns() + HTTPS_CLIENT_PATIENCE_S * 1000000000ull;
    while (https_server_counter(server, counter) != value) {
        assert_true(clock_monotonic_ns() < end_ns);
        usleep(1000);
    }
}

static void open_parked(struct world *w, struct https_client *parked)
{
    for (size_t i = 0; i < PARKED; i++) {
        parked[i] = https_client_open(w->client, &w->address);
        https_client_send(&parked[i], "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    }
}

static void *run_stopper(void *argument)
{
    struct world *w = argument;
    w->server = https_server_stop(w->server, STOP_MS);
    return NULL;
}

/* The last call answers them; then their connections end. */
static void stop_with_parked(struct world *w, struct https_client *parked)
{
    char text[512];
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, run_stopper, w), 0);
    for (size_t i = 0; i < PARKED; i++) {
        assert_true(https_client_receive(&parked[i], text, sizeof text));
        assert_non_null(strstr(text, "\r\n\r\nlast"));
        assert_non_null(strstr(text, "Connection: close"));
        assert_false(https_client_receive(&parked[i], text, sizeof text));
        https_client_close(&parked[i]);
    }
    assert_int_equal(pthread_join(stopper, NULL), 0);
}

static void test_everything_at_once(void **state)
{
    struct world w = {.client = SSL_CTX_new(TLS_client_method())};
    struct https_listener listener;
    struct https_options options;
    struct https_error error;
    struct asker askers[CLIENTS];
    struct https_client parked[PARKED];
    pthread_t reloader;
    (void)state;
    assert_int_equal(start(&w, &listener, &options, &error), ERR_OK);
    open_parked(&w, parked);
    assert_int_equal(pthread_create(&reloader, NULL, run_reloader, &w), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        askers[i] = (struct asker){.world = &w, .first = i * REQUESTS_EACH};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, run_asker, &askers[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
    __atomic_store_n(&w.is_done, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(reloader, NULL), 0);
    wait_for(w.server, HTTPS_COUNTER_parked, PARKED);
    wait_for(w.server, HTTPS_COUNTER_busy, 0);
    assert_int_equal(https_server_counter(w.server, HTTPS_COUNTER_answers_ok),
                     CLIENTS * REQUESTS_EACH);
    assert_int_equal(https_server_counter(w.server, HTTPS_COUNTER_requests),
                     CLIENTS * REQUESTS_EACH + PARKED);
    stop_with_parked(&w, parked);
    assert_int_equal(w.answered, CLIENTS * REQUESTS_EACH);
    assert_int_equal(w.dropped, PARKED);
    assert_int_equal(w.started, 3);
    assert_int_equal(w.stopped, 3);
    SSL_CTX_free(w.client);
}

/* Clients that do not go: the stop does not wait for them longer than it was told. */
static void test_a_stop_in_a_hurry(void **state)
{
    struct world w = {.client = SSL_CTX_new(TLS_client_method())};
    struct https_listener listener;
    struct https_options options;
    struct https_error error;
    struct https_client parked[PARKED], half;
    (void)state;
    assert_int_equal(start(&w, &listener, &options, &error), ERR_OK);
    open_parked(&w, parked);
    half = https_client_open(w.client, &w.address);
    https_client_send(&half, "GET /echo");
    wait_for(w.server, HTTPS_COUNTER_parked, PARKED);
    w.server = https_server_stop(w.server, 0);
    assert_int_equal(w.dropped, PARKED);
    assert_int_equal(w.stopped, 3);
    for (size_t i = 0; i < PARKED; i++)
        https_client_close(&parked[i]);
    https_client_close(&half);
    SSL_CTX_free(w.client);
}

static void test_starts_that_fail(void **state)
{
    struct world w = {.start_err = ERR_STORE};
    struct https_listener listener;
    struct https_options options;
    struct https_error error = {0};
    (void)state;
    assert_int_equal(start(&w, &listener, &options, &error), ERR_STORE);
    assert_true(error.text[0] != '\0');
    assert_int_equal(w.started, w.stopped);
    w.start_err = ERR_OK;
    const char *right = key;
    char nowhere[sizeof key + 2];
    snprintf(nowhere, sizeof nowhere, "%s.x", right);
    listener.tls.key = nowhere;
    assert_int_equal(https_server_start(&options, &w.server, &error), ERR_KEY);
    assert_non_null(strstr(error.text, nowhere));
    assert_null(https_server_stop(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test(test_a_stop_in_a_hurry),
        cmocka_unit_test(test_starts_that_fail),
    };
    signal(SIGPIPE, SIG_IGN); /* clients write to connections that the server has left */
    return cmocka_run_group_tests(tests, make_files, remove_files);
}

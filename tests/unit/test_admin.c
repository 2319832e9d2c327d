/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/admin.h"
#include "lib/os/clock.h"

#define PATIENCE_MS       20000
#define BIG_PAGE_BYTES    (ADMIN_RESPONSE_BYTES_MAX - 1)
#define ANSWER_BYTES_MAX  (ADMIN_RESPONSE_BYTES_MAX + 4096)
#define HALF_SECOND_IN_NS 500000000u

static unsigned write_metrics(void *context, struct text_writer *w)
{
    counter_add(context, 1);
    text_writer_format(w, "requests 7\n");
    return 200;
}

static unsigned write_health(void *context, struct text_writer *w)
{
    (void)context;
    text_writer_format(w, "stale\n");
    return 503;
}

static unsigned write_spaces(struct text_writer *w, int size)
{
    text_writer_format(w, "%*s", size, "");
    return 200;
}

static unsigned write_big(void *context, struct text_writer *w)
{
    (void)context;
    return write_spaces(w, BIG_PAGE_BYTES);
}

static unsigned write_too_big(void *context, struct text_writer *w)
{
    (void)context;
    return write_spaces(w, BIG_PAGE_BYTES + 1);
}

static const struct admin_page pages[] = {
    {"/metrics", "text/plain; version=0.0.4", write_metrics},
    {"/healthz", "text/plain", write_health},
    {"/big", "text/html", write_big},
    {"/too-big", "text/html", write_too_big},
    {0},
};

static uint64_t visits;
static struct admin *admin;
static struct address address;
static char *answer; /* ANSWER_BYTES_MAX */

static int start(void **state)
{
    (void)state;
    struct address any;
    answer = malloc(ANSWER_BYTES_MAX);
    if (answer == NULL || address_from_text(span_text("127.0.0.1:0"), &any) != ERR_OK ||
        admin_start(&any, pages, &visits, &admin) != ERR_OK)
        return -1;
    admin_address(admin, &address);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    admin = admin_stop(admin);
    free(answer);
    return admin == NULL && admin_stop(NULL) == NULL ? 0 : -1;
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &address.sa.any, address.size), 0);
    return fd;
}

static void send_text(int fd, struct span text)
{
    assert_int_equal(send(fd, text.data, text.size, MSG_NOSIGNAL), text.size);
}

/* Until the server closes; false when it does not in time. */
static bool receive(int fd)
{
    size_t size = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, PATIENCE_MS) == 1) {
        ssize_t n = recv(fd, answer + size, ANSWER_BYTES_MAX - 1 - size, 0);
        if (n <= 0) {
            answer[size] = '\0';
            return n == 0;
        }
        size += (size_t)n;
    }
    return false;
}

static const struct {
    const char *request, *status_line, *field, *body;
} rows[] = {
    {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 11\r\n", "requests 7\n"},
    {"GET /metrics?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\nConnection: close\r\n",
     "requests 7\n"},
    {"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "\r\nContent-Length: 11\r\n", ""},
    {"GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n",
     "\r\nCache-Control: no-store\r\n", "stale\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
     "\r\nDate: ", "404 Not Found\n"},
    {"HEAD /metric HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
     "\r\nContent-Length: 14\r\n", ""},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n",
     "\r\nAllow: GET, HEAD\r\n", "405 Method Not Allowed\n"},
    {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
     "HTTP/1.1 405 Method Not Allowed\r\n", "\r\nAllow: GET, HEAD\r\n", "405 Method Not Allowed\n"},
    {"GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n",
     "\r\nDate: ", "400 Bad Request\n"},
    {"GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n",
     "\r\nDate: ", "505 HTTP Version Not Supported\n"},
    {"GET /too-big HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 500 Internal Server Error\r\n",
     "\r\nContent-Type: text/plain", "500 Internal Server Error\n"},
};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = dial();
        send_text(fd, span_text(rows[i].request));
        assert_true(receive(fd));
        close(fd);
        const char *body = strstr(answer, "\r\n\r\n");
        assert_memory_equal(answer, rows[i].status_line, strlen(rows[i].status_line));
        assert_non_null(strstr(answer, rows[i].field));
        assert_string_equal(body + 4, rows[i].body);
    }
    assert_int_equal(counter_get(&visits), 3);
}

static void answers_in_pieces(void **state)
{
    (void)state;
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = dial();
    for (size_t i = 0; i < sizeof request - 1; i++)
        send_text(fd, span_of(request + i, 1));
    assert_true(receive(fd));
    close(fd);
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
}

static void sends_big_pages_whole(void **state)
{
    (void)state;
    /* Less than a page, so that it goes in pieces; more than a segment, or the kernel waits before
     * each. */
    int fd = dial(), room = 65536;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    send_text(fd, span_text("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(receive(fd));
    close(fd);
    assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), BIG_PAGE_BYTES);
}

/* Silent and half-sent clients hold every place until their deadline; then others are served. */
static void outlives_slow_clients(void **state)
{
    (void)state;
    if (getenv("STATIM_FULL") == NULL)
        skip(); /* takes ADMIN_TIMEOUT_S */
    int slow[ADMIN_CONNECTIONS_MAX];
    uint64_t begin_ns = clock_monotonic_ns();
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        slow[i] = dial();
        if (i % 2)
            send_text(slow[i], span_text("GET /metrics HTTP/1.1\r\nHost:"));
    }
    int fd = dial();
    send_text(fd, span_text("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(receive(fd));
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
    close(fd);
    uint64_t took_ns = clock_monotonic_ns() - begin_ns;
    assert_true(took_ns >= ADMIN_TIMEOUT_S * 1000000000ull - HALF_SECOND_IN_NS);
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        close(slow[i]);
}

static void survives_vanishing_clients(void **state)
{
    (void)state;
    struct linger reset = {.l_onoff = 1};
    for (int i = 0; i < 200; i++) {
        int fd = dial();
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        send_text(fd, span_text("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
        close(fd);
    }
    int fd = dial();
    send_text(fd, span_text("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(receive(fd));
    close(fd);
}

static void reports_taken_addresses(void **state)
{
    (void)state;
    struct admin *second = NULL;
    assert_int_equal(admin_start(&address, pages, &visits, &second), ERR_IO);
    assert_int_equal(errno, EADDRINUSE);
    assert_null(second);
}

static void listens_on_ipv6(void **state)
{
    (void)state;
    struct admin *second = NULL;
    struct address any, bound;
    char text[ADDRESS_TEXT_BYTES];
    assert_int_equal(address_from_text(span_text("[::1]:0"), &any), ERR_OK);
    enum err err = admin_start(&any, pages, &visits, &second);
    if (err == ERR_IO && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
        skip(); /* a host without IPv6 */
    assert_int_equal(err, ERR_OK);
    admin_address(second, &bound);
    address_to_text(&bound, text);
    assert_memory_equal(text, "[::1]:", 6);
    assert_int_not_equal(bound.sa.v6.sin6_port, 0);
    assert_null(admin_stop(second));
}

static void *end(void *argument)
{
    return admin_stop(argument);
}

/* Two servers at one socket: when one is asked to stop, whoever it has accepted gets an answer, and
 * those who come are the other one's. */
static void hands_over(void **state)
{
    (void)state;
    struct address any;
    struct admin *old = NULL, *next = NULL;
    pthread_t stopping;
    int listener = -1;
    assert_int_equal(address_from_text(span_text("127.0.0.1:0"), &any), ERR_OK);
    assert_int_equal(admin_listen(&any, &listener), ERR_OK);
    int other = dup(listener);
    assert_int_equal(admin_start_on(listener, pages, &visits, &old), ERR_OK);
    struct address ours = address;
    admin_address(old, &address);
    int fd = dial();
    send_text(fd, span_text("GET /metrics HTTP/1.1\r\n"));
    int again = dial(); /* answered: so the first one was accepted before */
    send_text(again, span_text("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(receive(again));
    close(again);
    assert_int_equal(pthread_create(&stopping, NULL, end, old), 0);
    assert_int_equal(admin_start_on(other, pages, &visits, &next), ERR_OK);
    send_text(fd, span_text("Host: a\r\n\r\n"));
    assert_true(receive(fd));
    close(fd);
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
    assert_int_equal(pthread_join(stopping, NULL), 0);
    fd = dial();
    send_text(fd, span_text("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(receive(fd));
    close(fd);
    admin_stop(next);
    address = ours;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(answers_in_pieces),
        cmocka_unit_test(sends_big_pages_whole),
        cmocka_unit_test(survives_vanishing_clients),
        cmocka_unit_test(outlives_slow_clients),
        cmocka_unit_test(reports_taken_addresses),
        cmocka_unit_test(listens_on_ipv6),
        cmocka_unit_test(hands_over),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

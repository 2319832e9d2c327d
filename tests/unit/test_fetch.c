/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/fetch.h"
#include "lib/check.h"
#include "lib/os/file.h"
#include "tests/unit/store_fixture.h"

#define LARGE (3u << 20) /* above FETCH_PART_BYTES */
#define HALF  (LARGE / 2)

/* A server that does what the path says, one connection at a time. */
static struct {
    int listener;
    pthread_t thread;
    uint8_t *content; /* LARGE octets */
    char last_request[4096];
    unsigned requests;
} server;

static char directory[STORE_FIXTURE_PATH];
static char part[STORE_FIXTURE_PATH + 16];
static char origin[64];
static bool stop_now;

static void send_all(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += n;
        size -= (size_t)n;
    }
}

static void send_text(int fd, const char *text)
{
    send_all(fd, text, strlen(text));
}

static void send_range(int fd, const char *request)
{
    unsigned long from = 0;
    const char *range = strstr(request, "Range: bytes=");
    if (range != NULL)
        from = strtoul(range + strlen("Range: bytes="), NULL, 10);
    char head[200];
    snprintf(head, sizeof head,
             "HTTP/1.1 %s\r\nContent-Length: %lu\r\nContent-Range: bytes %lu-%u/%u\r\n"
             "Connection: close\r\n\r\n",
             range != NULL ? "206 Partial Content" : "200 OK", LARGE - from, from, LARGE - 1,
             LARGE);
    send_text(fd, head);
    send_all(fd, server.content + from, LARGE - from);
}

static void send_large(int fd, size_t size)
{
    char head[200];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Length: %u\r\nConnection: close\r\n\r\n", LARGE);
    send_text(fd, head);
    send_all(fd, server.content, size);
}

/* Never stalls for long, never comes to an end in good time. */
static void send_drop_by_drop(int fd)
{
    send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        struct pollfd gone = {.fd = fd, .events = POLLIN | POLLRDHUP};
        send_text(fd, "x");
        if (poll(&gone, 1, 100) > 0)
            return;
    }
}

static void answer(int fd, const char *request)
{
    if (strncmp(request, "GET /pub/small ", 15) == 0)
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsmall");
    else if (strncmp(request, "GET /pub/endless ", 17) == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        send_all(fd, server.content, LARGE);
    } else if (strncmp(request, "GET /pub/moved ", 15) == 0)
        send_text(fd, "HTTP/1.1 302 Found\r\nLocation: /pub/small\r\nContent-Length: 0\r\n"
                      "Connection: close\r\n\r\n");
    else if (strncmp(request, "GET /pub/broken ", 16) == 0)
        send_text(fd, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    else if (strncmp(request, "GET /pub/half ", 14) == 0)
        send_large(fd, HALF);
    else if (strncmp(request, "GET /pub/whole ", 15) == 0)
        send_large(fd, LARGE);
    else if (strncmp(request, "GET /pub/range ", 15) == 0)
        send_range(fd, request);
    else if (strncmp(request, "GET /pub/norange ", 17) == 0)
        send_text(fd, strstr(request, "Range:") != NULL
                          ? "HTTP/1.1 416 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                          : "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    else if (strncmp(request, "GET /pub/stall ", 15) == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
        char end;
        (void)recv(fd, &end, 1, 0); /* until the client gives up */
    } else if (strncmp(request, "GET /pub/drip ", 14) == 0) {
        send_drop_by_drop(fd);
    } else
        send_text(fd, "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void *serve(void *context)
{
    (void)context;
    for (;;) {
        int fd = accept(server.listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        size_t size = 0;
        char *request = server.last_request;
        memset(request, 0, sizeof server.last_request);
        while (strstr(request, "\r\n\r\n") == NULL) {
            ssize_t n = recv(fd, request + size, sizeof server.last_request - 1 - size, 0);
            if (n <= 0)
                break;
            size += (size_t)n;
        }
        server.requests++;
        answer(fd, request);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
}

static int start(void **state)
{
    (void)state;
    fixture_directory(directory);
    snprintf(part, sizeof part, "%s/x.part", directory);
    server.content = malloc(LARGE);
    CHECK(server.content != NULL);
    uint64_t random = 4;
    for (size_t i = 0; i < LARGE; i += 8) {
        uint64_t v = fixture_random(&random);
        memcpy(server.content + i, &v, 8);
    }
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    CHECK(bind(server.listener, (struct sockaddr *)&address, size) == 0);
    CHECK(listen(server.listener, 5) == 0);
    CHECK(getsockname(server.listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(origin, sizeof origin, "http://127.0.0.1:%u/pub", ntohs(address.sin_port));
    return pthread_create(&server.thread, NULL, serve, NULL);
}

static int finish(void **state)
{
    (void)state;
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    free(server.content);
    fixture_remove(directory);
    return 0;
}

static bool asked_to_stop(void *context)
{
    (void)context;
    return stop_now;
}

/* Only who is to be given up is given up soon: a busy machine may be slow with the others. */
static bool is_too_slow(const char *path)
{
    return strcmp(path, "stall") == 0 || strcmp(path, "drip") == 0;
}

static enum err get_from(char *from, const char *path, uint64_t bytes_max, bool in_part,
                         struct buffer *ret)
{
    char *origins[] = {from};
    struct sync_config config = {.origins = origins,
                                 .origins_count = 1,
                                 .connect_timeout_s = 20,
                                 .stall_timeout_s = is_too_slow(path) ? 1 : 20};
    struct fetcher *fetcher;
    TRY(fetcher_new(&config, asked_to_stop, NULL, &fetcher));
    enum err err = fetcher_get(fetcher, 0, path, bytes_max, in_part ? part : NULL, ret);
    fetcher_free(fetcher);
    return err;
}

static void one_request_each(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint64_t bytes_max;
        enum err err;
    } rows[] = {
        {"small", 5, ERR_OK},       {"small", 4, ERR_LIMIT}, {"missing", 100, ERR_NOT_FOUND},
        {"broken", 100, ERR_IO},    {"moved", 100, ERR_IO},  {"endless", 100000, ERR_LIMIT},
        {"endless", LARGE, ERR_OK}, {"half", LARGE, ERR_IO}, {"whole", LARGE - 1, ERR_LIMIT},
        {"whole", LARGE, ERR_OK},   {"stall", 100, ERR_IO},  {"drip", 100, ERR_IO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer got = {0};
        unsigned before = server.requests;
        enum err err = get_from(origin, rows[i].path, rows[i].bytes_max, false, &got);
        if (err != rows[i].err)
            fail_msg("%s: %s", rows[i].path, err_text(err));
        assert_int_equal(server.requests, before + 1);
        if (err == ERR_OK && rows[i].bytes_max == LARGE)
            assert_true(span_equal(span_of(got.data, got.size), span_of(server.content, LARGE)));
        buffer_done(&got);
    }
    char nobody[] = "http://127.0.0.1:1/";
    struct buffer got = {0};
    assert_int_equal(get_from(nobody, "small", 100, false, &got), ERR_IO);
    stop_now = true;
    assert_int_equal(get_from(origin, "stall", 100, false, &got), ERR_STOPPED);
    stop_now = false;
    buffer_done(&got);
}

static off_t part_size(void)
{
    struct stat st;
    return stat(part, &st) == 0 ? st.st_size : -1;
}

static void check_whole(const struct buffer *got)
{
    assert_true(span_equal(span_of(got->data, got->size), span_of(server.content, LARGE)));
    assert_int_equal(part_size(), -1);
}

static void downloads_go_on(void **state)
{
    (void)state;
    struct buffer got = {0};
    char want[64];
    snprintf(want, sizeof want, "Range: bytes=%u-", HALF);
    /* Broken off in the middle, then the rest. */
    assert_int_equal(get_from(origin, "half", LARGE, true, &got), ERR_IO);
    assert_int_equal(part_size(), HALF);
    assert_int_equal(get_from(origin, "range", LARGE, true, &got), ERR_OK);
    assert_non_null(strstr(server.last_request, want));
    check_whole(&got);
    /* Nobody there in between: the part stays. */
    char nobody[] = "http://127.0.0.1:1/";
    assert_int_equal(get_from(origin, "half", LARGE, true, &got), ERR_IO);
    assert_int_equal(get_from(nobody, "range", LARGE, true, &got), ERR_IO);
    assert_int_equal(part_size(), HALF);
    assert_int_equal(get_from(origin, "range", LARGE, true, &got), ERR_OK);
    check_whole(&got);
    /* A server that sends all of it again. */
    assert_int_equal(get_from(origin, "half", LARGE, true, &got), ERR_IO);
    assert_int_equal(get_from(origin, "whole", LARGE, true, &got), ERR_OK);
    check_whole(&got);
    /* A server that cannot go on from there: the part is dropped. */
    assert_int_equal(get_from(origin, "half", LARGE, true, &got), ERR_IO);
    assert_int_equal(get_from(origin, "norange", LARGE, true, &got), ERR_IO);
    assert_int_equal(part_size(), -1);
    /* A part as long as the file: from the start. */
    assert_int_equal(file_publish(part, span_of(server.content, LARGE), 0600), ERR_OK);
    assert_int_equal(get_from(origin, "range", LARGE, true, &got), ERR_OK);
    assert_null(strstr(server.last_request, "Range:"));
    check_whole(&got);
    buffer_done(&got);
}

static void folders_are_origins(void **state)
{
    (void)state;
    char url[STORE_FIXTURE_PATH + 16];
    char file[STORE_FIXTURE_PATH + 16];
    snprintf(url, sizeof url, "file://%s", directory);
    snprintf(file, sizeof file, "%s/head", directory);
    assert_int_equal(file_publish(file, span_text("a head"), 0600), ERR_OK);
    char *origins[] = {directory, url};
    for (size_t i = 0; i < 2; i++) {
        struct buffer got = {0};
        assert_int_equal(get_from(origins[i], "head", 6, false, &got), ERR_OK);
        assert_true(span_equal(span_of(got.data, got.size), span_text("a head")));
        assert_int_equal(get_from(origins[i], "head", 5, false, &got), ERR_LIMIT);
        assert_int_equal(get_from(origins[i], "log/1", 5, false, &got), ERR_NOT_FOUND);
        buffer_done(&got);
    }
    char bad[][20] = {"ftp://host/", "file://host/x", ""};
    for (size_t i = 0; i < 3; i++) {
        struct buffer got = {0};
        assert_int_equal(get_from(bad[i], "head", 5, false, &got), ERR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_request_each),
        cmocka_unit_test(downloads_go_on),
        cmocka_unit_test(folders_are_origins),
    };
    return cmocka_run_group_tests(tests, start, finish);
}

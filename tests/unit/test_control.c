/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's control socket: answers, limits, and clients that do not behave. */
#include "bpf/control.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/lock.h"

#define NS_PER_S   1000000000u
#define TURNS_MAX  10000
#define BIG_BYTES  (2u << 20)
#define TEXT_BYTES 4096

static char folder[] = "/tmp/statim-test-control-XXXXXX";
static char path[sizeof folder + 16];
static uint64_t now_ns = NS_PER_S;
static unsigned asked;

/* {"big":true} is answered with more than a socket takes at once. */
static json_t *answer(void *context, const json_t *request)
{
    assert_ptr_equal(context, &asked);
    asked++;
    if (!json_is_true(json_object_get(request, "big")))
        return json_pack("{s:b, s:O}", "ok", 1, "said", request);
    char *text = malloc(BIG_BYTES + 1);
    assert_non_null(text);
    memset(text, 'x', BIG_BYTES);
    text[BIG_BYTES] = '\0';
    json_t *big = json_pack("{s:b, s:s}", "ok", 1, "text", text);
    free(text);
    return big;
}

static struct control *open_control(void)
{
    char message[CONTROL_MESSAGE_BYTES] = "";
    struct control *c = NULL;
    asked = 0;
    if (control_open(path, answer, &asked, &c, message) != ERR_OK)
        fail_msg("%s", message);
    return c;
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Runs the control until something of the client arrives; what is there. */
static size_t hear(struct control *c, int fd, char *out, size_t size)
{
    for (unsigned i = 0; i < TURNS_MAX; i++) {
        control_run(c, now_ns);
        ssize_t n = recv(fd, out, size - 1, 0);
        if (n >= 0) {
            out[n] = '\0';
            return (size_t)n;
        }
        assert_true(errno == EAGAIN || errno == ECONNRESET);
        if (errno == ECONNRESET)
            return 0;
    }
    fail_msg("nothing comes");
    return 0;
}

static void expect(struct control *c, int fd, const char *text)
{
    char got[TEXT_BYTES];
    (void)hear(c, fd, got, sizeof got);
    assert_string_equal(got, text);
}

static void expect_end(struct control *c, int fd)
{
    char got[TEXT_BYTES];
    assert_int_equal(hear(c, fd, got, sizeof got), 0);
    close(fd);
}

static void answers_in_order(void **state)
{
    (void)state;
    struct control *c = open_control();
    int fd = dial();
    say(fd, "{\"n\":1}\n{\"n\":2}\n{\"n\"");
    char got[TEXT_BYTES];
    size_t size = 0;
    while (memchr(got, '2', size) == NULL || got[size - 1] != '\n')
        size += hear(c, fd, got + size, sizeof got - size);
    assert_string_equal(got,
                        "{\"ok\":true,\"said\":{\"n\":1}}\n{\"ok\":true,\"said\":{\"n\":2}}\n");
    say(fd, ":3}\n");
    expect(c, fd, "{\"ok\":true,\"said\":{\"n\":3}}\n");
    assert_int_equal(asked, 3);
    close(fd);
    control_close(c);
}

/* More whole lines than one turn answers, with the end of the connection right behind. */
static void answers_after_the_end(void **state)
{
    (void)state;
    struct control *c = open_control();
    int fd = dial();
    for (unsigned i = 0; i < 20; i++)
        say(fd, "{}\n");
    say(fd, "{\"lost\":");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    char got[TEXT_BYTES];
    unsigned lines = 0;
    for (size_t n; (n = hear(c, fd, got, sizeof got)) > 0;)
        for (size_t i = 0; i < n; i++)
            lines += got[i] == '\n';
    assert_int_equal(lines, 20);
    assert_int_equal(asked, 20);
    close(fd);
    control_close(c);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"[1]\n", "\n", "{\"a\":1,\"a\":2}\n", "nonsense\n",
                                      "{} {}\n"};
    struct control *c = open_control();
    int fd = dial();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        say(fd, bad[i]);
        expect(c, fd, "{\"ok\":false,\"error\":\"a request is a JSON object in one line\"}\n");
    }
    say(fd, "{}\n");
    expect(c, fd, "{\"ok\":true,\"said\":{}}\n");
    assert_int_equal(asked, 1);
    close(fd);
    control_close(c);
}

static void refuses_long_lines(void **state)
{
    (void)state;
    struct control *c = open_control();
    int fd = dial();
    char line[CONTROL_REQUEST_BYTES_MAX + 1];
    memset(line, ' ', sizeof line);
    line[sizeof line - 1] = '\0';
    say(fd, line);
    expect(c, fd, "{\"ok\":false,\"error\":\"a request of more than its limit\"}\n");
    expect_end(c, fd);
    assert_int_equal(asked, 0);
    control_close(c);
}

/* A client that takes nothing is cut off in time; another is served meanwhile. */
static void slow_client_holds_nobody(void **state)
{
    (void)state;
    struct control *c = open_control();
    int slow = dial(), quick = dial();
    say(slow, "{\"big\":true}\n");
    while (asked == 0)
        control_run(c, now_ns);
    say(quick, "{}\n");
    expect(c, quick, "{\"ok\":true,\"said\":{}}\n");
    now_ns += CONTROL_TIMEOUT_S * (uint64_t)NS_PER_S - 1;
    control_run(c, now_ns);
    char *got = malloc(BIG_BYTES);
    assert_non_null(got);
    now_ns += 1;
    control_run(c, now_ns);
    size_t size = 0;
    for (size_t n; (n = hear(c, slow, got, BIG_BYTES)) > 0;)
        size += n;
    assert_true(size > 0 && size < BIG_BYTES);
    free(got);
    close(slow);
    close(quick);
    control_close(c);
}

static void big_answers_arrive_whole(void **state)
{
    (void)state;
    struct control *c = open_control();
    int fd = dial();
    say(fd, "{\"big\":true}\n{}\n");
    char *got = malloc(2 * BIG_BYTES);
    assert_non_null(got);
    size_t size = 0;
    while (size < 2 || got[size - 1] != '\n' || strstr(got + BIG_BYTES, "said") == NULL)
        size += hear(c, fd, got + size, 2 * BIG_BYTES - size);
    assert_memory_equal(got, "{\"ok\":true,\"text\":\"xxx", 21);
    assert_string_equal(got + size - strlen("{\"ok\":true,\"said\":{}}\n"),
                        "{\"ok\":true,\"said\":{}}\n");
    free(got);
    close(fd);
    control_close(c);
}

static void silent_clients_end(void **state)
{
    (void)state;
    struct control *c = open_control();
    int never = dial(), half = dial(), idle = dial();
    say(half, "{\"a\"");
    say(idle, "{}\n");
    expect(c, idle, "{\"ok\":true,\"said\":{}}\n");
    now_ns += CONTROL_TIMEOUT_S * (uint64_t)NS_PER_S;
    expect_end(c, never);
    expect_end(c, half);
    say(idle, "{}\n");
    expect(c, idle, "{\"ok\":true,\"said\":{}}\n");
    now_ns += CONTROL_IDLE_S * (uint64_t)NS_PER_S;
    expect_end(c, idle);
    control_close(c);
}

static void many_clients_wait(void **state)
{
    (void)state;
    struct control *c = open_control();
    int fds[CONTROL_CONNECTIONS_MAX + 1];
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        fds[i] = dial();
    control_run(c, now_ns);
    fds[CONTROL_CONNECTIONS_MAX] = dial();
    say(fds[CONTROL_CONNECTIONS_MAX], "{}\n");
    for (unsigned i = 0; i < 10; i++)
        control_run(c, now_ns);
    assert_int_equal(asked, 0);
    close(fds[3]);
    expect(c, fds[CONTROL_CONNECTIONS_MAX], "{\"ok\":true,\"said\":{}}\n");
    for (size_t i = 0; i <= CONTROL_CONNECTIONS_MAX; i++)
        if (i != 3)
            close(fds[i]);
    control_close(c);
}

static enum err open_again(char message[static CONTROL_MESSAGE_BYTES])
{
    struct control *c = NULL;
    enum err err = control_open(path, answer, &asked, &c, message);
    assert_true((err == ERR_OK) == (c != NULL));
    control_close(c);
    return err;
}

static void the_socket(void **state)
{
    (void)state;
    char message[CONTROL_MESSAGE_BYTES] = "";
    struct stat info;
    struct control *c = open_control();
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(open_again(message), ERR_BUSY);
    assert_non_null(strstr(message, "another agent listens there"));
    int fd = dial();
    say(fd, "{}\n"); /* the one that is there was not harmed */
    expect(c, fd, "{\"ok\":true,\"said\":{}}\n");
    close(fd);
    control_close(c);
    assert_int_equal(stat(path, &info), -1);
    /* One that was killed leaves the file. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    assert_int_equal(open_again(message), ERR_OK);
    /* What is no socket is not ours. */
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_int_equal(open_again(message), ERR_EXISTS);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(unlink(path), 0);
}

/* Another agent is between bind() and listen(): its socket looks like one that was left. */
static void one_that_starts_is_left_alone(void **state)
{
    (void)state;
    char message[CONTROL_MESSAGE_BYTES] = "", lock_path[sizeof path + 8];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat before, after;
    int lock = -1;
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    assert_int_equal(lock_file_take(lock_path, "test", "here", &lock), ERR_OK);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(open_again(message), ERR_BUSY);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    /* It was killed: the lock went with it. */
    close(fd);
    lock_drop(lock);
    assert_int_equal(open_again(message), ERR_OK);
}

static void path_too_long(void **state)
{
    (void)state;
    char message[CONTROL_MESSAGE_BYTES] = "", name[200];
    struct control *c = NULL;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(control_open(name, answer, &asked, &c, message), ERR_LIMIT);
    assert_null(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_in_order),
        cmocka_unit_test(answers_after_the_end),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_long_lines),
        cmocka_unit_test(slow_client_holds_nobody),
        cmocka_unit_test(big_answers_arrive_whole),
        cmocka_unit_test(silent_clients_end),
        cmocka_unit_test(many_clients_wait),
        cmocka_unit_test(the_socket),
        cmocka_unit_test(one_that_starts_is_left_alone),
        cmocka_unit_test(path_too_long),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/control", folder);
    int status = cmocka_run_group_tests(tests, NULL, NULL);
    char lock_path[sizeof path + 8];
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    unlink(lock_path);
    return rmdir(folder) == 0 ? status : 1;
}

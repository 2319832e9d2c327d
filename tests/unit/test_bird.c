/* SPDX-License-Identifier: Apache-2.0 */
/* The route through a BIRD that answers in pieces, late, with refusals, with nonsense, or closes.
 */
#include "bpf/bird.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/clock.h"
#include "tests/unit/scratch.h"

#define PROTOCOLS   4u
#define LINE_BYTES  128
#define HISTORY_MAX 64
#define NS_PER_MS   UINT64_C(1000000)
#define GREETING    "0001 BIRD 2.0.12 ready.\n"

enum manner {
    PLAIN,
    PIECES,  /* an octet a send */
    SLOW_UP, /* a protocol is in between for two looks */
    SILENT,  /* greets and says no more */
    CLOSES,  /* after the first command */
    REFUSES, /* enable and disable */
    BABBLES,
    STATELESS, /* no row of the protocol */
};

/* A BIRD double: one connection after the other. */
struct double_bird {
    pthread_t thread;
    int listener;
    enum manner manner;
    const char *names[PROTOCOLS];
    bool up[PROTOCOLS];
    unsigned between;                      /* looks that still see it changing */
    char history[HISTORY_MAX][LINE_BYTES]; /* commands other than looks */
    unsigned history_count;
};

static char folder[SCRATCH_BYTES];
static char path[SCRATCH_BYTES + 8];

static void say(const struct double_bird *b, int fd, const char *text)
{
    size_t size = strlen(text), step = b->manner == PIECES ? 1 : size;
    for (size_t at = 0; at < size; at += step)
        if (send(fd, text + at, step, MSG_NOSIGNAL) < 0)
            return;
}

static void show(struct double_bird *b, int fd, unsigned i)
{
    char text[512];
    const char *state = b->up[i] ? "up" : "down";
    if (b->between > 0 && b->between-- > 0)
        state = "start";
    (void)snprintf(text, sizeof text,
                   "2002-Name       Proto      Table      State  Since         Info\n"
                   "1002-%s Static     master4    %-6s 05:26:49.187  \n0000 \n",
                   b->manner == STATELESS ? "another" : b->names[i], state);
    say(b, fd, text);
}

static void change(struct double_bird *b, int fd, unsigned i, bool up)
{
    char text[LINE_BYTES];
    if (b->manner == REFUSES) {
        say(b, fd, "8007 Access denied\n");
        return;
    }
    b->up[i] = up;
    b->between = b->manner == SLOW_UP ? 2 : 0;
    (void)snprintf(text, sizeof text, "%s-%s: %s\n0000 \n", up ? "0011" : "0009", b->names[i],
                   up ? "enabled" : "disabled");
    say(b, fd, text);
}

static void answer(struct double_bird *b, int fd, const char *line)
{
    char verb[LINE_BYTES], name[LINE_BYTES];
    if (sscanf(line, "%[a-z ]\"%[^\"]\"", verb, name) != 2)
        abort();
    bool shows = strcmp(verb, "show protocols ") == 0;
    if (!shows && b->history_count < HISTORY_MAX)
        (void)snprintf(b->history[b->history_count++], LINE_BYTES, "%.60s%.60s", verb, name);
    for (unsigned i = 0; i < PROTOCOLS; i++) {
        if (b->names[i] == NULL || strcmp(b->names[i], name) != 0)
            continue;
        if (shows)
            show(b, fd, i);
        else
            change(b, fd, i, strcmp(verb, "enable ") == 0);
        return;
    }
    say(b, fd, "8003 No protocols match\n");
}

static void serve(struct double_bird *b, int fd)
{
    char line[LINE_BYTES];
    size_t size = 0;
    say(b, fd, b->manner == BABBLES ? "220 mail.example.org ESMTP\n" : GREETING);
    while (size < sizeof line && recv(fd, line + size, 1, 0) == 1) {
        if (line[size++] != '\n')
            continue;
        line[size - 1] = '\0';
        size = 0;
        if (b->manner == CLOSES)
            return;
        if (b->manner != SILENT)
            answer(b, fd, line);
    }
}

static void *run(void *context)
{
    struct double_bird *b = context;
    int fd;
    while ((fd = accept(b->listener, NULL, NULL)) >= 0) {
        serve(b, fd);
        close(fd);
    }
    return NULL;
}

static void start(struct double_bird *b, enum manner manner)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *b = (struct double_bird){.manner = manner,
                              .names = {"normal4", "low4", "normal6", "low6"},
                              .up = {true, false, true, false}};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    (void)unlink(path);
    b->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(b->listener >= 0);
    assert_int_equal(bind(b->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(b->listener, 4), 0);
    assert_int_equal(pthread_create(&b->thread, NULL, run, b), 0);
}

static void stop(struct double_bird *b)
{
    assert_int_equal(shutdown(b->listener, SHUT_RDWR), 0);
    assert_int_equal(pthread_join(b->thread, NULL), 0);
    close(b->listener);
}

static struct route_driver *driver_new(bool both, bool low)
{
    struct route_driver *driver = NULL;
    const struct bird_config config = {
        .socket = path,
        .protocols = {{"normal4", low ? "low4" : NULL},
                      {both ? "normal6" : NULL, both && low ? "low6" : NULL}}};
    assert_int_equal(bird_route_new(&config, &driver), ERR_OK);
    assert_int_equal(route_watch(driver), ERR_OK);
    return driver;
}

/* One action with a BIRD of that manner; what came of it, and how long it took. */
static enum err once(struct double_bird *b, enum manner manner, enum route_action action,
                     char message[static ROUTE_MESSAGE_BYTES], uint64_t *ret_ms)
{
    start(b, manner);
    struct route_driver *driver = driver_new(true, true);
    uint64_t began_ns = clock_monotonic_ns();
    message[0] = '\0';
    enum err err = route_set(driver, action, message);
    *ret_ms = (clock_monotonic_ns() - began_ns) / NS_PER_MS;
    route_free(driver);
    stop(b);
    return err;
}

static void actions(void **state)
{
    (void)state;
    static struct double_bird b;
    char message[ROUTE_MESSAGE_BYTES] = "";
    static const enum manner manners[] = {PLAIN, PIECES, SLOW_UP};
    for (unsigned i = 0; i < sizeof manners / sizeof *manners; i++) {
        start(&b, manners[i]);
        struct route_driver *driver = driver_new(true, true);
        /* As it is already: nothing is told. */
        assert_int_equal(route_set(driver, ROUTE_ANNOUNCE, message), ERR_OK);
        assert_int_equal(b.history_count, 0);
        assert_int_equal(route_set(driver, ROUTE_DEPREFER, message), ERR_OK);
        assert_int_equal(route_set(driver, ROUTE_WITHDRAW, message), ERR_OK);
        assert_int_equal(route_set(driver, ROUTE_ANNOUNCE, message), ERR_OK);
        route_free(driver);
        stop(&b);
        static const char *const expected[] = {
            "enable low4",  "disable normal4", "enable low6",    "disable normal6",
            "disable low4", "disable low6",    "enable normal4", "enable normal6",
        };
        assert_int_equal(b.history_count, 8);
        for (unsigned k = 0; k < 8; k++)
            assert_string_equal(b.history[k], expected[k]);
    }
}

static void without_a_low_one(void **state)
{
    (void)state;
    static struct double_bird b;
    char message[ROUTE_MESSAGE_BYTES] = "";
    start(&b, PLAIN);
    struct route_driver *driver = driver_new(false, false);
    assert_int_equal(route_set(driver, ROUTE_DEPREFER, message), ERR_OK);
    assert_int_equal(b.history_count, 0);
    assert_int_equal(route_set(driver, ROUTE_WITHDRAW, message), ERR_OK);
    assert_int_equal(route_set(driver, ROUTE_DEPREFER, message), ERR_OK);
    assert_true(b.up[0]);
    assert_int_equal(b.history_count, 2);
    route_free(driver);
    stop(&b);
}

static void troubles(void **state)
{
    (void)state;
    static struct double_bird b;
    static const struct {
        enum manner manner;
        enum err err;
        const char *says;
    } rows[] = {
        {SILENT, ERR_IO, "BIRD: not done within 2000 ms"},
        {CLOSES, ERR_IO, "BIRD: closed the connection"},
        {REFUSES, ERR_CONFLICT, "BIRD: enable \"low6\": Access denied"},
        {BABBLES, ERR_MALFORMED, "BIRD: its reply: the input does not have the required form"},
        {STATELESS, ERR_MALFORMED, "BIRD: no state of low4 in its reply"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char message[ROUTE_MESSAGE_BYTES];
        uint64_t took_ms = 0;
        assert_int_equal(once(&b, rows[i].manner, ROUTE_DEPREFER, message, &took_ms), rows[i].err);
        assert_string_equal(message, rows[i].says);
        assert_true(took_ms < 2 * ROUTE_TIMEOUT_MS);
        /* The old one stays until the new one is there. */
        assert_true(b.up[0] && b.up[2]);
    }
}

static void an_unknown_protocol(void **state)
{
    (void)state;
    static struct double_bird b;
    char message[ROUTE_MESSAGE_BYTES] = "";
    start(&b, PLAIN);
    b.names[1] = NULL;
    struct route_driver *driver = driver_new(true, true);
    assert_int_equal(route_set(driver, ROUTE_DEPREFER, message), ERR_NOT_FOUND);
    assert_string_equal(message, "BIRD: show protocols \"low4\": No protocols match");
    /* IPv4 stays as it was, IPv6 is as it is wanted. */
    assert_true(b.up[0] && !b.up[2] && b.up[3]);
    route_free(driver);
    stop(&b);
}

static void no_bird(void **state)
{
    (void)state;
    char message[ROUTE_MESSAGE_BYTES] = "";
    (void)unlink(path);
    struct route_driver *driver = driver_new(true, true);
    assert_int_equal(route_set(driver, ROUTE_WITHDRAW, message), ERR_IO);
    assert_non_null(strstr(message, "No such file"));
    assert_null(route_free(driver));
    assert_null(route_free(NULL));
}

static void too_long(void **state)
{
    (void)state;
    char name[BIRD_PROTOCOL_BYTES_MAX + 2];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    struct route_driver *driver = NULL;
    struct bird_config config = {.socket = path, .protocols = {{name, NULL}}};
    assert_int_equal(bird_route_new(&config, &driver), ERR_LIMIT);
    name[sizeof name - 2] = '\0';
    assert_int_equal(bird_route_new(&config, &driver), ERR_OK);
    route_free(driver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions),  cmocka_unit_test(without_a_low_one),
        cmocka_unit_test(troubles), cmocka_unit_test(an_unknown_protocol),
        cmocka_unit_test(no_bird),  cmocka_unit_test(too_long),
    };
    scratch_make(folder);
    (void)snprintf(path, sizeof path, "%s/ctl", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(folder);
    return failed;
}

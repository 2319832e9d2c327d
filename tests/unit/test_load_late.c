/* SPDX-License-Identifier: Apache-2.0 */
/* A generator that does not run at the end of its stretch, as on a machine that is too busy: when
 * it goes on, each request that was due ends once, and so does the stretch. */
#include <stdarg.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load/run.h"

/* Of the stretch: a request times out, its connection cools down, is stopped then, and goes on long
 * after the time that those at the end have. */
#define RATE_PER_S 100
#define DURATION_S 0.3
#define TIMEOUT_S  0.1
#define STOP_MS    160
#define STOPPED_MS 500
#define TOO_LONG_S 60

/* A child that stops this process, and lets it go on. */
static pid_t stop_later(void)
{
    pid_t parent = getpid(), child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)poll(NULL, 0, STOP_MS);
        (void)kill(parent, SIGSTOP);
        (void)poll(NULL, 0, STOPPED_MS);
        _exit(kill(parent, SIGCONT) == 0 ? 0 : 1);
    }
    return child;
}

/* Nobody accepts there: the kernel takes connection and request, and nothing is answered. */
static int silent_listener(struct load_options *o)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    memcpy(&o->address, &address, sizeof address);
    o->address_size = size;
    (void)snprintf(o->port, sizeof o->port, "%u", ntohs(address.sin_port));
    return fd;
}

static void stopped_over_the_end(void **state)
{
    (void)state;
    (void)alarm(TOO_LONG_S);
    struct load_options o = {.host = "127.0.0.1",
                             .prefix = "/",
                             .paths = {"/a"},
                             .path_count = 1,
                             .seed = 1,
                             .signature_sample = 1,
                             .connections = 1,
                             .threads = 1,
                             .duration_s = DURATION_S,
                             .timeout_s = TIMEOUT_S};
    struct load_target *target = NULL;
    struct load_result result;
    uint64_t sum = 0;
    int status = 0, fd = silent_listener(&o);
    assert_int_equal(load_target_new(&o, &target), ERR_OK);
    pid_t child = stop_later();
    assert_int_equal(load_run(&o, target, RATE_PER_S, NULL, NULL, &result), ERR_OK);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (unsigned i = 0; i < LOAD_END_COUNT; i++)
        sum += result.ends[i];
    assert_int_equal(sum, result.due);
    assert_int_equal(result.ends[LOAD_END_TIMEOUT] + result.ends[LOAD_END_UNSENT], result.due);
    load_result_done(&result);
    load_target_free(target);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stopped_over_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

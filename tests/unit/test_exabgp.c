/* SPDX-License-Identifier: Apache-2.0 */
/* The route through an ExaBGP that answers, refuses, is late, says more than it was asked, and
 * ends. */
#include "bpf/exabgp.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define LINES_BYTES 4096

/* What is said to each command; NULL: nothing. */
struct double_exabgp {
    pthread_t thread;
    int commands[2], answers[2]; /* read end, write end */
    const char *answer;
    char told[LINES_BYTES];
    struct route_driver *driver;
};

static void say(const struct double_exabgp *d, const char *text)
{
    assert_int_equal(write(d->answers[1], text, strlen(text)), strlen(text));
}

static void *run(void *context)
{
    struct double_exabgp *d = context;
    size_t size = 0;
    while (size < LINES_BYTES - 1 && read(d->commands[0], d->told + size, 1) == 1)
        if (d->told[size++] == '\n' && d->answer != NULL)
            say(d, d->answer);
    return NULL;
}

static struct prefix prefix_of_text(const char *text)
{
    struct prefix prefix;
    assert_int_equal(prefix_parse(span_text(text), &prefix), ERR_OK);
    return prefix;
}

static void start(struct double_exabgp *d, const char *answer)
{
    *d = (struct double_exabgp){.answer = answer};
    assert_int_equal(pipe(d->commands), 0);
    assert_int_equal(pipe(d->answers), 0);
    const struct prefix prefixes[] = {prefix_of_text("192.0.2.53"),
                                      prefix_of_text("2001:db8:53::/48")};
    const struct exabgp_config config = {.prefixes = prefixes,
                                         .prefix_count = 2,
                                         .hop = "self",
                                         .low_attributes = "med 1000 community [65535:0]",
                                         .commands_fd = d->commands[1],
                                         .answers_fd = d->answers[0]};
    assert_int_equal(exabgp_route_new(&config, &d->driver), ERR_OK);
    assert_int_equal(pthread_create(&d->thread, NULL, run, d), 0);
}

/* After it d->told is whole. */
static void stop(struct double_exabgp *d)
{
    assert_null(route_free(d->driver));
    close(d->commands[1]);
    assert_int_equal(pthread_join(d->thread, NULL), 0);
    close(d->commands[0]);
    close(d->answers[0]);
    if (d->answers[1] >= 0)
        close(d->answers[1]);
}

#define WITHDRAWALS                                \
    "withdraw route 192.0.2.53/32 next-hop self\n" \
    "withdraw route 2001:db8:53::/48 next-hop self\n"
#define ANNOUNCEMENTS                              \
    "announce route 192.0.2.53/32 next-hop self\n" \
    "announce route 2001:db8:53::/48 next-hop self\n"
#define LOW_ANNOUNCEMENTS                                                       \
    "announce route 192.0.2.53/32 next-hop self med 1000 community [65535:0]\n" \
    "announce route 2001:db8:53::/48 next-hop self med 1000 community [65535:0]\n"

static void actions(void **state)
{
    (void)state;
    static struct double_exabgp d;
    char message[ROUTE_MESSAGE_BYTES] = "";
    start(&d, "neighbor 192.0.2.1 up\ndone\n");
    static const enum route_action wanted[] = {ROUTE_WITHDRAW, ROUTE_ANNOUNCE, ROUTE_ANNOUNCE,
                                               ROUTE_DEPREFER, ROUTE_WITHDRAW};
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_int_equal(route_set(d.driver, wanted[i], message), ERR_OK);
        assert_int_equal(route_watch(d.driver), ERR_OK);
    }
    stop(&d);
    assert_string_equal(d.told, WITHDRAWALS ANNOUNCEMENTS LOW_ANNOUNCEMENTS WITHDRAWALS);
}

static void refusals(void **state)
{
    (void)state;
    static struct double_exabgp d;
    char message[ROUTE_MESSAGE_BYTES] = "";
    start(&d, "error\n");
    assert_int_equal(route_set(d.driver, ROUTE_ANNOUNCE, message), ERR_CONFLICT);
    assert_string_equal(message, "ExaBGP: refused 2 of 2 commands: see its log");
    /* Not done, so it is told again. */
    assert_int_equal(route_set(d.driver, ROUTE_ANNOUNCE, message), ERR_CONFLICT);
    stop(&d);
    assert_string_equal(d.told, ANNOUNCEMENTS ANNOUNCEMENTS);
}

static void late_answers(void **state)
{
    (void)state;
    static struct double_exabgp d;
    char message[ROUTE_MESSAGE_BYTES] = "";
    start(&d, NULL);
    assert_int_equal(route_set(d.driver, ROUTE_ANNOUNCE, message), ERR_IO);
    assert_string_equal(message, "ExaBGP: no answer (is api.ack on?) within 2000 ms");
    /* No answer to an old command is taken for one to a new command. */
    say(&d, "done\ndo");
    assert_int_equal(route_set(d.driver, ROUTE_WITHDRAW, message), ERR_BUSY);
    assert_string_equal(message, "ExaBGP: 1 answers are owed (is api.ack on?)");
    d.answer = "error\n";
    say(&d, "ne\n");
    assert_int_equal(route_set(d.driver, ROUTE_WITHDRAW, message), ERR_CONFLICT);
    stop(&d);
    assert_string_equal(d.told, ANNOUNCEMENTS WITHDRAWALS);
}

static void its_end(void **state)
{
    (void)state;
    static struct double_exabgp d;
    char message[ROUTE_MESSAGE_BYTES] = "";
    start(&d, "done\n");
    say(&d, "shutdown\n");
    assert_int_equal(route_watch(d.driver), ERR_STOPPED);
    assert_int_equal(route_set(d.driver, ROUTE_ANNOUNCE, message), ERR_STOPPED);
    stop(&d);
    start(&d, "done\n");
    assert_int_equal(route_set(d.driver, ROUTE_ANNOUNCE, message), ERR_OK);
    close(d.answers[1]);
    d.answers[1] = -1;
    assert_int_equal(route_watch(d.driver), ERR_STOPPED);
    assert_int_equal(route_set(d.driver, ROUTE_ANNOUNCE, message), ERR_STOPPED);
    assert_string_equal(message, "ExaBGP: has ended");
    stop(&d);
    start(&d, "shutdown\n");
    assert_int_equal(route_set(d.driver, ROUTE_ANNOUNCE, message), ERR_STOPPED);
    stop(&d);
}

/* Lines of any length that are no answers, before and between those that are. */
static void answers_among_others(void **state)
{
    (void)state;
    struct exabgp_reader r = {0};
    enum exabgp_answer answer;
    char text[512];
    memset(text, 'x', sizeof text);
    memcpy(text + 200, "\ndone\r\ndone.\n\nerror\n", 20);
    struct span left = span_of(text, 220);
    left = span_of(left.data, left.size);
    size_t used = exabgp_answer(&r, left, &answer);
    assert_int_equal(answer, EXABGP_DONE);
    assert_int_equal(used, 207);
    used += exabgp_answer(&r, span_of(text + used, 220 - used), &answer);
    assert_int_equal(answer, EXABGP_ERROR);
    assert_int_equal(used, 220);
    /* A long line does not end as an answer. */
    memset(text, 'x', sizeof text);
    memcpy(text + EXABGP_ANSWER_BYTES_MAX, "done\n", 5);
    (void)exabgp_answer(&r, span_of(text, EXABGP_ANSWER_BYTES_MAX + 5), &answer);
    assert_int_equal(answer, EXABGP_NOTHING);
}

static void bad_configurations(void **state)
{
    (void)state;
    static char longer[EXABGP_ATTRIBUTES_BYTES_MAX + 2];
    memset(longer, 'x', sizeof longer - 1);
    const struct prefix prefix = prefix_of_text("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    struct route_driver *driver = NULL;
    struct exabgp_config c = {.prefixes = &prefix, .prefix_count = 0, .hop = "self"};
    assert_int_equal(exabgp_route_new(&c, &driver), ERR_LIMIT);
    c.prefix_count = EXABGP_PREFIXES_MAX + 1;
    assert_int_equal(exabgp_route_new(&c, &driver), ERR_LIMIT);
    c.prefix_count = 1;
    c.low_attributes = longer;
    assert_int_equal(exabgp_route_new(&c, &driver), ERR_LIMIT);
    c.low_attributes = "med 1\nwithdraw route 0.0.0.0/0";
    assert_int_equal(exabgp_route_new(&c, &driver), ERR_MALFORMED);
    /* The longest of everything fits into a line. */
    char line[EXABGP_LINE_BYTES];
    longer[EXABGP_ATTRIBUTES_BYTES_MAX] = '\0';
    assert_true(exabgp_line(&prefix, ROUTE_DEPREFER,
                            longer + EXABGP_ATTRIBUTES_BYTES_MAX - EXABGP_HOP_BYTES_MAX, longer,
                            line) > EXABGP_ATTRIBUTES_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions),
        cmocka_unit_test(refusals),
        cmocka_unit_test(late_answers),
        cmocka_unit_test(its_end),
        cmocka_unit_test(answers_among_others),
        cmocka_unit_test(bad_configurations),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
